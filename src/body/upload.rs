//! A request's body on its way to the hub: it waits where the client waits, and says how far it is.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::{Body, Error};

/// A body that is on its way.
#[derive(Debug)]
pub struct Upload {
    inner: Body,
    progress: Arc<Progress>,
    hold: Hold,
    rule: TrailerRule,
}

/// Takes out of a request's trailers what must not stand there: a server may merge them with the
/// headers (RFC 9110 §6.5.1).
#[derive(Clone)]
pub struct TrailerRule(Arc<dyn Fn(&mut HeaderMap) + Send + Sync>);

impl TrailerRule {
    /// A rule of one's own.
    #[must_use]
    pub fn new(rule: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }
}

impl std::fmt::Debug for TrailerRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrailerRule")
    }
}

/// Whether the body may be read: a client that sent `Expect: 100-continue` is told to go on as
/// soon as somebody reads (RFC 9110 §10.1.1).
#[derive(Debug)]
enum Hold {
    Open,
    Waiting { verdict: oneshot::Receiver<Verdict>, patience: Pin<Box<Sleep>> },
    Refused(oneshot::Receiver<()>),
}

#[derive(Debug)]
enum Verdict {
    GoOn,
    /// The answer came first; completes when it has been passed on.
    Never(oneshot::Receiver<()>),
}

/// How far a body is.
#[derive(Debug, Default)]
struct Progress {
    frames: AtomicU32,
    client_is_slow: AtomicBool,
}

/// Watches a body that is on its way, and releases it.
#[derive(Clone, Debug)]
pub struct UploadHandle {
    progress: Arc<Progress>,
    verdict: Arc<Mutex<Option<oneshot::Sender<Verdict>>>>,
}

impl Body {
    /// Watches the body; with `patience`, it is held back until it is released or the patience is
    /// over: nobody need wait for ever for a `100 Continue`.
    #[must_use]
    pub fn upload(self, patience: Option<Duration>, rule: TrailerRule) -> (Self, UploadHandle) {
        let progress = Arc::<Progress>::default();
        let (hold, sender) = match patience {
            None => (Hold::Open, None),
            Some(patience) => {
                let (sender, verdict) = oneshot::channel();
                let patience = Box::pin(tokio::time::sleep(patience));
                (Hold::Waiting { verdict, patience }, Some(sender))
            }
        };
        let upload = Upload { inner: self, progress: Arc::clone(&progress), hold, rule };
        let handle = UploadHandle { progress, verdict: Arc::new(Mutex::new(sender)) };
        (Self::Upload(Box::new(upload)), handle)
    }
}

impl UploadHandle {
    /// How many pieces have gone by; when it stands still, nothing moves.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.progress.frames.load(Ordering::Relaxed)
    }

    /// Whether it stands still because the client sends nothing.
    #[must_use]
    pub fn client_is_slow(&self) -> bool {
        self.progress.client_is_slow.load(Ordering::Relaxed)
    }

    /// Lets a held body go on.
    pub fn release(&self) {
        self.decide(Verdict::GoOn);
    }

    /// The hub has answered. A body that is still held is never sent; then the sender that is
    /// returned must live as long as the answer is being passed on.
    #[must_use]
    pub fn answered(&self) -> Option<oneshot::Sender<()>> {
        let (sender, answered) = oneshot::channel();
        self.decide(Verdict::Never(answered)).then_some(sender)
    }

    fn decide(&self, verdict: Verdict) -> bool {
        let sender = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.is_some_and(|sender| sender.send(verdict).is_ok())
    }
}

impl Upload {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match &mut self.hold {
                Hold::Open => break,
                Hold::Waiting { verdict, patience } => match Pin::new(verdict).poll(cx) {
                    Poll::Ready(Ok(Verdict::GoOn)) => self.hold = Hold::Open,
                    Poll::Ready(Ok(Verdict::Never(answered))) => {
                        // The client is not asked to send what nobody will read.
                        self.inner = Body::Empty;
                        self.hold = Hold::Refused(answered);
                    }
                    Poll::Ready(Err(_)) | Poll::Pending => {
                        if patience.as_mut().poll(cx).is_pending() {
                            return Poll::Pending;
                        }
                        self.hold = Hold::Open;
                    }
                },
                Hold::Refused(answered) => {
                    // Ends the connection to the hub, which still waits for a body.
                    return Pin::new(answered).poll(cx).map(|_| Some(Err(Error::Refused)));
                }
            }
        }
        let mut polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            (self.rule.0)(trailers);
        }
        if polled.is_ready() {
            let frames = self.progress.frames.load(Ordering::Relaxed);
            self.progress.frames.store(frames.wrapping_add(1), Ordering::Relaxed);
        }
        self.progress.client_is_slow.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    pub(super) fn is_end_stream(&self) -> bool {
        matches!(self.hold, Hold::Open) && self.inner.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
