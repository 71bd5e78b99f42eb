//! Verifying logout messages of the identity provider.

use std::time::{Duration, SystemTime};

use super::{
    LogoutOutcome, UnverifiedLogout, VerifiedLogout, VerifiedLogoutRequest, VerifiedLogoutResponse,
};
use crate::saml::dsig::{Signed, signature_of, verify};
use crate::saml::instant;
use crate::saml::limits::{FOREIGN_RELAY_STATE_BYTES, MESSAGE, decode_message};
use crate::saml::message::{Header, MESSAGE_AGE, Sequence, Status};
use crate::saml::names::{DS, SAML, SAMLP};
use crate::saml::redirect::{Direction, Query, SignedQuery};
use crate::saml::response::expect_signatures;
use crate::saml::xml::{Document, Element};
use crate::saml::{NameId, Refusal, ServiceProvider};

/// The bytes that a logout message is read from, and what vouches for them.
#[derive(Debug)]
enum Evidence {
    Enveloped(Signed<Vec<u8>>),
    Query(SignedQuery),
    /// Nothing does; only for responses, by opt-in.
    InsecureUnsigned(String),
}

impl Evidence {
    fn document(&self) -> Result<Document<'_>, Refusal> {
        match self {
            Self::Enveloped(signed) => Document::parse_bytes(signed.bytes(), &MESSAGE),
            Self::Query(signed) => Document::parse(signed.xml(), &MESSAGE),
            Self::InsecureUnsigned(xml) => Document::parse(xml, &MESSAGE),
        }
    }
}

impl ServiceProvider {
    /// Verifies a message to the single logout service.
    ///
    /// `expected_request_id` is the id of the logout request that this browser carries, if any;
    /// a response must name it.
    ///
    /// # Errors
    /// The first check that the message fails.
    pub fn receive_logout(
        &self,
        message: UnverifiedLogout<'_>,
        expected_request_id: Option<&str>,
        now: SystemTime,
    ) -> Result<VerifiedLogout, Refusal> {
        if self.settings.identity_provider.has_expired(now) {
            return Err(Refusal::MetadataExpired);
        }
        let (direction, evidence, relay_state) = match message {
            UnverifiedLogout::Redirect(query) => self.open_query(query)?,
            UnverifiedLogout::Post(form) => {
                let (direction, message) = form.message()?;
                let evidence = self.open_form(direction, message)?;
                (direction, evidence, form.relay_state.clone())
            }
        };
        if relay_state.as_ref().is_some_and(|state| state.len() > FOREIGN_RELAY_STATE_BYTES) {
            return Err(Refusal::TooLarge);
        }
        let document = evidence.document()?;
        let root = document.root()?;
        // What the bytes were signed as may be no other message than what they are read as.
        expect_signatures(root, 0)?;
        match direction {
            Direction::Request => {
                self.read_logout_request(root, relay_state, now).map(VerifiedLogout::Request)
            }
            Direction::Response => {
                let response =
                    self.read_logout_response(root, relay_state, expected_request_id, now)?;
                Ok(VerifiedLogout::Response(response))
            }
        }
    }

    fn open_query(&self, query: &str) -> Result<(Direction, Evidence, Option<String>), Refusal> {
        let query = Query::parse(query)?;
        let evidence = if query.is_signed() || !self.may_be_unsigned(query.direction()) {
            Evidence::Query(query.verify(&self.trust)?)
        } else {
            Evidence::InsecureUnsigned(query.message()?)
        };
        Ok((query.direction(), evidence, query.relay_state()?))
    }

    fn open_form(&self, direction: Direction, message: &str) -> Result<Evidence, Refusal> {
        let text = decode_message(message)?;
        let document = Document::parse(&text, &MESSAGE)?;
        let root = document.root()?;
        let signed = signature_of(root)?.is_some();
        expect_signatures(root, usize::from(signed))?;
        if signed || !self.may_be_unsigned(direction) {
            let evidence = Evidence::Enveloped(verify(root, &self.trust)?);
            #[cfg(feature = "xmlsec")]
            crate::saml::second_opinion::reduce(&text, &self.settings)?;
            Ok(evidence)
        } else {
            Ok(Evidence::InsecureUnsigned(text))
        }
    }

    fn may_be_unsigned(&self, direction: Direction) -> bool {
        match direction {
            Direction::Request => false,
            Direction::Response => self.settings.insecure_unsigned_logout_responses,
        }
    }

    /// Core §3.7.1.
    fn read_logout_request(
        &self,
        root: Element<'_>,
        relay_state: Option<String>,
        now: SystemTime,
    ) -> Result<VerifiedLogoutRequest, Refusal> {
        if !root.is(SAMLP, "LogoutRequest") {
            return Err(Refusal::WrongRoot);
        }
        let header = self.verify_header(root, now)?;
        let end = root.attribute("NotOnOrAfter").map(instant::parse).transpose()?;
        if end.is_some_and(|end| self.expected(&self.settings.slo_url, now).has_passed(end)) {
            return Err(Refusal::NotOnOrAfter);
        }
        let mut children = opened(root)?;
        if children.optional(SAML, "EncryptedID").is_some() {
            return Err(Refusal::EncryptedNameId);
        }
        let subject = NameId::read(children.optional(SAML, "NameID").ok_or(Refusal::NameId)?)?;
        let indexes = children.many(SAMLP, "SessionIndex");
        children.end()?;
        let session_indexes = indexes
            .into_iter()
            .map(|index| index.text().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        self.admit_message(&header, now)?;
        Ok(VerifiedLogoutRequest { id: header.id, subject, session_indexes, relay_state })
    }

    /// Core §3.7.2.
    fn read_logout_response(
        &self,
        root: Element<'_>,
        relay_state: Option<String>,
        expected_request_id: Option<&str>,
        now: SystemTime,
    ) -> Result<VerifiedLogoutResponse, Refusal> {
        if !root.is(SAMLP, "LogoutResponse") {
            return Err(Refusal::WrongRoot);
        }
        let header = self.verify_header(root, now)?;
        let expected = expected_request_id.ok_or(Refusal::Unsolicited)?;
        if header.in_response_to.as_deref() != Some(expected) {
            return Err(Refusal::InResponseTo);
        }
        let mut children = opened(root)?;
        let status = Status::read(children.required(SAMLP, "Status")?)?;
        children.end()?;
        let outcome = match status {
            Status::Success => LogoutOutcome::Complete,
            Status::PartialLogout => LogoutOutcome::Partial,
            Status::Failure(_) => LogoutOutcome::Failed,
        };
        self.admit_message(&header, now)?;
        Ok(VerifiedLogoutResponse { outcome, relay_state })
    }

    /// What every logout message must satisfy; its issuer, too, is demanded (Profiles §4.4.4).
    fn verify_header(&self, root: Element<'_>, now: SystemTime) -> Result<Header, Refusal> {
        let header = Header::read(root)?;
        if header.issuer.is_none() {
            return Err(Refusal::Issuer);
        }
        match header.verify(&self.expected(&self.settings.slo_url, now)).into_iter().next() {
            Some(refusal) => Err(refusal),
            None => Ok(header),
        }
    }

    fn admit_message(&self, header: &Header, now: SystemTime) -> Result<(), Refusal> {
        let slack = self.settings.clock_skew.saturating_mul(2) + Duration::from_secs(1);
        let end = header.issued.checked_add(MESSAGE_AGE + slack).ok_or(Refusal::IssueInstant)?;
        let issuer = header.issuer.as_deref().unwrap_or_default();
        let scope = format!("{} {issuer}", self.settings.entity_id);
        self.settings.replay.admit(&scope, &header.id, end, now)
    }
}

/// The children behind issuer, signature and extensions.
fn opened<'d>(root: Element<'d>) -> Result<Sequence<'d>, Refusal> {
    let mut children = Sequence::of(root)?;
    children.required(SAML, "Issuer")?;
    children.optional(DS, "Signature");
    children.optional(SAMLP, "Extensions");
    Ok(children)
}
