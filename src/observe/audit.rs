//! The audit log: one line of JSON for each thing that somebody may want to prove later.
//!
//! There is no place in it for a secret: every field is an id, a closed word, an address, a count
//! or a time.

mod event;
mod file;
mod writer;

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::policy::{OrganizationId, Reason, SignIn, Subject};

pub use event::{AuditEvent, BegunBy, SignedOutBy};

use file::Appended;
use writer::Writer;

use super::labels::Lost;
use super::text::{self, Second};

/// Something that happened, and to whom.
#[derive(Clone, Debug)]
pub struct Happening {
    /// What.
    pub event: AuditEvent,
    /// Whose content, or whose sign-in; one of the configuration's, never the client's word.
    pub organization: Option<OrganizationId>,
    /// Who.
    pub subject: Option<Subject>,
    /// Why: a word of the access log.
    pub reason: Option<&'static str>,
}

impl Happening {
    /// An event of which nothing more is known here.
    #[must_use]
    pub const fn new(event: AuditEvent) -> Self {
        Self { event, organization: None, subject: None, reason: None }
    }

    /// An event of one person in one organization.
    #[must_use]
    pub fn of(event: AuditEvent, organization: &OrganizationId, subject: &Subject) -> Self {
        Self {
            organization: Some(organization.clone()),
            subject: Some(subject.clone()),
            ..Self::new(event)
        }
    }

    /// An event of one sign-in.
    #[must_use]
    pub fn to(event: AuditEvent, sign_in: &SignIn) -> Self {
        Self::of(event, &sign_in.organization, &sign_in.subject)
    }

    /// An event of an organization.
    #[must_use]
    pub fn at(event: AuditEvent, organization: &OrganizationId) -> Self {
        Self { organization: Some(organization.clone()), ..Self::new(event) }
    }

    /// The same, with its cause.
    #[must_use]
    pub const fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason.as_str());
        self
    }
}

/// The request in which something happened; what the event itself does not say is taken from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct InRequest<'r> {
    /// Whose content it asked for.
    pub organization: Option<&'r OrganizationId>,
    /// Who asked.
    pub subject: Option<&'r Subject>,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// Its id in the access log.
    pub request_id: Option<&'r str>,
    /// Who sent it.
    pub client: Option<IpAddr>,
}

/// Where audit lines go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    writer: Option<Arc<Writer>>,
    /// Whether refusals of requests are noted too, and not only what changes who may do what.
    refusals: bool,
}

impl Audit {
    /// Notes nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { writer: None, refusals: false }
    }

    /// Writes lines to `output`, from a thread of its own.
    #[must_use]
    pub fn to(output: impl Write + Send + 'static, refusals: bool) -> Self {
        Self { writer: Some(Writer::start(output)), refusals }
    }

    /// Appends to a file, which is made for its owner alone, and made again when somebody has moved
    /// it away.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn file(path: &Path, refusals: bool) -> std::io::Result<Self> {
        Ok(Self::to(Appended::open(path)?, refusals))
    }

    /// Whether [`Self::file`] could open the file; what is there stays as it is.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn attempt(path: &Path) -> std::io::Result<()> {
        Appended::attempt(path)
    }

    /// Whether anything is noted.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Whether refusals of requests are noted.
    #[must_use]
    pub const fn notes_refusals(&self) -> bool {
        self.writer.is_some() && self.refusals
    }

    /// Notes what has happened.
    pub fn note(&self, at: SystemTime, happening: &Happening, request: &InRequest<'_>) {
        let Some(writer) = &self.writer else { return };
        if happening.event.is_request_refusal() && !self.refusals {
            return;
        }
        let mut line = Vec::with_capacity(256);
        write(at, happening, request, &mut line);
        writer.take(line, happening.event.is_refusal());
    }

    /// Leaves a refusal out, since there are too many of them: they are counted, and the count
    /// stands in the log.
    pub fn omit(&self, at: SystemTime) {
        if let Some(writer) = &self.writer {
            writer.omit(at);
        }
    }

    /// How many lines are not in the log, by cause.
    pub(super) fn lost(&self, cause: Lost) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.lost(cause))
    }

    pub(super) fn finish(&self) {
        if let Some(writer) = &self.writer {
            writer.finish();
        }
    }
}

fn write(at: SystemTime, happening: &Happening, request: &InRequest<'_>, line: &mut Vec<u8>) {
    begin(at, happening.event.as_str(), line);
    let mut field = |name: &str, value: &str| {
        line.extend_from_slice(b"\",\"");
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"\":\"");
        text::escape(value, line);
    };
    if let Some(organization) = happening.organization.as_ref().or(request.organization) {
        field("organization", organization.as_str());
    }
    if let Some(subject) = happening.subject.as_ref().or(request.subject) {
        field("subject", subject.as_str());
    }
    happening.event.details(&mut field);
    if let Some(reason) = happening.reason.or(request.reason.map(Reason::as_str)) {
        field("reason", reason);
    }
    if let Some(id) = request.request_id {
        field("request.id", id);
    }
    if let Some(client) = request.client {
        field("client.address", &client.to_string());
    }
    match happening.event.count() {
        Some((name, count)) => end_with(name, count, line),
        None => line.extend_from_slice(b"\"}\n"),
    }
}

/// A line up to the end of the event's name.
fn begin(at: SystemTime, event: &str, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"time\":\"");
    Second::default().write(at, line);
    line.extend_from_slice(b"\",\"event\":\"");
    line.extend_from_slice(event.as_bytes());
}

/// Ends a line with a number.
fn end_with(name: &str, count: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(b"\",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    text::decimal(count, line);
    line.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::Role;

    #[track_caller]
    fn check(event: AuditEvent, expected: &str) {
        let organization = OrganizationId::parse("acme").unwrap();
        let subject = Subject::parse("bob").unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_042);
        let request = InRequest {
            request_id: Some("a\"b\n\u{1b}"),
            client: Some(IpAddr::from([10, 0, 0, 1])),
            ..InRequest::default()
        };
        let mut line = Vec::new();
        write(at, &Happening::of(event, &organization, &subject), &request, &mut line);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, expected);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_line_is_one_object_whatever_stands_in_it() {
        check(
            AuditEvent::RoleChange { was: Role::Write, is: Role::Read },
            "{\"time\":\"2025-11-24T16:00:00.042Z\",\"event\":\"role-change\",\
             \"organization\":\"acme\",\"subject\":\"bob\",\"role\":\"read\",\
             \"role.before\":\"write\",\"request.id\":\"a\\\"b\\u000a\\u001b\",\
             \"client.address\":\"10.0.0.1\"}\n",
        );
        check(
            AuditEvent::SignOutByProvider { by: SignedOutBy::BackChannel, sessions: 3 },
            "{\"time\":\"2025-11-24T16:00:00.042Z\",\"event\":\"sign-out-by-provider\",\
             \"organization\":\"acme\",\"subject\":\"bob\",\"by\":\"back-channel\",\
             \"request.id\":\"a\\\"b\\u000a\\u001b\",\
             \"client.address\":\"10.0.0.1\",\"sessions\":3}\n",
        );
    }
}
