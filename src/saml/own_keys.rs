//! Our own keys: what we sign requests with, and what assertions are encrypted to.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::certificate::{Certificate, CertificateError};
use super::keys::{KeyKind, SignatureAlgorithm};
use super::limits::decode_base64;

/// Why a private key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No `-----BEGIN PRIVATE KEY-----`.
    #[error("holds no PKCS#8 private key; expected PEM, from -----BEGIN PRIVATE KEY----- on")]
    NotPkcs8,
    /// The key cannot be read, or is of a kind that is not supported.
    #[error("is not a private key of a kind that is supported")]
    Unsupported,
    /// Only RSA can be encrypted to.
    #[error("is not an RSA key; assertions can only be encrypted to RSA keys")]
    NotRsa,
    /// The certificate belongs to another key.
    #[error("does not belong to the certificate")]
    Mismatch,
    /// The certificate cannot be used.
    #[error("has a certificate that cannot be used")]
    Certificate(#[source] CertificateError),
    /// Signing failed.
    #[error("cannot sign")]
    Signing,
}

/// A private key that signs requests, and the certificate that metadata publishes for it.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    certificate: Certificate,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

/// A private key that assertions are encrypted to, and its certificate.
#[derive(Clone)]
pub struct DecryptionKey {
    oaep: Arc<OaepPrivateDecryptingKey>,
    certificate: Certificate,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecryptionKey").finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a PKCS#8 key and the certificate that belongs to it, both in PEM.
    ///
    /// # Errors
    /// Says what is wrong with the key or the certificate.
    pub fn parse_pem(private_key: &str, certificate: &str) -> Result<Self, KeyError> {
        let der = pkcs8(private_key)?;
        let certificate = one(certificate)?;
        let unsupported = |_| KeyError::Unsupported;
        let (pair, public) = match certificate.key().kind() {
            KeyKind::Rsa => {
                let pair = RsaKeyPair::from_pkcs8(&der).map_err(unsupported)?;
                let public = pair.public_key().as_ref().to_vec();
                (Pair::Rsa(pair), public)
            }
            KeyKind::P256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
                    .map_err(unsupported)?;
                let public = pair.public_key().as_ref().to_vec();
                (Pair::P256(pair), public)
            }
            KeyKind::P384 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &der)
                    .map_err(unsupported)?;
                let public = pair.public_key().as_ref().to_vec();
                (Pair::P384(pair), public)
            }
        };
        if public != certificate.key().bytes() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { pair: Arc::new(pair), certificate })
    }

    /// The certificate that belongs to the key.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        match *self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Pair::P256(_) => SignatureAlgorithm::EcdsaSha256,
            Pair::P384(_) => SignatureAlgorithm::EcdsaSha384,
        }
    }

    pub(crate) fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, octets, &mut signature)
                    .map_err(|_| KeyError::Signing)?;
                Ok(signature)
            }
            Pair::P256(pair) | Pair::P384(pair) => pair
                .sign(&random, octets)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Signing),
        }
    }
}

impl DecryptionKey {
    /// Reads a PKCS#8 RSA key and the certificate that belongs to it, both in PEM.
    ///
    /// # Errors
    /// Says what is wrong with the key or the certificate.
    pub fn parse_pem(private_key: &str, certificate: &str) -> Result<Self, KeyError> {
        let der = pkcs8(private_key)?;
        let certificate = one(certificate)?;
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| KeyError::NotRsa)?;
        if pair.public_key().as_ref() != certificate.key().bytes() {
            return Err(KeyError::Mismatch);
        }
        let key = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| KeyError::Unsupported)?;
        let oaep = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Unsupported)?;
        Ok(Self { oaep: Arc::new(oaep), certificate })
    }

    /// The certificate that belongs to the key.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn oaep(&self) -> &OaepPrivateDecryptingKey {
        &self.oaep
    }
}

fn one(certificate: &str) -> Result<Certificate, KeyError> {
    let certificates = Certificate::parse_pem(certificate).map_err(KeyError::Certificate)?;
    certificates.into_iter().next().ok_or(KeyError::Certificate(CertificateError::NotPem))
}

/// The DER of a PKCS#8 key (RFC 7468 §10).
fn pkcs8(pem: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(KeyError::NotPkcs8)?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(KeyError::NotPkcs8)?;
    decode_base64(body, 16 * 1024).map(Zeroizing::new).map_err(|_| KeyError::NotPkcs8)
}
