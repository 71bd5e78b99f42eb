//! A sign-in under way: what is asked for, and what must come back.

use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::is_younger;
use crate::config::Issuer;
use crate::jose::SigningError;

use super::error::{Error, StateError};

/// How long a sign-in may take.
pub const TRANSACTION_LIFE: Duration = Duration::from_secs(600);

/// What the caller wants of one sign-in beside what the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Whom the provider should expect (`login_hint`).
    pub login_hint: Option<String>,
    /// Whether the provider must, or must not, show something.
    pub prompt: Option<Prompt>,
    /// The most time since the person proved who they are; the smaller of this and the
    /// configuration's counts.
    pub max_age: Option<Duration>,
    /// How the person must be authenticated; in the place of the configuration's, if there is any.
    pub acr_values: Vec<String>,
}

/// `prompt` (OIDC Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Show nothing: sign in silently or say that it cannot be done.
    None,
    /// Ask who it is again.
    Login,
    /// Let the person choose among accounts.
    SelectAccount,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What must be kept, sealed, until it comes back.
    pub transaction: Transaction,
}

/// What is remembered of a sign-in under way. Secret: it is sealed by whoever keeps it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    #[serde(rename = "s")]
    pub(super) state: String,
    #[serde(rename = "n")]
    pub(super) nonce: String,
    #[serde(rename = "v")]
    pub(super) verifier: String,
    #[serde(rename = "i")]
    pub(super) issuer: String,
    #[serde(rename = "t")]
    pub(super) created: SystemTime,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) max_age: Option<u64>,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) acr_values: Vec<String>,
}

impl Transaction {
    /// A new one, with a state, a nonce and a PKCE verifier of 256 random bits each.
    pub(super) fn new(
        issuer: &Issuer,
        max_age: Option<Duration>,
        acr_values: Vec<String>,
        now: SystemTime,
    ) -> Result<Self, SigningError> {
        Ok(Self {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            issuer: issuer.as_str().to_owned(),
            created: now,
            max_age: max_age.map(|age| age.as_secs()),
            acr_values,
        })
    }

    /// The handle by which the sign-in is found again.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// When the sign-in began.
    #[must_use]
    pub const fn created(&self) -> SystemTime {
        self.created
    }

    /// Whether an answer with `state` belongs to this sign-in, at this issuer, in time.
    pub(super) fn admit(&self, state: &str, issuer: &Issuer, now: SystemTime) -> Result<(), Error> {
        if verify_slices_are_equal(state.as_bytes(), self.state.as_bytes()).is_err() {
            return Err(Error::State(StateError::Other));
        }
        if self.issuer != issuer.as_str() {
            return Err(Error::State(StateError::Issuer));
        }
        if !is_younger(self.created, now, TRANSACTION_LIFE) {
            return Err(Error::State(StateError::Age));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transaction(…)")
    }
}

fn random() -> Result<String, SigningError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| SigningError)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
