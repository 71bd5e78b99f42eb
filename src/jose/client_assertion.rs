//! `private_key_jwt`: how we prove that we are the client (OIDC Core §9, RFC 7523 §2.2).

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use crate::config::Secret;

use super::assertion::seconds;
use super::signing_key::{Scheme, SigningError, SigningKey};

/// How long a client assertion is valid.
const CLIENT_ASSERTION_LIFE: Duration = Duration::from_secs(60);

/// Why a client key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeyError {
    /// Not PEM of a private key that we sign with.
    #[error("is not the PEM of an EC P-256 key or of an RSA key of at least 2048 bits")]
    Key,
    /// Not PEM of a certificate.
    #[error("is not the PEM of a certificate")]
    Certificate,
}

/// The private key that we are known by at a provider.
pub struct ClientKey {
    key: SigningKey,
    id: String,
    certificate_thumbprint: Option<String>,
}

impl ClientKey {
    /// Parses the key, and the certificate whose thumbprint Entra asks for.
    ///
    /// # Errors
    /// Which of the two is wrong.
    pub fn parse(
        key: &Secret,
        key_id: Option<&str>,
        certificate: Option<&[u8]>,
    ) -> Result<Self, ClientKeyError> {
        let key = SigningKey::from_pem(key.expose_secret()).ok_or(ClientKeyError::Key)?;
        let thumbprint = |pem: &[u8]| {
            let der =
                CertificateDer::from_pem_slice(pem).map_err(|_| ClientKeyError::Certificate)?;
            Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)))
        };
        let certificate_thumbprint = certificate.map(thumbprint).transpose()?;
        let id = key_id.map_or_else(|| key.public().1, str::to_owned);
        Ok(Self { key, id, certificate_thumbprint })
    }

    /// A client assertion for `audience`, with an algorithm that the provider advertises, if it
    /// advertises any.
    ///
    /// # Errors
    /// When the machine cannot sign.
    pub fn sign(
        &self,
        client_id: &str,
        audience: &str,
        advertised: &[String],
        now: SystemTime,
    ) -> Result<String, SigningError> {
        let scheme = self.scheme(advertised);
        let mut header = json!({"alg": scheme.name(), "typ": "JWT", "kid": self.id});
        if let (Some(thumbprint), Some(members)) =
            (&self.certificate_thumbprint, header.as_object_mut())
        {
            members.insert("x5t#S256".into(), thumbprint.as_str().into());
        }
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SigningError)?;
        let iat = seconds(now)?;
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": iat,
            "exp": iat + CLIENT_ASSERTION_LIFE.as_secs(),
        });
        self.key.sign(scheme, &header, &claims)
    }

    /// Entra, which alone asks for a certificate, wants PS256; the others know RS256 at least.
    fn scheme(&self, advertised: &[String]) -> Scheme {
        let lists = |name: &str| advertised.iter().any(|listed| listed == name);
        match self.key {
            SigningKey::P256(_) => Scheme::Es256,
            SigningKey::Rsa(_) if self.certificate_thumbprint.is_some() => Scheme::Ps256,
            SigningKey::Rsa(_) if lists("PS256") && !lists("RS256") => Scheme::Ps256,
            SigningKey::Rsa(_) => Scheme::Rs256,
        }
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey")
    }
}
