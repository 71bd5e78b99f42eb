//! The file of links: a JSON object on each line, later lines undo earlier ones.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Link;
use crate::policy::{AccountId, OrganizationId, Role, Subject};

/// Why links cannot be read or remembered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("the links in {path} cannot be read or written")]
    File {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line that is none.
    #[error("{path}:{line}: this is no link")]
    Line {
        /// Where it is.
        path: PathBuf,
        /// Which line.
        line: usize,
    },
}

/// One line: a link, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose provider vouched.
    pub organization: OrganizationId,
    /// The hub's account.
    pub account: AccountId,
    /// The account's name when it was linked, for people who read the file.
    pub name: String,
    /// Issuer, subject and role; `None`: whatever was linked is not any more.
    pub person: Option<(String, Subject, Role)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    organization: String,
    account: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
}

impl Line {
    pub(super) fn of(link: &Link, name: &str) -> Self {
        let subject = Subject::parse(&link.subject).ok();
        Self {
            organization: link.organization.clone(),
            account: link.account.clone(),
            name: name.to_owned(),
            person: subject.map(|subject| (link.issuer.to_string(), subject, link.role)),
        }
    }

    /// The link that it makes, if it makes one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        let (issuer, subject, role) = self.person.as_ref()?;
        Some(Link {
            organization: self.organization.clone(),
            account: self.account.clone(),
            issuer: issuer.as_str().into(),
            subject: subject.as_str().into(),
            role: *role,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let raw: Raw = serde_json::from_str(text).ok()?;
        let person = match (raw.issuer, raw.subject, raw.removed) {
            (Some(issuer), Some(subject), false) => {
                let role = raw.role.as_deref().map_or(Some(Role::Read), Role::named)?;
                Some((issuer, Subject::parse(&subject).ok()?, role))
            }
            (None, None, true) => None,
            _ => return None,
        };
        Some(Self {
            organization: OrganizationId::parse(&raw.organization).ok()?,
            account: AccountId::parse(&raw.account)?,
            name: raw.name,
            person,
        })
    }

    fn text(&self) -> Option<String> {
        let person = self.person.as_ref();
        let raw = Raw {
            organization: self.organization.to_string(),
            account: self.account.to_string(),
            name: self.name.clone(),
            issuer: person.map(|(issuer, _, _)| issuer.clone()),
            subject: person.map(|(_, subject, _)| subject.as_str().to_owned()),
            role: person.map(|(_, _, role)| role.as_str().to_owned()),
            removed: person.is_none(),
        };
        serde_json::to_string(&raw).ok()
    }
}

/// The file, and how it was when it was read last.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    seen: Mutex<Option<(u64, SystemTime)>>,
}

impl File {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }

    /// Every line, unless the file is as it was; a file that is not there has none.
    pub(super) fn read_if_changed(&self) -> Result<Option<Vec<Line>>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match std::fs::metadata(&self.path) {
            Ok(metadata) => (metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, SystemTime::UNIX_EPOCH),
            Err(error) => return Err(self.failed(error)),
        };
        if *seen == Some(state) {
            return Ok(None);
        }
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.failed(error)),
        };
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = || Error::Line { path: self.path.clone(), line: index + 1 };
            lines.push(Line::parse(line).ok_or_else(wrong)?);
        }
        *seen = Some(state);
        Ok(Some(lines))
    }

    /// Adds a line, in one piece, and waits until it is on the disk.
    pub(super) fn append(&self, line: &Line) -> Result<(), Error> {
        let Some(text) = line.text() else { return Ok(()) };
        let appended = || {
            let mut file =
                std::fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
            file.write_all(format!("{text}\n").as_bytes())?;
            file.sync_data()
        };
        appended().map_err(|error| self.failed(error))
    }
}

impl super::Links {
    /// Ends a link, or makes one by an administrator's word: the line is added to the file, and
    /// a running gate reads it when it matters.
    ///
    /// # Errors
    /// When there is no file, or it cannot be written.
    pub fn write(&self, line: &Line) -> Result<(), Error> {
        match &self.file {
            Some(file) => file.append(line),
            None => Ok(()),
        }
    }
}
