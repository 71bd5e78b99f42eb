//! The head of an answer: read strictly, since whatever has two readings could smuggle another.

use bytes::Bytes;
use http::StatusCode;
use hyper::ext::ReasonPhrase;

use super::head::number;
use super::link::Link;
use crate::body::Body;
use crate::fields::{FieldValue, Fields, Kind, LARGEST, LineFlaw, Lines, Names, Text};
use crate::headers::strip_named;
use crate::message::{Request, Response};

/// How every head begins.
const BEGIN: &[u8] = b"HTTP/1.";

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("its status is none")]
    Status,
    #[error("it has trailers that are none")]
    Trailers(#[from] httparse::Error),
    #[error("it does not begin as HTTP/1.1 does")]
    NoHttp,
    #[error(transparent)]
    Lines(#[from] LineFlaw),
    #[error("a header cannot be passed on")]
    Header,
    #[error("it broke off")]
    Truncated,
    #[error("it says two lengths of its body, or one that is no number")]
    Length,
    #[error("its body has a transfer coding that is not `chunked` alone")]
    Coding,
    #[error("its chunks are none")]
    Chunk,
}

/// How the body of an answer is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    Chunked,
    /// Until the hub hangs up.
    Close,
}

/// What the head of an answer says of what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) framing: Framing,
    /// Whether the connection carries another request afterwards (RFC 9112 §9.3).
    pub(super) keep_alive: bool,
}

/// Takes a head off what was read, once its end is there; an answer that is final comes without
/// what speaks of this connection alone.
///
/// The request's headers are of no more use then: the room that they stood in is used again.
///
/// # Errors
/// When it has two readings, or none.
pub(super) fn take(
    link: &mut Link,
    request: &mut Request,
    names: &Names,
) -> Result<Option<(Answer, Response)>, Flaw> {
    let read = link.buffer();
    let begun = read.len().min(BEGIN.len());
    if read.get(..begun) != BEGIN.get(..begun) {
        return Err(Flaw::NoHttp);
    }
    let mut found = Lines::new();
    if !found.find(read)? {
        return if read.len() > LARGEST { Err(LineFlaw::TooLong.into()) } else { Ok(None) };
    }
    let head = link.take(found.length());
    let mut lines = found.of(&head);
    let (old, status, reason) = status_line(lines.next().map_or(&[], Text::bytes))?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    if status.is_informational() {
        // It is read as strictly, and goes no further.
        collect(&head, lines, names, &mut Fields::new())?;
        let answer = Answer { framing: Framing::Length(0), keep_alive: true };
        return Ok(Some((answer, response)));
    }
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    // The room that the request's fields stood in.
    let mut headers = std::mem::take(request.headers_mut());
    headers.clear();
    let said = collect(&head, lines, names, &mut headers)?;
    *response.headers_mut() = headers;
    let empty = *request.method() == http::Method::HEAD
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = said.framing(old)?;
    let answer = Answer {
        framing: if empty { Framing::Length(0) } else { framing },
        keep_alive: !said.close
            && (!old || said.keep_alive)
            && (empty || framing != Framing::Close),
    };
    Ok(Some((answer, response)))
}

/// `HTTP/1.1 200 OK` (RFC 9112 §4): whether it is HTTP/1.0, the status, and the reason where it is
/// not the usual one.
fn status_line(line: &[u8]) -> Result<(bool, StatusCode, Option<ReasonPhrase>), Flaw> {
    let (old, rest) = match line.strip_prefix(BEGIN) {
        Some([b'0', rest @ ..]) => (true, rest),
        Some([b'1', rest @ ..]) => (false, rest),
        Some(_) | None => return Err(Flaw::NoHttp),
    };
    let Some(([b' ', code @ ..], rest)) = rest.split_first_chunk::<4>() else {
        return Err(Flaw::Status);
    };
    let status = StatusCode::from_bytes(code).map_err(|_| Flaw::Status)?;
    let reason = match rest {
        // Some leave out the blank in front of no reason.
        [] => &[],
        [b' ', reason @ ..] => reason,
        [..] => return Err(Flaw::Status),
    };
    if status.canonical_reason().is_some_and(|usual| usual.as_bytes() == reason) {
        return Ok((old, status, None));
    }
    let reason = ReasonPhrase::try_from(reason).map_err(|_| Flaw::Status)?;
    Ok((old, status, Some(reason)))
}

/// What a head says of its body and of its connection.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Said {
    /// One length, or chunks, or neither.
    fn framing(&self, old: bool) -> Result<Framing, Flaw> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Flaw::Length),
            // RFC 9112 §6.1: chunks of a server that does not know them.
            (None, true) if old => Err(Flaw::Coding),
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, false) => Ok(Framing::Close),
        }
    }
}

/// Collects what goes on to the client; the values share the bytes of the head.
///
/// No line holds a control character but a tab, so none holds a CR. A line
/// that begins with a blank has no name, so none is folded (RFC 9112 §5.2).
fn collect<'h>(
    head: &'h Bytes,
    lines: impl Iterator<Item = Text<'h>>,
    names: &Names,
    headers: &mut Fields,
) -> Result<Said, Flaw> {
    let mut said = Said::default();
    let mut named: Vec<&[u8]> = Vec::new();
    let mut names = names.reading();
    for line in lines {
        let (name, kind, value) = names.take(line).ok_or(Flaw::Header)?;
        let text = value.without_blanks();
        let value = text.bytes();
        match kind {
            Kind::Said | Kind::Asking => {}
            Kind::Length => {
                let length = number(value).ok_or(Flaw::Length)?;
                if said.length.replace(length).is_some() {
                    return Err(Flaw::Length);
                }
            }
            Kind::Coding => {
                if said.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Flaw::Coding);
                }
                said.chunked = true;
                continue;
            }
            Kind::Connection => {
                for option in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                    if option.eq_ignore_ascii_case(b"close") {
                        said.close = true;
                    } else if option.eq_ignore_ascii_case(b"keep-alive") {
                        said.keep_alive = true;
                    } else {
                        named.push(option);
                    }
                }
                continue;
            }
            Kind::Hop => continue,
        }
        headers.append(name, FieldValue::part_of(head, text));
    }
    strip_named(headers, named);
    Ok(said)
}
