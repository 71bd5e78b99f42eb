//! Runs what hyper spawns on the thread that it was spawned on.

use std::future::Future;

/// Spawns onto this thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
