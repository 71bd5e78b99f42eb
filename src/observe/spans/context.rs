//! W3C Trace Context: what comes with a request, read strictly.

use aws_lc_rs::rand;
use http::header::HeaderName;

use crate::fields::{FieldValue, Fields};

use super::super::text;

/// Whose child a request is (§3.2).
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What each tracing system on the way remembers (§3.3).
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The most members of a `tracestate` (§3.3.1.1).
const MOST_MEMBERS: usize = 32;
/// The longest `tracestate` that is kept; §3.3.1.5 asks for at least 512.
const LONGEST_STATE: usize = 2048;

/// Names a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub(super) [u8; 16]);

/// Names a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanId(pub(super) [u8; 8]);

impl TraceId {
    /// The sixteen bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Writes it as 32 digits.
    pub fn write(self, line: &mut Vec<u8>) {
        text::hexadecimal(&self.0, line);
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The span of whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) sampled: bool,
    pub(super) state: Option<String>,
}

impl Parent {
    /// Reads both headers. A `traceparent` that is doubled or malformed is none, and without it
    /// there is no `tracestate` (§3.2.1, §4.3); a malformed `tracestate` alone is left out.
    pub(super) fn read(headers: &Fields) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT);
        let (Some(only), None) = (all.next(), all.next()) else { return None };
        let (trace, span, sampled) = traceparent(only.as_bytes())?;
        Some(Self { trace, span, sampled, state: tracestate(headers) })
    }
}

/// `version "-" trace-id "-" parent-id "-" trace-flags`, all in lower case (§3.2.2).
fn traceparent(text: &[u8]) -> Option<(TraceId, SpanId, bool)> {
    let (known, rest) = text.split_at_checked(55)?;
    let version = digits::<1>(known.get(..2)?)?;
    // Later versions may say more, behind another dash (§3.2.4).
    let ends = match version {
        [0] => rest.is_empty(),
        [0xff] => false,
        [_] => rest.is_empty() || rest.starts_with(b"-"),
    };
    let dashes = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
    if !(ends && dashes) {
        return None;
    }
    let trace = digits::<16>(known.get(3..35)?).filter(|id| *id != [0; 16])?;
    let span = digits::<8>(known.get(36..52)?).filter(|id| *id != [0; 8])?;
    let [flags] = digits::<1>(known.get(53..55)?)?;
    Some((TraceId(trace), SpanId(span), flags & 1 == 1))
}

/// Bytes in lower-case hexadecimal digits.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// All headers of that name, as one list (§3.3.1).
fn tracestate(headers: &Fields) -> Option<String> {
    let mut whole = String::new();
    let mut keys: Vec<&str> = Vec::new();
    for value in headers.get_all(TRACESTATE) {
        for member in value.to_str().ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
            if !whole.is_empty() {
                whole.push(',');
            }
            whole.push_str(member);
        }
    }
    let fits = keys.len() <= MOST_MEMBERS && whole.len() <= LONGEST_STATE;
    (fits && !whole.is_empty()).then_some(whole)
}

/// §3.3.1.3.1.
fn is_key(key: &str) -> bool {
    let plain = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'*' | b'/')
    };
    let part = |text: &str, longest: usize, digit_first: bool| {
        let first = text.bytes().next();
        let good =
            first.is_some_and(|b| b.is_ascii_lowercase() || digit_first && b.is_ascii_digit());
        good && text.len() <= longest && text.bytes().all(plain)
    };
    match key.split_once('@') {
        None => part(key, 256, false),
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
    }
}

/// §3.3.1.3.2.
fn is_value(value: &str) -> bool {
    let good = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b',' | b'=');
    (1..=256).contains(&value.len()) && value.bytes().all(good) && !value.ends_with(' ')
}

/// The value of `traceparent` that we write.
pub(super) fn header(trace: TraceId, span: SpanId, sampled: bool) -> FieldValue {
    let mut line = Vec::with_capacity(55);
    line.extend_from_slice(b"00-");
    text::hexadecimal(&trace.0, &mut line);
    line.push(b'-');
    text::hexadecimal(&span.0, &mut line);
    line.extend_from_slice(if sampled { b"-01" } else { b"-00" });
    FieldValue::from_shared(bytes::Bytes::from(line))
        .unwrap_or(const { FieldValue::from_static("") })
}

/// Random bytes: ids need not be secret, and must not repeat (Trace Context §7.1).
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // A machine without random bytes has ended the process long before.
    let _ = rand::fill(&mut bytes);
    if bytes == [0; N] {
        bytes = [1; N];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(parents: &[&str], states: &[&str]) -> Option<Parent> {
        let mut headers = Fields::new();
        for text in parents {
            headers.append(TRACEPARENT, FieldValue::from_str(text).unwrap());
        }
        for text in states {
            headers.append(TRACESTATE, FieldValue::from_bytes(text.as_bytes()).unwrap());
        }
        Parent::read(&headers)
    }

    #[test]
    fn a_parent_is_read_as_it_is_written() {
        let parent = read(&[GOOD], &[]).unwrap();
        assert_eq!(header(parent.trace, parent.span, parent.sampled), GOOD);
        assert!(!read(&[&GOOD.replace("-01", "-00")], &[]).unwrap().sampled);
        // Flags and versions to come (§3.2.2.5, §3.2.4).
        assert!(read(&[&GOOD.replace("-01", "-ff")], &[]).unwrap().sampled);
        assert!(read(&[&GOOD.replacen("00-", "01-", 1)], &[]).is_some());
        assert!(read(&[&format!("{}-more", GOOD.replacen("00-", "cc-", 1))], &[]).is_some());
    }

    #[test]
    fn what_is_malformed_is_no_parent() {
        for text in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD.replace("-01", ""),
            &GOOD.replace("-01", "-1"),
            &GOOD.replace("-01", "-0g"),
            &GOOD.replacen("00-", "ff-", 1),
            &GOOD.replacen("00-", "0x-", 1),
            &format!("{GOOD}-more"),
            &format!("{GOOD}0"),
            &format!("{}.more", GOOD.replacen("00-", "01-", 1)),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace('-', "_"),
        ] {
            assert_eq!(read(&[text], &["a=b"]), None, "{text}");
        }
        assert_eq!(read(&[GOOD, GOOD], &[]), None);
        assert_eq!(read(&[], &["a=b"]), None);
    }

    #[test]
    fn a_state_is_kept_whole_or_not_at_all() {
        let state = |states: &[&str]| read(&[GOOD], states).unwrap().state;
        assert_eq!(state(&["a=1", "t1@b=2 3, ,c/d=!"]).unwrap(), "a=1,t1@b=2 3,c/d=!");
        let many: Vec<String> = (0..33).map(|at| format!("a{at}=1")).collect();
        let long = format!("a={}", "x".repeat(257));
        for text in
            ["", "a", "A=1", "1a=1", "a=", "a=1,a=2", "a=\u{e9}", "a=1=2", &long, &many.join(",")]
        {
            assert_eq!(state(&[text]), None, "{text}");
        }
        assert!(state(&[&many[..32].join(",")]).is_some());
    }
}
