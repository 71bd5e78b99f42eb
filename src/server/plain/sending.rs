//! An answer on its way to the client: its head, then its body as it comes (RFC 9112 §4, §6, §7).

use std::future::poll_fn;
use std::io::{IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::{HeaderName, StatusCode, header};
use http_body::{Body as _, Frame};
use hyper::ext::ReasonPhrase;
use tokio::io::{AsyncRead, AsyncWrite};

use super::dates::DATE;
use crate::body::{self, Body};
use crate::fields::{FieldValue, Fields};
use crate::headers::write_line;
use crate::message::Response;
use crate::server::guarded_io::GuardedIo;

/// Data of at most so many bytes are copied behind what is already to be sent: that is cheaper than
/// another system call.
const COPIED: usize = 8 * 1024;

/// The room that is kept for the next head.
const KEPT: usize = 16 * 1024;

/// How an answer is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Whether a head was asked for.
    pub(super) is_head: bool,
    /// Whether the connection ends behind it.
    pub(super) last: bool,
    /// Now (RFC 9110 §6.6.1).
    pub(super) date: [u8; DATE],
}

/// The answer could not be sent whole: the client must not take it for one that was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// How the body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    /// There is none, whatever the body says.
    None,
}

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
    let mut framing = write_head(&response, way, out);
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

/// Writes the head, and says how the body is framed: one length, or chunks, and never both
/// (RFC 9112 §6.3).
fn write_head(response: &Response, way: Way, out: &mut Vec<u8>) -> Framing {
    let status = response.status();
    write_status_line(response, out);
    let (mut said, mut dated) = (None, false);
    for (name, value) in response.headers() {
        if *name == header::CONTENT_LENGTH {
            said = said.or_else(|| length(value));
            continue;
        }
        // What speaks of the connection is for us to say.
        if *name == header::TRANSFER_ENCODING || *name == header::CONNECTION {
            continue;
        }
        dated |= *name == header::DATE;
        write_line(name, value.as_bytes(), out);
    }
    if !dated {
        write_line(&header::DATE, &way.date, out);
    }
    if way.last {
        write_line(&header::CONNECTION, b"close", out);
    }
    let exact = response.body().size_hint().exact();
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = if bodiless || way.is_head {
        // What is said of a body that is not sent is what the hub says (RFC 9110 §8.6).
        let own = exact.filter(|length| *length > 0 && !bodiless);
        if status != StatusCode::NO_CONTENT && !status.is_informational() {
            said.or(own).inspect(|length| write_length(*length, out));
        }
        Framing::None
    } else {
        match exact.or(said) {
            Some(length) => {
                write_length(length, out);
                Framing::Length(length)
            }
            None => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                Framing::Chunked
            }
        }
    };
    out.extend_from_slice(b"\r\n");
    framing
}

fn write_status_line(response: &Response, out: &mut Vec<u8>) {
    let status = response.status();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => out.extend_from_slice(reason.as_bytes()),
        None => out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
}

fn write_length(length: u64, out: &mut Vec<u8>) {
    const NAME: &HeaderName = &header::CONTENT_LENGTH;
    let mut digits = [0; 20];
    let mut rest = length;
    let mut at = digits.len();
    loop {
        at -= 1;
        if let (Some(digit), Ok(value)) = (digits.get_mut(at), u8::try_from(rest % 10)) {
            *digit = b'0' + value;
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    write_line(NAME, digits.get(at..).unwrap_or_default(), out);
}

/// Digits and nothing else (RFC 9110 §8.6).
fn length(value: &FieldValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
