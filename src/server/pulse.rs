//! Whether every serving thread still turns: for whoever restarts a process that does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::stopwatch;

/// The heartbeats of all threads that serve.
#[derive(Debug)]
pub(super) struct Pulse {
    begun: Instant,
    /// When each thread was last seen to turn, in milliseconds since the beginning.
    beats: Mutex<Vec<Arc<AtomicU64>>>,
}

/// One thread's heart; a thread that has ended is not missed.
#[derive(Debug)]
pub(super) struct Heart<'p> {
    pulse: &'p Pulse,
    beat: Arc<AtomicU64>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { begun: stopwatch(), beats: Mutex::default() }
    }

    /// A thread begins to serve.
    pub(super) fn join(&self) -> Heart<'_> {
        let beat = Arc::new(AtomicU64::new(self.age(stopwatch())));
        self.beats().push(Arc::clone(&beat));
        Heart { pulse: self, beat }
    }

    /// Whether each thread has turned within this time.
    pub(super) fn beats_within(&self, time: Duration, now: Instant) -> bool {
        let oldest = self.age(now).saturating_sub(millis(time));
        self.beats().iter().all(|beat| beat.load(Ordering::Relaxed) >= oldest)
    }

    fn age(&self, now: Instant) -> u64 {
        millis(now.saturating_duration_since(self.begun))
    }

    fn beats(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heart<'_> {
    pub(super) fn beat(&self, now: Instant) {
        self.beat.store(self.pulse.age(now), Ordering::Relaxed);
    }
}

impl Drop for Heart<'_> {
    fn drop(&mut self) {
        self.pulse.beats().retain(|beat| !Arc::ptr_eq(beat, &self.beat));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_stands_still_is_enough() {
        let (pulse, second) = (Pulse::new(), Duration::from_secs(1));
        let (turns, stands) = (pulse.join(), pulse.join());
        let later = stopwatch() + 10 * second;
        assert!(pulse.beats_within(20 * second, later));
        turns.beat(later);
        assert!(!pulse.beats_within(5 * second, later));
        stands.beat(later);
        assert!(pulse.beats_within(5 * second, later));
    }

    #[test]
    fn a_thread_that_has_ended_is_not_missed() {
        let (pulse, second) = (Pulse::new(), Duration::from_secs(1));
        let (turns, ends) = (pulse.join(), pulse.join());
        let later = stopwatch() + 10 * second;
        turns.beat(later);
        drop(ends);
        assert!(pulse.beats_within(5 * second, later));
    }
}
