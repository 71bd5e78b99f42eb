//! The links, by account and by person.

use std::collections::HashMap;

use super::{Link, Somebody};
use crate::policy::{AccountId, OrganizationId};

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) by_account: HashMap<AccountId, Vec<Link>>,
    pub(super) by_subject: HashMap<Somebody, AccountId>,
}

impl Table {
    pub(super) fn of(&self, account: &AccountId, organization: &OrganizationId) -> Option<&Link> {
        self.by_account.get(account)?.iter().find(|link| link.organization == *organization)
    }

    pub(super) fn put(&mut self, link: Link) {
        self.take(&link.account, &link.organization);
        self.by_subject.insert(link.person(), link.account.clone());
        self.by_account.entry(link.account.clone()).or_default().push(link);
    }

    pub(super) fn take(&mut self, account: &AccountId, organization: &OrganizationId) {
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
