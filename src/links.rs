//! Which account of the hub belongs to which subject of an organization's provider: one to one
//! for each organization, remembered in a file if there is one.

mod file;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use crate::observe::{Audit, AuditEvent, Happening, InRequest};
use crate::policy::{
    Account, AccountId, EmailAddress, LinkBy, Organization, OrganizationId, Past, Reason, Role,
    SignIn,
};

pub use file::{Error, Line};

use file::File;

/// An account and a subject that are one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose provider vouched.
    pub organization: OrganizationId,
    /// The hub's account.
    pub account: AccountId,
    /// The issuer that vouched.
    pub issuer: Arc<str>,
    /// The provider's name for the person.
    pub subject: Arc<str>,
    /// The role of the last sign-in.
    pub role: Role,
}

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
#[derive(Debug)]
pub struct Links {
    table: RwLock<Table>,
    file: Option<File>,
    generation: AtomicU64,
    audit: Audit,
}

#[derive(Debug, Default)]
struct Table {
    by_account: HashMap<AccountId, Vec<Link>>,
    by_subject: HashMap<(OrganizationId, Arc<str>, Arc<str>), AccountId>,
}

impl Links {
    /// Reads the file, if there is one; without it links live as long as the process.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let (file, generation) = (path.map(File::new), AtomicU64::new(0));
        let links = Self { table: RwLock::default(), file, generation, audit: Audit::off() };
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

    /// Whether the account and the person of that sign-in are linked.
    #[must_use]
    pub fn joins(&self, account: &AccountId, sign_in: &SignIn) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.of(account, &sign_in.organization).is_some_and(|link| link.is_of(sign_in))
    }

    /// The account's sign-ins of the past.
    #[must_use]
    pub fn past(&self, account: &AccountId) -> Vec<Past> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let links = table.by_account.get(account).into_iter().flatten();
        links
            .map(|link| Past { organization: link.organization.clone(), role: link.role })
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

    /// Links the account to the person of a sign-in, or finds them linked already.
    ///
    /// The first link needs an address that both have and that both have verified, of somebody who
    /// counts as a member: by its domain, or by the hub's word. An organization may go by the hub's
    /// word alone.
    ///
    /// # Errors
    /// When one of them is linked to another, nothing shows that they are one person, or it cannot
    /// be remembered.
    pub fn join(
        &self,
        organization: &Organization,
        account: &Account,
        sign_in: &SignIn,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let joined = match self.try_join(organization, account, sign_in) {
            // An administrator may have allowed the change meanwhile.
            Err(Refused::Linked) if self.read_again(now)? => {
                self.try_join(organization, account, sign_in)
            }
            other => other,
        };
        let name = || account.id.as_str().to_owned();
        let (happening, joined) = match joined {
            Ok(Joined::Already) => return Ok(()),
            Ok(Joined::Now) => (AuditEvent::LinkMade { account: name() }, Ok(())),
            Err(refused) => (AuditEvent::LinkRefused { account: name() }, Err(refused)),
        };
        let happening = Happening::to(happening, sign_in);
        let happening = match &joined {
            Ok(()) => happening,
            Err(refused) => happening.because(refused.reason()),
        };
        self.audit.note(now, &happening, &InRequest::default());
        joined
    }

    fn try_join(
        &self,
        organization: &Organization,
        account: &Account,
        sign_in: &SignIn,
    ) -> Result<Joined, Refused> {
        let link = Link {
            organization: organization.id.clone(),
            account: account.id.clone(),
            issuer: Arc::clone(&sign_in.issuer),
            subject: sign_in.subject.as_str().into(),
            role: sign_in.role,
        };
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let by_account = table.of(&account.id, &organization.id);
        let by_subject = table.by_subject.get(&link.person());
        let mut joined = Joined::Now;
        match (by_account, by_subject) {
            (Some(earlier), _) if !earlier.is_of(sign_in) => return Err(Refused::Linked),
            (Some(earlier), _) if earlier.role == sign_in.role => return Ok(Joined::Already),
            (Some(_), _) => joined = Joined::Already,
            (None, Some(_)) => return Err(Refused::Linked),
            (None, None) if is_one_person(organization, account, sign_in) => {}
            (None, None) => return Err(Refused::Unmatched),
        }
        // Remembered first: what is not in the file must not be believed after all.
        if let Some(file) = &self.file {
            file.append(&Line::of(&link, &account.name))?;
        }
        table.put(link);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(joined)
    }

    /// Reads the file again if somebody else has changed it; says whether it was read.
    ///
    /// # Errors
    /// When it cannot be read.
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
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = file.read_if_changed()? else { return Ok(None) };
        *table = Table::default();
        for line in lines {
            match line.link() {
                Some(link) => table.put(link),
                None => table.take(&line.account, &line.organization),
            }
        }
        self.generation.fetch_add(1, Ordering::Release);
        Ok(Some(table.by_subject.len().try_into().unwrap_or(u64::MAX)))
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

/// Whether a verified address, or what else the organization goes by, shows that account and
/// subject are one person.
fn is_one_person(organization: &Organization, account: &Account, sign_in: &SignIn) -> bool {
    let by_membership =
        organization.accounts.as_ref().is_some_and(|own| own.link_by == LinkBy::Membership);
    if by_membership && organization.names(account) {
        return true;
    }
    let theirs = sign_in.email.as_deref().and_then(EmailAddress::parse);
    let (Some(ours), Some(theirs)) = (&account.email, theirs) else { return false };
    ours.is_the_same_as(&theirs) && organization.counts_as_member(account)
}

impl Link {
    fn is_of(&self, sign_in: &SignIn) -> bool {
        *self.issuer == *sign_in.issuer && *self.subject == *sign_in.subject.as_str()
    }

    fn person(&self) -> (OrganizationId, Arc<str>, Arc<str>) {
        (self.organization.clone(), Arc::clone(&self.issuer), Arc::clone(&self.subject))
    }
}

impl Table {
    fn of(&self, account: &AccountId, organization: &OrganizationId) -> Option<&Link> {
        self.by_account.get(account)?.iter().find(|link| link.organization == *organization)
    }

    fn put(&mut self, link: Link) {
        self.take(&link.account, &link.organization);
        self.by_subject.insert(link.person(), link.account.clone());
        self.by_account.entry(link.account.clone()).or_default().push(link);
    }

    fn take(&mut self, account: &AccountId, organization: &OrganizationId) {
        let Some(links) = self.by_account.get_mut(account) else { return };
        let Some(at) = links.iter().position(|link| link.organization == *organization) else {
            return;
        };
        let link = links.swap_remove(at);
        self.by_subject.remove(&link.person());
        if links.is_empty() {
            self.by_account.remove(account);
        }
    }
}
