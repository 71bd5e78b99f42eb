//! The lines of a message's head.

use super::FieldValue;
use crate::lanes::first_control;

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
    /// A control character that is no tab (RFC 9110 §5.5).
    #[error("a control character stands in its head")]
    Control,
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
        while let Some(length) = end_of_line(read.get(start..).unwrap_or_default())? {
            if length == 0 {
                return Ok(true);
            }
            start += length + 2;
            *self.ends.get_mut(self.count).ok_or(LineFlaw::TooMany)? =
                u32::try_from(start).map_err(|_| LineFlaw::TooLong)?;
            self.count += 1;
        }
        Ok(false)
    }

    /// How many there are, the first one included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
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
    pub fn of<'h>(&self, head: &'h [u8]) -> impl Iterator<Item = Text<'h>> {
        let mut start = 0;
        self.ends().iter().filter_map(move |end| {
            let end = usize::try_from(*end).ok()?;
            // Behind each stands its CR LF.
            let line = head.get(start..end.checked_sub(2)?)?;
            start = end;
            Some(Text::of(line))
        })
    }
}

/// How long the line is that begins here; `None` when its end is not there.
///
/// # Errors
/// When it does not end in CR LF, or a control character stands in it.
pub(super) fn end_of_line(read: &[u8]) -> Result<Option<usize>, LineFlaw> {
    let mut at = 0;
    while let Some(control) = first_control(read.get(at..).unwrap_or_default()) {
        at += control;
        match (read.get(at), read.get(at + 1)) {
            (Some(b'\t'), _) => at += 1,
            (Some(b'\r'), Some(b'\n')) => return Ok(Some(at)),
            // Perhaps the end of the line.
            (Some(b'\r'), None) => return Ok(None),
            (Some(b'\r' | b'\n'), _) => return Err(LineFlaw::LineEnd),
            (Some(_) | None, _) => return Err(LineFlaw::Control),
        }
    }
    Ok(None)
}

/// A line of a head, or a part of one: no control character but a tab. Only [`Lines`] finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'h>(&'h [u8]);

impl<'h> Text<'h> {
    pub(super) fn of(line: &'h [u8]) -> Self {
        debug_assert!(FieldValue::from_bytes(line).is_ok(), "lines were found in another head");
        Self(line)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> &'h [u8] {
        self.0
    }

    /// What stands behind the first `count` bytes.
    #[must_use]
    pub fn behind(self, count: usize) -> Option<Self> {
        self.0.get(count..).map(Self)
    }

    /// The text without the blanks around it: spaces and tabs, and nothing else (RFC 9110 §5.6.3).
    #[must_use]
    pub const fn without_blanks(self) -> Self {
        let mut text = self.0;
        while let [b' ' | b'\t', rest @ ..] = text {
            text = rest;
        }
        while let [rest @ .., b' ' | b'\t'] = text {
            text = rest;
        }
        Self(text)
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
            whole.then(|| {
                found.of(read.as_bytes()).map(|l| str::from_utf8(l.bytes()).unwrap()).collect()
            })
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
    fn a_line_holds_no_control_character_but_a_tab() {
        for byte in 0..=u8::MAX {
            for length in 0..17 {
                let head = [&b"X: a"[..], &b"b".repeat(length), &[byte], b"b\r\n\r\n\0"].concat();
                let found = Lines::new().find(&head);
                let text = FieldValue::from_bytes(&[byte]).is_ok();
                assert_eq!(found == Ok(true), text, "{byte}: {found:?}");
            }
        }
    }

    #[test]
    fn a_line_that_ends_otherwise_is_seen_before_the_head_is_whole() {
        check("a\nb\r\n\r\n", Err(LineFlaw::LineEnd));
        check("a\r\nb\n", Err(LineFlaw::LineEnd));
        check("a\r\n\n", Err(LineFlaw::LineEnd));
        check(&"a\r\n".repeat(MOST + 2), Err(LineFlaw::TooMany));
    }
}
