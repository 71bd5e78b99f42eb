//! A body that keeps something alive until it has been passed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;

use super::{Body, Error};

/// A body, and what must live as long as it.
#[derive(Debug)]
pub struct Keeping {
    inner: Body,
    _kept: oneshot::Sender<()>,
}

impl Body {
    /// Drops `kept` together with the body.
    #[must_use]
    pub fn keeping(self, kept: oneshot::Sender<()>) -> Self {
        Self::Keeping(Box::new(Keeping { inner: self, _kept: kept }))
    }
}

impl Keeping {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
