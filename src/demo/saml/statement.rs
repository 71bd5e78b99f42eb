//! What the provider says of a person: written in its canonical form, so that it can be signed.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// How long an assertion may be used.
const LASTS: Duration = Duration::from_secs(300);

/// A response and its assertion, before they are written; a test may change any of it.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The id of the response.
    pub response_id: String,
    /// The id of the assertion.
    pub assertion_id: String,
    /// Who says it.
    pub issuer: String,
    /// Where the response is sent to.
    pub destination: String,
    /// For whom the confirmation is.
    pub recipient: String,
    /// For whom the assertion is.
    pub audience: String,
    /// The request that is answered.
    pub in_response_to: Option<String>,
    /// When it is said.
    pub issued: SystemTime,
    /// Until when it may be used.
    pub not_on_or_after: SystemTime,
    /// When the person was authenticated.
    pub authenticated: SystemTime,
    /// The provider's session.
    pub session_index: Option<String>,
    /// When that session ends.
    pub session_not_on_or_after: Option<SystemTime>,
    /// The name of the person.
    pub name_id: String,
    /// What kind of name it is.
    pub name_id_format: String,
    /// The attributes: name, friendly name, values.
    pub attributes: Vec<(String, Option<String>, Vec<String>)>,
    /// How the person was authenticated.
    pub context: String,
    /// The status, and the one below it.
    pub status: (String, Option<String>),
}

/// Times as SAML writes them.
pub(super) fn time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Between tags a quote stands for itself (Canonical XML §2.3).
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Between quotes a `>` stands for itself.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn attribute(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name}=\"{}\"", quoted(value))).unwrap_or_default()
}

/// `samlp:Status`
pub(super) fn status(first: &str, second: Option<&str>) -> String {
    let uri = "urn:oasis:names:tc:SAML:2.0:status:";
    let inner = second
        .map(|code| format!("<samlp:StatusCode Value=\"{uri}{code}\"></samlp:StatusCode>"))
        .unwrap_or_default();
    format!(
        "<samlp:Status><samlp:StatusCode Value=\"{uri}{first}\">{inner}</samlp:StatusCode></samlp:Status>"
    )
}

/// A protocol message: attributes in the order of their names, as canonical XML has them.
pub(super) fn message(
    name: &str,
    attributes: &[(&str, Option<String>)],
    issuer: &str,
    inner: &str,
) -> String {
    let attributes: String =
        attributes.iter().map(|(name, value)| attribute(name, value.as_deref())).collect();
    format!(
        "<samlp:{name} xmlns:samlp=\"{SAMLP}\"{attributes}>\
         <saml:Issuer xmlns:saml=\"{SAML}\">{}</saml:Issuer>{inner}</samlp:{name}>",
        text(issuer)
    )
}

/// A name id that declares its own namespace, to stand in a protocol message.
pub(super) fn lone_name_id(format: &str, value: &str) -> String {
    let format = quoted(format);
    format!("<saml:NameID xmlns:saml=\"{SAML}\" Format=\"{format}\">{}</saml:NameID>", text(value))
}

impl Statement {
    pub(super) fn lasting(mut self) -> Self {
        self.not_on_or_after = self.issued + LASTS;
        self
    }

    /// The assertion, not signed.
    #[must_use]
    pub fn assertion(&self) -> String {
        let issued = time(self.issued);
        let end = time(self.not_on_or_after);
        let values = |values: &[String]| -> String {
            let one = |value: &String| {
                format!("<saml:AttributeValue>{}</saml:AttributeValue>", text(value))
            };
            values.iter().map(one).collect()
        };
        let attributes: String = self
            .attributes
            .iter()
            .map(|(name, friendly, all)| {
                let friendly = attribute("FriendlyName", friendly.as_deref());
                let name = attribute("Name", Some(name));
                format!("<saml:Attribute{friendly}{name}>{}</saml:Attribute>", values(all))
            })
            .collect();
        let statement = if attributes.is_empty() {
            String::new()
        } else {
            format!("<saml:AttributeStatement>{attributes}</saml:AttributeStatement>")
        };
        let ends = self.session_not_on_or_after.map(time);
        format!(
            "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{}\" IssueInstant=\"{issued}\" \
             Version=\"2.0\"><saml:Issuer>{}</saml:Issuer><saml:Subject>\
             <saml:NameID Format=\"{}\">{}</saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData{} NotOnOrAfter=\"{end}\"{}>\
             </saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
             <saml:Conditions NotBefore=\"{issued}\" NotOnOrAfter=\"{end}\">\
             <saml:AudienceRestriction><saml:Audience>{}</saml:Audience>\
             </saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{}\"{}{}><saml:AuthnContext>\
             <saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef></saml:AuthnContext>\
             </saml:AuthnStatement>{statement}</saml:Assertion>",
            self.assertion_id,
            text(&self.issuer),
            quoted(&self.name_id_format),
            text(&self.name_id),
            attribute("InResponseTo", self.in_response_to.as_deref()),
            attribute("Recipient", Some(&self.recipient)),
            text(&self.audience),
            time(self.authenticated),
            attribute("SessionIndex", self.session_index.as_deref()),
            attribute("SessionNotOnOrAfter", ends.as_deref()),
            text(&self.context),
        )
    }

    /// The response around an assertion, not signed.
    #[must_use]
    pub fn response(&self, assertion: &str) -> String {
        let attributes = [
            ("Destination", Some(self.destination.clone())),
            ("ID", Some(self.response_id.clone())),
            ("InResponseTo", self.in_response_to.clone()),
            ("IssueInstant", Some(time(self.issued))),
            ("Version", Some("2.0".to_owned())),
        ];
        let status = status(&self.status.0, self.status.1.as_deref());
        message("Response", &attributes, &self.issuer, &format!("{status}{assertion}"))
    }
}
