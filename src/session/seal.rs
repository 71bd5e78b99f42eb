//! Sealed values: what a browser may carry for us without reading or changing it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::config::Secret;

/// Why a sealer cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealerError {
    /// Too short to be a key.
    #[error(
        "a session key needs at least 32 bytes; make one with: head -c 32 /dev/urandom | base64"
    )]
    TooShort,
    /// No random bytes.
    #[error("the system has no random bytes")]
    NoRandom,
}

/// Seals with the newest key, opens with any: keys can be rotated without losing a sign-in.
///
/// AES-256-GCM with a random nonce; a key seals at most a few million short-lived values in its
/// life, far below the 2^32 that NIST SP 800-38D §8.3 allows for random nonces.
pub struct Sealer {
    keys: Vec<LessSafeKey>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// Takes the configured keys, newest first; without any, makes one that lives as long as the
    /// process.
    ///
    /// # Errors
    /// When a key is too short, or none can be made.
    pub fn new(secrets: &[Secret]) -> Result<Self, SealerError> {
        if secrets.is_empty() {
            let mut key = [0; 32];
            rand::fill(&mut key).map_err(|_| SealerError::NoRandom)?;
            return Ok(Self { keys: vec![derive(&key)?] });
        }
        let keys = secrets
            .iter()
            .map(|secret| match secret.expose_secret().as_bytes() {
                bytes if bytes.len() < 32 => Err(SealerError::TooShort),
                bytes => derive(bytes),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Seals `plain` for one `purpose`: what was sealed for another does not open.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<String, SealerError> {
        let key = self.keys.first().ok_or(SealerError::NoRandom)?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealerError::NoRandom)?;
        let mut bytes = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut bytes,
        )
        .map_err(|_| SealerError::NoRandom)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &bytes].concat()))
    }

    /// Opens what was sealed for `purpose`; `None` for everything else.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN)?;
        self.keys.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut body = body.to_vec();
            key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body)
                .ok()
                .map(|plain| plain.to_vec())
        })
    }
}

/// A key for this use alone (HKDF, RFC 5869), whatever the secret's length.
fn derive(secret: &[u8]) -> Result<LessSafeKey, SealerError> {
    let mut bytes = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"hubgate")
        .extract(secret)
        .expand(&[b"sealed sign-in state, version 1"], hkdf::HKDF_SHA256)
        .and_then(|key| key.fill(&mut bytes))
        .and_then(|()| UnboundKey::new(&AES_256_GCM, &bytes))
        .map(LessSafeKey::new)
        .map_err(|_| SealerError::NoRandom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: char) -> Secret {
        Secret::new(fill.to_string().repeat(32))
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_only() {
        let sealer = Sealer::new(&[]).unwrap();
        let sealed = sealer.seal("state:acme", b"hello").unwrap();
        assert_eq!(sealer.open("state:acme", &sealed).as_deref(), Some(&b"hello"[..]));
        assert_eq!(sealer.open("state:globex", &sealed), None);
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealer = Sealer::new(&[]).unwrap();
        let sealed = sealer.seal("state", b"hello").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            if changed != sealed {
                assert_eq!(sealer.open("state", &changed), None, "at {at}");
            }
        }
        assert_eq!(sealer.open("state", ""), None);
    }

    #[test]
    fn an_older_key_still_opens_and_a_removed_one_does_not() {
        let old = Sealer::new(&[key('a')]).unwrap();
        let sealed = old.seal("state", b"hello").unwrap();
        assert!(Sealer::new(&[key('b'), key('a')]).unwrap().open("state", &sealed).is_some());
        assert!(Sealer::new(&[key('b')]).unwrap().open("state", &sealed).is_none());
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(Sealer::new(&[Secret::new("short".into())]).err(), Some(SealerError::TooShort));
    }
}
