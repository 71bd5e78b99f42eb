//! What is known of one connection while it is open: cheap to write for the connection, cheap to
//! read for the tick that looks for those that have been quiet for too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::head_guard::Refusal;
use super::unreadable::Words;
use crate::observe::{Flow, Metrics};

/// A thread's clock in ticks; 0 is never the time, so that 0 can mean "not".
#[derive(Clone, Debug)]
pub(super) struct Ticks(Arc<AtomicU32>);

impl Ticks {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }

    pub(super) fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn advance(&self) -> u32 {
        let next = self.now().wrapping_add(1).max(1);
        self.0.store(next, Ordering::Relaxed);
        next
    }
}

/// How many connections a thread has, upgraded ones included.
#[derive(Debug, Default)]
pub(super) struct Load {
    open: AtomicUsize,
    emptied: Notify,
}

impl Load {
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Completes when no connection is open.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.open() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// One connection. It lives as long as its socket, in a tunnel too.
#[derive(Debug)]
pub(super) struct Watch {
    ticks: Ticks,
    /// When the head that is being read began; 0: none is.
    head_since: AtomicU32,
    /// When the connection last had something to do.
    quiet_since: AtomicU32,
    /// Since when the client takes nothing of what we send; 0: it does.
    blocked_since: AtomicU32,
    in_flight: AtomicU32,
    /// Whether what was read ends with a request, and nothing has begun to end.
    between: AtomicBool,
    parked: AtomicBool,
    served: AtomicBool,
    upgraded: AtomicBool,
    refusal: AtomicU8,
    /// What is said to a request that the library could not read.
    pub(super) words: Words,
    load: Arc<Load>,
    metrics: Arc<Metrics>,
    flow: Flow,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    pub(super) fn new(
        ticks: &Ticks,
        load: &Arc<Load>,
        metrics: &Arc<Metrics>,
        flow: Flow,
        permit: OwnedSemaphorePermit,
    ) -> Arc<Self> {
        load.open.fetch_add(1, Ordering::AcqRel);
        metrics.connected(flow);
        let now = ticks.now();
        Arc::new(Self {
            ticks: ticks.clone(),
            // A client that connects is expected to say something.
            head_since: AtomicU32::new(now),
            quiet_since: AtomicU32::new(now),
            blocked_since: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            between: AtomicBool::new(true),
            parked: AtomicBool::new(false),
            served: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            refusal: AtomicU8::new(0),
            words: Words::default(),
            load: Arc::clone(load),
            metrics: Arc::clone(metrics),
            flow,
            _permit: permit,
        })
    }

    /// The first byte of a head was read.
    pub(super) fn head_begins(&self) {
        self.head_since.store(self.ticks.now(), Ordering::Relaxed);
    }

    /// The last byte of a head was read, or heads are no longer looked at.
    pub(super) fn head_ends(&self) {
        self.head_since.store(0, Ordering::Relaxed);
        self.quiet_since.store(self.ticks.now(), Ordering::Relaxed);
    }

    /// Something was read; whether it ends with a request. Inside of a body, the client is not
    /// quiet while it sends.
    pub(super) fn read(&self, between: bool) {
        self.between.store(between, Ordering::Relaxed);
        if !between {
            self.quiet_since.store(self.ticks.now(), Ordering::Relaxed);
        }
    }

    /// The connection is being closed.
    pub(super) fn ends(&self) {
        self.between.store(false, Ordering::Relaxed);
    }

    /// The connection's buffers were given back, or are needed again.
    pub(super) fn park(&self, parked: bool) {
        if self.parked.swap(parked, Ordering::Relaxed) != parked {
            self.metrics.parked(parked);
        }
    }

    /// The client took something, or nothing.
    pub(super) fn written(&self, blocked: bool) {
        if blocked {
            if self.blocked_since.load(Ordering::Relaxed) == 0 {
                self.blocked_since.store(self.ticks.now(), Ordering::Relaxed);
            }
        } else if self.blocked_since.load(Ordering::Relaxed) != 0 {
            self.blocked_since.store(0, Ordering::Relaxed);
        }
    }

    /// A request is being answered until what is returned is dropped.
    pub(super) fn answering(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.served.store(true, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A request was answered as soon as it came.
    pub(super) fn answered(&self) {
        self.served.store(true, Ordering::Relaxed);
    }

    /// Whether a request has come.
    pub(super) fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// The protocol changes: what comes from now on is no HTTP.
    pub(super) fn upgrades(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Acquire)
    }

    /// A head was made unreadable.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.store(refusal as u8, Ordering::Relaxed);
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        Refusal::from_u8(self.refusal.load(Ordering::Relaxed))
    }

    /// What should happen to the connection at this tick.
    pub(super) fn judge(&self, now: u32, limits: Patience) -> Verdict {
        let longer = |since: &AtomicU32, limit: u32| {
            let since = since.load(Ordering::Relaxed);
            since != 0 && now.wrapping_sub(since) > limit
        };
        // What the client has not taken yet is still ours to send, though its body is read.
        let unsent = self.blocked_since.load(Ordering::Relaxed) != 0;
        if unsent || self.in_flight.load(Ordering::Relaxed) > 0 {
            let stuck = longer(&self.blocked_since, limits.blocked);
            return if stuck { Verdict::Stuck } else { Verdict::Fine };
        }
        if self.head_since.load(Ordering::Relaxed) != 0 {
            let slow = longer(&self.head_since, limits.head);
            return if slow { Verdict::SlowHead } else { Verdict::Fine };
        }
        if longer(&self.quiet_since, limits.idle) {
            Verdict::Idle
        } else if self.between.load(Ordering::Relaxed) && longer(&self.quiet_since, limits.quiet) {
            Verdict::Quiet
        } else {
            Verdict::Fine
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.park(false);
        self.metrics.disconnected(self.flow);
        if self.load.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.load.emptied.notify_waiters();
        }
    }
}

/// How many ticks a connection may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: u32,
    pub(super) quiet: u32,
    pub(super) idle: u32,
    pub(super) blocked: u32,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Nothing was asked for a moment.
    Quiet,
    /// Nothing was asked for as long as may be.
    Idle,
    /// A head does not come to its end.
    SlowHead,
    /// The client takes nothing.
    Stuck,
}

/// A request that is being answered, body included.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Watch>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let watch = &self.0;
        watch.quiet_since.store(watch.ticks.now(), Ordering::Relaxed);
        watch.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
