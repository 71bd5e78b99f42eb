//! The head of a simple request, read strictly (RFC 9112 §2 to §5).

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::fields::{FieldValue, Fields, Kind, Lines, Names};
use crate::message::Request;

/// What was read is no simple request, or not the whole of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotSimple;

/// A simple request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request,
    /// Whether the client says that it is the last one of its connection (RFC 9112 §9.6).
    pub(super) last: bool,
}

/// Finds the lines of a head that could be a simple request's: text, and at most so many fields.
///
/// # Errors
/// When it could not be, or is not whole.
pub(super) fn find(read: &[u8], most: usize, lines: &mut Lines) -> Result<(), NotSimple> {
    // What begins otherwise is not looked at any further.
    if !(read.starts_with(b"GET /") || read.starts_with(b"HEAD /")) {
        return Err(NotSimple);
    }
    let plain = lines.find(read) == Ok(true) && lines.count() <= most + 1;
    if plain { Ok(()) } else { Err(NotSimple) }
}

/// Takes a simple request off what was read; its fields are put where `room` is.
///
/// # Errors
/// Then nothing was taken.
pub(super) fn take(
    read: &mut BytesMut,
    lines: &Lines,
    names: &Names,
    room: Fields,
) -> Result<Head, NotSimple> {
    let whole = read.split_to(lines.length()).freeze();
    understand(&whole, lines, names, room).ok_or_else(|| {
        let mut again = BytesMut::with_capacity(whole.len() + read.len());
        again.extend_from_slice(&whole);
        again.extend_from_slice(read);
        *read = again;
        NotSimple
    })
}

fn understand(whole: &Bytes, lines: &Lines, names: &Names, mut fields: Fields) -> Option<Head> {
    let mut lines = lines.of(whole);
    let (method, target) = match lines.next()?.bytes() {
        [b'G', b'E', b'T', b' ', rest @ ..] => (Method::GET, rest),
        [b'H', b'E', b'A', b'D', b' ', rest @ ..] => (Method::HEAD, rest),
        [..] => return None,
    };
    let uri = target_of(whole, target.strip_suffix(b" HTTP/1.1")?)?;
    fields.clear();
    let mut connection = None;
    let mut names = names.reading();
    for line in lines {
        let (name, kind, value) = names.take(line)?;
        let value = value.without_blanks();
        match kind {
            Kind::Said => fields.append(name, FieldValue::part_of(whole, value)),
            // Of one word, and that a known one: it names no field.
            Kind::Connection if connection.is_none() => connection = Some(value.bytes()),
            Kind::Connection | Kind::Asking | Kind::Length | Kind::Coding | Kind::Hop => {
                return None;
            }
        }
    }
    let last = match connection {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"keep-alive") => false,
        Some(word) if word.eq_ignore_ascii_case(b"close") => true,
        Some(_) => return None,
    };
    Some(Head { request: Request::read(method, uri, fields), last })
}

/// A path and query (RFC 9112 §3.2.1), byte for byte: visible ASCII without `#`, which the parser
/// would leave out.
fn target_of(whole: &Bytes, target: &[u8]) -> Option<Uri> {
    let odd = |odd: bool, b: &u8| odd | !b.is_ascii_graphic() | (*b == b'#');
    if target.iter().fold(false, odd) {
        return None;
    }
    let path = PathAndQuery::from_maybe_shared(whole.slice_ref(target)).ok()?;
    (path.as_str().as_bytes() == target).then(|| Uri::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::{collection, sample::select};

    const MOST: usize = 4;

    fn take_one(read: &mut BytesMut, names: &Names, most: usize) -> Result<Head, NotSimple> {
        let mut lines = Lines::new();
        find(read, most, &mut lines)?;
        take(read, &lines, names, Fields::new())
    }

    fn read(text: &str) -> Result<Head, NotSimple> {
        let mut read = BytesMut::from(text.as_bytes());
        let head = take_one(&mut read, &Names::default(), MOST);
        if head.is_err() {
            assert_eq!(read, text.as_bytes(), "nothing is taken of what is not understood");
        }
        head
    }

    #[track_caller]
    fn refuse(text: &str) {
        assert!(read(text).is_err(), "{text:?}");
    }

    #[test]
    fn a_simple_request_is_read_as_it_stands() {
        let head =
            read("GET /a/b%20c?d=e HTTP/1.1\r\nHost: h\r\nX-A:\t v w \r\nx-a:\r\n\r\n").unwrap();
        let request = head.request;
        assert_eq!(
            (request.method(), request.uri()),
            (&Method::GET, &"/a/b%20c?d=e".parse().unwrap())
        );
        let fields: Vec<_> =
            request.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(fields, [("host", &b"h"[..]), ("x-a", b"v w"), ("x-a", b"")]);
        assert!(!head.last);
    }

    #[test]
    fn what_comes_behind_a_request_is_left_there() {
        let mut bytes = BytesMut::from("HEAD / HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
        let names = Names::default();
        let head = take_one(&mut bytes, &names, MOST).unwrap();
        assert_eq!(*head.request.method(), Method::HEAD);
        let head = take_one(&mut bytes, &names, MOST).unwrap();
        assert_eq!(head.request.uri().path(), "/next");
        assert!(bytes.is_empty());
    }

    #[test]
    fn only_two_words_of_connection_are_understood() {
        assert!(read("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").unwrap().last);
        let kept = read("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n").unwrap();
        assert!(!kept.last && kept.request.headers().is_empty());
        for options in ["", "upgrade", "close, x-auth-user", "x-a", "keep-alive,close", "close,"] {
            refuse(&format!("GET / HTTP/1.1\r\nConnection: {options}\r\n\r\n"));
        }
        refuse("GET / HTTP/1.1\r\nConnection: close\r\nConnection: close\r\n\r\n");
    }

    #[test]
    fn a_body_or_another_way_of_being_answered_is_not_simple() {
        for field in [
            "Content-Length: 0",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            "Expect: 100-continue",
            "TE: trailers",
            "Trailer: x",
            "Upgrade: websocket",
            "HTTP2-Settings: x",
            "Keep-Alive: timeout=5",
            "Proxy-Connection: keep-alive",
        ] {
            refuse(&format!("GET / HTTP/1.1\r\n{field}\r\n\r\n"));
        }
    }

    #[test]
    fn whatever_has_two_readings_is_left_to_the_library() {
        for line in [
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.0",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            "GET /",
            "GET /a b HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET /a?b#c HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /\0 HTTP/1.1",
            "GET http://h/ HTTP/1.1",
            "GET * HTTP/1.1",
            "get / HTTP/1.1",
            "POST / HTTP/1.1",
            "\r\nGET / HTTP/1.1",
            " GET / HTTP/1.1",
        ] {
            refuse(&format!("{line}\r\nHost: h\r\n\r\n"));
        }
        for field in [
            " X: folded",
            "\tX: folded",
            "X : y",
            "X\u{e9}: y",
            ": y",
            "X",
            "X: a\0b",
            "X: a\rb",
            "X: a\u{7f}b",
            "X: a\nY: b",
            "X: a\r",
        ] {
            refuse(&format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n"));
        }
        refuse("GET / HTTP/1.1\nHost: h\n\n");
        refuse("GET / HTTP/1.1\r\nHost: h\r\n\n");
        refuse("GET / HTTP/1.1\r\nHost: h\n\r\n");
    }

    #[test]
    fn a_request_that_is_not_whole_or_has_too_many_fields_is_not_simple() {
        for end in ["", "\r", "\r\n", "\r\nHost: h", "\r\nHost: h\r\n", "\r\nHost: h\r\n\r"] {
            refuse(&format!("GET / HTTP/1.1{end}"));
        }
        assert!(read(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST))).is_ok());
        refuse(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST + 1)));
    }

    /// Pieces of heads, good and bad, so that many of them are nearly right.
    fn heads() -> impl Strategy<Value = Vec<u8>> {
        let piece = |pieces: &'static [&'static [u8]]| select(pieces);
        let line_end = || prop_oneof![9 => Just(&b"\r\n"[..]), 1 => piece(&[b"\n", b"\r", b"\r\r\n", b" \r\n"])];
        let first = (
            prop_oneof![8 => piece(&[b"GET ", b"HEAD "]), 1 => piece(&[b"GET  ", b"get ", b"GET\t", b"POST "])],
            piece(&[
                b"/",
                b"/a/b",
                b"/a?b=c",
                b"/%2e/",
                b"//a",
                b"/a;b",
                b"/a\\b",
                b"/\"",
                b"/{}",
                b"/a?#",
                b"/\xc3\xa9",
                b"/a b",
                b"*",
                b"http://h/",
            ]),
            prop_oneof![8 => piece(&[b" HTTP/1.1"]), 1 => piece(&[b" HTTP/1.0", b"  HTTP/1.1", b" HTTP/1.1 ", b""])],
        );
        let name = prop_oneof![
            6 => piece(&[b"Host", b"x-a", b"X-A", b"Cookie", b"Connection", b"accept", b"x_a", b"!#$%&'*+-.^_`|~"]),
            1 => piece(&[b"", b" x", b"x ", b"\tx", b"x\0", b"\xe9", b"x y", b"(x)", b"Content-Length", b"Transfer-Encoding", b"Upgrade"]),
        ];
        let value = prop_oneof![
            6 => piece(&[b"", b" ", b" v", b"\tv w\t ", b"close", b" keep-alive", b" a:b", b"\xff\xe9"]),
            1 => piece(&[b"a\0b", b"a\rb", b"\x7f", b"a\x0bb", b"x-a, close"]),
        ];
        let field = (
            name,
            prop_oneof![9 => Just(&b":"[..]), 1 => piece(&[b"", b" :", b"::"])],
            value,
            line_end(),
        );
        (first, line_end(), collection::vec(field, 0..5), line_end()).prop_map(
            |((method, target, version), end, fields, last)| {
                let mut head = [method, target, version, end].concat();
                for (name, colon, value, end) in fields {
                    head.extend([name, colon, value, end].concat());
                }
                head.extend(last);
                head
            },
        )
    }

    proptest! {
        /// What is taken for a simple request is the same request to the parser that reads all others.
        #[test]
        fn the_library_reads_a_simple_request_in_the_same_way(head in heads()) {
            let mut read = BytesMut::from(&*head);
            let Ok(ours) = take_one(&mut read, &Names::default(), 64) else { return Ok(()) };
            let mut places = [httparse::EMPTY_HEADER; 64];
            let mut theirs = httparse::Request::new(&mut places);
            let length = theirs.parse(&head);
            prop_assert_eq!(length, Ok(httparse::Status::Complete(head.len() - read.len())));
            prop_assert_eq!(theirs.method, Some(ours.request.method().as_str()));
            let target = ours.request.uri().path_and_query().map(PathAndQuery::as_str);
            prop_assert_eq!(theirs.path, target);
            prop_assert_eq!(theirs.version, Some(1));
            let said = |name: &str| !name.eq_ignore_ascii_case("connection");
            let theirs: Vec<(String, Vec<u8>)> = theirs
                .headers
                .iter()
                .filter(|field| said(field.name))
                .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
                .collect();
            let ours: Vec<(String, Vec<u8>)> = ours
                .request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect();
            prop_assert_eq!(theirs, ours);
        }
    }
}
