//! Certificates: the public keys that an identity provider signs with, and until when.
//!
//! In SAML a certificate is a container for a key that was exchanged beforehand: neither its
//! issuer nor its names mean anything (Metadata Interoperability Profile §2.6.1), so only the
//! key and the validity are read.

mod der;

use std::time::SystemTime;

use super::keys::{KeyKind, PublicKey};
use super::limits::{decode_base64, encode_base64};

/// The largest certificate that is read.
const CERTIFICATE_BYTES: usize = 64 * 1024;
/// NIST SP 800-131A: RSA below 2048 bits is disallowed.
const RSA_BITS: usize = 2048;

/// A certificate with a key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    key: PublicKey,
    not_before: SystemTime,
    not_on_or_after: SystemTime,
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No `-----BEGIN CERTIFICATE-----`, and not base64 either.
    #[error("holds no certificate; expected PEM, from -----BEGIN CERTIFICATE----- on")]
    NotPem,
    /// Something else in PEM.
    #[error("holds a private key or something else where a certificate is expected")]
    NotACertificate,
    /// Not the DER of an X.509 certificate.
    #[error("is not an X.509 certificate")]
    Malformed,
    /// Neither RSA nor ECDSA on P-256 or P-384.
    #[error("has a key of a kind that is not supported; use RSA, or ECDSA on P-256 or P-384")]
    UnsupportedKey,
    /// RSA below 2048 bits, or above 8192.
    #[error("has an RSA key of {0} bits; at least 2048 and at most 8192 are needed")]
    RsaBits(usize),
}

impl Certificate {
    /// Parses the certificates of a PEM file, or bare base64 as metadata and some consoles give
    /// it.
    ///
    /// # Errors
    /// Says what is wrong with the first certificate that cannot be used.
    pub fn parse_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        if !text.contains("-----BEGIN") {
            return Ok(vec![Self::parse_base64(text)?]);
        }
        let mut certificates = Vec::new();
        for block in text.split(BEGIN).skip(1) {
            let (body, _) = block.split_once(END).ok_or(CertificateError::NotPem)?;
            certificates.push(Self::parse_base64(body)?);
        }
        if certificates.is_empty() {
            return Err(CertificateError::NotACertificate);
        }
        Ok(certificates)
    }

    pub(crate) fn parse_base64(text: &str) -> Result<Self, CertificateError> {
        match decode_base64(text, CERTIFICATE_BYTES) {
            Ok(der) if !der.is_empty() => Self::parse_der(&der),
            Ok(_) | Err(_) => Err(CertificateError::NotPem),
        }
    }

    /// Parses the DER of one certificate.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse_der(der: &[u8]) -> Result<Self, CertificateError> {
        let fields = der::certificate(der).ok_or(CertificateError::Malformed)?;
        let key = der::public_key(fields.public_key).ok_or(CertificateError::UnsupportedKey)?;
        if key.kind() == KeyKind::Rsa {
            let bits = der::rsa_bits(key.bytes()).ok_or(CertificateError::Malformed)?;
            if !(RSA_BITS..=8192).contains(&bits) {
                return Err(CertificateError::RsaBits(bits));
            }
        }
        Ok(Self {
            der: der.to_vec(),
            key,
            not_before: fields.not_before,
            not_on_or_after: fields.not_on_or_after,
        })
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// From when on the certificate says to be valid.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when the certificate says to be valid.
    #[must_use]
    pub fn not_on_or_after(&self) -> SystemTime {
        self.not_on_or_after
    }

    /// The DER as base64 in one line, as metadata wants it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_base64(&self.der)
    }

    /// The SHA-256 of the DER in hexadecimal, as consoles show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der);
        super::keys::hex(digest.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(algorithm: &'static rcgen::SignatureAlgorithm) -> String {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["idp".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2055, 3, 4);
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn the_key_and_the_validity_are_read() {
        for (algorithm, kind) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, KeyKind::P256),
            (&rcgen::PKCS_ECDSA_P384_SHA384, KeyKind::P384),
            (&rcgen::PKCS_RSA_SHA256, KeyKind::Rsa),
        ] {
            let certificates = Certificate::parse_pem(&pem(algorithm)).unwrap();
            let [certificate] = certificates.as_slice() else { panic!("one certificate") };
            assert_eq!(certificate.key().kind(), kind);
            let written = super::super::instant::format(certificate.not_before());
            assert_eq!(written, "2020-01-02T00:00:00Z");
            // Beyond 2049 the time is a GeneralizedTime (RFC 5280 §4.1.2.5).
            let written = super::super::instant::format(certificate.not_on_or_after());
            assert_eq!(written, "2055-03-04T00:00:00Z");
            assert_eq!(certificate.fingerprint().len(), 64);
        }
    }

    #[test]
    fn several_certificates_and_bare_base64_are_read() {
        let one = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
        let two = format!("{one}\r\n{}", pem(&rcgen::PKCS_ECDSA_P256_SHA256));
        let parsed = Certificate::parse_pem(&two).unwrap();
        assert_eq!(parsed.len(), 2);
        let bare = parsed[0].to_base64();
        assert_eq!(Certificate::parse_pem(&bare), Ok(vec![parsed[0].clone()]));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let check = |text: &str, expected| {
            assert_eq!(Certificate::parse_pem(text), Err(expected), "{text}");
        };
        check("", CertificateError::NotPem);
        check("certificate", CertificateError::NotPem);
        check(&key.serialize_pem(), CertificateError::NotACertificate);
        check("-----BEGIN CERTIFICATE-----\nMIIB", CertificateError::NotPem);
        check("AAAA", CertificateError::Malformed);
        let ed25519 = pem(&rcgen::PKCS_ED25519);
        check(&ed25519, CertificateError::UnsupportedKey);
    }

    #[test]
    fn old_and_weak_certificates_are_told_apart() {
        // Some identity providers still make certificates of X.509 version 1.
        let v1 = include_str!("../../tests/vectors/saml/certificates/x509-v1.pem");
        assert_eq!(Certificate::parse_pem(v1).map(|found| found.len()), Ok(1));
        let weak = include_str!("../../tests/vectors/saml/certificates/rsa-1024.pem");
        assert_eq!(Certificate::parse_pem(weak), Err(CertificateError::RsaBits(1024)));
        let p521 = include_str!("../../tests/vectors/saml/certificates/p-521.pem");
        assert_eq!(Certificate::parse_pem(p521), Err(CertificateError::UnsupportedKey));
    }

    #[test]
    fn no_truncated_or_altered_certificate_panics() {
        let der = Certificate::parse_pem(&pem(&rcgen::PKCS_RSA_SHA256)).unwrap()[0].der.clone();
        for end in 0..der.len() {
            assert!(Certificate::parse_der(&der[..end]).is_err(), "{end}");
        }
        for place in 0..der.len().min(400) {
            for value in [0x00, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut altered = der.clone();
                altered[place] = value;
                let _ = Certificate::parse_der(&altered);
            }
        }
    }
}
