//! A single-sign-on gate for model hubs.

pub mod body;
pub mod clock;
pub mod config;
pub mod headers;
pub mod observe;
pub mod peer;
pub mod policy;
pub mod proxy;
pub mod respond;
pub mod server;
pub mod session;
