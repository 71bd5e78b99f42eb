//! The lines of an answer's head.

use memchr::memchr;

use super::answer::{Flaw, LARGEST, MOST};

/// Where the lines of a head end: the empty line behind it is looked for line by line, and they are
/// not looked for again.
///
/// Each ends in CR LF. RFC 9112 §2.2 lets a recipient take LF alone for the end of a line; whoever
/// does not has another reading then.
pub(super) struct Lines {
    /// Behind each line; the first one is the status line.
    ends: [u32; MOST + 1],
    count: usize,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { ends: [0; MOST + 1], count: 0 }
    }

    /// Finds them all; whether the empty line is there.
    ///
    /// # Errors
    /// When one does not end as it must, or there are too many.
    pub(super) fn find(&mut self, read: &[u8]) -> Result<bool, Flaw> {
        // A head that is longer is none, wherever it ends.
        let read = read.get(..LARGEST).unwrap_or(read);
        let mut start = 0;
        while let Some(rest) = read.get(start..)
            && let Some(end) = memchr(b'\n', rest)
        {
            let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
            if line.ok_or(Flaw::LineEnd)?.is_empty() {
                return Ok(true);
            }
            start += end + 1;
            *self.ends.get_mut(self.count).ok_or(Flaw::TooMany)? =
                u32::try_from(start).map_err(|_| Flaw::TooLong)?;
            self.count += 1;
        }
        Ok(false)
    }

    /// How long the head is, with the empty line.
    pub(super) fn length(&self) -> usize {
        self.starts().last().unwrap_or(0) + 2
    }

    /// Where each line begins, and the empty one.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let ends = self.ends.iter().take(self.count);
        std::iter::once(0).chain(ends.filter_map(|end| usize::try_from(*end).ok()))
    }

    /// The lines of the head in which they were found, without their ends.
    pub(super) fn of<'h>(&self, head: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
        self.starts()
            .zip(self.starts().skip(1))
            .filter_map(|(start, end)| head.get(start..end)?.strip_suffix(b"\r\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: &str, expected: Result<Option<&[&str]>, Flaw>) {
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
        check("a\nb\r\n\r\n", Err(Flaw::LineEnd));
        check("a\r\nb\n", Err(Flaw::LineEnd));
        check("a\r\n\n", Err(Flaw::LineEnd));
        check(&"a\r\n".repeat(MOST + 2), Err(Flaw::TooMany));
    }
}
