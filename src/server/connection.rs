//! One connection of a client, from the handshake to its end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

use super::guarded_io::GuardedIo;
use super::head_guard::Refusal;
use super::incoming::unify;
use super::registry::{Entered, Order};
use super::watched::{InFlight, Watch};
use super::worker::Thread;
use crate::body::{self, Body};
use crate::observe::{Access, Connection, Flow, Outcome};
use crate::peer::Peer;
use crate::policy::Reason;

/// Serves one connection.
pub(super) async fn serve<Serve>(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    thread: Rc<Thread<Serve>>,
) where
    Serve: AsyncFn(Request<Incoming>, Peer) -> Response<Body> + 'static,
{
    // A socket whose ends are not known is closed already.
    let (Ok(address), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let tls = thread.acceptor.is_some();
    let flow = if tls { Flow::Tls } else { Flow::Plain };
    let watch = Watch::new(&thread.ticks, &thread.load, thread.recorder.metrics(), flow, place);
    let peer = Peer { address, local, tls };
    match &thread.acceptor {
        None => http(stream, watch, peer, &thread).await,
        Some(acceptor) => {
            let handshake = acceptor.accept(stream);
            match tokio::time::timeout(thread.limits.handshake, handshake).await {
                Ok(Ok(stream)) => http(stream, watch, peer, &thread).await,
                Ok(Err(error)) => {
                    thread.recorder.metrics().connection_failed(Connection::Handshake);
                    debug!(%error, client = %address, "the TLS handshake failed");
                }
                Err(_) => {
                    thread.recorder.metrics().connection_failed(Connection::Handshake);
                    debug!(client = %address, "the TLS handshake took too long");
                }
            }
        }
    }
}

/// Serves HTTP, of whichever version the client speaks.
async fn http<I, Serve>(io: I, watch: Arc<Watch>, peer: Peer, thread: &Rc<Thread<Serve>>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Serve: AsyncFn(Request<Incoming>, Peer) -> Response<Body> + 'static,
{
    let entered = thread.registry.enter(Arc::clone(&watch));
    let io = TokioIo::new(GuardedIo::new(io, Arc::clone(&watch)));
    let service = service_fn(|mut request: Request<Incoming>| {
        let in_flight = watch.answering();
        let thread = Rc::clone(thread);
        let watch = Arc::clone(&watch);
        async move {
            unify(&mut request);
            let response = (thread.serve)(request, peer).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                watch.upgrades();
            }
            Ok::<_, Infallible>(response.map(|body| Answering { body, _in_flight: in_flight }))
        }
    });
    let connection = thread.builder.serve_connection_with_upgrades(io, service);
    let mut connection = pin!(connection);
    let mut finishing = false;
    let ended = poll_fn(|cx| {
        let finish = match entered.order(cx) {
            Order::Serve => false,
            Order::ServeOne => entered.watch().has_served(),
            Order::Finish => true,
            Order::Cut => return Poll::Ready(Ok(())),
        };
        if finish && !finishing {
            finishing = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        refused(&*error, &entered, peer, thread);
    }
}

/// Records a request that never became one.
fn refused<Serve>(
    error: &(dyn std::error::Error + Send + Sync + 'static),
    entered: &Entered,
    peer: Peer,
    thread: &Thread<Serve>,
) {
    debug!(error = %error, client = %peer.address, "a connection ended");
    let Some(error) = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()) else {
        return;
    };
    thread.recorder.metrics().connection_failed(Connection::Malformed);
    let status = if error.is_parse_too_large() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else {
        StatusCode::BAD_REQUEST
    };
    let reason = match entered.watch().refusal() {
        Some(Refusal::Target) => Reason::AmbiguousPath,
        Some(Refusal::Framing) => Reason::AmbiguousHeaders,
        None => Reason::UnsupportedRequest,
    };
    // What the client wrote could not be read, so it is not repeated.
    let Ok(unknown) = Method::from_bytes(b"-") else { return };
    thread.recorder.access(&Access {
        at: thread.clock.now(),
        request_id: "-",
        client: peer.address.ip().to_canonical(),
        method: &unknown,
        host: "-",
        path: "-",
        status,
        outcome: Outcome::Deny,
        reason: Some(reason),
        organization: None,
        subject: None,
        duration: Duration::ZERO,
        bytes: None,
    });
}

/// The body of an answer; the request is in flight until it is dropped.
struct Answering {
    body: Body,
    _in_flight: InFlight,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = body::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, body::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
