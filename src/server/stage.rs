//! How far a connection is: quiet, speaking HTTP of one version, or closing.
//!
//! A connection that is quiet between two requests is taken apart, and put together again when
//! bytes come: its buffers are given back meanwhile, which is most of what it takes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answering::Answering;
use super::guarded_io::{Ahead, GuardedIo};
use super::registry::{Entry, Order};
use crate::proxy::Local;

/// What makes connections.
#[derive(Clone, Debug)]
pub(super) struct Builders {
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<Local>,
}

/// One connection, driven by hyper while it has something to say.
pub(super) struct Stage<I, S>
where
    S: Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible>,
{
    now: Now<I, S>,
    service: S,
    finishing: bool,
}

enum Now<I, S>
where
    S: Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible>,
{
    /// Nothing is being said: a new connection, or one that was taken apart.
    Quiet(GuardedIo<I>),
    Http1(Box<http1::UpgradeableConnection<TokioIo<GuardedIo<I>>, S>>),
    Http2(Box<http2::Connection<TokioIo<GuardedIo<I>>, S, Local>>),
    /// It ends in good order.
    Closing(GuardedIo<I>),
    Gone,
}

impl<I, S> Stage<I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible>
        + Clone
        + 'static,
    S::Future: 'static,
{
    pub(super) fn new(io: GuardedIo<I>, service: S) -> Self {
        Self { now: Now::Quiet(io), service, finishing: false }
    }

    /// Goes on as far as it can, as the registry's entry orders.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        entry: &Entry,
        builders: &Builders,
    ) -> Poll<hyper::Result<()>> {
        loop {
            let order = entry.order(cx);
            let finish = match order {
                Order::Serve | Order::Park => false,
                Order::ServeOne => entry.watch().has_served(),
                Order::Finish => true,
                Order::Cut => return Poll::Ready(Ok(())),
            };
            self.now = match std::mem::replace(&mut self.now, Now::Gone) {
                Now::Quiet(io) if finish => Now::Closing(io),
                Now::Quiet(mut io) => match io.poll_ahead(cx) {
                    Poll::Pending => {
                        self.now = Now::Quiet(io);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ahead::Http1)) => {
                        entry.set_parkable(true);
                        entry.watch().park(false);
                        let connection =
                            builders.http1.serve_connection(TokioIo::new(io), self.service.clone());
                        Now::Http1(Box::new(connection.with_upgrades()))
                    }
                    Poll::Ready(Ok(Ahead::Http2)) => Now::Http2(Box::new(
                        builders.http2.serve_connection(TokioIo::new(io), self.service.clone()),
                    )),
                    // The client has left without a word.
                    Poll::Ready(Ok(Ahead::End) | Err(_)) => return Poll::Ready(Ok(())),
                },
                Now::Http1(connection) if order == Order::Park => {
                    entry.set_parkable(false);
                    let Some(parts) = connection.into_parts() else { return Poll::Ready(Ok(())) };
                    let mut io = parts.io.into_inner();
                    if !io.is_between() {
                        // It cannot be: but in the middle of something, nothing is begun anew.
                        return Poll::Ready(Ok(()));
                    }
                    io.put_back(&parts.read_buf);
                    entry.watch().park(true);
                    Now::Quiet(io)
                }
                Now::Http1(mut connection) => {
                    let mut pinned = Pin::new(connection.as_mut());
                    if finish && !std::mem::replace(&mut self.finishing, true) {
                        pinned.as_mut().graceful_shutdown();
                    }
                    let polled = pinned.poll(cx);
                    self.now = Now::Http1(connection);
                    return polled;
                }
                Now::Http2(mut connection) => {
                    let mut pinned = Pin::new(connection.as_mut());
                    if finish && !std::mem::replace(&mut self.finishing, true) {
                        pinned.as_mut().graceful_shutdown();
                    }
                    let polled = pinned.poll(cx);
                    self.now = Now::Http2(connection);
                    return polled;
                }
                Now::Closing(mut io) => {
                    if Pin::new(&mut io).poll_shutdown(cx).is_pending() {
                        self.now = Now::Closing(io);
                        return Poll::Pending;
                    }
                    // Whether the client has heard of the end or not, this is it.
                    return Poll::Ready(Ok(()));
                }
                Now::Gone => return Poll::Ready(Ok(())),
            };
        }
    }
}
