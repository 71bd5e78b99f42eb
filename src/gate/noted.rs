//! What of a request stands in the audit log.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;

use super::refuse::About;
use super::{Gate, Trace};
use crate::budget::{Budgets, network};
use crate::credential::Credential;
use crate::error::Error;
use crate::logout::{self, Named};
use crate::observe::{AuditEvent, Happening, InRequest, Outcome, SignedOutBy};
use crate::policy::{Machine, Reason, SignIn};
use crate::respond::Answer;
use crate::session::SessionKey;

/// How many refusals of one network are noted at once, and how long it takes until there is room
/// for one more.
const AT_ONCE: u32 = 60;
const ONE_MORE: Duration = Duration::from_secs(1);
/// For how long a machine at an address is known.
const KNOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// More than there are machines, at more addresses than they have.
const MOST_KNOWN: u64 = 50_000;

/// What the audit log need not say again.
#[derive(Debug)]
pub(super) struct Noted {
    refusals: Budgets<IpAddr>,
    machines: Cache<(SessionKey, IpAddr), ()>,
}

impl Default for Noted {
    fn default() -> Self {
        let machines = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN).build();
        Self { refusals: Budgets::new(AT_ONCE, ONE_MORE), machines }
    }
}

impl Trace {
    /// Something has happened to this sign-in.
    pub(super) fn note(&mut self, event: AuditEvent, sign_in: &SignIn) {
        self.notes.push(Happening::to(event, sign_in));
    }

    /// Something has happened to whom the request is about.
    pub(super) fn happened(&mut self, event: AuditEvent) {
        self.notes.push(Happening::new(event));
    }

    /// A provider has ended sign-ins, or something else has tried to look like it. The answer to
    /// our own question has ended none.
    pub(super) fn by_provider(
        &mut self,
        by: SignedOutBy,
        answered: Result<(Answer, Option<Named>), logout::Error>,
    ) -> Result<Answer, logout::Error> {
        match &answered {
            Ok((_, Some(named))) => {
                self.subject.clone_from(&named.subject);
                let sessions = u64::try_from(named.sessions).unwrap_or(u64::MAX);
                self.happened(AuditEvent::SignOutByProvider { by, sessions });
            }
            Ok((_, None)) => {}
            Err(_) => self.happened(AuditEvent::SignOutRefused),
        }
        answered.map(|(answer, _)| answer)
    }

    /// Whose credential it was that is refused, where that is known.
    pub(super) fn refused(&mut self, error: &Error) {
        if let Error::Credential(refused) = error
            && let Some((organization, subject)) = refused.whose.as_deref()
        {
            self.organization = Some(organization.clone());
            self.subject = Some(subject.clone());
        }
    }
}

impl Gate {
    /// Notes a machine that is let in from an address for the first time in a day.
    pub(super) fn machine(
        &self,
        credential: &Credential,
        client: impl FnOnce() -> IpAddr,
        trace: &mut Trace,
    ) {
        let Credential::Token(session, _) = credential else { return };
        if !self.recorder.audit().is_on() {
            return;
        }
        let client = client();
        for sign_in in session.principal.sign_ins() {
            let event = match Machine::of(&sign_in.subject) {
                Some(Machine::ServiceAccount) => AuditEvent::ServiceAccountUsed,
                Some(Machine::Workload) => AuditEvent::WorkloadUsed,
                Some(Machine::Recovery) | None => continue,
            };
            let place = (session.key, client);
            if self.site.kept.noted.machines.entry(place).or_insert(()).is_fresh() {
                trace.note(event, sign_in);
            }
        }
    }

    /// Notes what somebody may want to prove later.
    pub(super) fn audit(&self, trace: &Trace, about: &About, request_id: &str) {
        let at = trace.at;
        let audit = self.recorder.audit();
        if !audit.is_on() {
            return;
        }
        let request = InRequest {
            organization: trace.organization.as_ref(),
            subject: trace.subject.as_ref(),
            reason: trace.reason,
            request_id: Some(request_id),
            client: Some(about.client()),
        };
        let refusal = refusal(trace).map(Happening::new);
        for happening in trace.notes.iter().chain(&refusal) {
            if happening.event.is_request_refusal() && !audit.notes_refusals() {
                continue;
            }
            let refusals = &self.site.kept.noted.refusals;
            if happening.event.is_refusal() && !refusals.take(network(about.client()), at) {
                audit.omit(at);
            } else {
                audit.note(at, happening, &request);
            }
        }
    }
}

/// The event of a request that was refused.
const fn refusal(trace: &Trace) -> Option<AuditEvent> {
    match (trace.outcome, trace.reason) {
        (Outcome::Challenge, _) => Some(AuditEvent::Challenge),
        (Outcome::Deny, Some(Reason::ServiceAccountExpired | Reason::NetworkNotAllowed)) => {
            Some(AuditEvent::ServiceAccountRefused)
        }
        (Outcome::Deny, Some(Reason::WorkloadRefused)) => Some(AuditEvent::WorkloadRefused),
        (Outcome::Deny, _) => Some(AuditEvent::Deny),
        (Outcome::Allow | Outcome::Own | Outcome::Error, _) => None,
    }
}
