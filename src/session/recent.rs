//! The sessions that browsers have shown lately, found by the cookie itself: what a browser sends
//! again and again is not hashed and looked up again and again.
//!
//! A session that was changed, ended or taken out is never found here: whoever does so counts up
//! the changes of its key before the change is reported as done, and what was found before that
//! is looked up anew.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Session, SessionKey};

/// How many sessions are remembered at most; a newer one takes the place of an older one.
const PLACES: usize = 4096;

/// How long one is found here before the store is asked again, so that the store knows which
/// sessions are in use.
const FRESH: Duration = Duration::from_secs(1);

/// How many counters of changes there are; keys share them.
const COUNTERS: usize = 256;

/// The sessions found lately.
pub(super) struct Recent {
    hasher: RandomState,
    places: Box<[Mutex<Option<Found>>]>,
    changes: Box<[AtomicU64]>,
}

/// One session, and what it was found by.
struct Found {
    cookie: Box<[u8]>,
    session: Arc<Session>,
    at: SystemTime,
    changes: u64,
}

/// What a cookie is sought by: its ends, which are as random as the whole.
fn ends(cookie: &[u8]) -> (u64, u64) {
    let end = |end: Option<&[u8; 8]>| end.map_or(0, |end| u64::from_le_bytes(*end));
    (end(cookie.first_chunk()), end(cookie.last_chunk()))
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            places: std::iter::repeat_with(Mutex::default).take(PLACES).collect(),
            changes: std::iter::repeat_with(AtomicU64::default).take(COUNTERS).collect(),
        }
    }

    /// The session of a cookie: as it was found lately, or as `find` finds it now.
    pub(super) fn find<E>(
        &self,
        cookie: &[u8],
        now: SystemTime,
        find: impl FnOnce(&SessionKey) -> Result<Option<Arc<Session>>, E>,
    ) -> Result<Option<Arc<Session>>, E> {
        // The hash is keyed at random and the cookie is compared whole: nobody can choose the
        // place, and nobody gets another's session.
        let hash = self.hasher.hash_one(ends(cookie));
        let place = usize::try_from(hash % PLACES as u64).ok().and_then(|at| self.places.get(at));
        if let Some(place) = place
            && let Some(found) = &*place.lock().unwrap_or_else(PoisonError::into_inner)
            && *found.cookie == *cookie
            && self.changes_of(&found.session.key) == found.changes
            && now.duration_since(found.at).is_ok_and(|age| age < FRESH)
        {
            return Ok(Some(Arc::clone(&found.session)));
        }
        let Some(key) = SessionKey::of(cookie) else { return Ok(None) };
        // Counted before the store is asked: a change in between makes what is kept here stale.
        let changes = self.changes_of(&key);
        let session = find(&key)?;
        if let (Some(place), Some(session)) = (place, &session) {
            let session = Arc::clone(session);
            *place.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Found { cookie: cookie.into(), session, at: now, changes });
        }
        Ok(session)
    }

    /// The session of this key is not what it was; to be called when the store knows it.
    pub(super) fn changed(&self, key: &SessionKey) {
        if let Some(counter) = self.counter(key) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn changes_of(&self, key: &SessionKey) -> u64 {
        self.counter(key).map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    fn counter(&self, key: &SessionKey) -> Option<&AtomicU64> {
        self.changes.get(usize::from(*key.0.first()?))
    }
}
