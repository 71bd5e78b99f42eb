//! A body whose beginning was read for judging: what was judged is what goes on.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

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
    /// It did not come to its end.
    #[error("the body took too long")]
    TooSlow,
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] Error),
}

/// What reading a body within a limit gave.
#[derive(Debug)]
pub enum Within {
    /// All of it, and a body that says the same once more.
    Whole(Bytes, Body),
    /// It is longer; a body that says all of it.
    Longer(Body),
}

/// How long a body that is read for judging may take: it is small, and whoever sends it byte by
/// byte holds a connection for nothing.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// When it is longer, breaks off, or takes half a minute.
    pub async fn read_whole(self, limit: usize) -> Result<(Bytes, Self), ReadError> {
        match self.read_within(limit).await? {
            Within::Whole(bytes, again) => Ok((bytes, again)),
            Within::Longer(_) => Err(ReadError::TooLarge(limit)),
        }
    }

    /// Reads all of the body if it has at most `limit` bytes; otherwise gives back a body that
    /// says all of it.
    ///
    /// # Errors
    /// When it breaks off, or takes half a minute.
    pub async fn read_within(self, limit: usize) -> Result<Within, ReadError> {
        self.read_patiently(limit, PATIENCE).await
    }

    async fn read_patiently(self, limit: usize, patience: Duration) -> Result<Within, ReadError> {
        match tokio::time::timeout(patience, self.read(limit)).await {
            Ok(read) => Ok(read?),
            Err(_) => Err(ReadError::TooSlow),
        }
    }

    async fn read(mut self, limit: usize) -> Result<Within, Error> {
        let least = self.size_hint().lower();
        if usize::try_from(least).map_or(true, |least| least > limit) {
            return Ok(Within::Longer(self));
        }
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        let mut trailers = None;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            match frame?.into_data() {
                Ok(data) => {
                    if data.len() > limit.saturating_sub(first.len() + more.len()) {
                        let read = [first.as_ref(), more.as_ref(), data.as_ref()].concat();
                        return Ok(Within::Longer(Self::prefixed(read.into(), self)));
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
        Ok(Within::Whole(bytes, again))
    }
}

impl Prefixed {
    pub(super) const fn whole(bytes: Bytes, trailers: HeaderMap) -> Self {
        Self { prefix: bytes, rest: Body::Empty, trailers: Some(trailers) }
    }

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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn with_trailers(bytes: &'static str) -> Body {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("1"));
        Body::Prefixed(Box::new(Prefixed {
            prefix: Bytes::from_static(bytes.as_bytes()),
            rest: Body::Empty,
            trailers: Some(trailers),
        }))
    }

    #[tokio::test]
    async fn what_was_read_is_what_goes_on() {
        let body = Body::prefixed(Bytes::from_static(b"{\"a\""), Body::full(": 1}"));
        assert_eq!(body.size_hint().exact(), Some(8));
        let (bytes, again) = body.read_whole(8).await.unwrap();
        assert_eq!(bytes, "{\"a\": 1}");
        assert_eq!(again.size_hint().exact(), Some(8));
        assert_eq!(again.collect().await.unwrap().to_bytes(), bytes);
    }

    #[tokio::test]
    async fn trailers_are_kept() {
        let (bytes, again) = with_trailers("abc").read_whole(100).await.unwrap();
        assert_eq!(bytes, "abc");
        assert_eq!(again.size_hint().exact(), None, "a length would leave no room for trailers");
        let collected = again.collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-sum"], "1");
        assert_eq!(collected.to_bytes(), "abc");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_not_read() {
        for body in [Body::full("abcd"), with_trailers("abcd")] {
            assert!(matches!(body.read_whole(3).await, Err(ReadError::TooLarge(3))));
        }
        let (empty, again) = Body::Empty.read_whole(0).await.unwrap();
        assert!(empty.is_empty() && again.is_end_stream());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let rule = crate::body::TrailerRule::new(|_| {});
        let (waiting, _handle) = Body::full("a").upload(Some(PATIENCE), rule);
        let read = waiting.read_patiently(10, Duration::from_millis(10)).await;
        assert!(matches!(read, Err(ReadError::TooSlow)));
    }
}
