//! What a client asks for: the bytes that are judged are the bytes that are forwarded.

use std::borrow::Cow;

use http::Method;
use http::uri::PathAndQuery;

/// Method and path of one request, parsed once.
#[derive(Clone, Debug)]
pub struct Target {
    method: Method,
    raw: PathAndQuery,
    segments: Vec<Segment>,
}

/// One path segment: where it stands in the raw path, and its decoded text where that differs.
#[derive(Clone, Debug)]
struct Segment {
    start: usize,
    end: usize,
    decoded: Option<Box<str>>,
}

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
    /// `%00` or `%5C`.
    #[error("the path holds an encoded byte that servers read differently")]
    EncodedByte,
    /// `.` or `..`, encoded or not.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// `//` in front of what names the repository.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// `%2F`, `%25`, `;`, control or non-ASCII characters where a namespace or a repository stands.
    #[error("a namespace or repository holds a character that servers read differently")]
    NameCharacter,
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
    pub fn parse(method: Method, raw: PathAndQuery) -> Result<Self, Ambiguity> {
        let path = raw.path();
        let Some(after_slash) = path.strip_prefix('/') else { return Err(Ambiguity::NotAPath) };
        if path.bytes().any(|b| !b.is_ascii_graphic() || b == b'\\' || b == b'#') {
            return Err(Ambiguity::RawByte);
        }
        if raw
            .query()
            .is_some_and(|query| query.bytes().any(|b| !b.is_ascii_graphic() || b == b'#'))
        {
            return Err(Ambiguity::RawByte);
        }
        let mut segments = Vec::with_capacity(8);
        let mut start = 1;
        for text in after_slash.split('/') {
            if segments.len() == MAX_SEGMENTS {
                return Err(Ambiguity::TooManySegments);
            }
            let decoded = decode(text)?;
            let name = decoded.as_deref().unwrap_or(text);
            // A server that cuts path parameters (`..;x`) would still see the dots.
            if matches!(name.split(';').next(), Some("." | "..")) {
                return Err(Ambiguity::DotSegment);
            }
            segments.push(Segment { start, end: start + text.len(), decoded });
            start += text.len() + 1;
        }
        Ok(Self { method, raw, segments })
    }

    /// The request method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query as they came and as they are forwarded.
    #[must_use]
    pub const fn raw(&self) -> &PathAndQuery {
        &self.raw
    }

    /// The path as it came.
    #[must_use]
    pub fn path(&self) -> &str {
        self.raw.path()
    }

    /// The query as it came, without the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.raw.query()
    }

    /// How many segments the path has; `/` has one, which is empty.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether the path is `/`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path() == "/"
    }

    /// The decoded text of a segment, for comparing; invalid UTF-8 reads as U+FFFD.
    #[must_use]
    pub fn segment(&self, index: usize) -> Option<&str> {
        let segment = self.segments.get(index)?;
        match &segment.decoded {
            Some(decoded) => Some(decoded),
            None => self.path().get(segment.start..segment.end),
        }
    }

    /// Every segment's decoded text.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        (0..self.segments.len()).filter_map(|index| self.segment(index))
    }

    /// The decoded text of a segment that names a namespace or a repository.
    ///
    /// # Errors
    /// When it is empty, or holds what servers read differently: `%2F`, `%25`, `;`, control or
    /// non-ASCII characters.
    pub fn name(&self, index: usize) -> Result<Option<&str>, Ambiguity> {
        let Some(text) = self.segment(index) else { return Ok(None) };
        if text.is_empty() {
            return Err(Ambiguity::EmptySegment);
        }
        if text.bytes().any(|b| {
            !b.is_ascii() || b.is_ascii_control() || matches!(b, b'/' | b'%' | b';' | b'\\')
        }) {
            return Err(Ambiguity::NameCharacter);
        }
        Ok(Some(text))
    }

    /// Whether a segment before the last one is empty.
    #[must_use]
    pub fn has_empty_segment(&self) -> bool {
        let last = self.segments.len().saturating_sub(1);
        self.segments.iter().take(last).any(|segment| segment.start == segment.end)
    }
}

/// Percent-decodes one segment once; `None` when there is nothing to decode.
fn decode(text: &str) -> Result<Option<Box<str>>, Ambiguity> {
    if !text.contains('%') {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| {
            b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
        };
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(Ambiguity::BadEscape);
        };
        match high << 4 | low {
            0 | b'\\' => return Err(Ambiguity::EncodedByte),
            decoded => bytes.push(decoded),
        }
    }
    let text = match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into_boxed_str(),
    };
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<Target, Ambiguity> {
        Target::parse(Method::GET, PathAndQuery::try_from(path).expect(path))
    }

    #[test]
    fn a_path_is_split_and_decoded_once() {
        let target = parse("/acme/m%31/resolve/refs%2Fpr%2F1/a%252Fb?x=%zz").unwrap();
        assert_eq!(
            target.segments().collect::<Vec<_>>(),
            ["acme", "m1", "resolve", "refs/pr/1", "a%2Fb"]
        );
        assert_eq!(target.raw().as_str(), "/acme/m%31/resolve/refs%2Fpr%2F1/a%252Fb?x=%zz");
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
        check("*", Ambiguity::NotAPath);
    }
}
