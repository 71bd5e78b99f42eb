//! The lines of a message's head.

use memchr::memchr;

/// The largest head, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// How many lines a head may have behind the first.
const MOST: usize = 256;

/// Why what was read is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFlaw {
    /// Line ends have two readings where one of them is not CR LF.
    #[error("a line of its head does not end in CR LF")]
    LineEnd,
    /// There are too many lines.
    #[error("it has more than {MOST} headers")]
    TooMany,
    /// It is longer than can be read.
    #[error("its head is longer than {LARGEST} bytes")]
    TooLong,
}

/// Where the lines of a head end: the empty line behind it is looked for line by line, and they are
/// not looked for again.
///
/// Each ends in CR LF. RFC 9112 §2.2 lets a recipient take LF alone for the end of a line; whoever
/// does not has another reading then.
#[derive(Debug)]
pub struct Lines {
    /// Behind each line; the first one is the status line.
    ends: [u32; MOST + 1],
    count: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Lines {
    /// None found yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { ends: [0; MOST + 1], count: 0 }
    }

    /// Finds them all; whether the empty line is there.
    ///
    /// # Errors
    /// When one does not end as it must, or there are too many.
    pub fn find(&mut self, read: &[u8]) -> Result<bool, LineFlaw> {
        // A head that is longer is none, wherever it ends.
        let read = read.get(..LARGEST).unwrap_or(read);
        let mut start = 0;
        while let Some(rest) = read.get(start..)
            && let Some(end) = memchr(b'\n', rest)
        {
            let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
            if line.ok_or(LineFlaw::LineEnd)?.is_empty() {
                return Ok(true);
            }
            start += end + 1;
            *self.ends.get_mut(self.count).ok_or(LineFlaw::TooMany)? =
                u32::try_from(start).map_err(|_| LineFlaw::TooLong)?;
            self.count += 1;
        }
        Ok(false)
    }

    /// How long the head is, with the empty line.
    #[must_use]
    pub fn length(&self) -> usize {
        self.ends().last().copied().and_then(|end| usize::try_from(end).ok()).unwrap_or(0) + 2
    }

    fn ends(&self) -> &[u32] {
        self.ends.get(..self.count).unwrap_or_default()
    }

    /// The lines of the head in which they were found, without their ends.
    pub fn of<'h>(&self, head: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
        let mut start = 0;
        self.ends().iter().filter_map(move |end| {
            let end = usize::try_from(*end).ok()?;
            let line = head.get(start..end)?.strip_suffix(b"\r\n");
            start = end;
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: &str, expected: Result<Option<&[&str]>, LineFlaw>) {
        let mut found = Lines::new();
        let whole = found.find(read.as_bytes());
        let lines = whole.map(|whole| {
            whole.then(|| found.of(read.as_bytes()).map(|l| str::from_utf8(l).unwrap()).collect())
        });
        assert_eq!(lines, expected.map(|lines| lines.map(<[&str]>::to_vec)), "{read:?}");
        if let Ok(Some(lines)) = expected {
            let length: usize = lines.iter().map(|line| line.len() + 2).sum();
            assert_eq!(found.length(), length + 2, "{read:?}");
        }
    }

    #[test]
    fn lines_are_found_up_to_the_empty_one() {
        check("a\r\nb: c\r\n\r\nbody\n", Ok(Some(&["a", "b: c"])));
        check("a\r\n\r\n", Ok(Some(&["a"])));
        check("", Ok(None));
        check("a\r\nb\r\n\r", Ok(None));
        check("a\r\nb\r", Ok(None));
    }

    #[test]
    fn a_line_that_ends_otherwise_is_seen_before_the_head_is_whole() {
        check("a\nb\r\n\r\n", Err(LineFlaw::LineEnd));
        check("a\r\nb\n", Err(LineFlaw::LineEnd));
        check("a\r\n\n", Err(LineFlaw::LineEnd));
        check(&"a\r\n".repeat(MOST + 2), Err(LineFlaw::TooMany));
    }
}
