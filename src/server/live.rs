//! Limits that change while connections are served.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use super::pulse::Pulse;
use crate::clock::stopwatch;
use crate::config;

/// The `[server]` at work; what it says of limits holds for connections and requests that begin
/// after a change. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ArcSwap<config::Server>,
    /// One permit for each connection that may be open.
    room: Arc<Semaphore>,
    /// How many permits there are, once the debt is paid.
    size: Mutex<usize>,
    /// Permits that are to go when connections give them back.
    debt: AtomicUsize,
    pulse: Pulse,
}

impl Live {
    /// Begins with these.
    #[must_use]
    pub fn new(config: config::Server) -> Self {
        let size = size(&config);
        Self(Arc::new(Inner {
            config: ArcSwap::from_pointee(config),
            room: Arc::new(Semaphore::new(size)),
            size: Mutex::new(size),
            debt: AtomicUsize::new(0),
            pulse: Pulse::new(),
        }))
    }

    /// Lets these hold from now on. Addresses, threads and whether TLS is spoken stay as they were.
    pub fn change(&self, config: config::Server) {
        let inner = &*self.0;
        let mut size = inner.size.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self::size(&config);
        if wanted >= *size {
            // What is still owed need not go any more.
            let more = wanted - *size;
            let spared = inner.debt.load(Ordering::Relaxed).min(more);
            inner.debt.fetch_sub(spared, Ordering::Relaxed);
            inner.room.add_permits(more - spared);
        } else {
            inner.debt.fetch_add(*size - wanted, Ordering::Relaxed);
        }
        *size = wanted;
        drop(size);
        inner.config.store(Arc::new(config));
        self.settle();
    }

    pub(super) fn config(&self) -> Arc<config::Server> {
        self.0.config.load_full()
    }

    /// Whether each serving thread has turned within this time.
    #[must_use]
    pub fn turns_within(&self, time: Duration) -> bool {
        self.0.pulse.beats_within(time, stopwatch())
    }

    pub(super) fn pulse(&self) -> &Pulse {
        &self.0.pulse
    }

    pub(super) fn room(&self) -> &Arc<Semaphore> {
        &self.0.room
    }

    /// Takes permits away that connections have given back meanwhile.
    pub(super) fn settle(&self) {
        let inner = &*self.0;
        if inner.debt.load(Ordering::Relaxed) == 0 {
            return;
        }
        let _one_at_a_time = inner.size.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = inner.room.forget_permits(inner.debt.load(Ordering::Relaxed));
        inner.debt.fetch_sub(gone, Ordering::Relaxed);
    }
}

fn size(config: &config::Server) -> usize {
    config.max_connections.min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_at_once_and_shrinks_as_connections_end() {
        let mut config = crate::config::parse(
            "public_url = \"https://hub.example\"\n[server]\nmax_connections = 4\n[hub]\nupstream = \"http://127.0.0.1:1\"",
            std::path::Path::new("hub.toml"),
            [],
        )
        .unwrap()
        .server;
        let mut sized = |most: usize| {
            config.max_connections = most;
            config.clone()
        };
        let live = Live::new(sized(4));
        let open: Vec<_> =
            (0..3).map(|_| Arc::clone(live.room()).try_acquire_owned().unwrap()).collect();
        live.change(sized(2));
        assert_eq!(live.room().available_permits(), 0);
        drop(open);
        live.settle();
        assert_eq!(live.room().available_permits(), 2);
        live.change(sized(1));
        live.change(sized(5));
        assert_eq!(live.room().available_permits(), 5);
    }
}
