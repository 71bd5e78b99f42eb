//! A single-sign-on gate for model hubs.

pub mod clock;
pub mod config;
pub mod headers;
pub mod policy;
pub mod respond;
pub mod session;
