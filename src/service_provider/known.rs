//! What is known of an identity provider at one time: replaced whole.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Acs, Error};
use crate::saml::{
    self, Begin, Certificate, Delivery, Explanation, IdentityProvider, LogoutOutcome, NameId,
    VerifiedLogoutRequest, Warning,
};

/// An identity provider as it was last seen, and the core that verifies what it says.
#[derive(Debug)]
pub struct Known {
    pub(super) own: Arc<saml::ServiceProvider>,
    pub(super) consume: Arc<saml::ServiceProvider>,
    pub(super) asked: Acs,
    /// When it was fetched; `None` when the configuration says it.
    pub(super) fetched_at: Option<SystemTime>,
}

/// How it stands with an identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the last fetch of its metadata worked; `None` before the first one.
    pub up: Option<bool>,
    /// When the last of its signing certificates ends.
    pub certificate_ends_at: Option<SystemTime>,
    /// How often its signing certificates have changed since the start.
    pub key_changes: u64,
}

impl Known {
    /// The core that verifies what arrives at that address.
    pub(super) fn core(&self, acs: Acs) -> &Arc<saml::ServiceProvider> {
        match acs {
            Acs::Own => &self.own,
            Acs::Consume => &self.consume,
        }
    }

    fn asked(&self) -> &saml::ServiceProvider {
        self.core(self.asked)
    }

    /// What the identity provider is.
    #[must_use]
    pub fn identity_provider(&self) -> &IdentityProvider {
        &self.asked().settings().identity_provider
    }

    /// Its entity id: the issuer of everything that it says.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.identity_provider().entity_id
    }

    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.identity_provider().valid_until.is_some_and(|end| end <= now)
    }

    pub(super) fn fingerprints(&self) -> Vec<String> {
        let certificates = &self.identity_provider().certificates;
        let mut all: Vec<String> = certificates.iter().map(Certificate::fingerprint).collect();
        all.sort();
        all
    }

    pub(super) fn certificate_ends_at(&self) -> Option<SystemTime> {
        self.identity_provider().certificates.iter().map(Certificate::not_on_or_after).max()
    }

    /// What an operator should know by now.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Warning> {
        self.identity_provider().warnings(now)
    }

    /// Begins a sign-in; with `anew` the person proves who they are, whatever is configured.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn begin(&self, handle: &str, anew: bool, now: SystemTime) -> Result<Begin, Error> {
        self.asked().begin_anew(Some(handle), anew, now).map_err(Error::Send)
    }

    /// Asks the identity provider to sign a person out; `None` when it does not do that.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub fn begin_logout(
        &self,
        name_id: &NameId,
        session_index: Option<&str>,
        handle: &str,
        now: SystemTime,
    ) -> Result<Option<Begin>, Error> {
        let core = self.asked();
        if !core.knows_logout() {
            return Ok(None);
        }
        let begun = core.begin_logout(name_id, session_index, Some(handle), now);
        begun.map(Some).map_err(Error::Send)
    }

    /// The answer to a logout request; `None` when there is no address for it.
    #[must_use]
    pub fn answer_logout(
        &self,
        request: &VerifiedLogoutRequest,
        outcome: LogoutOutcome,
        now: SystemTime,
    ) -> Option<Delivery> {
        self.asked().answer_logout(request, outcome, now).ok()
    }

    /// Why a response is refused; nothing is accepted by it. It is measured by the address that it
    /// names, if that is one of ours.
    #[must_use]
    pub fn explain(&self, response_base64: &str, now: SystemTime) -> Explanation {
        let explained = self.asked().explain(response_base64, now);
        let other = match self.asked {
            Acs::Own => &self.consume,
            Acs::Consume => &self.own,
        };
        let elsewhere = explained.findings.iter().any(|finding| {
            finding.what == "destination" && finding.found == other.settings().acs_url
        });
        if elsewhere { other.explain(response_base64, now) } else { explained }
    }
}
