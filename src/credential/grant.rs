//! One program that may act as a person, and the tokens that it has.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::pledge::Pledge;
use super::token::Hash;
use crate::observe::{AuditEvent, Happening};

/// A program that asked, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it says it is.
    pub name: String,
    /// Where it asked from.
    pub address: IpAddr,
}

/// One program that may act as a browser's sign-ins do.
#[derive(Debug)]
pub struct Grant {
    /// A name that opens nothing.
    pub id: String,
    /// The program.
    pub program: Program,
    /// When it was allowed.
    pub made_at: SystemTime,
    pub(super) pledge: Pledge,
    used_at: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    /// The one refresh token that is good.
    pub(super) refresh: Hash,
    /// Access tokens, oldest first.
    pub(super) access: VecDeque<Hash>,
    /// Whether it has ended.
    pub(super) over: bool,
}

impl Grant {
    pub(super) fn new(pledge: Pledge, program: Program, refresh: Hash, now: SystemTime) -> Self {
        Self {
            id: refresh.short(),
            program,
            made_at: now,
            pledge,
            used_at: AtomicU64::new(seconds(now)),
            state: Mutex::new(State { refresh, access: VecDeque::new(), over: false }),
        }
    }

    pub(super) fn used(&self, now: SystemTime) {
        self.used_at.fetch_max(seconds(now), Ordering::Relaxed);
    }

    /// When it was used last.
    #[must_use]
    pub fn used_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.used_at.load(Ordering::Relaxed))
    }

    /// What has happened to it, once for each person whose sign-in it rests on.
    pub fn happened(&self, event: &AuditEvent) -> impl Iterator<Item = Happening> {
        self.pledge.people().map(|(whose, who)| Happening::of(event.clone(), whose, who))
    }

    /// The organizations in which it began, for the log.
    #[must_use]
    pub fn organizations(&self) -> String {
        self.pledge.organizations()
    }

    /// Ends it, with every token of it.
    pub(super) fn end(&self) {
        self.state().over = true;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
