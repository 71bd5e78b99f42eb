//! What every SAML protocol message has in common (Core §3.2).

use std::time::{Duration, SystemTime};

use super::Refusal;
use super::instant;
use super::names::{ENTITY_FORMAT, SAML, SAMLP, SUCCESS};
use super::xml::Element;

/// How long a message may have been under way.
pub(crate) const MESSAGE_AGE: Duration = Duration::from_secs(300);

/// The elements of a parent, taken in the order that the schema gives them.
pub(crate) struct Sequence<'d> {
    elements: std::iter::Peekable<std::vec::IntoIter<Element<'d>>>,
}

impl<'d> Sequence<'d> {
    pub(crate) fn of(parent: Element<'d>) -> Result<Self, Refusal> {
        Ok(Self { elements: parent.elements()?.into_iter().peekable() })
    }

    /// The next element, if it is this one.
    pub(crate) fn optional(&mut self, namespace: &str, local: &str) -> Option<Element<'d>> {
        self.elements.next_if(|element| element.is(namespace, local))
    }

    /// The next element, which must be this one.
    pub(crate) fn required(
        &mut self,
        namespace: &str,
        local: &str,
    ) -> Result<Element<'d>, Refusal> {
        self.optional(namespace, local).ok_or(Refusal::UnexpectedContent)
    }

    /// All that come next and are this one.
    pub(crate) fn many(&mut self, namespace: &str, local: &str) -> Vec<Element<'d>> {
        std::iter::from_fn(|| self.optional(namespace, local)).collect()
    }

    /// The next element, whatever it is.
    pub(crate) fn next(&mut self) -> Option<Element<'d>> {
        self.elements.next()
    }

    pub(crate) fn end(&mut self) -> Result<(), Refusal> {
        if self.elements.next().is_some() { Err(Refusal::UnexpectedContent) } else { Ok(()) }
    }
}

/// The attributes of the document element, and its issuer.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) issued: SystemTime,
    pub(crate) destination: Option<String>,
    pub(crate) in_response_to: Option<String>,
    pub(crate) issuer: Option<String>,
}

impl Header {
    pub(crate) fn read(message: Element<'_>) -> Result<Self, Refusal> {
        let issued = message.attribute("IssueInstant").ok_or(Refusal::UnexpectedContent)?;
        let first = message.elements()?.first().copied();
        let issuer = first.filter(|element| element.is(SAML, "Issuer"));
        Ok(Self {
            id: message.attribute("ID").ok_or(Refusal::UnexpectedContent)?.to_owned(),
            version: message.attribute("Version").unwrap_or_default().to_owned(),
            issued: instant::parse(issued)?,
            destination: message.attribute("Destination").map(str::to_owned),
            in_response_to: message.attribute("InResponseTo").map(str::to_owned),
            issuer: issuer.map(issuer_of).transpose()?,
        })
    }

    /// Version, issuer, destination and time. A destination is demanded of every message, as
    /// Bindings §3.4.5.2 and §3.5.5.2 demand it of signed ones.
    pub(crate) fn verify(&self, expected: &Expected<'_>) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if self.version != "2.0" {
            refusals.push(Refusal::Version);
        }
        if self.issuer.as_deref().is_some_and(|issuer| issuer != expected.issuer) {
            refusals.push(Refusal::Issuer);
        }
        if self.destination.as_deref() != Some(expected.destination) {
            refusals.push(Refusal::Destination);
        }
        if !expected.is_recent(self.issued) {
            refusals.push(Refusal::IssueInstant);
        }
        refusals
    }
}

/// What a message is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) destination: &'a str,
    pub(crate) now: SystemTime,
    /// How far the clocks of both sides may be apart.
    pub(crate) skew: Duration,
}

impl Expected<'_> {
    /// Whether `time` may already have come.
    pub(crate) fn has_come(&self, time: SystemTime) -> bool {
        self.now.checked_add(self.skew).is_some_and(|latest| time <= latest)
    }

    /// Whether `time` has passed even by the slowest clock.
    pub(crate) fn has_passed(&self, time: SystemTime) -> bool {
        time.checked_add(self.skew).is_some_and(|end| end <= self.now)
    }

    /// Whether a message of that time is neither stale nor from the future.
    pub(crate) fn is_recent(&self, issued: SystemTime) -> bool {
        self.has_come(issued)
            && issued.checked_add(MESSAGE_AGE).is_some_and(|end| !self.has_passed(end))
    }
}

/// The issuer's name; its format is that of an entity (Core §8.3.6) or is not given.
pub(crate) fn issuer_of(issuer: Element<'_>) -> Result<String, Refusal> {
    match issuer.attribute("Format") {
        None | Some(ENTITY_FORMAT) => Ok(issuer.token()?.to_owned()),
        Some(_) => Err(Refusal::Issuer),
    }
}

/// What the identity provider says about the request (Core §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    /// Success or failure, but not everywhere (Core §3.7.3.2).
    PartialLogout,
    Failure(Refusal),
}

impl Status {
    /// Reads the content of a `Status`.
    pub(crate) fn read(status: Element<'_>) -> Result<Self, Refusal> {
        let mut children = Sequence::of(status)?;
        let code = children.required(SAMLP, "StatusCode")?;
        let second = Sequence::of(code)?.optional(SAMLP, "StatusCode");
        let first = code.attribute("Value").ok_or(Refusal::UnexpectedContent)?;
        let second = second.and_then(|code| code.attribute("Value"));
        Ok(Self::of(first, second))
    }

    fn of(first: &str, second: Option<&str>) -> Self {
        let word =
            |uri: &str| uri.strip_prefix("urn:oasis:names:tc:SAML:2.0:status:").map(str::to_owned);
        match (first, second.and_then(word).as_deref()) {
            (_, Some("PartialLogout")) => Self::PartialLogout,
            (SUCCESS, _) => Self::Success,
            (_, Some("AuthnFailed")) => Self::Failure(Refusal::StatusAuthnFailed),
            (_, Some("NoPassive")) => Self::Failure(Refusal::StatusNoPassive),
            (_, Some("RequestDenied")) => Self::Failure(Refusal::StatusRequestDenied),
            (_, Some("InvalidNameIDPolicy")) => Self::Failure(Refusal::StatusNameIdPolicy),
            (_, Some("NoAuthnContext")) => Self::Failure(Refusal::StatusNoAuthnContext),
            (_, Some("UnknownPrincipal")) => Self::Failure(Refusal::StatusUnknownPrincipal),
            (first, _) => Self::Failure(match word(first).as_deref() {
                Some("Requester") => Refusal::StatusRequester,
                Some("Responder") => Refusal::StatusResponder,
                Some("VersionMismatch") => Refusal::StatusVersion,
                _ => Refusal::StatusOther,
            }),
        }
    }
}
