//! The head of a request as bytes.

use http::header;
use http_body::Body as _;

use crate::body::Body;
use crate::headers::{Told, write_line};
use crate::message::Request;
use crate::proxy::{Cause, Error};

/// How a request's body is framed, and how much of it is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    Chunked,
    /// Nothing more.
    Over,
}

impl Framing {
    /// Whether nothing of the body is to come.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Length(0) | Self::Over)
    }
}

/// Writes the head, and says how its body is framed: one length, or chunks, and never both
/// (RFC 9112 §6).
///
/// # Errors
/// When the target cannot stand in a request line, or what is said of the body contradicts it.
pub(super) fn write(
    request: &Request,
    told: &Told,
    body: &Body,
    out: &mut Vec<u8>,
) -> Result<Framing, Error> {
    let unsupported = || Error::Client(Cause::Unsupported);
    let target = request.uri().path_and_query().ok_or_else(unsupported)?.as_str();
    if target.bytes().fold(false, |odd, b| odd | !b.is_ascii_graphic()) {
        return Err(unsupported());
    }
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut said = None;
    for (name, value) in request.headers() {
        if *name == header::CONTENT_LENGTH {
            let length = number(value.as_bytes()).ok_or_else(unsupported)?;
            // Said once, however often the client has said it.
            if said.replace(length).is_some() {
                return Err(unsupported());
            }
        } else if *name == header::TRANSFER_ENCODING {
            // Framing is a matter of one connection, and written below.
            continue;
        }
        told.write_said(name, value, out);
    }
    told.write(out);
    let framing = framing(body, said).ok_or_else(unsupported)?;
    match (framing, said) {
        (Framing::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        (Framing::Length(length), None) => {
            write_line(&header::CONTENT_LENGTH, length.to_string().as_bytes(), out);
        }
        (Framing::Length(_), Some(_)) | (Framing::Over, _) => {}
    }
    out.extend_from_slice(b"\r\n");
    Ok(framing)
}

/// What the body is sent as; `None` when it has another length than was said.
fn framing(body: &Body, said: Option<u64>) -> Option<Framing> {
    if body.is_end_stream() {
        return (said.unwrap_or(0) == 0).then_some(Framing::Over);
    }
    match (said, body.size_hint().exact()) {
        (Some(said), Some(exact)) if said != exact => None,
        (Some(length), _) | (None, Some(length)) => Some(Framing::Length(length)),
        (None, None) => Some(Framing::Chunked),
    }
}

/// Digits and nothing else (RFC 9110 §8.6).
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
}
