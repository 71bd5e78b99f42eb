//! What a client asks for: the bytes that are judged are the bytes that are forwarded.

mod encoding;
mod plain;

use http::Method;
use http::uri::PathAndQuery;
use smallvec::SmallVec;

use crate::lanes::are_printable;
use encoding::{decode, holds_dot_segment, lax_parts};

pub use encoding::fully_decoded;

/// Method and path of one request, parsed once.
#[derive(Clone, Debug)]
pub struct Target {
    method: Method,
    raw: Box<str>,
    /// Where the path ends.
    end: usize,
    ends: Ends,
    /// What those segments say that say it with an encoding; empty when there is none in the path.
    decoded: Vec<Option<Box<str>>>,
    /// Whether every segment is plain, or empty.
    plain: bool,
}

/// Where the segments of a path end; most paths have no more. Each begins behind a slash.
type Ends = SmallVec<[usize; 8]>;

/// Why a target has two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguity {
    /// `*` or an authority, where a path must stand.
    #[error("the target is not a path")]
    NotAPath,
    /// A control or non-ASCII byte, a space, a backslash or a raw `#`.
    #[error("the path holds a byte that must be percent-encoded")]
    RawByte,
    /// `%` without two hexadecimal digits.
    #[error("the path holds an incomplete percent-encoding")]
    BadEscape,
    /// `%00` and other control bytes, `%5C`, or an overlong encoding of an ASCII character.
    #[error("the path holds an encoded byte that servers read differently")]
    EncodedByte,
    /// `.` or `..`, however often encoded, also beside an encoded slash.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// `//` in front of what names the repository.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// `%2F`, `%25`, `;`, `?`, `#`, non-ASCII characters, spaces around it or a dot behind it, where
    /// a namespace or a repository stands.
    #[error("a namespace or repository holds a character that servers read differently")]
    NameCharacter,
    /// Behind the repository, what servers read differently changes what the request needs.
    #[error("the path asks for different things, depending on how a server reads it")]
    TwoNeeds,
    /// More segments than any hub has.
    #[error("the path has too many segments")]
    TooManySegments,
}

/// More segments than any repository path needs.
const MAX_SEGMENTS: usize = 512;

impl Target {
    /// Parses the target, or says why it has two readings.
    ///
    /// The slots that name a namespace or a repository are judged later and more strictly, by the
    /// profile that knows where they stand.
    ///
    /// # Errors
    /// The [`Ambiguity`]; nothing is repaired.
    pub fn parse(method: Method, raw: &PathAndQuery) -> Result<Self, Ambiguity> {
        let path = raw.path();
        if !path.starts_with('/') {
            return Err(Ambiguity::NotAPath);
        }
        let is_raw = |text: &str, but| !are_printable(text.as_bytes(), but) || text.contains(' ');
        if is_raw(path, [b'#', b'\\']) || raw.query().is_some_and(|query| is_raw(query, [b'#'; 2]))
        {
            return Err(Ambiguity::RawByte);
        }
        let text = match raw.as_str() {
            text if text.starts_with('/') => text.into(),
            // No path is the path `/`.
            query => format!("/{query}").into(),
        };
        Self::split(method, text, path.len())
    }

    /// Splits a target of printable ASCII whose path is so long.
    fn split(method: Method, raw: Box<str>, end: usize) -> Result<Self, Ambiguity> {
        let path = raw.get(..end).ok_or(Ambiguity::NotAPath)?;
        let encoded = path.contains('%');
        let mut plain = !encoded && !path.contains(';');
        let (mut ends, mut texts) = (Ends::new(), Vec::new());
        let mut start = 1;
        // Bytes are split for less than a text is; it is ASCII, as was just seen.
        for bytes in path.as_bytes().split(|b| *b == b'/').skip(1) {
            let text = path.get(start..start + bytes.len()).ok_or(Ambiguity::RawByte)?;
            if ends.len() == MAX_SEGMENTS {
                return Err(Ambiguity::TooManySegments);
            }
            let decoded = if encoded { decode(text)? } else { None };
            plain &= !bytes.ends_with(b".");
            // Without an encoding, only a segment that begins with a dot can be one.
            let safe = !encoded && !text.starts_with('.');
            if !safe && holds_dot_segment(decoded.as_deref().unwrap_or(text)) {
                return Err(Ambiguity::DotSegment);
            }
            ends.push(start + text.len());
            if encoded {
                texts.push(decoded);
            }
            start += text.len() + 1;
        }
        Ok(Self { method, raw, end, ends, decoded: texts, plain })
    }

    /// The request method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query as they came and as they are forwarded.
    #[must_use]
    pub const fn raw(&self) -> &str {
        &self.raw
    }

    /// The path as it came.
    #[must_use]
    pub fn path(&self) -> &str {
        self.raw.get(..self.end).unwrap_or("/")
    }

    /// The query as it came, without the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.end + 1..)
    }

    /// How many segments the path has; `/` has one, which is empty.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the path is `/`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path() == "/"
    }

    /// The decoded text of a segment, for comparing; invalid UTF-8 reads as U+FFFD.
    #[must_use]
    pub fn segment(&self, index: usize) -> Option<&str> {
        if let Some(Some(text)) = self.decoded.get(index) {
            return Some(text);
        }
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        self.path().get(before + 1..*self.ends.get(index)?)
    }

    /// Every segment's decoded text.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|index| self.segment(index))
    }

    /// The decoded text of a segment that decides whose content this is.
    ///
    /// `None` when the path ends before it; one slash at the end is no segment of its own.
    ///
    /// # Errors
    /// When it is empty, or holds what servers read differently ([`Self::is_plain`]).
    pub fn name(&self, index: usize) -> Result<Option<&str>, Ambiguity> {
        let Some(text) = self.segment(index) else { return Ok(None) };
        if text.is_empty() {
            let last = index + 1 == self.ends.len();
            return if last { Ok(None) } else { Err(Ambiguity::EmptySegment) };
        }
        let plain = self.plain || Self::is_plain(text);
        if plain { Ok(Some(text)) } else { Err(Ambiguity::NameCharacter) }
    }

    /// Whether servers may read this segment differently ([`Self::is_plain`]); a slash at the end is
    /// nothing odd.
    #[must_use]
    pub fn is_odd(&self, index: usize) -> bool {
        let at_end = index + 1 >= self.len();
        let odd = |text: &str| match text.is_empty() {
            true => !at_end,
            false => !self.plain && !Self::is_plain(text),
        };
        self.segment(index).is_some_and(odd)
    }

    /// Whether every server takes this decoded text for the same name.
    ///
    /// Not so with slashes and what may become one, with what some servers cut off (`;`, `?`, `#`, a
    /// dot or space at the end), and with characters that databases fold into others.
    #[must_use]
    pub fn is_plain(text: &str) -> bool {
        !text.is_empty()
            && !text.starts_with(' ')
            && !text.ends_with(['.', ' '])
            && text.bytes().all(|b| {
                (b.is_ascii_graphic() || b == b' ')
                    && !matches!(b, b'/' | b'\\' | b'%' | b';' | b'?' | b'#')
            })
    }

    /// What the laxest server makes of the segments from `index` on: decoded until nothing is
    /// encoded, split at every slash, parameters and dots at the end cut off, empty segments left
    /// out.
    #[must_use]
    pub fn laxest(&self, index: usize) -> Vec<String> {
        let mut read = Vec::new();
        for segment in self.segments().skip(index) {
            let decoded = fully_decoded(segment);
            let parts = lax_parts(&decoded).map(|part| part.trim_end_matches('.'));
            read.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
        }
        read
    }

    /// Whether a segment before the last one is empty.
    #[must_use]
    pub fn has_empty_segment(&self) -> bool {
        let before_last = self.ends.len().saturating_sub(1);
        self.segments().take(before_last).any(str::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd_is_neither_plain_nor_a_slash_at_the_end() {
        for path in [
            "/", "/a", "/a/", "/a/b", "/a//b", "/a./b", "/a/b.", "/a.b/c", "/a;x/b", "/a/b;",
            "/a/;/", "/a%20b/c", "/%61/b", "/a%2fb/c", "/a/b%3b", "/a/b%2e", "/a/b%20",
        ] {
            let raw = PathAndQuery::try_from(path).unwrap();
            let Ok(target) = Target::parse(Method::GET, &raw) else { panic!("{path}") };
            for index in 0..=target.len() {
                let last = index + 1 >= target.len();
                let odd = target
                    .segment(index)
                    .is_some_and(|text| !(Target::is_plain(text) || text.is_empty() && last));
                assert_eq!(target.is_odd(index), odd, "{path} {index}");
                let named = target.segment(index).is_some_and(Target::is_plain);
                assert_eq!(matches!(target.name(index), Ok(Some(_))), named, "{path} {index}");
            }
        }
    }

    fn parse(path: &str) -> Result<Target, Ambiguity> {
        Target::parse(Method::GET, &PathAndQuery::try_from(path).expect(path))
    }

    #[test]
    fn a_path_is_split_and_decoded_once() {
        let target = parse("/acme/m%31/resolve/refs%2Fpr%2F1/a%252Fb?x=%zz").unwrap();
        assert_eq!(
            target.segments().collect::<Vec<_>>(),
            ["acme", "m1", "resolve", "refs/pr/1", "a%2Fb"]
        );
        assert_eq!(target.raw(), "/acme/m%31/resolve/refs%2Fpr%2F1/a%252Fb?x=%zz");
    }

    #[track_caller]
    fn check(path: &str, expected: Ambiguity) {
        assert_eq!(parse(path).err(), Some(expected), "{path}");
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        check("/acme/%zz", Ambiguity::BadEscape);
        check("/acme/%4", Ambiguity::BadEscape);
        check("/acme/%+1", Ambiguity::BadEscape);
        check("/acme/a%00b", Ambiguity::EncodedByte);
        check("/acme/a%5cb", Ambiguity::EncodedByte);
        check("/acme/a\\b", Ambiguity::RawByte);
        check("/acme/é", Ambiguity::RawByte);
        check("/acme?é", Ambiguity::RawByte);
        check("/acme/../globex", Ambiguity::DotSegment);
        check("/acme/%2E%2e/globex", Ambiguity::DotSegment);
        check("/acme/..;x/globex", Ambiguity::DotSegment);
        check("/./acme", Ambiguity::DotSegment);
        check("/pub/..%2f..%2facme", Ambiguity::DotSegment);
        check("/pub%2f..%2facme", Ambiguity::DotSegment);
        check("/pub/m/x%252f%252e%252e%252facme", Ambiguity::DotSegment);
        check("/pub/m/%25252e%25252e/acme", Ambiguity::DotSegment);
        check("/pub/m/%25%32%65%25%32%65/acme", Ambiguity::DotSegment);
        check("/pub/m/..%255c..%255cacme", Ambiguity::DotSegment);
        check("/pub/m/..%3b/acme", Ambiguity::DotSegment);
        check("/pub/m/..%23/acme", Ambiguity::DotSegment);
        check("/pub/m/..%20/acme", Ambiguity::DotSegment);
        check("/pub/m/%c0%ae%c0%ae/acme", Ambiguity::EncodedByte);
        check("/pub/m/a%0d%0ab", Ambiguity::EncodedByte);
        check("/pub/m/a%7F", Ambiguity::EncodedByte);
        check("*", Ambiguity::NotAPath);
    }

    #[test]
    fn dots_inside_a_name_are_no_dot_segments() {
        for path in ["/acme/v1.0/a..b/...", "/acme/m/.gitattributes", "/acme/m/100%25.txt"] {
            assert!(parse(path).is_ok(), "{path}");
        }
    }

    #[track_caller]
    fn check_name(path: &str, expected: Result<Option<&str>, Ambiguity>) {
        assert_eq!(parse(path).unwrap().name(1), expected, "{path}");
    }

    #[test]
    fn a_name_that_servers_read_differently_is_refused() {
        check_name("/x/acme", Ok(Some("acme")));
        check_name("/x/%41cme", Ok(Some("Acme")));
        check_name("/x/.well-known", Ok(Some(".well-known")));
        check_name("/x/a%20b", Ok(Some("a b")));
        check_name("/x", Ok(None));
        check_name("/x/", Ok(None));
        check_name("/x//", Err(Ambiguity::EmptySegment));
        for odd in ["a%2fb", "a%252fb", "a;b", "a%3bb", "a%3fb", "a%23b", "acme.", "acme%20"] {
            check_name(&format!("/x/{odd}"), Err(Ambiguity::NameCharacter));
        }
        check_name("/x/%e2%84%aa", Err(Ambiguity::NameCharacter));
    }

    #[test]
    fn the_laxest_reading_decodes_splits_and_cuts_everything() {
        let read = |path: &str| parse(path).unwrap().laxest(1);
        assert_eq!(read("/x/info%252Frefs;v=1//y.%23z"), ["info", "refs", "y"]);
        assert_eq!(read("/x//"), Vec::<String>::new());
    }

    #[test]
    fn decoding_to_the_end_is_the_same_as_decoding_again_and_again() {
        assert_eq!(fully_decoded("a%25%32%65b"), "a.b");
        assert_eq!(fully_decoded("%2%35%32%35zz"), "%zz");
        assert_eq!(fully_decoded(&format!("%{}2e", "25".repeat(10_000))), ".");
        assert_eq!(fully_decoded("100%"), "100%");
    }
}
