//! The head of an answer to a client (RFC 9112 §4, §6).

use http::{HeaderName, StatusCode, header};
use http_body::Body as _;
use hyper::ext::ReasonPhrase;

use super::dates::DATE;
use crate::fields::FieldValue;
use crate::headers::write_line;
use crate::message::Response;

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

/// How the body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    /// There is none, whatever the body says.
    None,
}

/// Begins an answer that is written by hand.
pub(super) fn begin_ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
}

/// Ends the head of an answer that has no body, of a connection that goes on.
pub(super) fn end_without_body(date: &[u8; DATE], out: &mut Vec<u8>) {
    write_line(&header::DATE, date, out);
    out.extend_from_slice(b"content-length: 0\r\n\r\n");
}

/// Writes the head, and says how the body is framed: one length, or chunks, and never both
/// (RFC 9112 §6.3).
pub(super) fn write(response: &Response, way: Way, out: &mut Vec<u8>) -> Framing {
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
