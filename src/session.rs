//! The sign-ins remembered for one browser.

mod browser;
mod ending;
mod id;
mod memory;
mod prepared;
mod recent;
mod record;
mod seal;
mod tombstone;
mod whereabouts;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config;
use crate::oidc::Tokens;
use crate::policy::{Ended, OrganizationId, Principal, SignIn};

pub use browser::{BrowserId, Spell};
pub use id::{SessionId, SessionKey};
pub use prepared::Prepared;
pub use record::Session;
pub use seal::{Sealer, SealerError};
pub use tombstone::Selector;
pub use whereabouts::{Person, ProviderSession};

use browser::Browsers;
use memory::Memory;
use recent::Recent;
use tombstone::Tombstones;
use whereabouts::Whereabouts;

/// How long an ended sign-in is remembered: until then its browser is known to be a member's.
pub const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Why sessions cannot be had: then everything that needs one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No random bytes, or no store.
    #[error("the session store is not available")]
    Unavailable,
}

/// Every session of this gate.
#[derive(Debug)]
pub struct Sessions {
    store: Store,
    recent: Recent,
    tombstones: Tombstones,
    browsers: Browsers,
    people: Whereabouts<Person>,
    provider_sessions: Whereabouts<ProviderSession>,
}

/// Where they are kept. `disk` and `redis` join here.
#[derive(Debug)]
enum Store {
    Memory(Memory),
}

impl Sessions {
    /// Opens the configured store.
    #[must_use]
    pub fn open(config: &config::Session) -> Self {
        let store = match config.store {
            config::Store::Memory => Store::Memory(Memory::new(config.capacity)),
        };
        Self::with(store, config.capacity, config::LONGEST_SESSION)
    }

    /// Finds up to `capacity` sessions in a store, which live no longer than `longest`.
    fn with(store: Store, capacity: u64, longest: Duration) -> Self {
        let kept = longest + REMEMBERED;
        Self {
            store,
            recent: Recent::new(),
            tombstones: Tombstones::new(longest),
            browsers: Browsers::new(capacity, kept),
            people: Whereabouts::new(capacity, kept),
            provider_sessions: Whereabouts::new(capacity, kept),
        }
    }

    /// The session of a cookie.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn of_cookie(&self, cookie: &[u8], now: SystemTime) -> Result<Option<Arc<Session>>, Error> {
        match &self.store {
            // A store that others write to, too, must be asked every time.
            Store::Memory(memory) => self.recent.find(cookie, now, |key| Ok(memory.find(key))),
        }
    }

    /// The session of that key.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn find(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, Error> {
        match &self.store {
            Store::Memory(memory) => Ok(memory.find(key)),
        }
    }

    /// Remembers a sign-in under a new id, together with the other sign-ins of `previous`.
    ///
    /// The id is always new (session fixation), and `previous` ends.
    /// A logout that arrived after `begun_at`, while the sign-in was under way, wins: the sign-in
    /// is then remembered as ended.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn sign_in(
        &self,
        previous: Option<&SessionKey>,
        sign_in: SignIn,
        tokens: Option<Tokens>,
        begun_at: SystemTime,
    ) -> Result<(SessionId, Arc<Session>), Error> {
        let id = SessionId::random()?;
        let key = id.key();
        let fresh = (BrowserId::random()?, Spell::random()?);
        let organization = sign_in.organization.clone();
        {
            let _renewing = self.browsers.renewing();
            let base = previous.map(|previous| self.take(previous)).transpose()?.flatten();
            let session = Session::merged(key, base.as_deref(), fresh, sign_in, tokens);
            self.browsers.note(session.browser, key);
            self.put(session)?;
        }
        // Stored first, asked second: a logout either finds the session or is found here.
        self.change(&key, |session| {
            let sign_in = session.principal.sign_in(&organization)?;
            self.tombstones.covers(sign_in, begun_at).then(|| session.ended(&organization))
        })?;
        let session = self.find(&key)?.ok_or(Error::Unavailable)?;
        for sign_in in session.principal.sign_ins() {
            self.people.note(Person::of(sign_in), key, previous);
            if let Some(name) = ProviderSession::of(sign_in) {
                self.provider_sessions.note(name, key, previous);
            }
        }
        Ok((id, session))
    }

    /// Puts a refreshed sign-in in the place of the one that it came from.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn refreshed(
        &self,
        key: &SessionKey,
        sign_in: &SignIn,
        tokens: Option<&Tokens>,
    ) -> Result<(), Error> {
        self.change(key, |session| {
            let current = session.principal.sign_in(&sign_in.organization)?;
            let same = current.ended.is_none()
                && current.issuer == sign_in.issuer
                && current.subject == sign_in.subject
                && current.signed_in_at == sign_in.signed_in_at;
            same.then(|| session.refreshed(sign_in.clone(), tokens.cloned()))
        })
    }

    /// Notes when a refresh that did not come through is tried again.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn refresh_later(
        &self,
        key: &SessionKey,
        organization: &OrganizationId,
        at: SystemTime,
    ) -> Result<(), Error> {
        self.change(key, |session| session.refresh_at(organization, at))
    }

    /// Forgets sign-ins: one organization's, or all. Returns what was forgotten.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn sign_out(
        &self,
        key: &SessionKey,
        organization: Option<&OrganizationId>,
    ) -> Result<Option<Arc<Session>>, Error> {
        let before = self.find(key)?;
        match organization {
            None => {
                let taken = self.take(key)?;
                if let Some(session) = &taken {
                    session.end_all();
                }
                Ok(taken.or(before))
            }
            Some(organization) => {
                self.change(key, |session| Some(session.without(organization)))?;
                Ok(before)
            }
        }
    }

    /// How many sessions are held.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.store {
            Store::Memory(memory) => memory.count(),
        }
    }

    /// How many sessions were pushed out because there was no room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        match &self.store {
            Store::Memory(memory) => memory.evicted(),
        }
    }

    fn put(&self, session: Session) -> Result<(), Error> {
        let key = session.key;
        match &self.store {
            Store::Memory(memory) => memory.put(session),
        }
        self.recent.changed(&key);
        Ok(())
    }

    fn take(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, Error> {
        let taken = match &self.store {
            Store::Memory(memory) => memory.take(key),
        };
        self.recent.changed(key);
        Ok(taken)
    }

    fn change(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&Session) -> Option<Session>,
    ) -> Result<(), Error> {
        match &self.store {
            Store::Memory(memory) => memory.change(key, change),
        }
        self.recent.changed(key);
        Ok(())
    }
}

/// Marks a sign-in as ended in a principal.
fn with_ended(principal: &Principal, organization: &OrganizationId) -> Principal {
    match principal.sign_in(organization) {
        Some(sign_in) => {
            let ended = SignIn { ended: Some(Ended::Revoked), ..sign_in.clone() };
            principal.clone().with(ended)
        }
        None => principal.clone(),
    }
}

#[cfg(test)]
mod tests;
