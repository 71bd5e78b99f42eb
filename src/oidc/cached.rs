//! Something fetched from a provider: kept, renewed by one caller at a time, and used on for a
//! while when the provider does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, MutexGuard};

use super::error::Error;

/// From this age on, it is fetched again.
const SOFT: Duration = Duration::from_secs(60 * 60);
/// From this age on, it is no longer used.
const HARD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after a failure the next attempt is made, while the old one serves.
const RETRY: Duration = Duration::from_secs(30);

/// A kept value.
pub(super) struct Cached<T> {
    slot: ArcSwapOption<Snapshot<T>>,
    /// Held by the one who fetches; remembers how the last attempt failed.
    flight: Mutex<Option<(SystemTime, Error)>>,
    attempts: AtomicU64,
}

/// A value as it was fetched.
pub(super) struct Snapshot<T> {
    pub(super) value: T,
    fetched_at: SystemTime,
    generation: u64,
}

impl<T> Snapshot<T> {
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.fetched_at).unwrap_or_default()
    }
}

impl<T> Cached<T> {
    pub(super) fn new() -> Self {
        Self { slot: ArcSwapOption::empty(), flight: Mutex::new(None), attempts: AtomicU64::new(0) }
    }

    /// Whether there is a value that may be used.
    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        self.slot.load().as_ref().is_some_and(|held| held.age(now) < HARD)
    }

    /// The value that may be used, however old it is.
    pub(super) fn held(&self, now: SystemTime) -> Option<Arc<Snapshot<T>>> {
        self.slot.load_full().filter(|held| held.age(now) < HARD)
    }

    /// The value; fetched when there is none, or when it is old.
    pub(super) async fn current(
        &self,
        now: SystemTime,
        fetch: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<Arc<Snapshot<T>>, Error> {
        let Some(held) = self.held(now) else {
            return self.first(now, fetch).await;
        };
        if held.age(now) < SOFT {
            return Ok(held);
        }
        // One caller renews it; the others, and everyone for a while after a failure, go on.
        let Ok(mut flight) = self.flight.try_lock() else { return Ok(held) };
        let failed = flight.as_ref().map(|(at, _)| now.duration_since(*at).unwrap_or_default());
        if failed.is_some_and(|since| since < RETRY) {
            return Ok(held);
        }
        match self.fetch(&mut flight, now, fetch).await {
            Ok(renewed) => Ok(renewed),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "going on with what the identity provider said earlier");
                Ok(held)
            }
        }
    }

    /// A value newer than `old`: what somebody else fetched meanwhile, or a new one.
    pub(super) async fn newer_than(
        &self,
        old: &Snapshot<T>,
        now: SystemTime,
        fetch: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<Arc<Snapshot<T>>, Error> {
        let mut flight = self.flight.lock().await;
        match self.slot.load_full() {
            Some(held) if held.generation > old.generation => Ok(held),
            Some(_) | None => self.fetch(&mut flight, now, fetch).await,
        }
    }

    /// The first value. Of many callers that wait for it, one asks; all get its answer.
    async fn first(
        &self,
        now: SystemTime,
        fetch: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<Arc<Snapshot<T>>, Error> {
        let attempts = self.attempts.load(Ordering::Acquire);
        let mut flight = self.flight.lock().await;
        if let Some(held) = self.held(now) {
            return Ok(held);
        }
        if attempts != self.attempts.load(Ordering::Acquire)
            && let Some((_, error)) = &*flight
        {
            return Err(error.clone());
        }
        self.fetch(&mut flight, now, fetch).await
    }

    async fn fetch(
        &self,
        flight: &mut MutexGuard<'_, Option<(SystemTime, Error)>>,
        now: SystemTime,
        fetch: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<Arc<Snapshot<T>>, Error> {
        let fetched = fetch().await;
        let generation = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        match fetched {
            Ok(value) => {
                let snapshot = Arc::new(Snapshot { value, fetched_at: now, generation });
                self.slot.store(Some(Arc::clone(&snapshot)));
                **flight = None;
                Ok(snapshot)
            }
            Err(error) => {
                **flight = Some((now, error.clone()));
                Err(error)
            }
        }
    }
}

/// An error with its causes, as one line.
struct Chain<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
