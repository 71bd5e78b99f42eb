//! How an account and a person become one.

use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use super::{Error, Joined, Line, Link, Links, Refused};
use crate::observe::{AuditEvent, Happening, InRequest};
use crate::policy::{Account, EmailAddress, LinkBy, Organization, SignIn};

impl Links {
    /// Links the account to the person of a sign-in, or finds them linked already. What must be
    /// written is written beside the reactor, to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn joined(
        self: &Arc<Self>,
        organization: &Organization,
        account: &Account,
        sign_in: &SignIn,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let wish = Wish::of(organization, account, sign_in);
        if self.is_fulfilled(&wish) {
            return Ok(());
        }
        if self.file.is_none() {
            return self.fulfil(&wish, now);
        }
        let links = Arc::clone(self);
        let fulfilled = tokio::task::spawn_blocking(move || links.fulfil(&wish, now)).await;
        fulfilled.unwrap_or_else(|_| Err(Error::Unfinished.into()))
    }

    /// Links the account to the person of a sign-in, or finds them linked already; waits for the
    /// disk.
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
        self.fulfil(&Wish::of(organization, account, sign_in), now)
    }

    fn fulfil(&self, wish: &Wish, now: SystemTime) -> Result<(), Refused> {
        let joined = match self.try_to(wish) {
            // An administrator may have allowed the change meanwhile.
            Err(Refused::Linked) if self.read_again(now)? => self.try_to(wish),
            other => other,
        };
        let name = || wish.link.account.as_str().to_owned();
        let (happening, joined) = match joined {
            Ok(Joined::Already) => return Ok(()),
            Ok(Joined::Now) => (AuditEvent::LinkMade { account: name() }, Ok(())),
            Err(refused) => (AuditEvent::LinkRefused { account: name() }, Err(refused)),
        };
        let happening = Happening::to(happening, &wish.sign_in);
        let happening = match &joined {
            Ok(()) => happening,
            Err(refused) => happening.because(refused.reason()),
        };
        self.audit.note(now, &happening, &InRequest::default());
        joined
    }

    fn is_fulfilled(&self, wish: &Wish) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let link = table.of(&wish.link.account, &wish.link.organization);
        link.is_some_and(|link| link.person() == wish.link.person() && link.role == wish.link.role)
            && link.is_some_and(|link| !wish.gives_anew(link))
    }

    fn try_to(&self, wish: &Wish) -> Result<Joined, Refused> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_fulfilled(wish) {
            return Ok(Joined::Already);
        }
        let mut joined = Joined::Now;
        let mut link = wish.link.clone();
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let by_account = table.of(&link.account, &link.organization);
            match (by_account, table.by_subject.get(&link.person())) {
                (Some(earlier), _) if earlier.person() != link.person() => {
                    return Err(Refused::Linked);
                }
                (Some(earlier), _) => {
                    joined = Joined::Already;
                    let stands = !wish.gives_anew(earlier);
                    link.revoked_at = earlier.revoked_at.filter(|_| stands);
                }
                (None, Some(_)) => return Err(Refused::Linked),
                (None, None) if wish.is_one_person => {}
                (None, None) => return Err(Refused::Unmatched),
            }
        }
        // Remembered first: what is not in the file must not be believed after all.
        if let Some(file) = &self.file {
            file.append(&[Line::of(&link)])?;
        }
        self.put(link);
        Ok(joined)
    }
}

/// A link that is to be, and what must be known for it.
#[derive(Debug)]
struct Wish {
    link: Link,
    is_one_person: bool,
    sign_in: SignIn,
}

impl Wish {
    fn of(organization: &Organization, account: &Account, sign_in: &SignIn) -> Self {
        let link = Link {
            organization: organization.id.clone(),
            account: account.id.clone(),
            name: Arc::clone(&account.name),
            issuer: Arc::clone(&sign_in.issuer),
            subject: sign_in.subject.as_str().into(),
            role: sign_in.role,
            revoked_at: None,
        };
        let is_one_person = is_one_person(organization, account, sign_in);
        Self { link, is_one_person, sign_in: sign_in.clone() }
    }

    fn gives_anew(&self, link: &Link) -> bool {
        link.revoked_at.is_some_and(|at| self.sign_in.signed_in_at > at)
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
