//! The provider's signing keys: the newest signs, some are published.

use std::io;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// RFC 9231 §2.3.6
pub(super) const ALGORITHM: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// A key pair and its certificate.
pub(super) struct Key {
    pair: EcdsaKeyPair,
    certificate: Vec<u8>,
}

/// The published keys, newest first, and one that is never published.
pub(super) struct Keys {
    published: Vec<Key>,
    stranger: Key,
}

impl Key {
    fn new() -> io::Result<Self> {
        let pair = rcgen::KeyPair::generate().map_err(io::Error::other)?;
        let parameters = rcgen::CertificateParams::new(vec!["idp.example".to_owned()]);
        let certificate = parameters.and_then(|all| all.self_signed(&pair));
        let signing =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der());
        Ok(Self {
            pair: signing.map_err(io::Error::other)?,
            certificate: certificate.map_err(io::Error::other)?.der().to_vec(),
        })
    }

    /// Signs octets; XML signature writes an ECDSA signature as its two numbers.
    pub(super) fn sign(&self, octets: &[u8]) -> String {
        let signature = self.pair.sign(&SystemRandom::new(), octets);
        signature.map(|signature| STANDARD.encode(signature)).unwrap_or_default()
    }

    /// Puts an enveloped signature behind the first issuer of an element that is written in its
    /// canonical form (XML Signature §6.6.4).
    pub(super) fn envelop(&self, id: &str, canonical: &str) -> String {
        let digest = STANDARD.encode(digest(&SHA256, canonical.as_bytes()));
        let inner = format!(
            "<ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"{ALGORITHM}\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform>\
             <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
        );
        let octets = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inner}</ds:SignedInfo>");
        let value = self.sign(octets.as_bytes());
        let signature = format!(
            "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo>{inner}</ds:SignedInfo>\
             <ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
        );
        canonical.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
    }
}

impl Keys {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { published: vec![Key::new()?], stranger: Key::new()? })
    }

    /// Makes a new key that signs from now on; the old ones stay published or not.
    pub(super) fn rotate(&mut self, keep_old: bool) -> io::Result<()> {
        if !keep_old {
            self.published.clear();
        }
        self.published.insert(0, Key::new()?);
        Ok(())
    }

    /// The certificates in DER.
    pub(super) fn published(&self) -> impl Iterator<Item = &[u8]> {
        self.published.iter().map(|key| key.certificate.as_slice())
    }

    /// The key that signs.
    pub(super) fn signing(&self, stranger: bool) -> &Key {
        match self.published.first() {
            Some(key) if !stranger => key,
            Some(_) | None => &self.stranger,
        }
    }
}
