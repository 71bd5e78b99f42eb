//! The file of links: a JSON object on each line, later lines undo earlier ones.
//!
//! It is only ever added to, by one write for each change, which the disk has before anybody relies
//! on it: so several processes can share it without a lock, and a crash leaves at most a last line
//! that is not whole, which nobody has relied on.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

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
    /// The task that wrote was ended.
    #[error("the links were not written to the end")]
    Unfinished,
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
    /// When the provider took its word back.
    pub revoked_at: Option<SystemTime>,
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
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
}

impl Line {
    pub(super) fn of(link: &Link) -> Self {
        let subject = Subject::parse(&link.subject).ok();
        Self {
            organization: link.organization.clone(),
            account: link.account.clone(),
            name: link.name.to_string(),
            person: subject.map(|subject| (link.issuer.to_string(), subject, link.role)),
            revoked_at: link.revoked_at,
        }
    }

    /// The end of a link.
    #[must_use]
    pub fn end_of(link: &Link) -> Self {
        Self { person: None, revoked_at: None, ..Self::of(link) }
    }

    /// The link that it makes, if it makes one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        let (issuer, subject, role) = self.person.as_ref()?;
        Some(Link {
            organization: self.organization.clone(),
            account: self.account.clone(),
            name: self.name.as_str().into(),
            issuer: issuer.as_str().into(),
            subject: subject.as_str().into(),
            role: *role,
            revoked_at: self.revoked_at,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let raw: Raw = serde_json::from_str(text).ok()?;
        let person = match (raw.issuer, raw.subject, raw.removed) {
            (Some(issuer), Some(subject), false) => {
                let role = raw.role.as_deref().map_or(Some(Role::Read), Role::named)?;
                Some((issuer, Subject::parse(&subject).ok()?, role))
            }
            (None, None, true) if raw.revoked_at.is_none() => None,
            _ => return None,
        };
        let since = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        Some(Self {
            revoked_at: raw.revoked_at.map(since).map_or(Some(None), |at| at.map(Some))?,
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
            revoked_at: self
                .revoked_at
                .map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()),
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

    /// How the file is; a file that is not there is empty.
    fn state(&self) -> Result<(u64, SystemTime), Error> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => {
                Ok((metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok((0, SystemTime::UNIX_EPOCH))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Every line, unless the file is as it was; a file that is not there has none.
    pub(super) fn read_if_changed(&self) -> Result<Option<Vec<Line>>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state()?;
        if *seen == Some(state) {
            return Ok(None);
        }
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.failed(error)),
        };
        let mut lines = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            match Line::parse(line) {
                Some(line) => lines.push(line),
                // Whoever wrote it has not come to its end, and has promised nothing to anybody.
                None if !line.ends_with('\n') => {
                    tracing::warn!(path = %self.path.display(), "the last line is not whole");
                }
                None => {
                    return Err(Error::Line { path: self.path.clone(), line: index + 1 });
                }
            }
        }
        *seen = Some(state);
        Ok(Some(lines))
    }

    /// Adds lines, in one piece, and waits until they are on the disk.
    pub(super) fn append(&self, lines: &[Line]) -> Result<(), Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text: String =
            lines.iter().filter_map(Line::text).map(|line| line + "\n").collect();
        let before = self.state()?;
        let mut appended = || {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&self.path)?;
            if !mended(&mut file)? {
                text.insert(0, '\n');
            }
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
            if before.0 == 0 {
                // The name of a new file must be on the disk too.
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
                std::fs::File::open(folder.unwrap_or(std::path::Path::new(".")))?.sync_all()?;
            }
            Ok(())
        };
        appended().map_err(|error| self.failed(error))?;
        // What we have written ourselves need not be read again, if nobody else wrote meanwhile.
        let after = self.state()?;
        if *seen == Some(before) && after.0 == before.0 + text.len() as u64 {
            *seen = Some(after);
        }
        Ok(())
    }
}

/// The longest line that is looked at for its end.
const LONGEST: u64 = 64 * 1024;

/// Takes out a last line that a crash has cut off; says whether the file ends with the end of a
/// line, as it does not where people have written it.
fn mended(file: &mut std::fs::File) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let start = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let last = tail.get(start..).unwrap_or_default();
    if last.is_empty() {
        return Ok(true);
    }
    let whole = std::str::from_utf8(last).ok().and_then(Line::parse).is_some();
    if !whole {
        file.set_len(from + start as u64)?;
    }
    Ok(!whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"organization":"acme","account":"1","issuer":"i","subject":"s"}"#;
    const SECOND: &str = r#"{"organization":"acme","account":"1","removed":true}"#;

    /// What is read before and after a line is added.
    #[track_caller]
    fn check(name: &str, text: &str, before: usize, after: &str) {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("hubgate-links-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read = |file: &File| file.read_if_changed().unwrap();
        let file = File::new(path.clone());
        assert_eq!(read(&file).unwrap().len(), before);
        file.append(&[Line::parse(SECOND).unwrap()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        assert_eq!(File::new(path.clone()).read_if_changed().unwrap().unwrap().len(), before + 1);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_last_line_that_a_crash_has_cut_off_is_taken_out() {
        check("whole", &format!("{FIRST}\n"), 1, &format!("{FIRST}\n{SECOND}\n"));
        check("cut", &format!("{FIRST}\n{}", &FIRST[..20]), 1, &format!("{FIRST}\n{SECOND}\n"));
        check("only", &FIRST[..20], 0, &format!("{SECOND}\n"));
        check("by-hand", FIRST, 1, &format!("{FIRST}\n{SECOND}\n"));
    }

    #[test]
    fn a_line_in_the_middle_that_is_none_is_refused() {
        let path = std::env::temp_dir().join(format!("hubgate-links-bad-{}", std::process::id()));
        std::fs::write(&path, format!("{}\n{FIRST}\n", &FIRST[..20])).unwrap();
        assert!(matches!(
            File::new(path.clone()).read_if_changed(),
            Err(Error::Line { line: 1, .. })
        ));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_was_revoked_is_written_and_read() {
        let text = FIRST.replace('}', ",\"role\":\"read\",\"revoked_at\":7}");
        let line = Line::parse(&text).unwrap();
        assert_eq!(line.text().unwrap(), text);
        assert_eq!(
            line.link()
                .unwrap()
                .revoked_at
                .map(|at| { at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() }),
            Some(7)
        );
        assert!(Line::parse(&SECOND.replace('}', ",\"revoked_at\":7}")).is_none());
    }
}
