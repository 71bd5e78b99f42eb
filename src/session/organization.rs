//! Sign-ins that end with their organization, or with its identity provider.

use std::time::SystemTime;

use super::{Error, Session, Sessions, Store};
use crate::policy::OrganizationId;

impl Sessions {
    /// Ends the sign-ins of an organization that is gone, or whose identity provider is another now,
    /// but for those that the new one vouches for; says how many sessions had one. A sign-in that
    /// was begun until then does not count when it ends.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn end_organization(
        &self,
        organization: &OrganizationId,
        vouched: impl Fn(&str) -> bool,
        until: SystemTime,
    ) -> Result<usize, Error> {
        self.tombstones.end(organization.clone(), until);
        let ends = |session: &Session| {
            let sign_in = session.principal.sign_in(organization);
            sign_in.is_some_and(|sign_in| sign_in.ended.is_none() && !vouched(&sign_in.issuer))
        };
        let keys = match &self.store {
            Store::Memory(memory) => memory.keys_of(ends),
        };
        for key in &keys {
            self.change(key, |session| ends(session).then(|| session.ended(organization)))?;
        }
        Ok(keys.len())
    }
}
