//! Who is asking: the sign-ins of one browser.

use std::sync::Arc;
use std::time::SystemTime;

use super::{OrganizationId, Past, Role, Showing, Subject};

/// One person's sign-in at one organization's identity provider.
///
/// The account is (organization, issuer, subject); an e-mail address is an attribute of it.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The organization whose provider vouched; the sign-in is valid for no other.
    pub organization: OrganizationId,
    /// The issuer (OIDC) or entity id (SAML) that vouched.
    pub issuer: Arc<str>,
    /// The provider's stable name for the person.
    pub subject: Subject,
    /// The verified e-mail address, if there is one.
    pub email: Option<Arc<str>>,
    /// The display name, if the provider sent one.
    pub name: Option<Arc<str>>,
    /// The groups that the provider sent.
    pub groups: Arc<[String]>,
    /// The role that the profile maps to.
    pub role: Role,
    /// The provider's own session (`sid`, `SessionIndex`), for single logout.
    pub idp_session: Option<Arc<str>>,
    /// What the provider's single logout calls the person, where that is more than the subject: a
    /// SAML name id, written as JSON.
    pub idp_name: Option<Arc<str>>,
    /// When the person signed in.
    pub signed_in_at: SystemTime,
    /// When the person must sign in again.
    pub expires_at: SystemTime,
    /// Set when the sign-in was ended before its time.
    pub ended: Option<Ended>,
}

/// Why a sign-in was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The provider said so (logout, refused refresh), or an administrator did.
    Revoked,
}

/// How a browser stands with one organization.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'p> {
    /// Never signed in here, or signed out.
    Unknown,
    /// Signed in, and the sign-in still holds.
    Live(&'p SignIn),
    /// Signed in once; the time is over.
    Expired(&'p SignIn),
    /// Signed in once; the provider or an administrator ended it.
    Revoked(&'p SignIn),
}

impl SignIn {
    /// How this sign-in stands at `now`.
    #[must_use]
    pub fn standing(&self, now: SystemTime) -> Standing<'_> {
        match self.ended {
            Some(Ended::Revoked) => Standing::Revoked(self),
            None if now >= self.expires_at => Standing::Expired(self),
            None => Standing::Live(self),
        }
    }

    /// Whether the sign-in holds at `now`.
    #[must_use]
    pub fn is_live(&self, now: SystemTime) -> bool {
        matches!(self.standing(now), Standing::Live(_))
    }
}

/// An authenticated caller: at most one sign-in for each organization. Empty is anonymous.
#[derive(Clone, Debug, Default)]
pub struct Principal {
    sign_ins: Vec<SignIn>,
    hub: Option<ByHub>,
}

/// What the hub says of a caller, where it has accounts.
#[derive(Clone, Debug)]
struct ByHub {
    showing: Showing,
    past: Vec<Past>,
}

impl Principal {
    /// Nobody.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { sign_ins: Vec::new(), hub: None }
    }

    /// How the caller stands with `organization` at `now`.
    #[must_use]
    pub fn standing(&self, organization: &OrganizationId, now: SystemTime) -> Standing<'_> {
        self.sign_in(organization).map_or(Standing::Unknown, |sign_in| sign_in.standing(now))
    }

    /// The sign-in for `organization`, ended ones included.
    #[must_use]
    pub fn sign_in(&self, organization: &OrganizationId) -> Option<&SignIn> {
        self.sign_ins.iter().find(|sign_in| sign_in.organization == *organization)
    }

    /// Every sign-in, oldest first, ended ones included.
    #[must_use]
    pub fn sign_ins(&self) -> &[SignIn] {
        &self.sign_ins
    }

    /// Every sign-in that holds at `now`, oldest first. Where the hub has accounts, none holds
    /// without the account that it is linked to.
    pub fn live(&self, now: SystemTime) -> impl Iterator<Item = &SignIn> {
        let alone = self.hub.as_ref().is_some_and(|hub| hub.showing.account().is_none());
        let own = if alone { &[] } else { self.sign_ins.as_slice() };
        own.iter().filter(move |sign_in| sign_in.is_live(now))
    }

    /// Whether no hub with accounts was asked who this is: where the hub has accounts, only the
    /// bearer of a token of ours is spared the question.
    #[must_use]
    pub const fn bears_own_token(&self) -> bool {
        self.hub.is_none() && !self.sign_ins.is_empty()
    }

    /// The same caller at a hub that has accounts: what is shown to it, and the sign-ins of the
    /// account's past. The sign-ins are those that are linked to the account, if there is one.
    #[must_use]
    pub fn at_hub(mut self, showing: Showing, past: Vec<Past>) -> Self {
        self.hub = Some(ByHub { showing, past });
        self
    }

    /// What the caller shows to the hub; nothing where it has no accounts.
    #[must_use]
    pub fn showing(&self) -> &Showing {
        const NOTHING: &Showing = &Showing::Nothing;
        self.hub.as_ref().map_or(NOTHING, |hub| &hub.showing)
    }

    /// The account's last sign-in for `organization`, whenever it was.
    #[must_use]
    pub fn past(&self, organization: &OrganizationId) -> Option<&Past> {
        self.hub.as_ref()?.past.iter().find(|past| past.organization == *organization)
    }

    /// The same caller with this sign-in in the place of an earlier one for its organization.
    #[must_use]
    pub fn with(mut self, sign_in: SignIn) -> Self {
        self.sign_ins.retain(|old| old.organization != sign_in.organization);
        self.sign_ins.push(sign_in);
        self
    }

    /// The same caller without a sign-in for `organization`.
    #[must_use]
    pub fn without(mut self, organization: &OrganizationId) -> Self {
        self.sign_ins.retain(|old| old.organization != *organization);
        self
    }
}
