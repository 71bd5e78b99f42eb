//! Good requests pass untouched however they are cut; bad ones do not pass.

use super::*;
use proptest::prelude::*;

/// Scans `bytes` in pieces of the given sizes, and returns what hyper would read.
fn scan(
    bytes: &[u8],
    mut cuts: impl Iterator<Item = usize>,
) -> (Vec<u8>, Option<Refusal>, Scanner) {
    let mut scanner = Scanner::new();
    let mut seen = Vec::new();
    let mut refusal = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len());
        let mut piece = rest[..size].to_vec();
        refusal = refusal.or(scanner.scan(&mut piece));
        seen.extend_from_slice(&piece);
        rest = &rest[size..];
    }
    (seen, refusal, scanner)
}

/// Checks one connection's bytes whole, byte by byte, and split in two at every place.
#[track_caller]
fn check(bytes: &[u8], expected: Option<Refusal>) {
    let (whole, refusal, _) = scan(bytes, std::iter::empty());
    assert_eq!(refusal, expected, "{}", bytes.escape_ascii());
    assert_eq!(whole.len(), bytes.len());
    assert_eq!(whole == bytes, expected.is_none());
    let split = |cuts: Vec<usize>| scan(bytes, cuts.into_iter()).0;
    assert_eq!(split(vec![1; bytes.len()]), whole, "byte by byte");
    for at in 1..bytes.len() {
        assert_eq!(split(vec![at]), whole, "split at {at}");
    }
}

const GET: &[u8] = b"GET /acme/bert?a=b HTTP/1.1\r\nHost: hub\r\n\r\n";

/// A request, followed by one with a raw `#`: it is found only when the framing was followed.
fn then_bad(request: &[u8]) -> Vec<u8> {
    [request, b"GET /a#b HTTP/1.1\r\nhost: hub\r\n\r\n"].concat()
}

#[test]
fn good_requests_pass_untouched() {
    for good in [
        GET,
        b"\r\n\nGET / HTTP/1.0\nhost: h\n\n",
        b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\na#b\r\nGET /b HTTP/1.1\r\n\r\n",
        b"POST /a HTTP/1.1\r\ncontent-length:\t0\r\nx: #\r\n\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=\"#\"\r\n#####\r\n0\r\nt: #\r\n\r\n",
        b"GET /a HTTP/1.1\r\nReferer: http://h/#f\r\nContent-Type: x\r\nTE: trailers\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12GET /# HTTP/1.1\r\n",
    ] {
        check(good, None);
    }
}

#[test]
fn a_raw_hash_in_the_target_is_refused() {
    check(b"GET /acme#x HTTP/1.1\r\n\r\n", Some(Refusal::Target));
    check(b"GET /acme?q#x HTTP/1.1\r\n\r\n", Some(Refusal::Target));
    check(b"GET http://hub#/acme HTTP/1.1\r\n\r\n", Some(Refusal::Target));
    check(b"GET # HTTP/1.1\r\n\r\n", Some(Refusal::Target));
    check(b"GET /## HTTP/1.1\r\n\r\n", Some(Refusal::Target));
    let (seen, ..) = scan(b"GET /acme#x?y#z HTTP/1.1\r\n", std::iter::empty());
    assert_eq!(seen, b"GET /acme\\x?y\x7fz HTTP/1.1\r\n");
}

#[test]
fn two_lengths_are_refused() {
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "transfer-encoding: chunked\r\nx: y\r\nCONTENT-LENGTH: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\nContent-Length: 4\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: \r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length:                                                             3\r\n",
    ] {
        let bytes = format!("POST /a HTTP/1.1\r\nhost: hub\r\n{fields}\r\nabc");
        check(bytes.as_bytes(), Some(Refusal::Framing));
        // The head in front of it is untouched, and no line end is left where it was refused.
        let (seen, ..) = scan(bytes.as_bytes(), std::iter::empty());
        assert!(seen.starts_with(b"POST /a HTTP/1.1\r\nhost: hub\r\n"));
        assert_eq!(seen.iter().filter(|b| **b == 0).count(), 1);
    }
}

#[test]
fn requests_are_found_behind_bodies() {
    for request in [
        GET,
        b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA ;x\r\n0123456789\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n000\r\na: b\r\nc: d\r\n\r\n",
        b"GET /a HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
    ] {
        check(&then_bad(request), Some(Refusal::Target));
    }
}

#[test]
fn nothing_is_looked_at_where_hyper_stops() {
    for broken in [
        &b"GET\r\nGET /a#b HTTP/1.1\r\n"[..],
        b"GET /a\r\nGET /a#b HTTP/1.1\r\n",
        b"GET /a HTTP/1.2\r\n\r\nGET /a#b HTTP/1.1\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nGET /a#b HTTP/1.1\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxGET /a#b HTTP/1.1\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\nGET /a#b HTTP/1.1\r\n",
    ] {
        check(broken, None);
    }
}

#[test]
fn heads_are_counted() {
    let (_, _, scanner) = scan(&[GET, GET, b"GET /x HT"].concat(), std::iter::repeat(3));
    assert_eq!(scanner.heads(), 2);
    assert!(scanner.in_head());
    let (_, _, scanner) = scan(GET, std::iter::repeat(1));
    assert!(scanner.is_between());
}

/// A good request: its bytes.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let target = "/[!-\"$->@-~]{0,40}(\\?[!-\"$-~]{0,40})?";
    let field = "[A-BD-SU-Za-bd-su-z][A-Za-z-]{0,20}: ?[ -~]{0,60}";
    let chunk = prop::collection::vec(any::<u8>(), 1..40);
    let body = prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|body| Some((vec![body], false))),
        prop::collection::vec(chunk, 0..4).prop_map(|chunks| Some((chunks, true))),
    ];
    ("[A-Z]{1,8}", target, prop::collection::vec(field, 0..6), body, any::<bool>()).prop_map(
        |(method, target, fields, body, crlf)| {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut bytes = format!("{method} {target} HTTP/1.1{end}");
            for field in fields {
                bytes += &format!("{field}{end}");
            }
            match &body {
                None => {}
                Some((_, true)) => bytes += &format!("transfer-encoding: chunked{end}"),
                Some((parts, false)) => {
                    bytes += &format!("Content-Length: {}{end}", parts[0].len())
                }
            }
            let mut bytes = format!("{bytes}{end}").into_bytes();
            match body {
                None => {}
                Some((parts, false)) => bytes.extend_from_slice(&parts[0]),
                Some((chunks, true)) => {
                    for chunk in chunks {
                        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                        bytes.extend_from_slice(&chunk);
                        bytes.extend_from_slice(b"\r\n");
                    }
                    bytes.extend_from_slice(b"0\r\n\r\n");
                }
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn pipelined_requests_pass_untouched_however_they_are_cut(
        requests in prop::collection::vec(request(), 1..5),
        cuts in prop::collection::vec(1usize..50, 0..100),
    ) {
        let bytes = requests.concat();
        let (seen, refusal, scanner) = scan(&bytes, cuts.iter().copied());
        prop_assert_eq!(refusal, None);
        prop_assert_eq!(&seen, &bytes);
        prop_assert!(scanner.is_between());
        prop_assert_eq!(usize::try_from(scanner.heads()).unwrap(), requests.len());
        // And the framing was followed to the end: what comes next is looked at.
        let (_, refusal, _) = scan(&then_bad(&bytes), cuts.into_iter());
        prop_assert_eq!(refusal, Some(Refusal::Target));
    }

    #[test]
    fn any_bytes_keep_their_number(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1usize..20, 0..100),
    ) {
        let (seen, ..) = scan(&bytes, cuts.into_iter());
        prop_assert_eq!(seen.len(), bytes.len());
    }
}
