//! The parts of `hubgate demo`: a small hub, a small identity provider and a few people.
//!
//! The tests use the same parts as real servers, on ports of their own.

mod answer;
mod fault;
pub mod hub;
pub mod instructions;
mod listen;
mod page;
pub mod people;
pub mod provider;
mod run;
pub mod saml;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use fault::Fault;
pub use listen::Listener;
pub use run::{Demo, Error};
pub use wire::Head;

/// Locks, and goes on after a panic elsewhere: the demo's state has no invariant that spans a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
