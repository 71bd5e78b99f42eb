//! The chunks of an answer (RFC 9112 §7.1), read strictly.

use bytes::Bytes;
use http::HeaderName;
use http::header::{HeaderMap, HeaderValue};
use memchr::memchr;

use crate::fields::{LineFlaw, is_hop_by_hop};

use super::answer::Flaw;
use super::link::Link;

/// The longest line in front of a chunk; extensions are not passed on.
const LONGEST_LINE: usize = 4 * 1024;

/// The largest trailers.
const LARGEST_TRAILERS: usize = 64 * 1024;

/// How many trailers there may be.
const MOST: usize = 64;

/// How far a body of chunks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// The line with a size is next.
    Size,
    /// So much of a chunk is to come.
    Data(u64),
    /// The end of its line is next.
    End,
    Trailers,
}

/// What came next.
#[derive(Debug)]
pub(super) enum Next {
    Data(Bytes),
    Over(Option<HeaderMap>),
    /// More must be read first.
    More,
}

impl Chunks {
    /// Takes what comes next off what was read.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn take(&mut self, link: &mut Link) -> Result<Next, Flaw> {
        loop {
            match self {
                Self::Size => {
                    let Some(size) = take_size(link)? else { return Ok(Next::More) };
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(left) => {
                    if link.buffer().is_empty() {
                        return Ok(Next::More);
                    }
                    let data = link.take(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= u64::try_from(data.len()).unwrap_or(*left);
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok(Next::Data(data));
                }
                Self::End => match link.buffer() {
                    [b'\r', b'\n', ..] => {
                        link.take(2);
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Next::More),
                    [..] => return Err(Flaw::Chunk),
                },
                Self::Trailers => return take_trailers(link),
            }
        }
    }
}

/// A size in hexadecimal digits; what stands behind a semicolon is not ours.
fn take_size(link: &mut Link) -> Result<Option<u64>, Flaw> {
    let read = link.buffer();
    let Some(end) = memchr(b'\n', read) else {
        return if read.len() > LONGEST_LINE { Err(Flaw::Chunk) } else { Ok(None) };
    };
    let line = read.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Flaw::Chunk)?;
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    // RFC 9112 §7.1.1 lets blanks stand in front of an extension.
    let digits = if digits.len() < line.len() { digits.trim_ascii_end() } else { digits };
    if digits.is_empty()
        || digits.len() > 16
        || !digits.iter().all(u8::is_ascii_hexdigit)
        || line.contains(&b'\r')
    {
        return Err(Flaw::Chunk);
    }
    let size = std::str::from_utf8(digits).ok().and_then(|d| u64::from_str_radix(d, 16).ok());
    let size = size.ok_or(Flaw::Chunk)?;
    link.take(end + 1);
    Ok(Some(size))
}

fn take_trailers(link: &mut Link) -> Result<Next, Flaw> {
    let read = link.buffer();
    if read.starts_with(b"\r\n") {
        link.take(2);
        return Ok(Next::Over(None));
    }
    let mut places = [httparse::EMPTY_HEADER; MOST];
    let (length, lines) = match httparse::parse_headers(read, &mut places)? {
        httparse::Status::Complete(found) => found,
        httparse::Status::Partial if read.len() > LARGEST_TRAILERS => {
            return Err(LineFlaw::TooLong.into());
        }
        httparse::Status::Partial => return Ok(Next::More),
    };
    let mut trailers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Flaw::Header)?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| Flaw::Header)?;
        // What frames a message has no business behind one (RFC 9110 §6.5.1).
        if !is_hop_by_hop(&name) && name != http::header::CONTENT_LENGTH {
            trailers.append(name, value);
        }
    }
    link.take(length);
    Ok(Next::Over(Some(trailers)))
}
