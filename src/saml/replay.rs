//! Which messages have been used, so that none is used twice (Profiles §4.1.4.5).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::Refusal;

/// How many messages a cache remembers unless told otherwise: a thousand sign-ins a minute.
const CAPACITY: usize = 20_000;

/// Remembers the ids of verified messages until they expire.
///
/// It belongs beside the configuration, not in it: a reload must not forget. When it is full of
/// ids that are still valid it refuses, since an id that it would have to forget could be used
/// again. Several replicas need sticky assertion consumer services, or single-use request ids in
/// a shared store, which bind every response to one request.
#[derive(Debug)]
pub struct ReplayCache {
    capacity: usize,
    seen: Mutex<HashMap<(String, String), SystemTime>>,
}

impl Default for ReplayCache {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl ReplayCache {
    /// A cache that remembers at most `capacity` messages.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::new(HashMap::new()) }
    }

    /// Remembers the message `id` of `issuer` until `end`, unless it is known.
    pub(crate) fn admit(
        &self,
        issuer: &str,
        id: &str,
        end: SystemTime,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (issuer.to_owned(), id.to_owned());
        if seen.get(&key).is_some_and(|end| *end > now) {
            return Err(Refusal::Replayed);
        }
        if seen.len() >= self.capacity {
            seen.retain(|_, end| *end > now);
            if seen.len() >= self.capacity {
                return Err(Refusal::ReplayCacheFull);
            }
        }
        seen.insert(key, end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_message_is_admitted_once_until_it_expires() {
        let cache = ReplayCache::default();
        let now = SystemTime::UNIX_EPOCH;
        let end = now + Duration::from_secs(60);
        assert_eq!(cache.admit("idp", "a", end, now), Ok(()));
        assert_eq!(cache.admit("idp", "a", end, now), Err(Refusal::Replayed));
        assert_eq!(cache.admit("other", "a", end, now), Ok(()));
        assert_eq!(cache.admit("idp", "b", end, now), Ok(()));
        assert_eq!(cache.admit("idp", "a", end, end), Ok(()));
    }

    #[test]
    fn a_full_cache_refuses_until_something_expires() {
        let cache = ReplayCache::with_capacity(2);
        let now = SystemTime::UNIX_EPOCH;
        let end = now + Duration::from_secs(60);
        assert_eq!(cache.admit("idp", "a", end, now), Ok(()));
        assert_eq!(cache.admit("idp", "b", end, now), Ok(()));
        assert_eq!(cache.admit("idp", "c", end, now), Err(Refusal::ReplayCacheFull));
        assert_eq!(cache.admit("idp", "a", end, now), Err(Refusal::Replayed));
        assert_eq!(cache.admit("idp", "c", end + Duration::from_secs(9), end), Ok(()));
    }
}
