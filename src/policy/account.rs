//! Accounts of a hub that has its own: who somebody is by the hub's word, and whose member.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::{EmailAddress, Namespace, Organization, OrganizationId, Role, Subject};

/// Somebody whom the hub knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The hub's stable id: names change hands, ids do not.
    pub id: AccountId,
    /// The user name.
    pub name: Arc<str>,
    /// The e-mail address, if the hub has verified it.
    pub email: Option<EmailAddress>,
    /// The namespaces whose member the account is by the hub's word, direct or inherited.
    pub organizations: Vec<Namespace>,
}

/// The hub's stable id of an account: header-safe by construction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(Subject);

impl AccountId {
    /// Parses an id; `None` when it is empty, too long, or holds control characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Subject::parse(text).ok().map(Self)
    }

    /// The id as the hub wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request shows to a hub that has accounts.
#[derive(Clone, Debug, Default)]
pub enum Showing {
    /// Nothing, or nothing that the hub accepts.
    #[default]
    Nothing,
    /// A credential of which the hub does not say whose it is, and which it may accept elsewhere.
    Unidentified,
    /// The hub's own cookie, at a hub that says of no cookie whose it is: a browser, perhaps a
    /// member's.
    SomeBrowser,
    /// The hub's own cookie of an account: a browser.
    Browser(Arc<Account>),
    /// A token of an account: a program.
    Token(Arc<Account>),
}

impl Showing {
    /// Whose it is.
    #[must_use]
    pub const fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Nothing | Self::Unidentified | Self::SomeBrowser => None,
            Self::Browser(account) | Self::Token(account) => Some(account),
        }
    }
}

/// A sign-in of the past: the account was linked to a subject of the organization's provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Whose provider vouched.
    pub organization: OrganizationId,
    /// The role of the last sign-in.
    pub role: Role,
    /// Whether the provider's word stands: it has not been taken back since.
    pub authorized: bool,
}

/// How an organization deals with the accounts of a hub that has its own.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Who skips its sign-in: external collaborators, service accounts.
    pub collaborators: AccountList,
    /// Who is a member beside those whom the hub names.
    pub members: AccountList,
    /// What tokens of the hub need.
    pub tokens: HubTokens,
    /// What shows that an account and a person are one.
    pub link_by: LinkBy,
}

/// What shows, the first time, that an account of the hub and a person are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkBy {
    /// An address that both have, verified on both sides.
    #[default]
    Email,
    /// The same, or that the hub or the organization's list names the account as a member: whoever
    /// signs in with it first is its owner. For people with another address at the hub.
    Membership,
}

/// What a token of the hub needs to reach an organization's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HubTokens {
    /// A live sign-in of its owner.
    #[default]
    LiveSession,
    /// One sign-in of its owner, at any time, as long as the provider does not take its word back.
    AuthorizedOnce,
    /// Nothing more.
    Exempt,
}

/// Accounts by user name, by `id:` and the hub's id, or by verified e-mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountList {
    names: HashSet<String>,
    ids: HashSet<String>,
    /// In lower case.
    emails: HashSet<String>,
}

impl AccountList {
    /// Adds an entry; `false` when it is none.
    pub fn add(&mut self, entry: &str) -> bool {
        if let Some(id) = entry.strip_prefix("id:") {
            let id = AccountId::parse(id);
            self.ids.extend(id.as_ref().map(|id| id.as_str().to_owned()));
            return id.is_some();
        }
        if entry.contains('@') {
            let email = EmailAddress::parse(entry);
            self.emails.extend(email.as_ref().map(|email| email.as_str().to_ascii_lowercase()));
            return email.is_some();
        }
        let name = Namespace::parse(entry);
        self.names.extend(name.iter().map(|name| name.as_str().to_owned()));
        name.is_ok()
    }

    /// Whether there is nobody on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.ids.is_empty() && self.emails.is_empty()
    }

    /// Whether the account is on it; an address counts only if the hub has verified it.
    #[must_use]
    pub fn holds(&self, account: &Account) -> bool {
        if self.is_empty() {
            return false;
        }
        let email = account.email.as_ref();
        self.names.contains(&account.name.to_ascii_lowercase())
            || self.ids.contains(account.id.as_str())
            || email.is_some_and(|email| self.emails.contains(&email.as_str().to_ascii_lowercase()))
    }
}

impl Organization {
    /// Whether the account is a member: by name, or by a verified address in its domains.
    #[must_use]
    pub fn counts_as_member(&self, account: &Account) -> bool {
        let inside = |email: &EmailAddress| self.email_domains.contains(email);
        self.names(account) || account.email.as_ref().is_some_and(inside)
    }

    /// Whether the hub's word or the organization's list names the account as a member.
    #[must_use]
    pub fn names(&self, account: &Account) -> bool {
        let named = |namespace: &Namespace| self.namespaces.contains(namespace);
        // A token of the organization itself bears its name.
        account.organizations.iter().any(named)
            || Namespace::parse(&account.name).is_ok_and(|name| named(&name))
            || self.accounts.as_ref().is_some_and(|accounts| accounts.members.holds(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, email: Option<&str>) -> Account {
        Account {
            id: AccountId::parse("5f0c").unwrap(),
            name: name.into(),
            email: email.map(|email| EmailAddress::parse(email).unwrap()),
            organizations: Vec::new(),
        }
    }

    #[track_caller]
    fn check(entry: &str, account: &Account, expected: bool) {
        let mut list = AccountList::default();
        assert!(list.add(entry), "{entry}");
        assert_eq!(list.holds(account), expected, "{entry}");
    }

    #[test]
    fn an_account_is_listed_by_name_by_id_or_by_verified_address() {
        let kim = account("Kim", Some("kim@partner.example"));
        check("kim", &kim, true);
        check("kimberly", &kim, false);
        check("id:5f0c", &kim, true);
        check("id:5F0C", &kim, false);
        check("Kim@Partner.example", &kim, true);
        check("kim@partner.example", &account("kim", None), false);
        // An id is no name: accounts choose their names themselves.
        check("id:5f0c", &account("5f0c", None), true);
        check("5f0c", &kim, false);
        for bad in ["", "id:", "a b", "@", "kim@", "a/b"] {
            assert!(!AccountList::default().add(bad), "{bad}");
        }
    }
}
