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
    #[error(
        "private_key is not the PEM of an EC P-256 key or of an RSA key of at least 2048 bits; write such a key there"
    )]
    Key,
    /// Not PEM of a certificate.
    #[error("certificate is not the PEM of a certificate; write one there")]
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::RsaKeyPair;
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::decode_header;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    fn rsa_pem() -> Secret {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Secret::new(pem("PRIVATE KEY", pair.as_der().unwrap().as_ref()))
    }

    #[track_caller]
    fn check(key: &ClientKey, advertised: &[&str], algorithm: &str, thumbprint: Option<&str>) {
        let advertised: Vec<String> = advertised.iter().map(ToString::to_string).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let header = decode_header(key.sign("hub", "aud", &advertised, now).unwrap()).unwrap();
        assert_eq!(format!("{:?}", header.alg), algorithm, "{advertised:?}");
        assert_eq!(header.x5t_s256.as_deref(), thumbprint);
        assert!(header.kid.is_some());
    }

    #[test]
    fn an_rsa_key_signs_with_what_the_provider_knows() {
        let key = rsa_pem();
        let plain = ClientKey::parse(&key, None, None).unwrap();
        check(&plain, &[], "RS256", None);
        check(&plain, &["RS256", "PS256"], "RS256", None);
        check(&plain, &["PS256", "ES256"], "PS256", None);
        let certificate = pem("CERTIFICATE", b"der");
        let entra = ClientKey::parse(&key, Some("ours"), Some(certificate.as_bytes())).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"der"));
        check(&entra, &["RS256"], "PS256", Some(&thumbprint));
    }

    #[test]
    fn what_is_no_key_or_no_certificate_is_refused() {
        let parse = |key: &str, certificate: Option<&str>| {
            ClientKey::parse(&Secret::new(key.to_owned()), None, certificate.map(str::as_bytes))
                .map(|_| ())
        };
        let good = rsa_pem();
        let good = good.expose_secret();
        assert_eq!(parse("", None), Err(ClientKeyError::Key));
        assert_eq!(parse(&pem("PRIVATE KEY", b"x"), None), Err(ClientKeyError::Key));
        assert_eq!(parse(&pem("PUBLIC KEY", b"x"), None), Err(ClientKeyError::Key));
        let weak = include_str!("../../tests/vectors/oidc/weak-rsa-key.pem");
        assert_eq!(parse(weak, None), Err(ClientKeyError::Key));
        assert_eq!(parse(good, Some("x")), Err(ClientKeyError::Certificate));
        assert_eq!(parse(good, Some(good)), Err(ClientKeyError::Certificate));
    }
}
