//! What an assertion says, read from the bytes that were signed (Core §2.3 to §2.7).

use std::time::SystemTime;

use super::Refusal;
use super::instant;
use super::message::{Sequence, issuer_of};
use super::names::{BEARER, DS, SAML};
use super::subject::NameId;
use super::xml::Element;

/// One assertion, before the protocol's checks.
#[derive(Clone, Debug)]
pub(crate) struct Assertion {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) issued: SystemTime,
    pub(crate) issuer: String,
    pub(crate) name_id: NameId,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) conditions: Option<Conditions>,
    pub(crate) authn: Vec<Authn>,
    pub(crate) attributes: Vec<Attribute>,
}

/// The one bearer confirmation (Core §2.4.1.2, Profiles §3.3).
#[derive(Clone, Debug)]
pub(crate) struct Confirmation {
    pub(crate) recipient: Option<String>,
    pub(crate) in_response_to: Option<String>,
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) not_on_or_after: Option<SystemTime>,
}

/// Core §2.5.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) not_on_or_after: Option<SystemTime>,
    /// One list for each restriction; every one of them must name us.
    pub(crate) audiences: Vec<Vec<String>>,
    pub(crate) unknown: bool,
}

/// Core §2.7.2.
#[derive(Clone, Debug)]
pub(crate) struct Authn {
    pub(crate) instant: SystemTime,
    pub(crate) session_index: Option<String>,
    pub(crate) session_not_on_or_after: Option<SystemTime>,
    pub(crate) context: Option<String>,
}

/// Core §2.7.3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) friendly_name: Option<String>,
    pub(crate) values: Vec<String>,
}

impl Assertion {
    pub(crate) fn read(element: Element<'_>) -> Result<Self, Refusal> {
        let mut children = Sequence::of(element)?;
        let issuer = issuer_of(children.required(SAML, "Issuer")?)?;
        children.optional(DS, "Signature");
        let subject = children.optional(SAML, "Subject").ok_or(Refusal::NameId)?;
        let (name_id, confirmation) = read_subject(subject)?;
        let conditions = children.optional(SAML, "Conditions");
        children.optional(SAML, "Advice");
        let mut authn = Vec::new();
        let mut attributes = Vec::new();
        while let Some(statement) = children.next() {
            if statement.is(SAML, "AuthnStatement") {
                authn.push(Authn::read(statement)?);
            } else if statement.is(SAML, "AttributeStatement") {
                for attribute in statement.elements()? {
                    attributes.push(Attribute::read(attribute)?);
                }
            } else {
                return Err(Refusal::UnexpectedContent);
            }
        }
        Ok(Self {
            id: required(element, "ID")?.to_owned(),
            version: element.attribute("Version").unwrap_or_default().to_owned(),
            issued: instant::parse(required(element, "IssueInstant")?)?,
            issuer,
            name_id,
            confirmation,
            conditions: conditions.map(Conditions::read).transpose()?,
            authn,
            attributes,
        })
    }
}

/// One name id and exactly one confirmation, a bearer's: with several, what one of them says
/// could excuse what another does not.
fn read_subject(subject: Element<'_>) -> Result<(NameId, Option<Confirmation>), Refusal> {
    let mut children = Sequence::of(subject)?;
    if children.optional(SAML, "EncryptedID").is_some() {
        return Err(Refusal::EncryptedNameId);
    }
    let name_id = NameId::read(children.optional(SAML, "NameID").ok_or(Refusal::NameId)?)?;
    let confirmations = children.many(SAML, "SubjectConfirmation");
    children.end()?;
    let [confirmation] = confirmations.as_slice() else {
        return Ok((name_id, None));
    };
    if confirmation.attribute("Method") != Some(BEARER) {
        return Ok((name_id, None));
    }
    let mut children = Sequence::of(*confirmation)?;
    let data = children.optional(SAML, "SubjectConfirmationData");
    children.end()?;
    // A KeyInfo in there would belong to a confirmation that is not the bearer's.
    let Some(data) = data.filter(|data| data.elements().is_ok_and(|inner| inner.is_empty())) else {
        return Ok((name_id, None));
    };
    let confirmation = Confirmation {
        recipient: data.attribute("Recipient").map(str::to_owned),
        in_response_to: data.attribute("InResponseTo").map(str::to_owned),
        not_before: time(data, "NotBefore")?,
        not_on_or_after: time(data, "NotOnOrAfter")?,
    };
    Ok((name_id, Some(confirmation)))
}

impl Conditions {
    fn read(element: Element<'_>) -> Result<Self, Refusal> {
        let mut audiences = Vec::new();
        let mut unknown = false;
        for condition in element.elements()? {
            if condition.is(SAML, "AudienceRestriction") {
                let mut named = Vec::new();
                for audience in condition.elements()? {
                    if !audience.is(SAML, "Audience") {
                        return Err(Refusal::UnexpectedContent);
                    }
                    named.push(audience.token()?.to_owned());
                }
                audiences.push(named);
            } else {
                // OneTimeUse is always kept, and ProxyRestriction speaks to those who issue
                // assertions of their own (Core §2.5.1.5, §2.5.1.6). What is not understood
                // makes the assertion's validity unknown (Core §2.5.1.1).
                unknown |=
                    !condition.is(SAML, "OneTimeUse") && !condition.is(SAML, "ProxyRestriction");
            }
        }
        Ok(Self {
            not_before: time(element, "NotBefore")?,
            not_on_or_after: time(element, "NotOnOrAfter")?,
            audiences,
            unknown,
        })
    }
}

impl Authn {
    fn read(statement: Element<'_>) -> Result<Self, Refusal> {
        let mut children = Sequence::of(statement)?;
        children.optional(SAML, "SubjectLocality");
        let context = children.required(SAML, "AuthnContext")?;
        children.end()?;
        let class = Sequence::of(context)?.optional(SAML, "AuthnContextClassRef");
        Ok(Self {
            instant: instant::parse(required(statement, "AuthnInstant")?)?,
            session_index: statement.attribute("SessionIndex").map(str::to_owned),
            session_not_on_or_after: time(statement, "SessionNotOnOrAfter")?,
            context: class.map(|class| class.token().map(str::to_owned)).transpose()?,
        })
    }
}

impl Attribute {
    fn read(element: Element<'_>) -> Result<Self, Refusal> {
        if !element.is(SAML, "Attribute") {
            return Err(Refusal::UnexpectedContent);
        }
        let mut values = Vec::new();
        for value in element.elements()? {
            if !value.is(SAML, "AttributeValue") {
                return Err(Refusal::UnexpectedContent);
            }
            // A value of a structured type is no text that a role could be mapped from.
            if let Ok(text) = value.text() {
                values.push(text.to_owned());
            }
        }
        Ok(Self {
            name: required(element, "Name")?.to_owned(),
            friendly_name: element.attribute("FriendlyName").map(str::to_owned),
            values,
        })
    }
}

fn required<'d>(element: Element<'d>, name: &str) -> Result<&'d str, Refusal> {
    element.attribute(name).ok_or(Refusal::UnexpectedContent)
}

fn time(element: Element<'_>, name: &str) -> Result<Option<SystemTime>, Refusal> {
    element.attribute(name).map(instant::parse).transpose()
}
