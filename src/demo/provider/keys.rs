//! The provider's keys, and the signing of JWTs with them.
//!
//! JWTs are put together by hand here, so that a test can order headers that no library would write.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::behaviour::Signing;
use super::{Client, Object, State, unguessable};
use crate::demo::lock;

/// How a JWT is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA (2048 bits), PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA (2048 bits), PSS, SHA-256.
    Ps256,
}

impl Algorithm {
    /// The name in the header of a JWT (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
        }
    }

    /// The left half of the hash that goes with the algorithm: `at_hash` (OIDC Core §3.1.3.6).
    pub(super) fn half_hash(self, text: &str) -> String {
        let hash = match self {
            Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Ps256 => {
                digest(&SHA256, text.as_bytes())
            }
            Algorithm::EdDsa => digest(&SHA512, text.as_bytes()),
        };
        let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        URL_SAFE_NO_PAD.encode(half)
    }
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// One key with its name.
pub(super) struct Key {
    id: String,
    algorithm: Algorithm,
    pair: Pair,
}

impl Key {
    fn generate(algorithm: Algorithm) -> Result<Key, Unspecified> {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?)
            }
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate()?),
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?)
            }
        };
        let id: String = unguessable().chars().take(12).collect();
        Ok(Key { id, algorithm, pair })
    }

    /// The public half (RFC 7517 §4).
    pub(super) fn jwk(key: &Key) -> Value {
        let mut jwk = match &key.pair {
            Pair::P256(pair) => {
                // An uncompressed point: 4, x, y.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()) })
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
            }
        };
        if let Some(jwk) = jwk.as_object_mut() {
            jwk.insert("kid".to_owned(), key.id.clone().into());
            jwk.insert("use".to_owned(), "sig".into());
            jwk.insert("alg".to_owned(), key.algorithm.name().into());
        }
        jwk
    }

    /// The compact serialization (RFC 7515 §7.1).
    pub(super) fn sign(&self, header: &Object, claims: &Object) -> Option<String> {
        let message = message(header, claims)?;
        let bytes = message.as_bytes();
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&random, bytes).ok()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match self.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, bytes, &mut signature).ok()?;
                signature
            }
        };
        Some(format!("{message}.{}", encode(signature)))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &Object, claims: &Object) -> Option<String> {
    let header = encode(serde_json::to_vec(header).ok()?);
    let claims = encode(serde_json::to_vec(claims).ok()?);
    Some(format!("{header}.{claims}"))
}

/// The published keys, oldest first; each algorithm's newest one signs.
pub(super) struct Keys(Vec<Arc<Key>>);

impl Keys {
    pub(super) fn new(algorithm: Algorithm) -> Result<Keys, Unspecified> {
        Ok(Keys(vec![Arc::new(Key::generate(algorithm)?)]))
    }

    pub(super) fn ensure(&mut self, algorithm: Algorithm) -> Result<(), Unspecified> {
        if self.newest(algorithm).is_none() {
            self.0.push(Arc::new(Key::generate(algorithm)?));
        }
        Ok(())
    }

    pub(super) fn newest(&self, algorithm: Algorithm) -> Option<Arc<Key>> {
        self.0.iter().rev().find(|key| key.algorithm == algorithm).cloned()
    }

    pub(super) fn rotate(&mut self, keep_old: bool) -> Result<(), Unspecified> {
        let mut algorithms: Vec<Algorithm> = Vec::new();
        for key in &self.0 {
            if !algorithms.contains(&key.algorithm) {
                algorithms.push(key.algorithm);
            }
        }
        let new: Result<Vec<_>, _> =
            algorithms.into_iter().map(|one| Key::generate(one).map(Arc::new)).collect();
        let new = new?;
        if !keep_old {
            self.0.clear();
        }
        self.0.extend(new);
        Ok(())
    }

    pub(super) fn jwks(&self) -> Object {
        let keys: Vec<Value> = self.0.iter().map(|key| Key::jwk(key)).collect();
        Object::from_iter([("keys".to_owned(), keys.into())])
    }
}

impl State {
    /// Signs a token for a client, with the orders in force.
    ///
    /// `typ` goes into the header; `edit` is the last to see header and claims.
    pub(super) fn sign_for(
        &self,
        client: &Client,
        typ: &str,
        mut claims: Object,
        edit: Option<super::behaviour::EditJwt>,
    ) -> Option<String> {
        let algorithm = client.algorithm.unwrap_or(self.settings.algorithm);
        let (signing, new_key) = {
            let behaviour = lock(&self.behaviour);
            (behaviour.signing.clone(), behaviour.new_key_before_signing)
        };
        let published = {
            let mut keys = lock(&self.keys);
            if new_key {
                keys.0.push(Arc::new(Key::generate(algorithm).ok()?));
            }
            keys.newest(algorithm)?
        };
        let (key, kid, name) = match &signing {
            Signing::Published => {
                (Some(Arc::clone(&published)), published.id.clone(), algorithm.name())
            }
            Signing::Stranger => {
                let stranger = Arc::new(Key::generate(algorithm).ok()?);
                (Some(stranger), published.id.clone(), algorithm.name())
            }
            Signing::Unpublished => {
                let stranger = Arc::new(Key::generate(algorithm).ok()?);
                let kid = stranger.id.clone();
                (Some(stranger), kid, algorithm.name())
            }
            Signing::Nothing => (None, published.id.clone(), "none"),
            Signing::Hmac(_) => (None, published.id.clone(), "HS256"),
        };
        let mut header = Object::from_iter([
            ("typ".to_owned(), typ.into()),
            ("alg".to_owned(), name.into()),
            ("kid".to_owned(), kid.into()),
        ]);
        if let Some(edit) = edit {
            edit(&mut header, &mut claims);
        }
        match (signing, key) {
            (_, Some(key)) => key.sign(&header, &claims),
            (Signing::Hmac(secret), None) => {
                let message = message(&header, &claims)?;
                let tag =
                    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
                Some(format!("{message}.{}", encode(tag)))
            }
            (_, None) => Some(format!("{}.", message(&header, &claims)?)),
        }
    }
}
