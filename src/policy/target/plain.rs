//! Targets that everybody reads in the same way, split in one pass.

use super::{Ends, MAX_SEGMENTS, Target};
use http::Method;

impl Target {
    /// A target in which nothing stands that could have two readings: letters, digits and a few marks,
    /// and no segment that begins or ends with a dot. Every other one is [`Self::parse`]'s to judge.
    #[must_use]
    pub fn plain(method: Method, raw: &[u8]) -> Option<Self> {
        if !raw.starts_with(b"/") {
            return None;
        }
        let mut ends = Ends::new();
        let mut start = 1;
        let end = loop {
            let rest = raw.get(start..)?;
            let length = rest.iter().position(|b| !is_simple(*b)).unwrap_or(rest.len());
            let (segment, behind) = rest.split_at_checked(length)?;
            if matches!(segment, [b'.', ..] | [.., b'.']) || ends.len() == MAX_SEGMENTS {
                return None;
            }
            let end = start + length;
            ends.push(end);
            match behind.first() {
                Some(b'/') => start = end + 1,
                Some(b'?') | None => break end,
                Some(_) => return None,
            }
        };
        let in_query = |b: &u8| is_simple(*b) || matches!(b, b'/' | b'?');
        if !raw.get(end..)?.iter().all(in_query) {
            return None;
        }
        let raw = str::from_utf8(raw).ok()?.into();
        Some(Self { method, raw, end, ends, decoded: Vec::new(), plain: true })
    }
}

/// Whether a byte means the same to everybody in a segment and in a query: unreserved characters, and
/// marks that need no encoding in either (RFC 3986 §2.3, §3.3, §3.4).
fn is_simple(byte: u8) -> bool {
    SIMPLE.get(usize::from(byte)).copied().unwrap_or(false)
}

/// By each byte, whether it is one of those.
#[expect(clippy::indexing_slicing, reason = "every place is one of the table's")]
const SIMPLE: [bool; 256] = {
    let mut simple = [false; 256];
    let mut marks: &[u8] = b"-._~=&+,:@";
    while let [mark, rest @ ..] = marks {
        simple[*mark as usize] = true;
        marks = rest;
    }
    let mut byte = 0;
    while byte < 128_u8 {
        simple[byte as usize] |= byte.is_ascii_alphanumeric();
        byte += 1;
    }
    simple
};

#[cfg(test)]
mod tests {
    use super::*;
    use http::uri::PathAndQuery;
    use proptest::prelude::*;

    proptest! {
        /// What is plain is what everything else would make of it.
        #[test]
        fn a_plain_target_is_the_same_as_any_other(raw in "(/[a-z.]{0,3}|[?%;#./ ~A-Z0-9]){0,9}") {
            let Some(plain) = Target::plain(Method::GET, raw.as_bytes()) else { return Ok(()) };
            let parsed = Target::parse(Method::GET, &PathAndQuery::try_from(raw.as_str()).unwrap());
            prop_assert_eq!(format!("{plain:?}"), format!("{:?}", parsed.unwrap()));
        }
    }

    #[test]
    fn usual_targets_are_plain_and_odd_ones_are_not() {
        let plain = |raw: &str| Target::plain(Method::GET, raw.as_bytes()).is_some();
        for raw in
            ["/", "/a", "/a/", "/a//b", "/a/m-1_2.x/resolve/main/c.json", "/a?b=c/d?e&f", "/@~+,:="]
        {
            assert!(plain(raw), "{raw}");
        }
        for raw in [
            "", "a", "?", "/.", "/./", "/a/..", "/.a", "/a.", "/a./b", "/a.?b", "/%61", "/a;b",
            "/a?%20", "/a b", "/a?<", "/a\\b", "/a#",
        ] {
            assert!(!plain(raw), "{raw}");
        }
    }
}
