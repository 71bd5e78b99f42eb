//! The one file that reads the clock; everywhere else, now is an argument.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Where the time comes from; tests bring their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(system_now))
    }

    /// A clock of one's own.
    #[must_use]
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
fn system_now() -> SystemTime {
    SystemTime::now()
}

/// How far two replicas' clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// Whether what was begun then, perhaps at another replica, is younger than `life`.
#[must_use]
pub fn is_younger(begun_at: SystemTime, now: SystemTime, life: Duration) -> bool {
    match now.duration_since(begun_at) {
        Ok(age) => age < life,
        Err(ahead) => ahead.duration() <= LEEWAY,
    }
}

/// A point in time for measuring how long something took; never compared with wall-clock time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// What the clock shows by which service managers tell an old message from a new one
/// (`CLOCK_MONOTONIC`, sd_notify(3)).
#[must_use]
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}
