//! Private keys, parsed once, and what they sign.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// The machine could not make or use a key: it has no randomness, or no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign")]
pub struct SigningError;

/// A private key of one of the two kinds that we sign with.
pub(super) enum SigningKey {
    P256(Box<EcdsaKeyPair>),
    Rsa(RsaKeyPair),
}

/// What a key signs with (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Es256,
    Rs256,
    Ps256,
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

impl SigningKey {
    /// A new P-256 key.
    pub(super) fn generate() -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        pair.map(|pair| Self::P256(Box::new(pair))).map_err(|_| SigningError)
    }

    /// An EC P-256 or RSA key in PKCS#8, SEC1 or PKCS#1 PEM; `None` when it is none.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let der = key.secret_der();
        let elliptic = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        if let Ok(pair) = elliptic {
            return Some(Self::P256(Box::new(pair)));
        }
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
        (pair.public_modulus_len() * 8 >= 2048).then_some(Self::Rsa(pair))
    }

    /// Signs header and claims into a compact token.
    pub(super) fn sign(
        &self,
        scheme: Scheme,
        header: &Value,
        claims: &impl serde::Serialize,
    ) -> Result<String, SigningError> {
        self.sign_encoded(scheme, &encode(header)?, claims)
    }

    /// The same, with a header that was encoded before.
    pub(super) fn sign_encoded(
        &self,
        scheme: Scheme,
        header: &str,
        claims: &impl serde::Serialize,
    ) -> Result<String, SigningError> {
        let mut token = format!("{header}.{}", encode(claims)?);
        let random = SystemRandom::new();
        let signature = match (self, scheme) {
            (Self::P256(pair), Scheme::Es256) => {
                pair.sign(&random, token.as_bytes()).map_err(|_| SigningError)?.as_ref().to_vec()
            }
            (Self::Rsa(pair), Scheme::Rs256) => {
                rsa(pair, &signature::RSA_PKCS1_SHA256, token.as_bytes())?
            }
            (Self::Rsa(pair), Scheme::Ps256) => {
                rsa(pair, &signature::RSA_PSS_SHA256, token.as_bytes())?
            }
            (Self::P256(_), Scheme::Rs256 | Scheme::Ps256) | (Self::Rsa(_), Scheme::Es256) => {
                return Err(SigningError);
            }
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public half as a JWK whose `kid` is its thumbprint (RFC 7638), and that `kid`.
    pub(super) fn public(&self) -> (Value, String) {
        // RFC 7638 §3.2: the required members in lexicographic order, which `json!` keeps.
        let mut jwk = match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let coordinate = |range: std::ops::Range<usize>| {
                    URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default())
                };
                json!({"crv": "P-256", "kty": "EC", "x": coordinate(1..33), "y": coordinate(33..65)})
            }
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let (e, n) = (URL_SAFE_NO_PAD.encode(parts.e), URL_SAFE_NO_PAD.encode(parts.n));
                json!({"e": e, "kty": "RSA", "n": n})
            }
        };
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.to_string().as_bytes()));
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), Value::String(id.clone()));
            members.insert("use".into(), Value::String("sig".into()));
        }
        (jwk, id)
    }
}

fn rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn signature::RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, SigningError> {
    let mut bytes = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut bytes).map_err(|_| SigningError)?;
    Ok(bytes)
}

/// JSON in base64url.
pub(super) fn encode(value: &impl serde::Serialize) -> Result<String, SigningError> {
    serde_json::to_vec(value).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| SigningError)
}
