//! How long a stream may go on: as long as the session that it was begun in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;

/// Ends every stream of a session at once, from any thread; cheap to ask, since it is asked for
/// every stream and pulled seldom.
#[derive(Debug, Default)]
pub struct Cord {
    cut: AtomicBool,
    notify: Arc<Notify>,
}

impl Cord {
    /// Ends what hangs on it, now and later.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Whether it was cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

/// When the streams of a request must end: with the session that allowed it.
#[derive(Clone, Debug, Default)]
pub struct Lifeline {
    deadline: Option<Instant>,
    cord: Option<Arc<Cord>>,
}

impl Lifeline {
    /// Of a request that rests on no session.
    #[must_use]
    pub fn endless() -> Self {
        Self::default()
    }

    /// Of a request that rests on a session: it ends at `deadline` by the monotonic clock, and
    /// when the cord is cut.
    #[must_use]
    pub fn new(deadline: Option<Instant>, cord: Option<Arc<Cord>>) -> Self {
        Self { deadline, cord }
    }

    /// Whether nothing ever ends it.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.deadline.is_none() && self.cord.is_none()
    }

    /// Completes when the session ends; never, when it is endless.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending {
            timer: self.deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into()))),
            cord: self.cord.as_ref().map(|cord| {
                // Made before the flag is read, so that a cut between the two is not missed.
                let notified = Box::pin(Arc::clone(&cord.notify).notified_owned());
                (Arc::clone(cord), notified)
            }),
        }
    }
}

/// Completes when a session ends.
#[derive(Debug)]
pub struct Ending {
    timer: Option<Pin<Box<Sleep>>>,
    cord: Option<(Arc<Cord>, Pin<Box<OwnedNotified>>)>,
}

impl Future for Ending {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some((cord, notified)) = &mut this.cord
            && (cord.is_cut() || notified.as_mut().poll(cx).is_ready())
        {
            return Poll::Ready(());
        }
        match &mut this.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
