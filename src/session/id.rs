//! What a browser holds of its session, and what the store knows of that.

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Error;

/// What a browser holds: 256 random bits that mean nothing in themselves.
pub struct SessionId(String);

/// What the store knows of an id: its SHA-256, so that nothing in the store opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey(pub(super) [u8; 32]);

impl SessionId {
    /// A new id.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(super) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Error::Unavailable)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The value for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store knows it by.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey::of(self.0.as_bytes()).unwrap_or(SessionKey([0; 32]))
    }
}

impl SessionKey {
    /// The key of a cookie's value; `None` when the value cannot be one of ours.
    #[must_use]
    pub fn of(cookie: &[u8]) -> Option<Self> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let shaped = cookie.len() == 43 && cookie.iter().all(plain);
        let digest = shaped.then(|| digest::digest(&digest::SHA256, cookie))?;
        digest.as_ref().try_into().ok().map(Self)
    }

    /// A short name for logs and the assertion's `sid`: it opens nothing.
    #[must_use]
    pub fn short(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.get(..9).unwrap_or_default())
    }
}
