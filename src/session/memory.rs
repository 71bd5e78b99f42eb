//! Sessions in this process: bounded, and gone with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{REMEMBERED, Selector, Session, SessionKey};

/// The store in memory.
#[derive(Debug)]
pub(super) struct Memory {
    sessions: Cache<SessionKey, Arc<Session>>,
    /// How many were pushed out.
    evicted: Arc<AtomicU64>,
}

/// How long each session is kept.
struct Lifetime;

impl Lifetime {
    fn of(session: &Session) -> Option<Duration> {
        Some(session.longest() + REMEMBERED)
    }
}

impl Expiry<SessionKey, Arc<Session>> for Lifetime {
    fn expire_after_create(
        &self,
        _: &SessionKey,
        session: &Arc<Session>,
        _: Instant,
    ) -> Option<Duration> {
        Self::of(session)
    }

    fn expire_after_update(
        &self,
        _: &SessionKey,
        session: &Arc<Session>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Self::of(session)
    }
}

impl Memory {
    /// Holds at most `capacity` sessions, each for as long as its sign-ins last and are
    /// [`REMEMBERED`], counted from its last change.
    ///
    /// The least recently used one goes first: sessions are made by sign-ins alone, so nobody can
    /// push others out without an account.
    pub(super) fn new(capacity: u64) -> Self {
        let evicted = Arc::<AtomicU64>::default();
        let sessions = Cache::builder()
            .max_capacity(capacity)
            .expire_after(Lifetime)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener({
                let evicted = Arc::clone(&evicted);
                move |_, _, cause| {
                    if cause == RemovalCause::Size {
                        evicted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .build();
        Self { sessions, evicted }
    }

    /// How many sessions were pushed out.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.get(key)
    }

    pub(super) fn put(&self, session: Session) {
        self.sessions.insert(session.key, Arc::new(session));
    }

    /// Takes a session out without ending what rests on it: its sign-ins move on.
    pub(super) fn take(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.remove(key)
    }

    /// Replaces a session by what `change` makes of it, one change at a time for each session.
    pub(super) fn change(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&Session) -> Option<Session>,
    ) {
        self.sessions.entry(*key).and_compute_with(|entry| {
            match entry.and_then(|entry| change(&entry.into_value())) {
                Some(changed) => Op::Put(Arc::new(changed)),
                None => Op::Nop,
            }
        });
    }

    pub(super) fn matching(&self, selector: &Selector) -> Vec<SessionKey> {
        self.sessions
            .iter()
            .filter(|(_, session)| {
                session.principal.sign_ins().iter().any(|s| s.ended.is_none() && selector.names(s))
            })
            .map(|(key, _)| *key)
            .collect()
    }

    pub(super) fn keys_of(&self, wanted: impl Fn(&Session) -> bool) -> Vec<SessionKey> {
        let all = self.sessions.iter().filter(|(_, session)| wanted(session));
        all.map(|(key, _)| *key).collect()
    }

    pub(super) fn count(&self) -> u64 {
        // The store counts what it has tidied up; nobody waits for that but a scrape.
        self.sessions.run_pending_tasks();
        self.sessions.entry_count()
    }
}
