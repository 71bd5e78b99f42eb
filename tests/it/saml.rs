//! The SAML service provider against identity providers that sign, forge and mutate.
//!
//! Documents are written in their canonical form by hand and signed at test time, so that the
//! signer shares nothing with the verifier but the specification.

mod attacks;
mod mutations;
mod protocol;
mod provider;
mod sign_in;
