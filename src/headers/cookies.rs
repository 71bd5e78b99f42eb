//! Our cookies among the client's.

use bytes::Bytes;
use http::header;

use memchr::memchr;

use crate::fields::{FieldValue, Fields};

/// The value of the cookie of that name.
///
/// Two cookies of one name are two readings: then there is none. A cookie planted from a parent
/// domain has the same name as ours, and nothing in `Cookie` tells them apart.
#[must_use]
pub fn cookie<'h>(headers: &'h Fields, name: &str) -> Option<&'h str> {
    std::str::from_utf8(cookie_bytes(headers, name)?).ok()
}

/// The same, of which nobody has yet looked at what it is.
#[must_use]
pub fn cookie_bytes<'h>(headers: &'h Fields, name: &str) -> Option<&'h [u8]> {
    let mut found = Named::None;
    for value in headers.get_all(header::COOKIE) {
        split(value.as_bytes()).for_each(|pair| found.note(pair, name));
    }
    found.value()
}

/// What was found of one name.
#[derive(Clone, Copy, Debug)]
enum Named<'h> {
    None,
    One(&'h [u8]),
    Several,
}

impl<'h> Named<'h> {
    fn note(&mut self, pair: &'h [u8], name: &str) {
        let value = pair.strip_prefix(name.as_bytes()).and_then(|value| value.strip_prefix(b"="));
        let Some(value) = value else { return };
        *self = match *self {
            Self::None => Self::One(value),
            Self::One(earlier) if earlier == value => return,
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    const fn value(self) -> Option<&'h [u8]> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}

/// Every cookie of a request, in order (RFC 6265bis §5.8.3; HTTP/2 may send several headers).
pub fn pairs(headers: &Fields) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .flat_map(|value| split(value.as_bytes()))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
}

/// Takes cookies whose names begin with `prefix` out of the request; the others stay as they are.
pub(super) fn without_ours(headers: &mut Fields, prefix: &str) {
    headers.retain_mut(|name, value| {
        if *name != header::COOKIE {
            return true;
        }
        match kept(value.as_bytes(), prefix) {
            Kept::All => true,
            Kept::None => false,
            Kept::Some(rest) => {
                *value = rest;
                true
            }
        }
    });
}

/// The cookies of a request whose names do not begin with `prefix`, as one value; empty when none is
/// left.
#[must_use]
pub fn others(headers: &Fields, prefix: &str) -> FieldValue {
    let mut values = headers.get_all(header::COOKIE);
    let (first, second) = (values.next(), values.next());
    if let (Some(only), None) = (first, second)
        && !split(only.as_bytes()).any(|pair| is_ours(pair, prefix))
    {
        return only.clone();
    }
    let length = headers.get_all(header::COOKIE).map(|value| value.len() + 2).sum();
    let mut rest: Vec<u8> = Vec::with_capacity(length);
    for value in headers.get_all(header::COOKIE) {
        let before = rest.len();
        if before > 0 {
            rest.extend_from_slice(b"; ");
        }
        if !write_kept(value.as_bytes(), prefix, &mut rest).left {
            rest.truncate(before);
        }
    }
    FieldValue::from_shared(Bytes::from(rest)).unwrap_or(const { FieldValue::from_static("") })
}

/// Writes a `Cookie` header without those cookies into a head, whether one is left or not, and says
/// what the one is whose whole name that is ([`cookie()`]).
pub fn write_others<'h>(text: &'h [u8], name: &str, head: &mut Vec<u8>) -> Option<&'h [u8]> {
    write_line(text, name, head).named.value()
}

/// Writes it where one is left.
pub(super) fn write_others_if_any(text: &[u8], prefix: &str, head: &mut Vec<u8>) {
    let start = head.len();
    let Written { left, ours, .. } = write_line(text, prefix, head);
    if ours && !left {
        head.truncate(start);
    }
}

fn write_line<'h>(text: &'h [u8], prefix: &str, head: &mut Vec<u8>) -> Written<'h> {
    head.reserve(text.len() + 10);
    head.extend_from_slice(b"cookie: ");
    let start = head.len();
    let written = write_kept(text, prefix, head);
    if !written.ours {
        // As it came, blanks and all.
        head.truncate(start);
        head.extend_from_slice(text);
    }
    head.extend_from_slice(b"\r\n");
    written
}

/// What was found in one `Cookie` header.
struct Written<'h> {
    /// Whether cookies stay, and were written.
    left: bool,
    /// Whether one was ours, and was not.
    ours: bool,
    /// The one whose name is all of the prefix.
    named: Named<'h>,
}

/// Writes the cookies that stay.
fn write_kept<'h>(text: &'h [u8], prefix: &str, out: &mut Vec<u8>) -> Written<'h> {
    let start = out.len();
    let (mut ours, mut named) = (false, Named::None);
    for pair in split(text) {
        if is_ours(pair, prefix) {
            ours = true;
            named.note(pair, prefix);
        } else if !pair.is_empty() {
            if out.len() > start {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(pair);
        }
    }
    Written { left: out.len() > start, ours, named }
}

/// Names compare without case here: what some server could take for ours is taken out.
fn is_ours(pair: &[u8], prefix: &str) -> bool {
    pair.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// What is left of one `Cookie` header.
enum Kept {
    All,
    None,
    Some(FieldValue),
}

fn kept(text: &[u8], prefix: &str) -> Kept {
    let mut rest: Vec<u8> = Vec::with_capacity(text.len());
    match write_kept(text, prefix, &mut rest) {
        Written { ours: false, .. } => Kept::All,
        Written { left: false, .. } => Kept::None,
        Written { .. } => FieldValue::from_shared(rest.into()).map_or(Kept::None, Kept::Some),
    }
}

/// The pairs of a `Cookie` header, without the blanks around them.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let pair = match memchr(b';', here) {
            Some(at) => {
                rest = here.get(at + 1..);
                here.get(..at).unwrap_or_default()
            }
            None => {
                rest = None;
                here
            }
        };
        Some(pair.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[&str]) -> Fields {
        let mut headers = Fields::new();
        for value in values {
            headers.append(header::COOKIE, FieldValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        let headers = map(&["a=1; hubgate=x=y;b=2", "hubgate2=z"]);
        assert_eq!(cookie(&headers, "hubgate"), Some("x=y"));
        assert_eq!(cookie(&headers, "Hubgate"), None);
        assert_eq!(cookie(&headers, "c"), None);
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        assert_eq!(cookie(&map(&["hubgate=planted; hubgate=ours"]), "hubgate"), None);
        assert_eq!(cookie(&map(&["hubgate=same; hubgate=same"]), "hubgate"), Some("same"));
    }

    #[track_caller]
    fn check(before: &[&str], after: &[&str]) {
        let mut headers = map(before);
        without_ours(&mut headers, "__Host-hubgate");
        assert_eq!(headers, map(after), "{before:?}");
    }

    #[track_caller]
    fn check_others(before: &[&str], after: &str) {
        assert_eq!(others(&map(before), "__Host-hubgate"), after, "{before:?}");
    }

    #[test]
    fn what_is_left_of_the_cookies_is_one_value() {
        check_others(&[], "");
        check_others(&["a=1;  b=\"q; z=3"], "a=1;  b=\"q; z=3");
        check_others(&["a=1; __Host-hubgate=x; b=2"], "a=1; b=2");
        check_others(&["__Host-hubgate=x"], "");
        check_others(
            &["__host-HUBGATE-login-1=x", "a=1", "__Host-hubgate=y", "b=2;c=3"],
            "a=1; b=2; c=3",
        );
    }

    #[test]
    fn the_upstream_never_sees_our_cookies_and_always_sees_the_others() {
        check(&["a=1; __Host-hubgate=x; b=2"], &["a=1; b=2"]);
        check(&["__Host-hubgate=x"], &[]);
        check(&["__host-HUBGATE-login-1234=x; a=1"], &["a=1"]);
        check(&["a=1", "__Host-hubgate=x"], &["a=1"]);
        check(&["a=1;  b=\"q; z=3"], &["a=1;  b=\"q; z=3"]);
    }
}
