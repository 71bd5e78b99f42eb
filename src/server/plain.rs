//! HTTP/1.1 spoken with clients by ourselves, where that is simple: requests without a body that ask
//! for no other way of being answered, one after the other.
//!
//! Whatever is not clearly that is left to the library, byte for byte as it came: what is read here
//! has one reading, and nothing here has to say what is wrong with the rest. So nothing is refused
//! here, and nothing is repaired.

mod dates;
mod head;
mod sending;
mod top;

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use http::Method;
use tokio::io::{AsyncRead, AsyncWrite};

use super::guarded_io::{Ahead, GuardedIo};
use super::registry::{Entry, Order};
use super::worker::Thread;
use crate::body::Body;
use crate::fields::{Fields, Lines};
use crate::message::{Answers, Request, Response, Sent};
use crate::peer::Peer;

pub(super) use dates::{DATE, Dates};

/// Why a connection does not go on here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// What was read is for the library.
    Library,
    /// Nothing is being said, and the buffers are given back.
    Quiet,
    /// It ends in good order.
    Finished,
    /// It is broken, or the client has left.
    Broken,
}

/// Answers requests as long as they are simple; at least one byte was read of the first.
pub(super) async fn serve<I, Serve>(
    io: &mut GuardedIo<I>,
    entry: &Entry,
    peer: &Peer,
    thread: &Thread<Serve>,
) -> Left
where
    I: AsyncRead + AsyncWrite + Unpin,
    Serve: Answers,
{
    let most = thread.now().limits.headers();
    let (mut out, mut room) = (Vec::new(), Fields::new());
    loop {
        let begun = match begin(io.ahead(), entry, peer, thread, most, room, &mut out) {
            Ok(begun) => begun,
            Err(head::NotSimple) => return Left::Library,
        };
        entry.watch().head_ends();
        match begun {
            Begun::Answered(rest) => {
                entry.watch().answered();
                room = rest;
                if sending::send_head(io, &mut out).await.is_err() {
                    return Left::Broken;
                }
            }
            Begun::Asked(head::Head { mut request, last }) => {
                let in_flight = entry.watch().answering();
                let is_head = *request.method() == Method::HEAD;
                let Some(response) = answer(io, &mut request, peer, thread).await else {
                    return Left::Broken;
                };
                let last = last || entry.ends_soon();
                let way = top::Way { is_head, last, date: thread.date() };
                room = match sending::send(io, response, way, &mut out).await {
                    Ok(room) => room,
                    Err(sending::Broken) => return Left::Broken,
                };
                drop((request, in_flight));
                if last {
                    return Left::Finished;
                }
            }
        }
        match poll_fn(|cx| further(io, entry, cx)).await {
            Ok(None) => {}
            Ok(Some(left)) => return left,
            Err(_) => return Left::Broken,
        }
    }
}

/// An answer in one piece, with which the connection ends; its body is all there.
pub(super) fn last_words(mut response: Response, date: [u8; DATE]) -> Vec<u8> {
    let mut words = Vec::new();
    top::write(&response, top::Way { is_head: false, last: true, date }, &mut words);
    if let Body::Full(body) = response.body_mut() {
        words.extend_from_slice(body);
    }
    words
}

/// What has become of a simple request.
enum Begun {
    /// Its answer is ready to be sent; the room for fields was not needed.
    Answered(Fields),
    /// It is to be answered.
    Asked(head::Head),
}

/// Takes a simple request off what was read, and answers it where that needs no waiting.
///
/// # Errors
/// When it is not simple: then nothing was taken.
fn begin<Serve: Answers>(
    read: &mut BytesMut,
    entry: &Entry,
    peer: &Peer,
    thread: &Thread<Serve>,
    most: usize,
    room: Fields,
    out: &mut Vec<u8>,
) -> Result<Begun, head::NotSimple> {
    // The last answer of a connection says so.
    if !entry.ends_soon() {
        out.clear();
        top::begin_ok(out);
        if let Some(length) = thread.serve.at_once(Sent { bytes: read, most, peer }, out) {
            top::end_without_body(&thread.date(), out);
            read.advance(length);
            return Ok(Begun::Answered(room));
        }
    }
    let mut lines = Lines::new();
    head::find(read, most, &mut lines)?;
    head::take(read, &lines, &thread.names, room).map(Begun::Asked)
}

/// Waits for an answer, and for the client to leave: then nobody waits for it any more.
async fn answer<I, Serve>(
    io: &mut GuardedIo<I>,
    request: &mut Request,
    peer: &Peer,
    thread: &Thread<Serve>,
) -> Option<Response>
where
    I: AsyncRead + AsyncWrite + Unpin,
    Serve: Answers,
{
    let mut serving = pin!(thread.serve.answer(request, peer));
    poll_fn(|cx| match serving.as_mut().poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending if io.has_left(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Waits for the next request, or for an order to leave.
fn further<I: AsyncRead + Unpin>(
    io: &mut GuardedIo<I>,
    entry: &Entry,
    cx: &mut std::task::Context<'_>,
) -> Poll<io::Result<Option<Left>>> {
    if !io.ahead().is_empty() {
        return Poll::Ready(Ok(None));
    }
    if entry.told() == Order::Park {
        return Poll::Ready(Ok(Some(Left::Quiet)));
    }
    if entry.ends_soon() {
        return Poll::Ready(Ok(Some(Left::Finished)));
    }
    io.poll_ahead(cx).map_ok(|ahead| match ahead {
        // A client that has spoken HTTP/1.1 goes on doing so.
        Ahead::Http1 | Ahead::Http2 => None,
        Ahead::End => Some(Left::Broken),
    })
}
