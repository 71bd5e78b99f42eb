//! A single-sign-on gate for model hubs.

pub mod clock;
pub mod config;
pub mod headers;
pub mod http_client;
pub mod jose;
pub mod oidc;
pub mod policy;
pub mod respond;
pub mod session;
