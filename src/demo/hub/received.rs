//! What arrived at the hub, for the tests to look at.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use hyper::body::Incoming;

use crate::demo::Head;

/// A request that arrived at the hub.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its head, byte for byte.
    pub head: Head,
    body: Arc<AtomicU64>,
}

impl Received {
    pub(super) fn new(head: Head) -> Received {
        Received { head, body: Arc::default() }
    }

    pub(super) fn count(&self, inner: Incoming) -> Counted {
        Counted { inner, count: Arc::clone(&self.body) }
    }

    /// How many bytes of its body have been read so far; bodies nobody asks for are not read.
    #[must_use]
    pub fn body_length(&self) -> u64 {
        self.body.load(Ordering::Relaxed)
    }
}

/// A body whose bytes are counted as they are read.
pub(super) struct Counted {
    inner: Incoming,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let read = frame.data_ref().map_or(0, Bytes::len);
            self.count.fetch_add(read as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
