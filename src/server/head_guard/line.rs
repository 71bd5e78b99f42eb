//! One line of a head, whole in what was read or pieced together from several reads.

/// How much of a line is kept when it comes in pieces. Lines that matter are shorter: a length has
/// at most twenty digits.
const KEPT: usize = 64;

/// The beginning of a line that came in earlier reads.
#[derive(Debug)]
pub(super) struct Line {
    kept: [u8; KEPT],
    length: usize,
    cut: bool,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self { kept: [0; KEPT], length: 0, cut: false }
    }

    /// Begins a new line.
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.cut = false;
    }

    /// How many bytes whole lines take that say nothing of the body: by their first letter they
    /// are neither a length, nor a coding, nor the end.
    pub(super) fn pass_over(&self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        if self.length > 0 {
            return passed;
        }
        while let Some(rest) = bytes.get(passed..)
            && !matches!(rest.first(), None | Some(b'c' | b'C' | b't' | b'T' | b'\r' | b'\n'))
            && let Some(end) = memchr::memchr(b'\n', rest)
        {
            passed += end + 1;
        }
        passed
    }

    /// Takes bytes up to the end of the line; returns how many, and whether the end was there.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        match memchr::memchr(b'\n', bytes) {
            // Most lines are whole, and are read where they are.
            Some(end) if self.length == 0 => (end + 1, true),
            Some(end) => {
                self.keep(bytes.get(..=end).unwrap_or(bytes));
                (end + 1, true)
            }
            None => {
                self.keep(bytes);
                (bytes.len(), false)
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.kept.get_mut(self.length..).unwrap_or_default();
        let fits = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length += fits;
        self.cut |= fits < bytes.len();
    }

    /// Whether more came than was kept.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The line without its end: what was kept, or the `used` bytes that were just taken.
    pub(super) fn text<'t>(&'t self, bytes: &'t [u8], used: usize) -> &'t [u8] {
        let line = if self.length == 0 { bytes.get(..used) } else { self.kept.get(..self.length) };
        let line = line.unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// What a line of a head says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The empty line.
    End,
    /// Nothing.
    Other,
    /// Its length; `None` when that is no number.
    Length(Option<u64>),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Another transfer coding: none that we undo (RFC 9112 §6.1).
    OtherCoding,
}

impl Field {
    /// Reads a line without its end. A line that matters is never longer than what is kept, so
    /// that it reads the same whole and in pieces.
    pub(super) fn read(line: &[u8], cut: bool) -> Self {
        let value_of = |name: &str| {
            let (start, rest) = line.split_at_checked(name.len())?;
            if !start.eq_ignore_ascii_case(name.as_bytes()) {
                return None;
            }
            Some(rest.strip_prefix(b":")?.trim_ascii())
        };
        let long = cut || line.len() + 2 > KEPT;
        match line.first() {
            None => Self::End,
            Some(b'c' | b'C') => match value_of("content-length") {
                Some(value) => Self::Length((!long).then(|| number(value)).flatten()),
                None => Self::Other,
            },
            Some(b't' | b'T') => match value_of("transfer-encoding") {
                Some(value) if !long && value.eq_ignore_ascii_case(b"chunked") => Self::Chunked,
                Some(_) => Self::OtherCoding,
                None => Self::Other,
            },
            Some(_) => Self::Other,
        }
    }
}

/// Digits and nothing else (RFC 9110 §8.6).
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
