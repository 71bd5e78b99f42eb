//! A connection in the hands of the library: whatever is not simple.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answering::Answering;
use super::guarded_io::GuardedIo;
use super::registry::{Entry, Order};
use crate::proxy::Local;

/// What makes connections.
#[derive(Clone, Debug)]
pub(super) struct Builders {
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<Local>,
}

/// Speaks HTTP/1.1 until the connection ends, or is quiet: then it is taken apart and comes back.
pub(super) async fn http1<I, S>(
    io: GuardedIo<I>,
    service: S,
    entry: &Entry,
    builders: &Builders,
) -> hyper::Result<Option<GuardedIo<I>>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible> + 'static,
{
    let connection = builders.http1.serve_connection(TokioIo::new(io), service).with_upgrades();
    let (mut connection, mut finishing) = (Some(connection), false);
    poll_fn(|cx| {
        let Some(open) = &mut connection else { return Poll::Ready(Ok(None)) };
        if entry.told() == Order::Park {
            return Poll::Ready(Ok(connection.take().and_then(|connection| {
                let parts = connection.into_parts()?;
                let mut io = parts.io.into_inner();
                // It cannot be otherwise: but in the middle of something, nothing is begun anew.
                let between = io.is_between();
                io.put_back(&parts.read_buf);
                between.then_some(io)
            })));
        }
        let mut open = Pin::new(open);
        if entry.ends_soon() && !std::mem::replace(&mut finishing, true) {
            open.as_mut().graceful_shutdown();
        }
        open.poll(cx).map_ok(|()| None)
    })
    .await
}

/// Speaks HTTP/2 until the connection ends.
pub(super) async fn http2<I, S>(
    io: GuardedIo<I>,
    service: S,
    entry: &Entry,
    builders: &Builders,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Answering>, Error = Infallible> + 'static,
    S::Future: 'static,
{
    let mut connection = builders.http2.serve_connection(TokioIo::new(io), service);
    let mut finishing = false;
    poll_fn(|cx| {
        let mut open = Pin::new(&mut connection);
        if entry.ends_soon() && !std::mem::replace(&mut finishing, true) {
            open.as_mut().graceful_shutdown();
        }
        open.poll(cx)
    })
    .await
}
