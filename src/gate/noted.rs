//! What of a request stands in the audit log.

use std::time::SystemTime;

use super::refuse::About;
use super::{Gate, Trace};
use crate::observe::{AuditEvent, AuditRecord, Outcome};
use crate::policy::{OrganizationId, Reason, SignIn, Subject};

/// One event of a request that is more than a refusal.
#[derive(Debug)]
pub(super) struct Note {
    event: AuditEvent,
    organization: Option<OrganizationId>,
    subject: Option<Subject>,
}

impl Trace {
    /// Something has happened to this sign-in.
    pub(super) fn note(&mut self, event: AuditEvent, sign_in: &SignIn) {
        self.notes.push(Note {
            event,
            organization: Some(sign_in.organization.clone()),
            subject: Some(sign_in.subject.clone()),
        });
    }

    /// Something has happened to whom the request is about.
    pub(super) fn happened(&mut self, event: AuditEvent) {
        self.notes.push(Note { event, organization: None, subject: None });
    }
}

impl Gate {
    /// Notes what somebody may want to prove later.
    pub(super) fn audit(&self, at: SystemTime, trace: &Trace, about: &About, request_id: &str) {
        let refusal = match trace.outcome {
            Outcome::Challenge => Some(AuditEvent::Challenge),
            Outcome::Deny => Some(AuditEvent::Deny),
            Outcome::Allow | Outcome::Own | Outcome::Error => None,
        };
        let refusal = refusal.map(|event| Note { event, organization: None, subject: None });
        for note in trace.notes.iter().chain(&refusal) {
            self.recorder.audit().note(&AuditRecord {
                organization: note.organization.as_ref().or(trace.organization.as_ref()),
                subject: note.subject.as_ref().or(trace.subject.as_ref()),
                reason: trace.reason.map(Reason::as_str),
                request_id: Some(request_id),
                client: Some(about.client()),
                ..AuditRecord::new(at, note.event)
            });
        }
    }
}
