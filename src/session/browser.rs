//! One browser across the ids of its sessions: what its tokens hold on to.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use aws_lc_rs::rand;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Error, Session, SessionKey, Sessions};

/// One browser: a further sign-in renews the session's id, never this. No browser ever sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrowserId([u8; 16]);

/// An unbroken time of being signed in: it goes on when the same account signs in again before its
/// sign-in has ended, and a new one begins in every other case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spell([u8; 16]);

impl BrowserId {
    /// That of callers without a browser.
    pub(super) const NONE: Self = Self([0; 16]);

    pub(super) fn random() -> Result<Self, Error> {
        random().map(Self)
    }
}

impl Spell {
    /// That of callers that never signed in.
    pub(super) const NONE: Self = Self([0; 16]);

    pub(super) fn random() -> Result<Self, Error> {
        random().map(Self)
    }
}

fn random() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Unavailable)?;
    Ok(bytes)
}

/// The newest session of each browser.
#[derive(Debug)]
pub(super) struct Browsers {
    newest: Cache<BrowserId, SessionKey>,
    /// Held while a session's id is renewed, when the browser has neither the old nor the new one.
    renewing: RwLock<()>,
}

impl Browsers {
    pub(super) fn new(capacity: u64, lifetime: Duration) -> Self {
        let newest = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(lifetime)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { newest, renewing: RwLock::default() }
    }

    pub(super) fn renewing(&self) -> RwLockWriteGuard<'_, ()> {
        self.renewing.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, browser: BrowserId, key: SessionKey) {
        self.newest.insert(browser, key);
    }
}

impl Sessions {
    /// The session that a browser has now.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn of_browser(&self, browser: &BrowserId) -> Result<Option<Arc<Session>>, Error> {
        let find = || match self.browsers.newest.get(browser) {
            Some(key) => self.find(&key),
            None => Ok(None),
        };
        match find()? {
            Some(session) => Ok(Some(session)),
            None => {
                let _not_renewing =
                    self.browsers.renewing.read().unwrap_or_else(PoisonError::into_inner);
                find()
            }
        }
    }
}
