//! Follows HTTP/1.1 framing below hyper, and makes unreadable what hyper would repair.
//!
//! `http::Uri` cuts a target at a raw `#`, and hyper drops a `Content-Length` that stands beside
//! `Transfer-Encoding` or beside its twin (RFC 9112 §6.3 lets it). Both leave no trace for whoever
//! judges the request, but another server on the way may have read it differently. So the bytes are
//! looked at before hyper sees them: a raw `#` in a path becomes a backslash, which the target's
//! parser refuses with its reason; in a query it becomes a control byte, and the line end of a
//! header that contradicts another becomes NUL, which hyper refuses. Nothing is ever inserted or
//! taken out, and the bytes of a good request are never touched.

mod chunks;
mod line;

use chunks::{Chunks, Step};
use line::{Field, Line};

/// What was made unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Refusal {
    /// A raw `#` in the target.
    Target = 1,
    /// Headers that give the body two lengths.
    Framing = 2,
}

impl Refusal {
    pub(super) const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Target),
            2 => Some(Self::Framing),
            _ => None,
        }
    }
}

/// Follows one connection; allocates nothing.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    line: Line,
    framing: Framing,
    heads: u32,
}

#[derive(Debug)]
enum State {
    /// Between requests; empty lines are skipped (RFC 9112 §2.2).
    Between,
    Method,
    Path,
    Query,
    Version,
    Fields,
    /// So many bytes of a body are to come.
    Fixed(u64),
    Chunked(Chunks),
    /// What comes is not HTTP/1.1, or hyper reads no further: nothing is looked at any more.
    Passing,
}

/// What a head has said of its body so far.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
}

impl Scanner {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Between,
            line: Line::new(),
            framing: Framing { length: None, chunked: false },
            heads: 0,
        }
    }

    /// How many heads have come to their end.
    pub(super) const fn heads(&self) -> u32 {
        self.heads
    }

    /// Whether a head has begun and not ended.
    pub(super) const fn in_head(&self) -> bool {
        match self.state {
            State::Method | State::Path | State::Query | State::Version | State::Fields => true,
            State::Between | State::Fixed(_) | State::Chunked(_) | State::Passing => false,
        }
    }

    /// Whether the last request has come to its end.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Whether nothing is looked at any more.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self.state, State::Passing)
    }

    /// Looks at nothing any more.
    pub(super) fn pass(&mut self) {
        self.state = State::Passing;
    }

    /// Follows the bytes that were read, and returns what it made unreadable.
    pub(super) fn scan(&mut self, bytes: &mut [u8]) -> Option<Refusal> {
        let mut rest = bytes;
        let mut refusal = None;
        while !rest.is_empty() && !self.is_passing() {
            let used = self.step(rest, &mut refusal);
            rest = rest.get_mut(used..).unwrap_or_default();
        }
        refusal
    }

    /// Takes one step and returns how many bytes it used; none, only when the state changes.
    fn step(&mut self, bytes: &mut [u8], refusal: &mut Option<Refusal>) -> usize {
        match &mut self.state {
            State::Between => {
                let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                if blank < bytes.len() {
                    self.state = State::Method;
                    self.framing = Framing::default();
                    self.line.clear();
                }
                blank
            }
            State::Method => match memchr::memchr2(b' ', b'\n', bytes) {
                Some(at) => {
                    // A line that ends in its method is refused (`httparse`: Token).
                    let space = bytes.get(at) == Some(&b' ');
                    self.state = if space { State::Path } else { State::Passing };
                    at + 1
                }
                None => bytes.len(),
            },
            State::Path | State::Query => self.target(bytes, refusal),
            State::Version => {
                let (used, complete) = self.line.take(bytes);
                if complete {
                    // The preface of HTTP/2, or what hyper refuses.
                    let http1 = matches!(self.line.text(bytes, used), b"HTTP/1.1" | b"HTTP/1.0");
                    self.state = if http1 { State::Fields } else { State::Passing };
                    self.line.clear();
                }
                used
            }
            State::Fields => self.field(bytes, refusal),
            State::Fixed(left) => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                if *left == 0 {
                    self.state = State::Between;
                }
                usize::try_from(here).unwrap_or(bytes.len())
            }
            State::Chunked(chunks) => {
                let (used, step) = chunks.follow(bytes);
                match step {
                    Step::More => {}
                    Step::End => self.state = State::Between,
                    Step::Broken => self.state = State::Passing,
                }
                used
            }
            State::Passing => bytes.len(),
        }
    }

    /// Goes on in the target.
    fn target(&mut self, bytes: &mut [u8], refusal: &mut Option<Refusal>) -> usize {
        let in_path = matches!(self.state, State::Path);
        let found = if in_path {
            memchr::memchr3(b'#', b' ', b'?', bytes)
        } else {
            memchr::memchr2(b'#', b' ', bytes)
        };
        // A line that ends in its target is refused (`httparse`: Token).
        let end = memchr::memchr(b'\n', found.and_then(|at| bytes.get(..at)).unwrap_or(bytes));
        if end.is_some() {
            self.state = State::Passing;
            return bytes.len();
        }
        let Some(at) = found else { return bytes.len() };
        match bytes.get_mut(at) {
            Some(byte) if *byte == b'#' => {
                *byte = if in_path { b'\\' } else { 0x7f };
                *refusal = Some(Refusal::Target);
            }
            Some(b'?') => self.state = State::Query,
            Some(_) | None => self.state = State::Version,
        }
        at + 1
    }

    /// Goes on in a header line.
    fn field(&mut self, bytes: &mut [u8], refusal: &mut Option<Refusal>) -> usize {
        let passed = self.line.pass_over(bytes);
        if passed > 0 {
            return passed;
        }
        let (used, complete) = self.line.take(bytes);
        if !complete {
            return used;
        }
        let field = Field::read(self.line.text(bytes, used), self.line.is_cut());
        self.line.clear();
        match self.framing.add(field) {
            Ok(false) => {}
            Ok(true) => {
                self.heads = self.heads.wrapping_add(1);
                self.state = self.framing.body();
            }
            Err(Contradiction) => {
                // The line end is the last byte that was used: hyper never sees a whole line.
                if let Some(end) = used.checked_sub(1).and_then(|at| bytes.get_mut(at)) {
                    *end = 0;
                }
                *refusal = Some(Refusal::Framing);
                self.state = State::Passing;
            }
        }
        used
    }
}

/// Two headers say different things of one body.
struct Contradiction;

impl Framing {
    /// Takes a header line into account; returns whether it was the end of the head.
    fn add(&mut self, field: Field) -> Result<bool, Contradiction> {
        match field {
            Field::End => return Ok(true),
            Field::Other => {}
            Field::Length(Some(length)) if self.length.is_none() && !self.chunked => {
                self.length = Some(length);
            }
            Field::Chunked if self.length.is_none() && !self.chunked => self.chunked = true,
            Field::Length(_) | Field::Chunked | Field::OtherCoding => return Err(Contradiction),
        }
        Ok(false)
    }

    /// What follows the head.
    const fn body(&self) -> State {
        match self.length {
            Some(length) if length > 0 => State::Fixed(length),
            Some(_) | None if self.chunked => State::Chunked(Chunks::new()),
            Some(_) | None => State::Between,
        }
    }
}

#[cfg(test)]
mod tests;
