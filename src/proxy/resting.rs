//! Connections to the hub that wait for a request, the latest used first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::spawn_local;

use super::direct::Link;
use crate::clock::stopwatch;

/// How long an idle connection is kept.
const KEEP: Duration = Duration::from_secs(60);

/// How many idle connections one thread keeps.
const MOST_IDLE: usize = 1024;

/// One thread's idle connections. Nobody else asks for the lock: it lets bodies, which own a way
/// back here, be sent between threads.
#[derive(Debug, Default)]
pub(super) struct Resting {
    idle: Mutex<Vec<Idle>>,
    reaping: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

impl Resting {
    /// The connection that was used last; none, when it has been idle for longer than `longest`.
    pub(super) fn wake(&self, longest: Option<Duration>) -> Option<Link> {
        let mut idle = self.idle();
        while let Some(mut last) = idle.pop() {
            if !last.link.is_quiet() {
                continue;
            }
            if longest.is_some_and(|longest| last.rested() > longest) {
                // The others have been idle for longer still.
                idle.push(last);
                return None;
            }
            return Some(last.link);
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(self: &Arc<Self>, link: Link) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { link, since: stopwatch() });
        }
        drop(idle);
        if !self.reaping.swap(true, Ordering::Relaxed) {
            spawn_local(reap(Arc::downgrade(self)));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn rested(&self) -> Duration {
        stopwatch().saturating_duration_since(self.since)
    }
}

/// Closes what has been idle for too long, until nothing is idle.
async fn reap(resting: Weak<Resting>) {
    loop {
        tokio::time::sleep(KEEP / 4).await;
        let Some(resting) = resting.upgrade() else { return };
        let mut idle = resting.idle();
        idle.retain_mut(|idle| idle.rested() < KEEP && idle.link.is_quiet());
        if idle.is_empty() {
            resting.reaping.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// Counts one open connection.
#[derive(Debug)]
pub(super) struct Open(Arc<AtomicUsize>);

impl Open {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
