//! The audit log: one line of JSON for each thing that somebody may want to prove later.
//!
//! There is no place in it for a secret: every field is an id, a closed word, an address or a time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::sink::{Format, Sink};
use super::text::{self, Second};
use crate::policy::{OrganizationId, Reason, Role, Subject};

/// What happened. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditEvent {
    /// Somebody signed in.
    SignIn(Role),
    /// A sign-in did not come about.
    SignInRefused,
    /// Somebody signed out here.
    SignOut,
    /// An identity provider ended sign-ins.
    SignOutByProvider,
    /// A sign-in ended when it was refreshed.
    SignInEnded,
    /// A role changed when a sign-in was refreshed.
    RoleChange {
        /// What it was.
        was: Role,
        /// What it is.
        is: Role,
    },
    /// A sign-in was asked for.
    Challenge,
    /// A request was refused.
    Deny,
    /// The configuration was reloaded, or something of it was not.
    Reload,
    /// Somebody got in by the way for emergencies.
    BreakGlass,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
}

impl AuditEvent {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn(_) => "sign-in",
            Self::SignInRefused => "sign-in-refused",
            Self::SignOut => "sign-out",
            Self::SignOutByProvider => "sign-out-by-provider",
            Self::SignInEnded => "sign-in-ended",
            Self::RoleChange { .. } => "role-change",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
            Self::Reload => "reload",
            Self::BreakGlass => "break-glass",
            Self::TokenMade => "token-made",
            Self::TokenRevoked => "token-revoked",
        }
    }
}

/// One event and its circumstances; what is not known is left out.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// When.
    pub at: SystemTime,
    /// What.
    pub event: AuditEvent,
    /// Whose content, or whose sign-in; one of the configuration's, never the client's word.
    pub organization: Option<&'a OrganizationId>,
    /// Who.
    pub subject: Option<&'a Subject>,
    /// Why: a reason of the access log.
    pub reason: Option<&'a str>,
    /// The request's id in the access log.
    pub request_id: Option<&'a str>,
    /// Who sent it.
    pub client: Option<IpAddr>,
}

impl<'a> AuditRecord<'a> {
    /// An event of which nothing more is known yet.
    #[must_use]
    pub const fn new(at: SystemTime, event: AuditEvent) -> Self {
        Self {
            at,
            event,
            organization: None,
            subject: None,
            reason: None,
            request_id: None,
            client: None,
        }
    }

    /// Why, in a stable word.
    #[must_use]
    pub const fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason.as_str());
        self
    }

    /// Whose.
    #[must_use]
    pub const fn of(mut self, organization: &'a OrganizationId, subject: &'a Subject) -> Self {
        self.organization = Some(organization);
        self.subject = Some(subject);
        self
    }

    fn write(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"time\":\"");
        Second::default().write(self.at, line);
        let mut field = |name: &str, value: &str| {
            line.extend_from_slice(b"\",\"");
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"\":\"");
            text::escape(value, line);
        };
        field("event", self.event.as_str());
        if let Some(organization) = self.organization {
            field("organization", organization.as_str());
        }
        if let Some(subject) = self.subject {
            field("subject", subject.as_str());
        }
        match self.event {
            AuditEvent::SignIn(role) => field("role", role.as_str()),
            AuditEvent::RoleChange { was, is } => {
                field("role", is.as_str());
                field("role.before", was.as_str());
            }
            AuditEvent::SignInRefused
            | AuditEvent::SignOut
            | AuditEvent::SignOutByProvider
            | AuditEvent::SignInEnded
            | AuditEvent::Challenge
            | AuditEvent::Deny
            | AuditEvent::Reload
            | AuditEvent::BreakGlass
            | AuditEvent::TokenMade
            | AuditEvent::TokenRevoked => {}
        }
        if let Some(reason) = self.reason {
            field("reason", reason);
        }
        if let Some(id) = self.request_id {
            field("request.id", id);
        }
        if let Some(client) = self.client {
            field("client.address", &client.to_string());
        }
        line.extend_from_slice(b"\"}\n");
    }
}

/// Where audit lines go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    sink: Option<Sink>,
    /// Whether refusals of requests are noted too, and not only what changes who may do what.
    refusals: bool,
}

impl Audit {
    /// Notes nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { sink: None, refusals: false }
    }

    /// Writes lines to `writer`.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static, refusals: bool) -> Self {
        Self { sink: Some(Sink::to(writer, Format::Json)), refusals }
    }

    /// Appends to a file, which is made for its owner alone, and made again when somebody has moved
    /// it away.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn file(path: &Path, refusals: bool) -> std::io::Result<Self> {
        Ok(Self::to(Appended::open(path)?, refusals))
    }

    /// Notes an event.
    pub fn note(&self, record: &AuditRecord<'_>) {
        let Some(sink) = &self.sink else { return };
        if !self.refusals && matches!(record.event, AuditEvent::Challenge | AuditEvent::Deny) {
            return;
        }
        let mut line = Vec::with_capacity(256);
        record.write(&mut line);
        sink.write(&mut line);
    }

    /// How many lines were dropped because nobody took them.
    pub(super) fn dropped(&self) -> u64 {
        self.sink.as_ref().map_or(0, Sink::dropped)
    }

    pub(super) fn finish(&self) {
        if let Some(sink) = &self.sink {
            sink.finish();
        }
    }
}

/// A file that is appended to.
struct Appended {
    path: PathBuf,
    file: File,
    inode: u64,
}

impl Appended {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_owned(), file, inode })
    }
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let there = std::fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if !there && let Ok(again) = Self::open(&self.path) {
            *self = again;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_stands_in_it() {
        let organization = OrganizationId::parse("acme").unwrap();
        let subject = Subject::parse("bob").unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_042);
        let event = AuditEvent::RoleChange { was: Role::Write, is: Role::Read };
        let record = AuditRecord {
            request_id: Some("a\"b\n\u{1b}"),
            client: Some(IpAddr::from([10, 0, 0, 1])),
            ..AuditRecord::new(at, event).of(&organization, &subject)
        };
        let mut line = Vec::new();
        record.write(&mut line);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(
            text,
            "{\"time\":\"2025-11-24T16:00:00.042Z\",\"event\":\"role-change\",\
             \"organization\":\"acme\",\"subject\":\"bob\",\"role\":\"read\",\
             \"role.before\":\"write\",\"request.id\":\"a\\\"b\\u000a\\u001b\",\
             \"client.address\":\"10.0.0.1\"}\n"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again() {
        let folder = std::env::temp_dir().join(format!("hubgate-audit-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("audit.log"), folder.join("audit.log.1"));
        let mut file = Appended::open(&path).unwrap();
        file.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read(&moved).unwrap(), b"one\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
