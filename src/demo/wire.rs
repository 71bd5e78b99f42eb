//! Keeps the bytes of request heads as they came, which hyper does not.
//!
//! hyper lower-cases header names, groups them, and cuts a target at `#`.
//! What a hub really received is what the tests ask for, so the heads are cut out of the connection before hyper reads them.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lock;

/// One request's head, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The request target (RFC 9112 §3.2), with nothing decoded and nothing cut.
    pub target: Vec<u8>,
    /// Names in their original spelling, in their original order, repeated where they were repeated.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// All values of a header, in order; the name is compared without regard to case.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let same = |(own, _): &&(String, Vec<u8>)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| text(value)).collect()
    }

    /// The first value of a header.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// The request target as text.
    #[must_use]
    pub fn target(&self) -> String {
        text(&self.target)
    }

    fn parse(bytes: &[u8]) -> Head {
        let mut lines =
            bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start = lines.next().unwrap_or_default();
        let mut words = start.splitn(2, |byte| *byte == b' ');
        let method = text(words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        let end = rest.iter().rposition(|byte| *byte == b' ').unwrap_or(rest.len());
        let target = rest.get(..end).unwrap_or_default().to_vec();
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((text(name), value.get(1..)?.trim_ascii().to_vec()))
        });
        Head { method, target, headers: headers.collect() }
    }

    fn framing(&self) -> Stage {
        let coding = self.values("transfer-encoding").join(",").to_ascii_lowercase();
        if coding.ends_with("chunked") {
            return Stage::ChunkSize(Vec::new());
        }
        match self.value("content-length").and_then(|length| length.parse().ok()) {
            None | Some(0) => Stage::Head(Vec::new()),
            Some(length) => Stage::Body { left: length, chunked: false },
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Longer heads than this are refused by hyper too.
const LONGEST_LINE: usize = 1 << 20;

enum Stage {
    Head(Vec<u8>),
    Body {
        left: u64,
        chunked: bool,
    },
    ChunkSize(Vec<u8>),
    Trailers(Vec<u8>),
    /// An upgraded connection, or one that hyper is about to close.
    Lost,
}

/// The heads of one connection that nobody has asked for yet.
pub(super) struct Heads {
    stage: Stage,
    complete: VecDeque<Head>,
}

impl Heads {
    pub(super) fn new() -> Heads {
        Heads { stage: Stage::Head(Vec::new()), complete: VecDeque::new() }
    }

    /// The head of the request that hyper hands out now.
    pub(super) fn next(&mut self) -> Option<Head> {
        self.complete.pop_front()
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            let stage = std::mem::replace(&mut self.stage, Stage::Lost);
            if let Stage::Body { left, chunked } = stage {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(taken..).unwrap_or_default();
                self.stage = match left.saturating_sub(taken as u64) {
                    0 if chunked => Stage::ChunkSize(Vec::new()),
                    0 => Stage::Head(Vec::new()),
                    left => Stage::Body { left, chunked },
                };
            } else {
                bytes = rest;
                self.stage = self.step(stage, *first);
            }
        }
    }

    fn step(&mut self, stage: Stage, byte: u8) -> Stage {
        match stage {
            Stage::Head(mut line) => {
                line.push(byte);
                if line == b"\r\n" {
                    Stage::Head(Vec::new()) // RFC 9112 §2.2: empty lines before a request are ignored
                } else if line.ends_with(b"\r\n\r\n") {
                    let head = Head::parse(&line);
                    let next = head.framing();
                    self.complete.push_back(head);
                    next
                } else if line.len() < LONGEST_LINE {
                    Stage::Head(line)
                } else {
                    Stage::Lost
                }
            }
            Stage::ChunkSize(mut line) => {
                line.push(byte);
                if byte != b'\n' {
                    return if line.len() < LONGEST_LINE {
                        Stage::ChunkSize(line)
                    } else {
                        Stage::Lost
                    };
                }
                let line = text(&line);
                let digits = line.split(';').next().unwrap_or_default().trim();
                match u64::from_str_radix(digits, 16) {
                    Ok(0) => Stage::Trailers(Vec::new()),
                    Ok(size) => Stage::Body { left: size.saturating_add(2), chunked: true },
                    Err(_) => Stage::Lost,
                }
            }
            Stage::Trailers(mut line) => {
                line.push(byte);
                if line == b"\r\n" {
                    Stage::Head(Vec::new())
                } else if byte == b'\n' {
                    Stage::Trailers(Vec::new())
                } else if line.len() < LONGEST_LINE {
                    Stage::Trailers(line)
                } else {
                    Stage::Lost
                }
            }
            Stage::Body { left, chunked } => Stage::Body { left, chunked },
            Stage::Lost => Stage::Lost,
        }
    }
}

/// A connection whose request heads are kept.
pub(super) struct Wiretap<I> {
    inner: I,
    heads: Arc<Mutex<Heads>>,
}

impl<I> Wiretap<I> {
    pub(super) fn new(inner: I, heads: Arc<Mutex<Heads>>) -> Wiretap<I> {
        Wiretap { inner, heads }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Wiretap<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        lock(&this.heads).feed(buffer.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Wiretap<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], targets: &[&str]) {
        for size in [1, 2, 7, bytes.len()] {
            let mut heads = Heads::new();
            bytes.chunks(size).for_each(|chunk| heads.feed(chunk));
            let seen: Vec<String> = heads.complete.iter().map(Head::target).collect();
            assert_eq!(seen, targets, "in pieces of {size}");
        }
    }

    #[test]
    fn heads_are_found_between_bodies_of_every_framing() {
        check(b"GET /a%2Fb#c HTTP/1.1\r\nHost: x\r\n\r\n", &["/a%2Fb#c"]);
        let body =
            b"POST /1 HTTP/1.1\r\nContent-Length: 26\r\n\r\nGET /no HTTP/1.1\r\nA: b\r\n\r\n";
        check(&[&body[..], b"GET /2 HTTP/1.1\r\n\r\n"].concat()[..], &["/1", "/2"]);
        let chunks = b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
            4;x=y\r\nGET \r\nA\r\n/no HTTP/1\r\n0\r\nT: v\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
        check(chunks, &["/1", "/2"]);
    }

    #[test]
    fn names_keep_their_spelling_and_their_order() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nX_Auth: 1\r\nx-AUTH: 2\r\nX_Auth:3 \r\n\r\n");
        let names: Vec<&str> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X_Auth", "x-AUTH", "X_Auth"]);
        assert_eq!(head.values("x_auth"), ["1", "3"]);
    }
}
