//! What hyper would repair or drop is refused, and nothing of it reaches the hub.

use super::{GET, OK};
use crate::rig::{Hub, Setup};

/// Sends bytes as a connection of their own, and expects an answer with this status; then that the
/// hub has seen nothing, by sending a good request which must be the first.
async fn check(requests: &[(&str, u16)]) {
    let hub = Hub::bind().await;
    let mut rig = Setup::http(&hub).start();
    for (request, status) in requests {
        let mut client = rig.client().await;
        let head = client.ask(request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {head}");
    }
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    assert_eq!(upstream.head().await, GET);
    upstream.send(OK).await;
    client.until("ok").await;
    drop((client, upstream));
    rig.ended().await.unwrap();
    let lines = rig.lines.text();
    assert_eq!(lines.lines().count(), requests.len() + 1, "one line for each request:\n{lines}");
}

#[tokio::test]
async fn a_raw_hash_in_the_target_is_refused() {
    check(&[
        ("GET /acme#/globex HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET /acme?x#y HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET /# HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET # HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET http://h/acme#x HTTP/1.1\r\nhost: h\r\n\r\n", 400),
    ])
    .await;
}

#[tokio::test]
async fn a_body_with_two_lengths_is_refused() {
    check(&[
        ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: +1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1,1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\nx: y\r\n content-length: 5\r\n\r\nhello", 400),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    check(&[
        ("GET /\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\n\r\n", 400),
        ("GET /é HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET /a\x01 HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET /a\x7fb HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("CONNECT hub:443 HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: h\r\nx: a\0b\r\n\r\n", 400),
    ])
    .await;
}

#[tokio::test]
async fn heads_have_a_largest_size() {
    let many = format!("GET / HTTP/1.1\r\nhost: h\r\n{}\r\n", "x: y\r\n".repeat(100));
    let long = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "y".repeat(16 * 1024));
    let unending = format!("GET /{}", "y".repeat(17 * 1024));
    check(&[(&many, 431), (&long, 431), (&unending, 431)]).await;
}

#[tokio::test]
async fn a_refused_head_ends_its_connection() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    let smuggled = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx";
    let head = client.ask([smuggled, GET].concat()).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert!(client.is_closed().await);
    rig.metric("hubgate_connection_errors_total{kind=\"malformed\"} 1").await;
}
