//! The one verifier and the one signer of JSON Web Tokens.

mod assertion;
mod claims;
mod client_assertion;
mod invalid;
mod key_set;
mod purpose;
mod signing_key;
mod strict_json;
mod token;
mod verify;

pub use assertion::{ASSERTION_LIFE, AssertionClaims, AssertionKeys};
pub use claims::Claims;
pub use client_assertion::{ClientKey, ClientKeyError};
pub use invalid::Invalid;
pub use key_set::{KeySet, KeySetError};
pub use purpose::Use;
pub use signing_key::SigningError;
pub use strict_json::object;
pub use token::unverified_issuer;
pub use verify::{Checked, Expected, check};
