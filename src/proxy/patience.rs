//! How long the hub's answer is waited for, by timers that are used again.
//!
//! A timer is put into the runtime's wheel and taken out of it under a lock. One that is there
//! already is put off for less, and nearly every one is put off before it is due.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

use super::{Cause, Error};
use crate::body::UploadHandle;
use crate::clock::stopwatch;

/// How many timers one thread keeps.
const MOST: usize = 256;

/// The longest that an answer is waited for, so that every moment can be told.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One thread's timers that nobody waits by.
#[derive(Debug, Default)]
pub(super) struct Timers(RefCell<Vec<Pin<Box<Sleep>>>>);

/// A timer on loan; it goes back however the waiting ends.
struct Lent<'t> {
    timers: &'t Timers,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut timers = self.timers.0.borrow_mut();
        if timers.len() < MOST {
            timers.extend(self.timer.take());
        }
    }
}

impl Timers {
    /// Waits for the head of an answer. The time counts from the last piece of the request: a
    /// large upload takes as long as it takes, while it moves.
    ///
    /// # Errors
    /// When it does not come in time, or the client does not send what it has announced.
    pub(super) async fn wait<T>(
        &self,
        patience: Duration,
        upload: Option<&UploadHandle>,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut answer = pin!(answer);
        let mut lent = Lent { timers: self, timer: self.0.borrow_mut().pop() };
        loop {
            let before = upload.map(UploadHandle::frames);
            let due = (stopwatch() + patience.min(LONGEST)).into();
            let timer = lent.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            timer.as_mut().reset(due);
            let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            });
            if let Some(answer) = answered.await {
                return answer;
            }
            match upload {
                Some(upload) if Some(upload.frames()) != before => {}
                Some(upload) if upload.client_is_slow() => {
                    return Err(Error::Client(Cause::Stalled));
                }
                Some(_) | None => return Err(Error::Timeout),
            }
        }
    }
}
