//! The protocol's checks of a response to an authentication request (Profiles §4.1.4.2,
//! §4.1.4.3; Core §2.5).

use std::time::Duration;

use super::Refusal;
use super::assertion::{Assertion, Authn, Conditions, Confirmation};
use super::message::{Expected, Header};
use super::names::UNSPECIFIED_FORMAT;

/// How long a person may take to sign in at the identity provider, where a fresh authentication
/// was asked for. A pending request should not live longer.
const SIGN_IN_TAKES: Duration = Duration::from_secs(600);

/// What a sign-in is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) message: Expected<'a>,
    /// Our entity id.
    pub(crate) audience: &'a str,
    /// The request that is answered; `None` when the identity provider began.
    pub(crate) request_id: Option<&'a str>,
    pub(crate) name_id_format: Option<&'a str>,
    pub(crate) contexts: &'a [String],
    /// Whether the person was to be authenticated anew.
    pub(crate) fresh: bool,
}

impl SignIn<'_> {
    /// All that is wrong with a response, in the order of the checks; empty when it is good.
    pub(crate) fn verify(&self, header: &Header, assertion: &Assertion) -> Vec<Refusal> {
        let mut refusals = header.verify(&self.message);
        let mut check = |good: bool, refusal: Refusal| {
            if !good {
                refusals.push(refusal);
            }
        };
        check(header.in_response_to.as_deref() == self.request_id, Refusal::InResponseTo);
        check(assertion.version == "2.0", Refusal::Version);
        check(assertion.issuer == self.message.issuer, Refusal::Issuer);
        check(self.message.is_recent(assertion.issued), Refusal::IssueInstant);
        check(self.is_format(assertion), Refusal::NameIdFormat);
        match &assertion.confirmation {
            Some(confirmation) => self.confirmation(confirmation, &mut check),
            None => check(false, Refusal::Confirmation),
        }
        match &assertion.conditions {
            Some(conditions) => self.conditions(conditions, &mut check),
            None => check(false, Refusal::ConditionsMissing),
        }
        match assertion.authn.as_slice() {
            [authn] => self.authn(authn, &mut check),
            _ => check(false, Refusal::AuthnStatement),
        }
        refusals
    }

    /// Profiles §4.1.4.2: meant for us, in answer to our request, not for long.
    fn confirmation(&self, data: &Confirmation, check: &mut impl FnMut(bool, Refusal)) {
        let recipient = data.recipient.as_deref() == Some(self.message.destination);
        check(recipient, Refusal::Recipient);
        check(data.in_response_to.as_deref() == self.request_id, Refusal::InResponseTo);
        let valid = data.not_on_or_after.is_some_and(|end| !self.message.has_passed(end))
            && data.not_before.is_none_or(|start| self.message.has_come(start));
        check(valid, Refusal::ConfirmationExpired);
    }

    /// Core §2.5.1: all of the conditions hold, and every audience restriction names us.
    fn conditions(&self, conditions: &Conditions, check: &mut impl FnMut(bool, Refusal)) {
        check(!conditions.unknown, Refusal::ConditionUnknown);
        let ours = |named: &Vec<String>| named.iter().any(|audience| audience == self.audience);
        let meant = !conditions.audiences.is_empty() && conditions.audiences.iter().all(ours);
        check(meant, Refusal::Audience);
        let come = conditions.not_before.is_none_or(|start| self.message.has_come(start));
        check(come, Refusal::NotYetValid);
        let passed = conditions.not_on_or_after.is_some_and(|end| self.message.has_passed(end));
        check(!passed, Refusal::Expired);
    }

    fn authn(&self, authn: &Authn, check: &mut impl FnMut(bool, Refusal)) {
        let stale = self.fresh
            && authn
                .instant
                .checked_add(SIGN_IN_TAKES)
                .is_none_or(|end| self.message.has_passed(end));
        check(self.message.has_come(authn.instant) && !stale, Refusal::AuthnInstant);
        let ended = authn.session_not_on_or_after.is_some_and(|end| self.message.has_passed(end));
        check(!ended, Refusal::SessionEnded);
        let context = authn.context.as_ref();
        let met = self.contexts.is_empty()
            || context.is_some_and(|context| self.contexts.contains(context));
        check(met, Refusal::AuthnContext);
    }

    /// A name id of another format than the one that was asked for names somebody else.
    fn is_format(&self, assertion: &Assertion) -> bool {
        match self.name_id_format {
            None | Some(UNSPECIFIED_FORMAT) => true,
            Some(format) => assertion.name_id.format.as_deref() == Some(format),
        }
    }
}
