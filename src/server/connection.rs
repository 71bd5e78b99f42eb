//! One connection of a client, from the handshake to its end.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Method, StatusCode};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

use super::answering::Answering;
use super::guarded_io::{Ahead, GuardedIo};
use super::head_guard::Refusal;
use super::incoming::unify;
use super::library;
use super::plain::{self, Left};
use super::registry::{Entered, Entry, Order};
use super::unread;
use super::watched::Watch;
use super::worker::Thread;
use crate::body::Body;
use crate::message::{Answers, Request, Response};
use crate::observe::{Access, Connection, Flow, Outcome, Said};
use crate::peer::{Door, Peer};
use crate::policy::Reason;

const TOO_LARGE: StatusCode = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;

/// Serves one connection.
pub(super) async fn serve<Serve>(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    door: Door,
    thread: Rc<Thread<Serve>>,
) where
    Serve: Answers,
{
    // A socket whose ends are not known is closed already.
    let (Ok(address), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let tls = thread.acceptor.is_some();
    let flow = if tls { Flow::Tls } else { Flow::Plain };
    let watch = Watch::new(&thread.ticks, &thread.load, thread.recorder.metrics(), flow, place);
    let peer = Peer { address, local, tls, door };
    match &thread.acceptor {
        None => http(stream, watch, peer, &thread).await,
        Some(acceptor) => {
            let handshake = acceptor.accept(stream);
            match tokio::time::timeout(thread.now().limits.handshake, handshake).await {
                // In a box of its own, so that a plain connection is not as large.
                Ok(Ok(stream)) => Box::pin(http(stream, watch, peer, &thread)).await,
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
    Serve: Answers,
{
    let entered = thread.registry.enter(Arc::clone(&watch));
    let io = GuardedIo::new(io, Arc::clone(&watch));
    let serving = Rc::clone(thread);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let in_flight = watch.answering();
        let thread = Rc::clone(&serving);
        let watch = Arc::clone(&watch);
        async move {
            unify(&mut request);
            let mut request = Request::from(request);
            // A request that is forwarded changes it.
            let version = request.version();
            // HTTP/2 bounds their size, and not how many there are.
            let too_many = request.headers().len() > thread.now().limits.headers();
            let mut response = match too_many {
                true => refuse(&thread, &peer, TOO_LARGE, Reason::UnsupportedRequest),
                false => thread.serve.answer(&mut request, &peer).await,
            };
            unread::tell(version, &mut request, &mut response).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                watch.upgrades();
            }
            Ok::<_, Infallible>(turned_over(response).map(|body| Answering::new(body, in_flight)))
        }
    });
    let mut speaking = pin!(speak(io, service, &entered, &peer, thread));
    let words = &entered.watch().words;
    let mut told = false;
    let ended = poll_fn(|cx| {
        if entered.order(cx) == Order::Cut {
            return Poll::Ready(Ok(()));
        }
        loop {
            let polled = speaking.as_mut().poll(cx);
            let Some(status) = words.wanted().filter(|_| polled.is_pending()) else {
                return polled;
            };
            let response = refuse(thread, &peer, status, reason(&entered));
            told = true;
            words.give(plain::last_words(response, thread.date()).into());
        }
    });
    if let Err(error) = ended.await {
        debug!(%error, client = %peer.address, "a connection ended");
        if error.is_parse() {
            thread.recorder.metrics().connection_failed(Connection::Malformed);
            // The client was not told why, but the log is.
            if !told {
                let large = error.is_parse_too_large();
                let status = if large { TOO_LARGE } else { StatusCode::BAD_REQUEST };
                let _ = refuse(thread, &peer, status, reason(&entered));
            }
        }
    }
}

/// Goes from one way of speaking to the next.
///
/// A connection that is quiet between two requests gives its buffers back, which is most of what it
/// takes, and gets new ones when bytes come.
async fn speak<I, S, Serve>(
    mut io: GuardedIo<I>,
    service: S,
    entry: &Entry,
    peer: &Peer,
    thread: &Thread<Serve>,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Serve: Answers,
    S: Service<
            http::Request<Incoming>,
            Response = http::Response<Answering>,
            Error = Infallible,
            Future: 'static,
        > + Clone
        + 'static,
{
    loop {
        let said = poll_fn(|cx| match entry.ends_soon() {
            true => Poll::Ready(None),
            false => io.poll_ahead(cx).map(Some),
        });
        match said.await {
            None => return finish(io).await,
            // The client has left without a word.
            Some(Ok(Ahead::End) | Err(_)) => return Ok(()),
            Some(Ok(Ahead::Http2)) => {
                let builders = thread.now().builders.clone();
                return Box::pin(library::http2(io, service, entry, &builders)).await;
            }
            Some(Ok(Ahead::Http1)) => {}
        }
        entry.set_parkable(true);
        entry.watch().park(false);
        // In boxes, so that a quiet connection is not as large.
        match Box::pin(plain::serve(&mut io, entry, peer, thread)).await {
            Left::Library => {
                let builders = thread.now().builders.clone();
                let driven = library::http1(io, service.clone(), entry, &builders);
                match Box::pin(driven).await? {
                    Some(back) => io = back,
                    None => return Ok(()),
                }
            }
            Left::Quiet => {}
            Left::Finished => return finish(io).await,
            Left::Broken => return Ok(()),
        }
        entry.set_parkable(false);
        entry.watch().park(true);
        io.rest();
    }
}

/// Ends a connection in good order; whether the client has heard of it or not, this is it.
async fn finish<I: AsyncRead + AsyncWrite + Unpin>(mut io: GuardedIo<I>) -> hyper::Result<()> {
    let _ = poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
    Ok(())
}

/// An answer for the library that speaks the client's version.
fn turned_over(response: Response) -> http::Response<Body> {
    response.into_http().unwrap_or_else(|_| {
        let mut failed = http::Response::new(Body::Empty);
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

/// Why a request could not be read.
fn reason(entered: &Entered) -> Reason {
    match entered.watch().refusal() {
        Some(Refusal::Target) => Reason::AmbiguousPath,
        Some(Refusal::Framing) => Reason::AmbiguousHeaders,
        None => Reason::UnsupportedRequest,
    }
}

/// Refuses what never became a request, and records it.
fn refuse<Serve: Answers>(
    thread: &Thread<Serve>,
    peer: &Peer,
    status: StatusCode,
    reason: Reason,
) -> Response {
    let response = thread.serve.unreadable(status, reason);
    // What the client wrote could not be read, so it is not repeated.
    let Ok(unknown) = Method::from_bytes(b"-") else { return response };
    let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    thread.recorder.access(&Access {
        at: thread.clock.now(),
        request_id: id.unwrap_or("-"),
        client: peer.address.ip().to_canonical(),
        method: &unknown,
        host: Said::Plain("-"),
        path: Said::Plain("-"),
        status,
        outcome: Outcome::Deny,
        reason: Some(reason),
        organization: None,
        subject: None,
        duration: Duration::ZERO,
        bytes: None,
        trace: None,
    });
    response
}
