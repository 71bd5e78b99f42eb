//! The second opinion of builds with the feature `xmlsec`: what our verifier has accepted, samael
//! and xmlsec1 must accept as well, as the same person with the same attributes.
//!
//! They are asked last, so nothing reaches the C libraries that our parser has refused: no document
//! type, no reference to another place, no transform but the two that SAML allows.

use std::time::SystemTime;

use samael::crypto::{
    AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider, ReduceMode,
};
use samael::schema;

use super::assertion::Assertion;
use super::dsig::signature_of;
use super::instant::from_unix;
use super::limits::{MESSAGE, decode_base64, decode_message};
use super::names::{DS, SAML, UNSPECIFIED_FORMAT};
use super::xml::Document;
use super::{Refusal, ServiceProvider, Settings};

const ALLOWED: &[AllowedSignatureAlgorithm] = &[
    AllowedSignatureAlgorithm::RsaSha256,
    AllowedSignatureAlgorithm::RsaSha384,
    AllowedSignatureAlgorithm::RsaSha512,
    AllowedSignatureAlgorithm::EcdsaSha256,
    AllowedSignatureAlgorithm::EcdsaSha384,
];

impl ServiceProvider {
    /// Refuses a response that we have accepted as `assertion` and samael has not.
    pub(crate) fn confirm(
        &self,
        response_base64: &str,
        assertion: &Assertion,
    ) -> Result<(), Refusal> {
        let settings = &self.settings;
        let text = decode_message(response_base64)?;
        let document = Document::parse(&text, &MESSAGE)?;
        let root = document.root()?;
        let encrypted = root.elements()?.into_iter().find(|e| e.is(SAML, "EncryptedAssertion"));
        let vouched = match encrypted {
            None => reduce(&text, settings)?,
            Some(element) => {
                if signature_of(root)?.is_some() {
                    reduce(&text, settings)?;
                }
                // samael cannot decrypt what we can; it sees the plain text that was accepted.
                let plain = self.decryption().decrypt(element, true)?;
                let plain = String::from_utf8(plain).map_err(|_| Refusal::NotUtf8)?;
                let inner = Document::parse(&plain, &MESSAGE)?;
                let signed = signature_of(inner.root()?)?.is_some();
                if signed { reduce(&plain, settings)? } else { plain }
            }
        };
        if Identity::of(assertion) == Identity::read(&vouched)? {
            Ok(())
        } else {
            Err(Refusal::SecondOpinion)
        }
    }
}

/// What samael has verified of a document, every signature in it included.
pub(crate) fn reduce(text: &str, settings: &Settings) -> Result<String, Refusal> {
    let document = Document::parse(text, &MESSAGE)?;
    let signatures = document.root()?.descendants().filter(|e| e.is(DS, "Signature")).count();
    // The first mode returns the octets that were digested; it knows only one signature.
    let mode = match signatures {
        1 => ReduceMode::PreDigest,
        _ => ReduceMode::ValidateAndMarkNoAncestors,
    };
    let allowed = if settings.insecure_sha1 { None } else { Some(ALLOWED) };
    let der = |certificate: &super::Certificate| {
        decode_base64(&certificate.to_base64(), usize::MAX / 8).map(CertificateDer::from)
    };
    let certificates: Vec<CertificateDer> =
        settings.identity_provider.certificates.iter().map(der).collect::<Result<_, _>>()?;
    // One after the other, since samael gives up at a key of another kind; then all together, for
    // two signatures by two keys.
    certificates
        .chunks(1)
        .chain(std::iter::once(certificates.as_slice()))
        .find_map(|certificates| {
            Crypto::reduce_xml_to_signed_with_allowed_algorithms(text, certificates, mode, allowed)
                .ok()
        })
        .ok_or(Refusal::SecondOpinion)
}

/// What both must say.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    id: String,
    issuer: String,
    name_id: String,
    format: String,
    session: Option<String>,
    authenticated: Option<SystemTime>,
    ends: Option<SystemTime>,
    attributes: Vec<(String, Option<String>, Vec<String>)>,
}

impl Identity {
    fn of(assertion: &Assertion) -> Self {
        let authn = assertion.authn.first();
        let attributes = assertion.attributes.iter().map(|attribute| {
            // samael's reader takes the space around a value away.
            let values = attribute.values.iter().map(|value| value.trim().to_owned()).collect();
            (attribute.name.clone(), attribute.friendly_name.clone(), values)
        });
        Self {
            id: assertion.id.clone(),
            issuer: assertion.issuer.clone(),
            name_id: assertion.name_id.value.clone(),
            format: assertion.name_id.format.clone().unwrap_or(UNSPECIFIED_FORMAT.to_owned()),
            session: authn.and_then(|authn| authn.session_index.clone()),
            authenticated: authn.map(|authn| authn.instant),
            ends: authn.and_then(|authn| authn.session_not_on_or_after),
            attributes: attributes.collect(),
        }
    }

    /// As samael reads an assertion, or a response with one in it.
    fn read(vouched: &str) -> Result<Self, Refusal> {
        let document = Document::parse(vouched, &MESSAGE)?;
        let unreadable = Refusal::SecondOpinion;
        let assertion = if document.root()?.is(SAML, "Assertion") {
            vouched.parse::<schema::Assertion>().map_err(|_| unreadable)?
        } else {
            let response = vouched.parse::<schema::Response>().map_err(|_| unreadable)?;
            response.assertion.ok_or(unreadable)?
        };
        let name_id = assertion.subject.and_then(|subject| subject.name_id).ok_or(unreadable)?;
        let authn = assertion.authn_statements.unwrap_or_default().into_iter().next();
        let attributes = assertion.attribute_statements.unwrap_or_default().into_iter();
        let attributes = attributes.flat_map(|statement| statement.attributes).map(|attribute| {
            let values = attribute.values.into_iter().map(|value| value.value.unwrap_or_default());
            let values = values.map(|value| value.trim().to_owned()).collect();
            (attribute.name.unwrap_or_default(), attribute.friendly_name, values)
        });
        Ok(Self {
            id: assertion.id,
            issuer: assertion.issuer.value.unwrap_or_default(),
            name_id: name_id.value,
            format: name_id.format.unwrap_or(UNSPECIFIED_FORMAT.to_owned()),
            session: authn.as_ref().and_then(|authn| authn.session_index.clone()),
            authenticated: authn
                .as_ref()
                .and_then(|authn| authn.authn_instant)
                .and_then(|time| from_unix(time.timestamp())),
            ends: authn
                .and_then(|authn| authn.session_not_on_or_after)
                .and_then(|time| from_unix(time.timestamp())),
            attributes: attributes.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::c14n::canonicalize;
    use crate::saml::limits::MESSAGE_BYTES;
    use crate::saml::signing::sign_enveloped;
    use crate::saml::{Certificate, IdentityProvider, Preset, SigningKey};

    /// A fixed sequence, so that a failure comes again.
    struct Sequence(u64);

    impl Sequence {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % end as u64).unwrap()
        }

        fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
            of[self.below(of.len())]
        }

        fn content(&mut self, quote: &str) -> String {
            let pieces = [
                "x",
                " ",
                "\n",
                "\t",
                "\r",
                "\r\n",
                "&amp;",
                "&lt;",
                "&gt;",
                ">",
                "&#13;",
                "&#10;",
                "&#9;",
                "&quot;",
                "&apos;",
                "'",
                "\"",
                "\u{e9}",
                "\u{1f98a}",
                "&#x1F98A;",
                "&#xe9;",
            ];
            let count = self.below(5);
            (0..count).map(|_| self.one(&pieces)).filter(|piece| *piece != quote).collect()
        }

        /// An element with names, prefixes, attributes and text as they come.
        fn element(&mut self, scope: &[(&'static str, &'static str)], depth: usize) -> String {
            let mut scope = scope.to_vec();
            let mut attributes = Vec::new();
            for prefix in ["", "a", "b", "c"] {
                if self.below(4) == 0 {
                    let uri = self.one(&["urn:1", "urn:2", "urn:3/x?y"]);
                    let uri = if prefix.is_empty() && self.below(3) == 0 { "" } else { uri };
                    scope.retain(|(known, _)| *known != prefix);
                    scope.push((prefix, uri));
                    let name = if prefix.is_empty() {
                        "xmlns".to_owned()
                    } else {
                        format!("xmlns:{prefix}")
                    };
                    attributes.push(format!("{name}=\"{uri}\""));
                }
            }
            let mut seen = Vec::new();
            for _ in 0..self.below(5) {
                let (prefix, uri) = match self.below(scope.len() + 2) {
                    0 => ("xml", "http://www.w3.org/XML/1998/namespace"),
                    index => scope.get(index - 1).copied().unwrap_or(("", "")),
                };
                let uri = if prefix.is_empty() { "" } else { uri };
                let local = self.one(&["k", "K", "k.k", "lang", "_z"]);
                if seen.contains(&(uri, local)) {
                    continue;
                }
                seen.push((uri, local));
                let quote = self.one(&["\"", "'"]);
                let name =
                    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") };
                attributes.push(format!("{name}={quote}{}{quote}", self.content(quote)));
            }
            for index in (1..attributes.len()).rev() {
                let other = self.below(index + 1);
                attributes.swap(index, other);
            }
            let prefix = scope.get(self.below(scope.len() + 1)).map_or("", |(prefix, _)| prefix);
            let local = self.one(&["e", "E", "f.g", "_h"]);
            let name =
                if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") };
            let space = self.one(&[" ", "\n", "  ", "\t"]);
            let attributes: String =
                attributes.iter().map(|attribute| format!("{space}{attribute}")).collect();
            if depth == 0 || self.below(6) == 0 {
                return format!("<{name}{attributes}/>");
            }
            let mut inner = self.content("");
            for _ in 0..self.below(4) {
                inner += &self.element(&scope, depth - 1);
                inner += &self.content("");
            }
            format!("<{name}{attributes}>{inner}</{name} >")
        }
    }

    fn key_and_settings() -> (SigningKey, Settings) {
        let pair = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["idp.example".into()]).unwrap();
        let pem = parameters.self_signed(&pair).unwrap().pem();
        let key = SigningKey::parse_pem(&pair.serialize_pem(), &pem).unwrap();
        let certificates = Certificate::parse_pem(&pem).unwrap();
        let provider =
            IdentityProvider::from_fields("urn:idp", "https://idp.example", certificates);
        let place = "https://hub.example";
        (key, Settings::new("urn:sp", place, place, provider, Preset::Generic))
    }

    /// A document is signed over our canonical form and verified over xmlsec1's, in a context of
    /// other namespaces; both forms must be the same to the octet.
    #[test]
    fn the_canonical_form_is_that_of_xmlsec1() {
        let (key, settings) = key_and_settings();
        let mut sequence = Sequence(0x9e37_79b9_7f4a_7c15);
        for _ in 0..1_500 {
            let inner = sequence.element(&[], 3);
            let more = sequence.content("\"");
            let xml = format!("<r ID=\"_r\" k=\"{more}\"><i/>{inner}</r>");
            let document = Document::parse(&xml, &MESSAGE).expect(&xml);
            let ours = canonicalize(document.root().unwrap(), None, &[], MESSAGE_BYTES).unwrap();
            let signed = sign_enveloped(&xml, &key).unwrap();
            let context = sequence.one(&[
                "<o>HERE</o>",
                "<a:o xmlns:a=\"urn:9\" xmlns:b=\"urn:1\" a:k=\"\">HERE</a:o>",
                "<o xmlns:a=\"urn:1\" xml:lang=\"de\" xml:base=\"http://x/\">HERE</o>",
            ]);
            let theirs = reduce(&context.replace("HERE", &signed), &settings);
            assert_eq!(theirs.as_deref(), Ok(std::str::from_utf8(&ours).unwrap()), "{xml}");
        }
    }
}
