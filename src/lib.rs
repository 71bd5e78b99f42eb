//! A single-sign-on gate for model hubs.

pub mod clock;
pub mod policy;
