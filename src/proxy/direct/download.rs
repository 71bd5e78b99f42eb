//! The body of an answer as it comes, and what becomes of its connection.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::spawn_local;

use super::UnderWay;
use super::answer::{Answer, Flaw, Framing};
use super::chunks::{Chunks, Next};
use super::link::HEAD;
use crate::body::{Body, Error, Source};
use crate::proxy::resting::Resting;

/// How much is read at once of a long body: fewer and larger reads cost less.
const LARGEST: usize = 512 * 1024;

/// An answer's body.
#[derive(Debug)]
pub(super) struct Download {
    /// Taken when the body is over.
    under_way: Option<UnderWay>,
    left: Left,
    keep_alive: bool,
    /// How much the next read has room for.
    room: usize,
    resting: Arc<Resting>,
}

/// What is to come.
#[derive(Debug)]
enum Left {
    Length(u64),
    Chunks(Chunks),
    Close,
}

impl Download {
    pub(super) fn new(under_way: UnderWay, answer: Answer, resting: Arc<Resting>) -> Self {
        let left = match answer.framing {
            Framing::Length(length) => Left::Length(length),
            Framing::Chunked => Left::Chunks(Chunks::Size),
            Framing::Close => Left::Close,
        };
        let under_way = Some(under_way);
        Self { under_way, left, keep_alive: answer.keep_alive, room: HEAD, resting }
    }

    /// What is left of the request where the hub surely takes no more of it: it has hung up, or does
    /// so behind an answer that is all there.
    pub(super) fn take_unread(&mut self) -> Option<Body> {
        let over = !self.keep_alive && self.whole().is_some();
        let sending = &mut self.under_way.as_mut()?.sending;
        let left = sending.take_if(|left| !left.is_whole() && (over || left.error.is_some()))?;
        self.keep_alive = false;
        Some(left.into_body())
    }

    /// Whether the hub hangs up when the answer is over, however much of the upload is to come then.
    pub(super) fn ends_upload(&self) -> bool {
        let sending = self.under_way.as_ref().and_then(|under_way| under_way.sending.as_ref());
        !self.keep_alive && sending.is_some_and(|sending| !sending.has_all())
    }

    /// The length of an answer that is all there.
    fn whole(&self) -> Option<usize> {
        let Left::Length(length) = self.left else { return None };
        let here = self.under_way.as_ref()?.link.buffer().len();
        usize::try_from(length).ok().filter(|length| here >= *length)
    }

    /// The body for the client; one that is all there needs nothing more of the connection.
    pub(super) fn into_body(mut self) -> Body {
        if let (Some(length), Some(under_way)) = (self.whole(), &mut self.under_way) {
            let data = under_way.link.take(length);
            self.is_over();
            return if data.is_empty() { Body::Empty } else { Body::Full(data) };
        }
        Body::Source(Box::new(self))
    }

    /// The body is over: its connection waits for the next request, if it can carry one.
    fn is_over(&mut self) {
        let Some(mut under_way) = self.under_way.take() else { return };
        // What the hub says beyond its answer belongs to nobody.
        if !self.keep_alive || !under_way.link.buffer().is_empty() {
            return;
        }
        if under_way.sending.as_ref().is_none_or(super::Sending::is_whole) {
            return self.resting.keep(under_way.into_link());
        }
        let resting = Arc::downgrade(&self.resting);
        spawn_local(async move {
            // The hub has answered early, and still takes what the client sends.
            let sent = std::future::poll_fn(|cx| under_way.poll_rest(cx)).await;
            if sent && let Some(resting) = resting.upgrade() {
                resting.keep(under_way.into_link());
            }
        });
    }

    /// Takes what comes next off what was read.
    fn next(&mut self) -> Result<Next, Flaw> {
        let Some(under_way) = &mut self.under_way else { return Ok(Next::Over(None)) };
        match &mut self.left {
            Left::Length(0) => Ok(Next::Over(None)),
            Left::Length(_) | Left::Close if under_way.link.buffer().is_empty() => Ok(Next::More),
            Left::Length(left) => {
                let data = under_way.link.take(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= u64::try_from(data.len()).unwrap_or(*left);
                Ok(Next::Data(data))
            }
            Left::Close => Ok(Next::Data(under_way.link.take(usize::MAX))),
            Left::Chunks(chunks) => chunks.take(&mut under_way.link),
        }
    }

    fn fail(&mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.under_way = None;
        Error::Hub(std::io::Error::other(error))
    }
}

impl Source for Download {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match self.next() {
                Ok(Next::Data(data)) => {
                    if matches!(self.left, Left::Length(0)) {
                        self.is_over();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Next::Over(trailers)) => {
                    self.is_over();
                    self.left = Left::Length(0);
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(Next::More) => {}
                Err(flaw) => return Poll::Ready(Some(Err(self.fail(flaw)))),
            }
            let Some(under_way) = &mut self.under_way else { return Poll::Ready(None) };
            if let Err(error) = under_way.poll_send(cx) {
                self.under_way = None;
                return Poll::Ready(Some(Err(error)));
            }
            match ready!(under_way.link.poll_fill(cx, self.room)) {
                Ok(0) if matches!(self.left, Left::Close) => {
                    self.under_way = None;
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(self.fail(Flaw::Truncated)))),
                Ok(count) if count >= self.room => self.room = (self.room * 2).min(LARGEST),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(self.fail(error)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left, Left::Length(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Left::Length(left) => SizeHint::with_exact(left),
            Left::Chunks(_) | Left::Close => SizeHint::default(),
        }
    }
}
