//! An answer on its way to the client: its head, then its body as it comes (RFC 9112 §4, §6, §7).

use std::future::poll_fn;
use std::io::{IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::top::{self, Framing, Way};
use crate::body::{self, Body};
use crate::fields::Fields;
use crate::message::Response;
use crate::server::guarded_io::GuardedIo;

/// Data of at most so many bytes are copied behind what is already to be sent: that is cheaper than
/// another system call.
const COPIED: usize = 8 * 1024;

/// The room that is kept for the next head.
const KEPT: usize = 16 * 1024;

/// The answer could not be sent whole: the client must not take it for one that was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// Sends an answer whole; `out` is room for heads, and the room of the answer's fields is returned.
///
/// # Errors
/// When the body breaks off or has another length than was said, or the client takes no more.
pub(super) async fn send<I>(
    io: &mut GuardedIo<I>,
    response: Response,
    way: Way,
    out: &mut Vec<u8>,
) -> Result<Fields, Broken>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    out.clear();
    let mut framing = top::write(&response, way, out);
    let (_, mut fields, mut body) = response.into_parts();
    // The bytes that they stand in are read into again.
    fields.clear();
    loop {
        match poll_fn(|cx| next(io, &mut body, framing, out.is_empty(), cx)).await? {
            Step::Send => send_all(io, out, Bytes::new(), b"").await?,
            Step::Data(data) => {
                let behind: &[u8] = match &mut framing {
                    Framing::Length(left) => {
                        let length = u64::try_from(data.len()).map_err(|_| Broken)?;
                        *left = left.checked_sub(length).ok_or(Broken)?;
                        b""
                    }
                    Framing::Chunked if data.is_empty() => continue,
                    Framing::Chunked => {
                        // Writing into a vector cannot fail.
                        let _ = write!(out, "{:X}\r\n", data.len());
                        b"\r\n"
                    }
                    Framing::None => return Err(Broken),
                };
                if out.len() + data.len() <= COPIED {
                    out.extend_from_slice(&data);
                    out.extend_from_slice(behind);
                } else {
                    send_all(io, out, data, behind).await?;
                }
            }
            Step::End => {
                match framing {
                    Framing::Length(0) | Framing::None => {}
                    Framing::Length(_) => return Err(Broken),
                    Framing::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
                }
                send_all(io, out, Bytes::new(), b"").await?;
                poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await.map_err(|_| Broken)?;
                if out.capacity() > KEPT {
                    *out = Vec::new();
                }
                return Ok(fields);
            }
        }
    }
}

/// Sends an answer that was written by hand.
///
/// # Errors
/// When the client takes no more.
pub(super) async fn send_head<I>(io: &mut GuardedIo<I>, out: &mut Vec<u8>) -> Result<(), Broken>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    send_all(io, out, Bytes::new(), b"").await?;
    poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await.map_err(|_| Broken)
}

/// What is to be done next.
enum Step {
    /// Send what there is: more will take a while.
    Send,
    Data(Bytes),
    End,
}

fn next<I: AsyncRead + AsyncWrite + Unpin>(
    io: &mut GuardedIo<I>,
    body: &mut Body,
    framing: Framing,
    sent: bool,
    cx: &mut Context<'_>,
) -> Poll<Result<Step, Broken>> {
    // A length that was reached is the end; who brings the body hears of nothing more.
    if matches!(framing, Framing::None) || framing == Framing::Length(0) && body.is_end_stream() {
        return Poll::Ready(Ok(Step::End));
    }
    match poll_data(body, cx) {
        Poll::Ready(Some(Ok(data))) => Poll::Ready(Ok(Step::Data(data))),
        Poll::Ready(Some(Err(_))) => Poll::Ready(Err(Broken)),
        Poll::Ready(None) => Poll::Ready(Ok(Step::End)),
        Poll::Pending if !sent => Poll::Ready(Ok(Step::Send)),
        Poll::Pending => {
            let flushed = ready!(Pin::new(&mut *io).poll_flush(cx));
            if flushed.is_err() || io.has_left(cx) {
                return Poll::Ready(Err(Broken));
            }
            Poll::Pending
        }
    }
}

/// The next data of a body. Trailers are for clients that ask for them (RFC 9110 §6.5.1), and none
/// of those is spoken with here.
fn poll_data(body: &mut Body, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, body::Error>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(data))),
            Some(Ok(Err(_trailers))) => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

/// Sends everything, in as few calls as can be.
async fn send_all<I: AsyncRead + AsyncWrite + Unpin>(
    io: &mut GuardedIo<I>,
    out: &mut Vec<u8>,
    mut data: Bytes,
    mut behind: &[u8],
) -> Result<(), Broken> {
    let mut at = 0;
    loop {
        let head = out.get(at..).unwrap_or_default();
        if head.is_empty() && data.is_empty() && behind.is_empty() {
            out.clear();
            return Ok(());
        }
        let written = poll_fn(|cx| {
            let io = Pin::new(&mut *io);
            if data.is_empty() && behind.is_empty() {
                return io.poll_write(cx, head);
            }
            let slices = [IoSlice::new(head), IoSlice::new(&data), IoSlice::new(behind)];
            let begin = usize::from(head.is_empty());
            io.poll_write_vectored(cx, slices.get(begin..).unwrap_or(&slices))
        });
        let mut count = written.await.map_err(|_| Broken)?;
        if count == 0 {
            return Err(Broken);
        }
        let of_head = count.min(head.len());
        at += of_head;
        count -= of_head;
        let of_data = count.min(data.len());
        data.advance(of_data);
        count -= of_data;
        behind = behind.get(count..).unwrap_or_default();
    }
}
