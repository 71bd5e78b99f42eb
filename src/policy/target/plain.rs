//! Targets that everybody reads in the same way, split in one pass.

use http::Method;

use super::{MAX_SEGMENTS, Segment, Target};

impl Target {
    /// A target in which nothing stands that could have two readings: letters, digits and a few marks,
    /// and no segment that begins or ends with a dot. Every other one is [`Self::parse`]'s to judge.
    #[must_use]
    pub fn plain(method: Method, raw: &[u8]) -> Option<Self> {
        let mut segments = Vec::with_capacity(8);
        let (mut bytes, mut start, mut last) = (raw.iter().enumerate(), None, b'/');
        let end = loop {
            let (at, byte) = bytes.next().map_or((raw.len(), b'?'), |(at, byte)| (at, *byte));
            if matches!(byte, b'/' | b'?') {
                match start {
                    Some(start) => segments.push(Segment { start, end: at, decoded: None }),
                    // The path begins with a slash.
                    None if byte == b'/' => {}
                    None => return None,
                }
                if last == b'.' || segments.len() > MAX_SEGMENTS {
                    return None;
                }
                start = Some(at + 1);
            } else if !is_simple(byte) || start.is_none() || (byte == b'.' && last == b'/') {
                return None;
            }
            if byte == b'?' {
                break at;
            }
            last = byte;
        };
        if !bytes.all(|(_, byte)| is_simple(*byte) || matches!(byte, b'/' | b'?')) {
            return None;
        }
        let raw = str::from_utf8(raw).ok()?.into();
        Some(Self { method, raw, end, segments, plain: true })
    }
}

/// Whether a byte means the same to everybody within a segment and in a query: unreserved characters,
/// and marks that need no encoding in either (RFC 3986 §2.3, §3.3, §3.4).
const fn is_simple(byte: u8) -> bool {
    let mark = matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=' | b'&' | b'+' | b',' | b':' | b'@');
    mark | byte.is_ascii_alphanumeric()
}

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
