//! Why a response is refused, for an operator with a failing identity provider.

use std::time::SystemTime;

use super::limits::{MESSAGE, decode_message};
use super::names::{DS, SAML, SAMLP, XENC};
use super::xml::{Document, Element};
use super::{Refusal, ServiceProvider, instant};

/// What is wrong with a response, and what it says. Nothing is accepted by explaining it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// All that is wrong. Up to and including the signature that is the first thing; behind it,
    /// everything. Empty when the response would be accepted, if it was not used before and
    /// answers the request that its browser was sent with.
    pub refusals: Vec<Refusal>,
    /// What the document says, beside what is expected. None of it is verified.
    pub findings: Vec<Finding>,
}

/// One thing that a document says. Names of attributes, but never the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub what: &'static str,
    /// What the document says.
    pub found: String,
    /// What it should say, where that is one text.
    pub expected: Option<String>,
}

impl ServiceProvider {
    /// Makes every check of [`ServiceProvider::finish`] but those that need a browser: which
    /// request is answered, and whether the assertion was used before.
    #[must_use]
    pub fn explain(&self, response_base64: &str, now: SystemTime) -> Explanation {
        let refusals = match self.read_response(response_base64, now) {
            Err(refusal) => vec![refusal],
            Ok((header, assertion)) => {
                let answered = header.in_response_to.as_deref();
                let mut refusals = self.sign_in(answered, now).verify(&header, &assertion);
                if answered.is_none() && !self.settings.allow_unsolicited {
                    refusals.insert(0, Refusal::Unsolicited);
                }
                refusals.dedup();
                #[cfg(feature = "xmlsec")]
                if refusals.is_empty() {
                    refusals.extend(self.confirm(response_base64, &assertion).err());
                }
                refusals
            }
        };
        let text = decode_message(response_base64).unwrap_or_default();
        let findings = match Document::parse(&text, &MESSAGE) {
            Ok(document) => document.root().map(|root| self.findings(root, now)),
            Err(refusal) => Err(refusal),
        };
        Explanation { refusals, findings: findings.unwrap_or_default() }
    }

    fn findings(&self, root: Element<'_>, now: SystemTime) -> Vec<Finding> {
        let settings = &self.settings;
        let provider = &settings.identity_provider;
        let mut findings = Vec::new();
        let mut say = |what, found: Vec<&str>, expected: Option<&str>| {
            let expected = expected.map(str::to_owned);
            findings.push(Finding { what, found: found.join(", "), expected });
        };
        let all = |namespace: &'static str, local: &'static str| {
            root.descendants().filter(move |element| element.is(namespace, local))
        };
        let attribute_of = |namespace, local, name: &str| -> Vec<&str> {
            all(namespace, local).filter_map(|element| element.attribute(name)).collect()
        };
        let text_of = |namespace, local| -> Vec<&str> {
            all(namespace, local).filter_map(|element| element.token().ok()).collect()
        };
        let signed: Vec<_> = root
            .descendants()
            .filter(|element| {
                let children = element.elements().unwrap_or_default();
                children.iter().any(|child| child.is(DS, "Signature"))
            })
            .map(|element| element.name().local)
            .collect();
        let instant = instant::format(now);
        let data = "SubjectConfirmationData";

        say("issuer", text_of(SAML, "Issuer"), Some(&provider.entity_id));
        say("status", attribute_of(SAMLP, "StatusCode", "Value"), None);
        let destination = root.attribute("Destination").into_iter().collect();
        say("destination", destination, Some(&settings.acs_url));
        say("signed", signed, None);
        say("signature algorithm", attribute_of(DS, "SignatureMethod", "Algorithm"), None);
        say("digest algorithm", attribute_of(DS, "DigestMethod", "Algorithm"), None);
        say("encryption", attribute_of(XENC, "EncryptionMethod", "Algorithm"), None);
        let issued = root.attribute("IssueInstant").into_iter().collect();
        say("issue instant", issued, Some(&instant));
        say("recipient", attribute_of(SAML, data, "Recipient"), Some(&settings.acs_url));
        let until = attribute_of(SAML, data, "NotOnOrAfter");
        say("confirmed until", until, Some(&instant));
        say("audience", text_of(SAML, "Audience"), Some(&settings.entity_id));
        let from = attribute_of(SAML, "Conditions", "NotBefore");
        say("valid from", from, Some(&instant));
        let until = attribute_of(SAML, "Conditions", "NotOnOrAfter");
        say("valid until", until, Some(&instant));
        let format = attribute_of(SAML, "NameID", "Format");
        say("name id format", format, settings.name_id_format.as_deref());
        say("attributes", attribute_of(SAML, "Attribute", "Name"), None);
        findings
    }
}
