//! The keys that an issuer publishes (RFC 7517), and which of them may verify a signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::config::SigningAlgorithm;

use super::{Invalid, object};

/// More keys than any issuer publishes.
const MAX_KEYS: usize = 100;
/// How many keys are tried when the token names none.
const MAX_TRIES: usize = 10;

/// Why a document is no usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// No JSON object with a list `keys`, or a member stands twice.
    #[error("is not a JWK set")]
    Json,
    /// More keys than will be read.
    #[error("has more than {MAX_KEYS} keys")]
    TooMany,
    /// Nothing that could verify a signature.
    #[error("has no key that can verify signatures")]
    Empty,
}

/// Keys that may verify signatures; everything else in the document was dropped.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    kind: Kind,
    algorithm: Option<String>,
    /// Whose tokens it may sign, where one document serves many tenants (Entra).
    issuer: Option<String>,
    decoding: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl KeySet {
    /// Reads a JWK set and keeps what may verify signatures: public RSA of 2048 to 8192 bits,
    /// P-256, P-384 and Ed25519, not meant for encryption.
    ///
    /// # Errors
    /// When the document is none, or nothing is left.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let document = object(bytes).ok_or(KeySetError::Json)?;
        let entries = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::Json)?;
        if entries.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let keys: Vec<Key> =
            entries.iter().filter_map(Value::as_object).filter_map(Key::admit).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self { keys }) }
    }

    /// How many keys may verify signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none; a parsed set always has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Verifies a signature with the keys that fit the token's `kid` and algorithm and may sign for
    /// `issuer`.
    pub(super) fn verify(
        &self,
        key_id: Option<&str>,
        algorithm: SigningAlgorithm,
        issuer: &str,
        signed: &str,
        signature: &str,
    ) -> Result<(), Invalid> {
        let fits = |key: &&Key| {
            key.kind == Kind::of(algorithm)
                && key.algorithm.as_deref().is_none_or(|named| names(algorithm).contains(&named))
                && key.may_sign_for(issuer)
                && key_id.is_none_or(|id| key.id.as_deref() == Some(id))
        };
        let mut tried = 0;
        for key in self.keys.iter().filter(fits) {
            if tried == MAX_TRIES {
                return Err(Invalid::TooManyKeys);
            }
            tried += 1;
            let verdict = jsonwebtoken::crypto::verify(
                signature,
                signed.as_bytes(),
                &key.decoding,
                library_algorithm(algorithm),
            );
            if matches!(verdict, Ok(true)) {
                return Ok(());
            }
        }
        Err(if tried == 0 { Invalid::UnknownKey } else { Invalid::Signature })
    }
}

impl Key {
    fn admit(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        // RFC 7517 §4.2 and §4.3: a key of another use verifies nothing.
        if jwk.get("use").is_some_and(|usage| usage.as_str() != Some("sig")) {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops") {
            let verifies = |list: &Vec<Value>| list.iter().any(|op| op.as_str() == Some("verify"));
            if !operations.as_array().is_some_and(verifies) {
                return None;
            }
        }
        // `oct` is a shared secret: HMAC with it would let every client of the set sign.
        let (kind, decoding) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (Kind::Rsa, rsa(text("n")?, text("e")?)?),
            ("EC", Some("P-256")) => (Kind::P256, elliptic(text("x")?, text("y")?, 32)?),
            ("EC", Some("P-384")) => (Kind::P384, elliptic(text("x")?, text("y")?, 48)?),
            ("OKP", Some("Ed25519")) => {
                let x = text("x")?;
                (decoded(x)?.len() == 32).then_some(())?;
                (Kind::Ed25519, DecodingKey::from_ed_components(x).ok()?)
            }
            _ => return None,
        };
        Some(Self {
            id: text("kid").map(str::to_owned),
            kind,
            algorithm: text("alg").map(str::to_owned),
            issuer: text("issuer").map(str::to_owned),
            decoding,
        })
    }

    /// A key with an `issuer` signs for that issuer only; `{tenantid}` in it stands for any tenant.
    fn may_sign_for(&self, issuer: &str) -> bool {
        match self.issuer.as_deref() {
            None => true,
            Some(own) => match own.split_once("{tenantid}") {
                None => own == issuer,
                Some((front, back)) => issuer
                    .strip_prefix(front)
                    .and_then(|rest| rest.strip_suffix(back))
                    .is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/')),
            },
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// An RSA key of 2048 to 8192 bits (RFC 7518 §3.3) with a small odd exponent.
fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let (modulus, exponent) = (decoded(modulus)?, decoded(exponent)?);
    let significant = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.get(zeros..).unwrap_or_default().to_vec()
    };
    let (modulus, exponent) = (significant(&modulus), significant(&exponent));
    let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let odd = exponent.last()? % 2 == 1 && exponent != [1];
    ((2048..=8192).contains(&bits) && odd && exponent.len() <= 4)
        .then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// A point with coordinates of `size` bytes (RFC 7518 §6.2.1).
fn elliptic(x: &str, y: &str, size: usize) -> Option<DecodingKey> {
    let whole = decoded(x)?.len() == size && decoded(y)?.len() == size;
    whole.then(|| DecodingKey::from_ec_components(x, y).ok()).flatten()
}

impl Kind {
    const fn of(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::RS256
            | SigningAlgorithm::RS384
            | SigningAlgorithm::RS512
            | SigningAlgorithm::PS256
            | SigningAlgorithm::PS384
            | SigningAlgorithm::PS512 => Self::Rsa,
            SigningAlgorithm::ES256 => Self::P256,
            SigningAlgorithm::ES384 => Self::P384,
            SigningAlgorithm::EdDSA => Self::Ed25519,
        }
    }
}

/// What an algorithm is called; Ed25519 has a second name since RFC 9864.
pub(super) const fn names(algorithm: SigningAlgorithm) -> &'static [&'static str] {
    match algorithm {
        SigningAlgorithm::RS256 => &["RS256"],
        SigningAlgorithm::RS384 => &["RS384"],
        SigningAlgorithm::RS512 => &["RS512"],
        SigningAlgorithm::PS256 => &["PS256"],
        SigningAlgorithm::PS384 => &["PS384"],
        SigningAlgorithm::PS512 => &["PS512"],
        SigningAlgorithm::ES256 => &["ES256"],
        SigningAlgorithm::ES384 => &["ES384"],
        SigningAlgorithm::EdDSA => &["EdDSA", "Ed25519"],
    }
}

const fn library_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::RS384 => Algorithm::RS384,
        SigningAlgorithm::RS512 => Algorithm::RS512,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::PS384 => Algorithm::PS384,
        SigningAlgorithm::PS512 => Algorithm::PS512,
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::ES384 => Algorithm::ES384,
        SigningAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySet({})", self.keys.len())
    }
}
