//! A single-sign-on gate for model hubs.
pub mod saml;
