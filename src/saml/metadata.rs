//! Our own metadata (Metadata §2.4.4), for the identity provider to read.

use std::time::{Duration, SystemTime};

use super::certificate::Certificate;
use super::identity_provider::Binding;
use super::instant;
use super::names::{DS, HTTP_POST, MD, SAMLP};
use super::response::SignaturePolicy;
use super::signing::escape;
use super::{ServiceProvider, Settings};

/// How long a copy may be used: long, since many identity providers take one copy and keep it.
const VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What assertions may be encrypted with, the best first: algorithms with what else is to be said
/// of them (XML Encryption 1.1 §5.5.2), which providers take over.
const ENCRYPTION: [(&str, &str); 4] = [
    ("http://www.w3.org/2009/xmlenc11#aes256-gcm", ""),
    ("http://www.w3.org/2009/xmlenc11#aes128-gcm", ""),
    (
        "http://www.w3.org/2009/xmlenc11#rsa-oaep",
        "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
         <xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" \
         Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>",
    ),
    (
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
        "<ds:DigestMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/>",
    ),
];

impl ServiceProvider {
    /// Writes the metadata document that stands at our entity id.
    #[must_use]
    pub fn metadata(&self, now: SystemTime) -> String {
        self.settings.metadata(now)
    }
}

impl Settings {
    /// Writes our metadata document, which an identity provider may need before we know anything
    /// of it.
    #[must_use]
    pub fn metadata(&self, now: SystemTime) -> String {
        let settings = self;
        let until = now.checked_add(VALID).unwrap_or(now);
        let wants = match settings.signatures {
            SignaturePolicy::Assertion | SignaturePolicy::Both => "true",
            SignaturePolicy::Response | SignaturePolicy::Either => "false",
        };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <md:EntityDescriptor xmlns:md=\"{MD}\" xmlns:ds=\"{DS}\" entityID=\"{}\" \
             validUntil=\"{}\" cacheDuration=\"P1D\">\n\
             <md:SPSSODescriptor protocolSupportEnumeration=\"{SAMLP}\" \
             AuthnRequestsSigned=\"{}\" WantAssertionsSigned=\"{wants}\">\n",
            escape(&settings.entity_id),
            instant::format(until),
            settings.signs_requests(),
        );
        for key in &settings.signing_keys {
            xml += &key_descriptor("signing", key.certificate(), &[]);
        }
        if let Some(key) = settings.decryption_keys.first() {
            xml += &key_descriptor("encryption", key.certificate(), &ENCRYPTION);
        }
        for binding in [Binding::Redirect, Binding::Post] {
            xml += &format!(
                "<md:SingleLogoutService Binding=\"{}\" Location=\"{}\"/>\n",
                binding.uri(),
                escape(&settings.slo_url),
            );
        }
        if let Some(format) = &settings.name_id_format {
            xml += &format!("<md:NameIDFormat>{}</md:NameIDFormat>\n", escape(format));
        }
        xml += &format!(
            "<md:AssertionConsumerService Binding=\"{HTTP_POST}\" Location=\"{}\" index=\"0\" \
             isDefault=\"true\"/>\n</md:SPSSODescriptor>\n</md:EntityDescriptor>\n",
            escape(&settings.acs_url),
        );
        xml
    }
}

fn key_descriptor(usage: &str, certificate: &Certificate, methods: &[(&str, &str)]) -> String {
    let methods: String = methods
        .iter()
        .map(|(method, more)| {
            format!("<md:EncryptionMethod Algorithm=\"{method}\">{more}</md:EncryptionMethod>\n")
        })
        .collect();
    format!(
        "<md:KeyDescriptor use=\"{usage}\">\n<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}\
         </ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n{methods}</md:KeyDescriptor>\n",
        certificate.to_base64(),
    )
}
