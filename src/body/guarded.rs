//! A stream that ends with its session.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{Body, Ending, Error, Lifeline};

/// A body that breaks off when its session ends. It ends with an error and not in good order, so
/// that the peer sees a truncated message and not a complete one.
#[derive(Debug)]
pub struct Guarded {
    inner: Body,
    ending: Ending,
}

impl Body {
    /// Ties the body to a session. One that is at most `small` bytes long stays as it is: it is
    /// over before anyone could end it.
    #[must_use]
    pub fn guarded(self, lifeline: &Lifeline, small: u64) -> Self {
        if lifeline.is_endless() || !self.may_exceed(small) {
            return self;
        }
        Self::Guarded(Box::new(Guarded { inner: self, ending: lifeline.ending() }))
    }
}

impl Guarded {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if Pin::new(&mut self.ending).poll(cx).is_ready() {
            self.inner = Body::Empty;
            return Poll::Ready(Some(Err(Error::SessionEnded)));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
