//! Sign-ins that end before their time: by somebody's word, or with their organization.

use std::time::SystemTime;

use super::{Error, Person, ProviderSession, Selector, Session, SessionKey, Sessions, Store};
use crate::policy::{OrganizationId, SignIn};

impl Sessions {
    /// Ends one sign-in: it stays known as revoked.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn end(&self, key: &SessionKey, organization: &OrganizationId) -> Result<(), Error> {
        self.change(key, |session| {
            session.principal.sign_in(organization)?;
            Some(session.ended(organization))
        })
    }

    /// Ends every sign-in that the provider or an administrator names, also those that are still
    /// under way; says whose they were, one for each session.
    ///
    /// # Errors
    /// When the store cannot say; what is under way is ended all the same.
    pub fn revoke(&self, selector: &Selector) -> Result<Vec<Person>, Error> {
        self.tombstones.set(selector.clone());
        let keys = match &self.store {
            Store::Memory(memory) => memory.matching(selector),
        };
        self.end_where(&keys, |sign_in| selector.names(sign_in))
    }

    /// Ends the sign-ins that came from a provider's session and are there, and keeps nothing in
    /// mind: for a word that anybody could have said, as often as they like.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn end_live(&self, name: &ProviderSession) -> Result<Vec<Person>, Error> {
        let keys = self.provider_sessions.of(name).unwrap_or_default();
        self.end_where(&keys, |sign_in| ProviderSession::of(sign_in).as_ref() == Some(name))
    }

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

    fn end_where(
        &self,
        keys: &[SessionKey],
        named: impl Fn(&SignIn) -> bool,
    ) -> Result<Vec<Person>, Error> {
        let mut people = Vec::with_capacity(keys.len());
        for key in keys {
            self.change(key, |session| {
                let mut sign_ins = session.principal.sign_ins().iter();
                let named = sign_ins.find(|s| s.ended.is_none() && named(s))?;
                people.push(Person::of(named));
                Some(session.ended(&named.organization))
            })?;
        }
        Ok(people)
    }
}
