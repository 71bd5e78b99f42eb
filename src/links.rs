//! Which account of the hub belongs to which subject of an organization's provider: one to one
//! for each organization, remembered in a file if there is one.

mod file;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::policy::{
    Account, AccountId, EmailAddress, LinkBy, Organization, OrganizationId, Past, Role, SignIn,
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
        let file = path.map(File::new);
        let links = Self { table: RwLock::default(), file, generation: AtomicU64::new(0) };
        links.read_again()?;
        Ok(links)
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
    ) -> Result<(), Refused> {
        match self.try_join(organization, account, sign_in) {
            // An administrator may have allowed the change meanwhile.
            Err(Refused::Linked) if self.read_again()? => {
                self.try_join(organization, account, sign_in)
            }
            other => other,
        }
    }

    fn try_join(
        &self,
        organization: &Organization,
        account: &Account,
        sign_in: &SignIn,
    ) -> Result<(), Refused> {
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
        match (by_account, by_subject) {
            (Some(earlier), _) if !earlier.is_of(sign_in) => return Err(Refused::Linked),
            (Some(earlier), _) if earlier.role == sign_in.role => return Ok(()),
            (Some(_), _) => {}
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
        Ok(())
    }

    /// Reads the file again if somebody else has changed it; says whether it was read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_again(&self) -> Result<bool, Error> {
        let Some(file) = &self.file else { return Ok(false) };
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = file.read_if_changed()? else { return Ok(false) };
        *table = Table::default();
        for line in lines {
            match line.link() {
                Some(link) => table.put(link),
                None => table.take(&line.account, &line.organization),
            }
        }
        self.generation.fetch_add(1, Ordering::Release);
        Ok(true)
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
