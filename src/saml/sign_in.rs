//! The way of a response: from base64 to a verified assertion.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::assertion::{Assertion, Authn};
use super::checks::SignIn;
use super::encryption::Decryption;
use super::limits::decode_message;
use super::message::{Expected, Header, MESSAGE_AGE};
use super::profile::profile_of;
use super::response::open;
use super::{NameId, Refusal, ServiceProvider};

/// What a verified assertion says about a person.
///
/// Only [`ServiceProvider::finish`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAssertion {
    /// The identity provider's name for the person.
    pub subject: NameId,
    /// The name id and the attributes, for the role mapping.
    pub profile: Map<String, Value>,
    /// The identity provider's session, which a logout request may name.
    pub session_index: Option<String>,
    /// When the session at the identity provider ends; ours must not last longer.
    pub session_not_on_or_after: Option<SystemTime>,
    /// When the person was authenticated.
    pub authn_instant: SystemTime,
    /// How the person was authenticated.
    pub authn_context: Option<String>,
    /// The id of the assertion.
    pub assertion_id: String,
    /// The entity id of the identity provider.
    pub issuer: String,
}

impl ServiceProvider {
    /// Verifies the `SAMLResponse` of a form that was posted to the assertion consumer service.
    ///
    /// `expected_request_id` is the id of the request that this browser was sent with; `None` if
    /// there is none, which is a sign-in that the identity provider began. This is half a
    /// millisecond of work: keep it off the reactor.
    ///
    /// # Errors
    /// The first check that the response fails.
    pub fn finish(
        &self,
        response_base64: &str,
        expected_request_id: Option<&str>,
        now: SystemTime,
    ) -> Result<VerifiedAssertion, Refusal> {
        if expected_request_id.is_none() && !self.settings.allow_unsolicited {
            return Err(Refusal::Unsolicited);
        }
        let (header, assertion) = self.read_response(response_base64, now)?;
        let sign_in = self.sign_in(expected_request_id, now);
        if let Some(refusal) = sign_in.verify(&header, &assertion).into_iter().next() {
            return Err(refusal);
        }
        let [authn] = assertion.authn.as_slice() else { return Err(Refusal::AuthnStatement) };
        #[cfg(feature = "xmlsec")]
        self.confirm(response_base64, &assertion)?;
        self.admit_once(&assertion, now)?;
        Ok(verified(&assertion, authn))
    }

    /// Everything up to the protocol's checks.
    pub(crate) fn read_response(
        &self,
        response_base64: &str,
        now: SystemTime,
    ) -> Result<(Header, Assertion), Refusal> {
        if self.settings.identity_provider.has_expired(now) {
            return Err(Refusal::MetadataExpired);
        }
        let text = decode_message(response_base64)?;
        let verified = open(&text, &self.trust, &self.decryption(), self.settings.signatures)?;
        let assertion = verified.evidence.read(Assertion::read)?;
        Ok((verified.header, assertion))
    }

    pub(crate) fn decryption(&self) -> Decryption<'_> {
        Decryption { keys: &self.settings.decryption_keys, cbc: self.settings.insecure_aes_cbc }
    }

    pub(crate) fn sign_in<'a>(
        &'a self,
        request_id: Option<&'a str>,
        now: SystemTime,
    ) -> SignIn<'a> {
        SignIn {
            message: self.expected(&self.settings.acs_url, now),
            audience: &self.settings.entity_id,
            request_id,
            name_id_format: self.settings.name_id_format.as_deref(),
            contexts: &self.settings.authn_contexts,
            fresh: self.settings.force_authn,
        }
    }

    pub(crate) fn expected<'a>(&'a self, destination: &'a str, now: SystemTime) -> Expected<'a> {
        Expected {
            issuer: &self.settings.identity_provider.entity_id,
            destination,
            now,
            skew: self.settings.clock_skew,
        }
    }

    /// Remembers the assertion for as long as it could be accepted again.
    fn admit_once(&self, assertion: &Assertion, now: SystemTime) -> Result<(), Refusal> {
        let confirmed = assertion.confirmation.as_ref().and_then(|data| data.not_on_or_after);
        // Neither the confirmation nor the age of the message outlives this.
        let aged = assertion.issued.checked_add(MESSAGE_AGE);
        let end = [confirmed, aged].into_iter().flatten().min().unwrap_or(now);
        let slack = self.settings.clock_skew.saturating_mul(2) + Duration::from_secs(1);
        let end = end.checked_add(slack).ok_or(Refusal::ConfirmationExpired)?;
        let issuer = format!("{} {}", self.settings.entity_id, assertion.issuer);
        self.settings.replay.admit(&issuer, &assertion.id, end, now)
    }
}

fn verified(assertion: &Assertion, authn: &Authn) -> VerifiedAssertion {
    VerifiedAssertion {
        subject: assertion.name_id.clone(),
        profile: profile_of(&assertion.name_id, &assertion.attributes),
        session_index: authn.session_index.clone(),
        session_not_on_or_after: authn.session_not_on_or_after,
        authn_instant: authn.instant,
        authn_context: authn.context.clone(),
        assertion_id: assertion.id.clone(),
        issuer: assertion.issuer.clone(),
    }
}
