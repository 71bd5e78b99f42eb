//! Black-box tests of the gate: real servers on port 0, and bytes over sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod accounts;
mod audit;
mod banner;
mod command_line;
mod configuration;
mod decisions;
mod demo_parts;
mod device;
mod documents;
mod forward_auth;
mod forwarding;
mod headers;
mod lifecycle;
mod logout;
mod modes;
mod observability;
mod oidc_attacks;
mod oidc_keys;
mod oidc_logout;
mod oidc_merge;
mod oidc_provider;
mod oidc_refresh;
mod oidc_sign_in;
mod oidc_vectors;
mod pages;
mod paths;
mod races;
mod recovery;
mod redirects;
mod refusals;
mod reload;
mod rig;
mod saml;
mod saml_configuration;
mod saml_gate;
mod saml_sign_out;
mod saml_tenants;
mod secrets;
mod service_accounts;
mod sessions;
mod sign_in;
mod support;
mod tenants;
mod tidy;
mod tokens;
mod traces;
