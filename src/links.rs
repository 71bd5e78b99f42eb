//! Which account of the hub belongs to which subject of an organization's provider: one to one
//! for each organization, remembered in a file if there is one.

mod file;
mod join;
mod table;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use crate::observe::{Audit, AuditEvent, Happening, InRequest};
use crate::policy::{AccountId, OrganizationId, Past, Reason, Role, SignIn};

pub use file::{Error, Line};

use file::File;
use table::Table;

/// An account and a subject that are one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose provider vouched.
    pub organization: OrganizationId,
    /// The hub's account.
    pub account: AccountId,
    /// The account's name when it was linked, for people.
    pub name: Arc<str>,
    /// The issuer that vouched.
    pub issuer: Arc<str>,
    /// The provider's name for the person.
    pub subject: Arc<str>,
    /// The role of the last sign-in.
    pub role: Role,
    /// When the provider took its word back; a sign-in after that gives it anew.
    pub revoked_at: Option<SystemTime>,
}

/// Somebody whom a provider knows: the organization, the issuer, the subject.
pub type Somebody = (OrganizationId, Arc<str>, Arc<str>);

/// Why two are not linked.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// One of them is linked to another.
    #[error("the account or the subject is linked to another one")]
    Linked,
    /// Nothing shows that they are one person.
    #[error("no verified e-mail address shows that account and subject are one person")]
    Unmatched,
    /// It could not be remembered.
    #[error(transparent)]
    File(#[from] Error),
}

/// Every link.
///
/// The table is read with every request and never locked while the disk is waited for; whoever
/// changes it holds `writing`, off the reactor.
#[derive(Debug)]
pub struct Links {
    table: RwLock<Table>,
    file: Option<File>,
    writing: Mutex<()>,
    generation: AtomicU64,
    audit: Audit,
}

impl Links {
    /// Reads the file, if there is one; without it links live as long as the process.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let links = Self {
            table: RwLock::default(),
            file: path.map(File::new),
            writing: Mutex::default(),
            generation: AtomicU64::new(0),
            audit: Audit::off(),
        };
        links.reread()?;
        Ok(links)
    }

    /// The same, noting in this audit log what is linked.
    #[must_use]
    pub fn audited(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Changes whenever a link does.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether the account and the person of that sign-in are linked, and the provider's word
    /// stands, as far as this sign-in knows.
    #[must_use]
    pub fn joins(&self, account: &AccountId, sign_in: &SignIn) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let link = table.of(account, &sign_in.organization);
        link.is_some_and(|link| link.is_of(sign_in) && !link.is_given_anew_by(sign_in))
    }

    /// The account's sign-ins of the past. A provider's word counts as long as `vouches` says so.
    #[must_use]
    pub fn past(&self, account: &AccountId, vouches: impl Fn(&Link) -> bool) -> Vec<Past> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let links = table.by_account.get(account).into_iter().flatten();
        links
            .map(|link| Past {
                organization: link.organization.clone(),
                role: link.role,
                authorized: link.revoked_at.is_none() && vouches(link),
            })
            .collect()
    }

    /// Every subject that the account is linked to.
    #[must_use]
    pub fn people(&self, account: &AccountId) -> Vec<Link> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_account.get(account).cloned().unwrap_or_default()
    }

    /// How many links there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_subject.len().try_into().unwrap_or(u64::MAX)
    }

    /// Every link, for whoever administers them.
    #[must_use]
    pub fn all(&self) -> Vec<Link> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_account.values().flatten().cloned().collect()
    }

    fn put(&self, link: Link) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).put(link);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Takes back what rests on the word of these people's provider: it has taken its word back.
    /// They stay linked, so that nobody else can take their place.
    ///
    /// # Errors
    /// When it cannot be remembered; in this process it holds all the same.
    pub async fn revoked(
        self: &Arc<Self>,
        people: Vec<Somebody>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let lines = self.take_back(|link| people.contains(&link.person()), now);
        if lines.is_empty() || self.file.is_none() {
            return Ok(());
        }
        let links = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || links.write(&lines)).await;
        written.unwrap_or(Err(Error::Unfinished))
    }

    /// The same for everybody of an organization whose provider, by `vouches`, is another one now;
    /// waits for the disk.
    ///
    /// # Errors
    /// As [`Self::revoked`].
    pub fn revoke_organization(
        &self,
        organization: &OrganizationId,
        vouches: impl Fn(&str) -> bool,
        now: SystemTime,
    ) -> Result<(), Error> {
        let theirs = |link: &Link| link.organization == *organization && !vouches(&link.issuer);
        let lines = self.take_back(theirs, now);
        if lines.is_empty() { Ok(()) } else { self.write(&lines) }
    }

    /// Takes back in the table; the lines say so in the file.
    fn take_back(&self, theirs: impl Fn(&Link) -> bool, now: SystemTime) -> Vec<Line> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for link in table.by_account.values_mut().flatten() {
            if link.revoked_at.is_none() && theirs(link) {
                link.revoked_at = Some(now);
                lines.push(Line::of(link));
            }
        }
        drop(table);
        if !lines.is_empty() {
            self.generation.fetch_add(1, Ordering::Release);
        }
        lines
    }

    /// Adds lines to the file, if there is one; waits for the disk. A running gate reads what
    /// another process writes within a second.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, lines: &[Line]) -> Result<(), Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.as_ref().map_or(Ok(()), |file| file.append(lines))
    }

    /// Reads the file again if somebody else has changed it; says whether it was read.
    ///
    /// # Errors
    /// When it cannot be read; the links stay as they were.
    pub fn read_again(&self, now: SystemTime) -> Result<bool, Error> {
        let read = self.reread()?;
        if let Some(links) = read {
            let happening = Happening::new(AuditEvent::LinksRead { links });
            self.audit.note(now, &happening, &InRequest::default());
        }
        Ok(read.is_some())
    }

    /// How many links there are, if the file was read.
    fn reread(&self) -> Result<Option<u64>, Error> {
        let Some(file) = &self.file else { return Ok(None) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = file.read_if_changed()? else { return Ok(None) };
        let mut table = Table::default();
        for line in lines {
            match line.link() {
                Some(link) => table.put(link),
                None => table.take(&line.account, &line.organization),
            }
        }
        let count = table.by_subject.len().try_into().unwrap_or(u64::MAX);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        self.generation.fetch_add(1, Ordering::Release);
        Ok(Some(count))
    }
}

/// What came of putting two together.
enum Joined {
    /// They are, from now on.
    Now,
    /// They were.
    Already,
}

impl Refused {
    /// The stable cause.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Linked => Reason::AccountLinked,
            Self::Unmatched => Reason::AccountUnmatched,
            Self::File(_) => Reason::StoreUnavailable,
        }
    }
}

impl Link {
    fn is_of(&self, sign_in: &SignIn) -> bool {
        *self.issuer == *sign_in.issuer && *self.subject == *sign_in.subject.as_str()
    }

    /// Whether the provider's word, which was taken back, is given again by that sign-in.
    fn is_given_anew_by(&self, sign_in: &SignIn) -> bool {
        self.revoked_at.is_some_and(|at| sign_in.signed_in_at > at)
    }

    fn person(&self) -> Somebody {
        (self.organization.clone(), Arc::clone(&self.issuer), Arc::clone(&self.subject))
    }
}
