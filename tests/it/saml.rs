//! The SAML service provider against identity providers that sign, forge and mutate.
//!
//! Documents are written in their canonical form by hand and signed at test time, so that the
//! signer shares nothing with the verifier but the specification.

mod attacks;
#[cfg(feature = "xmlsec")]
mod differential;
pub(crate) mod encryption;
mod explain;
mod floods;
mod fuzz;
pub(crate) mod hostile;
mod logout;
mod metadata;
mod mutations;
mod protocol;
pub(crate) mod provider;
mod requests;
mod shapes;
mod sign_in;
