//! The head of an answer: read strictly, since whatever has two readings could smuggle another.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::ext::ReasonPhrase;
use memchr::memmem;

use super::head::number;
use super::link::Link;
use super::names::Names;
use crate::body::Body;
use crate::headers::{is_hop_by_hop, strip_named};

/// The largest head of an answer, in bytes.
const LARGEST: usize = 256 * 1024;

/// How many headers an answer may have.
const MOST: usize = 256;

/// How every head begins.
const BEGIN: &[u8] = b"HTTP/1.";

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is no HTTP/1.1")]
    Syntax(#[from] httparse::Error),
    #[error("it does not begin as HTTP/1.1 does")]
    NoHttp,
    #[error("a line of its head does not end in CR LF")]
    LineEnd,
    #[error("its head is longer than {LARGEST} bytes")]
    TooLong,
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
    request: &mut Request<Body>,
    names: &Names,
) -> Result<Option<(Answer, Response<Body>)>, Flaw> {
    let read = link.buffer();
    // The parser would pass over empty lines in front.
    let begun = read.len().min(BEGIN.len());
    if read.get(..begun) != BEGIN.get(..begun) {
        return Err(Flaw::NoHttp);
    }
    let Some(end) = memmem::find(read, b"\r\n\r\n") else { return unfinished(read) };
    let head = link.take(end + 4);
    let mut places = [const { MaybeUninit::uninit() }; MOST];
    let mut parsed = httparse::Response::new(&mut []);
    let whole = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        &head,
        &mut places,
    )?;
    // An empty line that ends in LF alone would end the head earlier for some.
    if whole != httparse::Status::Complete(head.len()) {
        return Err(Flaw::LineEnd);
    }
    let status =
        parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Flaw::Header)?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let old = parsed.version == Some(0);
    if status.is_informational() {
        let answer = Answer { framing: Framing::Length(0), keep_alive: true };
        return Ok(Some((answer, response)));
    }
    if let Some(reason) = parsed.reason.filter(|said| status.canonical_reason() != Some(said))
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        response.extensions_mut().insert(reason);
    }
    let mut headers = std::mem::take(request.headers_mut());
    headers.clear();
    let said = collect(&head, parsed.headers, names, &mut headers)?;
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
    *response.version_mut() = Version::HTTP_11;
    Ok(Some((answer, response)))
}

/// What has no end yet, but may have one.
fn unfinished<T>(read: &[u8]) -> Result<Option<T>, Flaw> {
    if memmem::find(read, b"\n\n").is_some() {
        return Err(Flaw::LineEnd);
    }
    if read.len() > LARGEST {
        return Err(Flaw::TooLong);
    }
    Ok(None)
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
fn collect(
    head: &Bytes,
    lines: &[httparse::Header<'_>],
    names: &Names,
    headers: &mut HeaderMap,
) -> Result<Said, Flaw> {
    let mut said = Said::default();
    let mut named: Vec<&[u8]> = Vec::new();
    for line in lines {
        let name = names.of(line.name.as_bytes()).ok_or(Flaw::Header)?;
        if name == header::CONTENT_LENGTH {
            let length = number(line.value).ok_or(Flaw::Length)?;
            if said.length.replace(length).is_some() {
                return Err(Flaw::Length);
            }
        } else if name == header::TRANSFER_ENCODING {
            if said.chunked || !line.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Flaw::Coding);
            }
            said.chunked = true;
            continue;
        } else if name == header::CONNECTION {
            for option in line.value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                if option.eq_ignore_ascii_case(b"close") {
                    said.close = true;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    said.keep_alive = true;
                } else {
                    named.push(option);
                }
            }
            continue;
        } else if is_hop_by_hop(&name) {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.value));
        headers.try_append(name, value.map_err(|_| Flaw::Header)?).map_err(|_| Flaw::Header)?;
    }
    for option in named {
        strip_named(headers, option);
    }
    Ok(said)
}
