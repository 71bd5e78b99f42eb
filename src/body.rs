//! Message bodies: one enum, streamed, without a box on the way of an ordinary request.

mod guarded;
mod inserted;
mod keeping;
mod lifeline;
mod prefixed;
mod upload;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

pub use guarded::Guarded;
pub use keeping::Keeping;
pub use lifeline::{Cord, Ending, Lifeline};
pub use prefixed::{Prefixed, ReadError, Within};
pub use upload::{TrailerRule, Upload, UploadHandle};

/// The body of a request or of a response.
#[derive(Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes that are all there.
    Full(Bytes),
    /// What comes in from a connection.
    Incoming(Incoming),
    /// What was read for judging, then the rest.
    Prefixed(Box<Prefixed>),
    /// A stream that ends with its session.
    Guarded(Box<Guarded>),
    /// A request's body on its way to the hub.
    Upload(Box<Upload>),
    /// A response's body that keeps something alive.
    Keeping(Box<Keeping>),
    /// What comes in from a connection of our own.
    Source(Box<dyn Source>),
}

/// A body that somebody else brings.
pub trait Source: std::fmt::Debug + Send {
    /// The next piece of it.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>>;

    /// Whether nothing more comes.
    fn is_end_stream(&self) -> bool;

    /// How much is to come.
    fn size_hint(&self) -> SizeHint;
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection that it came from failed, or sent what is no HTTP.
    #[error("the body broke off")]
    Broken(#[from] hyper::Error),
    /// The session that it was sent in has ended.
    #[error("the session ended in the middle of the body")]
    SessionEnded,
    /// The hub answered without asking for it.
    #[error("the hub did not ask for the body")]
    Refused,
    /// The hub's connection failed, or sent what is no HTTP.
    #[error("the hub's answer broke off")]
    Hub(#[source] std::io::Error),
}

impl Body {
    /// Bytes that are all there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(bytes.into())
    }

    /// Bytes that are all there, and trailers behind them.
    #[must_use]
    pub fn with_trailers(bytes: impl Into<Bytes>, trailers: HeaderMap) -> Self {
        Self::Prefixed(Box::new(Prefixed::whole(bytes.into(), trailers)))
    }

    /// Whether it is longer than `limit`, or of a length that nobody has said.
    #[must_use]
    pub fn may_exceed(&self, limit: u64) -> bool {
        http_body::Body::size_hint(self).upper().is_none_or(|upper| upper > limit)
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        if http_body::Body::is_end_stream(&incoming) {
            Self::Empty
        } else {
            Self::Incoming(incoming)
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Incoming(incoming) => Pin::new(incoming).poll_frame(cx).map_err(Error::Broken),
            Self::Prefixed(prefixed) => prefixed.poll_frame(cx),
            Self::Guarded(guarded) => guarded.poll_frame(cx),
            Self::Upload(upload) => upload.poll_frame(cx),
            Self::Keeping(keeping) => keeping.poll_frame(cx),
            Self::Source(source) => source.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
            Self::Prefixed(prefixed) => prefixed.is_end_stream(),
            Self::Guarded(guarded) => guarded.is_end_stream(),
            Self::Upload(upload) => upload.is_end_stream(),
            Self::Keeping(keeping) => keeping.is_end_stream(),
            Self::Source(source) => source.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => exact(bytes.len()),
            Self::Incoming(incoming) => incoming.size_hint(),
            Self::Prefixed(prefixed) => prefixed.size_hint(),
            Self::Guarded(guarded) => guarded.size_hint(),
            Self::Upload(upload) => upload.size_hint(),
            Self::Keeping(keeping) => keeping.size_hint(),
            Self::Source(source) => source.size_hint(),
        }
    }
}

/// The hint of a body whose length is known.
fn exact(length: usize) -> SizeHint {
    u64::try_from(length).map_or_else(|_| SizeHint::default(), SizeHint::with_exact)
}
