//! A body whose beginning was read for judging: what was judged is what goes on.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use super::{Body, Error, exact};

/// Bytes that were read, then the rest of the body they came from.
#[derive(Debug)]
pub struct Prefixed {
    prefix: Bytes,
    rest: Body,
    trailers: Option<HeaderMap>,
}

/// Why a body could not be read for judging.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Longer than is read.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl Body {
    /// Puts bytes that were read from the body in front of it again.
    #[must_use]
    pub fn prefixed(prefix: Bytes, rest: Self) -> Self {
        Self::Prefixed(Box::new(Prefixed { prefix, rest, trailers: None }))
    }

    /// Reads all of the body, at most `limit` bytes, and returns the bytes together with a body
    /// that says the same once more, trailers included.
    ///
    /// # Errors
    /// When it is longer, or breaks off.
    pub async fn read_whole(mut self, limit: usize) -> Result<(Bytes, Self), ReadError> {
        let too_large = || ReadError::TooLarge(limit);
        let least = usize::try_from(self.size_hint().lower()).map_err(|_| too_large())?;
        if least > limit {
            return Err(too_large());
        }
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        let mut trailers = None;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            match frame?.into_data() {
                Ok(data) => {
                    if data.len() > limit.saturating_sub(first.len() + more.len()) {
                        return Err(too_large());
                    }
                    if first.is_empty() {
                        first = data;
                    } else {
                        more.extend_from_slice(&data);
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let bytes = if more.is_empty() {
            first
        } else {
            let mut whole = BytesMut::with_capacity(first.len() + more.len());
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&more);
            whole.freeze()
        };
        let again = match trailers {
            None => Self::Full(bytes.clone()),
            Some(_) => Self::Prefixed(Box::new(Prefixed {
                prefix: bytes.clone(),
                rest: Self::Empty,
                trailers,
            })),
        };
        Ok((bytes, again))
    }
}

impl Prefixed {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.prefix.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.prefix)))));
        }
        match Pin::new(&mut self.rest).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(self.trailers.take().map(|t| Ok(Frame::trailers(t)))),
            Poll::Ready(Some(frame)) => Poll::Ready(Some(frame)),
            Poll::Pending => Poll::Pending,
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.prefix.is_empty() && self.trailers.is_none() && self.rest.is_end_stream()
    }

    /// Trailers need chunks (RFC 9112 §7.1.2), so with them the length is not said in advance.
    pub(super) fn size_hint(&self) -> SizeHint {
        if self.trailers.is_some() {
            return SizeHint::default();
        }
        let rest = self.rest.size_hint();
        let mut hint = exact(self.prefix.len());
        let prefix = hint.lower();
        hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(prefix));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(prefix));
        }
        hint
    }
}
