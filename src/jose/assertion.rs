//! The assertion that the upstream verifies, and the keys that sign it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::{Value, json};

use super::signing_key::{Scheme, SigningError, SigningKey, encode};

/// How long an assertion is valid.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(60);
/// How long a key signs; it is published for one period before and one after.
const KEY_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// What the assertion says; `iat` and `exp` are added when it is signed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AssertionClaims<'a> {
    /// Our public URL.
    #[serde(rename = "iss")]
    pub issuer: &'a str,
    /// The upstream.
    #[serde(rename = "aud")]
    pub audience: &'a str,
    /// The stable subject, as in the user header.
    #[serde(rename = "sub")]
    pub subject: &'a str,
    /// The target's organization.
    #[serde(rename = "org", skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a str>,
    /// The caller's role in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
    /// The verified e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// The groups; an empty list rather than none.
    pub groups: &'a [String],
    /// A name of the session that is no secret.
    #[serde(rename = "sid", skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
}

#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    claims: AssertionClaims<'a>,
    iat: u64,
    exp: u64,
}

/// The keys of the assertion: one that signs, the one before it and the one after it.
pub struct AssertionKeys {
    ring: ArcSwap<Ring>,
}

struct Ring {
    current: Arc<AssertionKey>,
    next: Arc<AssertionKey>,
    since: SystemTime,
    jwks: String,
}

struct AssertionKey {
    key: SigningKey,
    header: String,
    jwk: Value,
}

impl AssertionKeys {
    /// Makes new keys.
    ///
    /// # Errors
    /// When the machine cannot make a key.
    pub fn generate(now: SystemTime) -> Result<Self, SigningError> {
        let ring = Ring::new(None, AssertionKey::generate()?, AssertionKey::generate()?, now);
        Ok(Self { ring: ArcSwap::from_pointee(ring) })
    }

    /// Signs an assertion that holds for [`ASSERTION_LIFE`] from `now`.
    ///
    /// # Errors
    /// When the machine cannot sign.
    pub fn sign(
        &self,
        claims: &AssertionClaims<'_>,
        now: SystemTime,
    ) -> Result<String, SigningError> {
        let ring = self.ring.load();
        let iat = seconds(now)?;
        let timed = Timed { claims: *claims, iat, exp: iat + ASSERTION_LIFE.as_secs() };
        ring.current.key.sign_encoded(Scheme::Es256, &ring.current.header, &timed)
    }

    /// The JWK set to publish: previous, current and next key.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.ring.load().jwks.clone()
    }

    /// Lets the next key sign when the current one has signed for a day; whether it did.
    ///
    /// # Errors
    /// When the machine cannot make a key; the old ones go on.
    pub fn rotate_if_due(&self, now: SystemTime) -> Result<bool, SigningError> {
        let old = self.ring.load_full();
        if now.duration_since(old.since).unwrap_or_default() < KEY_PERIOD {
            return Ok(false);
        }
        let new =
            Ring::new(Some(&old.current), Arc::clone(&old.next), AssertionKey::generate()?, now);
        // Of several threads that find the ring due, one wins.
        let seen = self.ring.compare_and_swap(&old, Arc::new(new));
        Ok(Arc::ptr_eq(&old, &seen))
    }
}

impl Ring {
    fn new(
        previous: Option<&Arc<AssertionKey>>,
        current: Arc<AssertionKey>,
        next: Arc<AssertionKey>,
        since: SystemTime,
    ) -> Self {
        let published = previous.into_iter().chain([&current, &next]);
        let keys: Vec<&Value> = published.map(|key| &key.jwk).collect();
        let jwks = json!({ "keys": keys }).to_string();
        Self { current, next, since, jwks }
    }
}

impl AssertionKey {
    fn generate() -> Result<Arc<Self>, SigningError> {
        let key = SigningKey::generate()?;
        let (mut jwk, id) = key.public();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("alg".into(), Scheme::Es256.name().into());
        }
        let header = encode(&json!({"alg": Scheme::Es256.name(), "kid": id, "typ": "JWT"}))?;
        Ok(Arc::new(Self { key, header, jwk }))
    }
}

pub(super) fn seconds(time: SystemTime) -> Result<u64, SigningError> {
    time.duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs()).map_err(|_| SigningError)
}

impl std::fmt::Debug for AssertionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AssertionKeys")
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

    use super::*;

    const CLAIMS: AssertionClaims<'_> = AssertionClaims {
        issuer: "https://hub.example",
        audience: "http://127.0.0.1:3000",
        subject: "acme:alice",
        organization: Some("acme"),
        role: Some("write"),
        email: None,
        groups: &[],
        session: Some("s"),
    };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    /// The claims, if a key of this set signed them.
    fn verified(token: &str, jwks: &str) -> Option<Value> {
        let keys: JwkSet = serde_json::from_str(jwks).unwrap();
        let header = decode_header(token).unwrap();
        let key = keys.find(&header.kid.unwrap())?;
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[CLAIMS.audience]);
        rules.validate_exp = false;
        Some(decode(token, &DecodingKey::from_jwk(key).unwrap(), &rules).unwrap().claims)
    }

    #[test]
    fn an_assertion_verifies_with_the_published_keys() {
        let keys = AssertionKeys::generate(at(0)).unwrap();
        let claims = verified(&keys.sign(&CLAIMS, at(7)).unwrap(), &keys.jwks()).unwrap();
        let expected = json!({
            "iss": "https://hub.example", "aud": "http://127.0.0.1:3000", "sub": "acme:alice",
            "org": "acme", "role": "write", "groups": [], "sid": "s",
            "iat": 1_800_000_007_u64, "exp": 1_800_000_067_u64,
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn published_keys_are_public_and_named_by_their_thumbprint() {
        let keys = AssertionKeys::generate(at(0)).unwrap();
        let published: Value = serde_json::from_str(&keys.jwks()).unwrap();
        let set: JwkSet = serde_json::from_str(&keys.jwks()).unwrap();
        assert_eq!(set.keys.len(), 2);
        for (key, raw) in set.keys.iter().zip(published["keys"].as_array().unwrap()) {
            let thumbprint = key.thumbprint(ThumbprintHash::SHA256).unwrap();
            assert_eq!(key.common.key_id.as_deref(), Some(thumbprint.as_str()));
            let mut members: Vec<_> = raw.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        }
    }

    #[test]
    fn a_key_is_published_a_day_before_it_signs_and_a_day_after() {
        let keys = AssertionKeys::generate(at(0)).unwrap();
        let day = KEY_PERIOD.as_secs();
        let (first, earliest) = (keys.sign(&CLAIMS, at(0)).unwrap(), keys.jwks());
        assert!(!keys.rotate_if_due(at(day - 1)).unwrap());
        assert!(keys.rotate_if_due(at(day)).unwrap());
        assert!(!keys.rotate_if_due(at(day)).unwrap());
        let second = keys.sign(&CLAIMS, at(day)).unwrap();
        assert!(verified(&second, &earliest).is_some(), "known before it signs");
        assert!(verified(&first, &keys.jwks()).is_some(), "known after it signed");
        assert!(keys.rotate_if_due(at(2 * day)).unwrap());
        assert!(verified(&second, &keys.jwks()).is_some());
        assert!(verified(&first, &keys.jwks()).is_none(), "and no longer");
    }
}
