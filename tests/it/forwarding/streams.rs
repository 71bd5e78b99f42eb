//! Bodies stream both ways, and end as they ended.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{GET, OK, asked};
use crate::rig::{Hub, Setup, soon};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn an_answer_is_passed_on_as_it_comes() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("GET /events HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    assert!(client.head().await.contains("content-type: text/event-stream\r\n"));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        upstream.send(format!("9\r\n{event}\r\n")).await;
        assert_eq!(client.take(14).await, format!("9\r\n{event}\r\n").as_bytes());
    }
    // Whoever breaks off is noticed on the other side.
    drop(client);
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn a_large_download_waits_for_whoever_reads_slowly() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    let size = 100 * MIB;
    upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")).await;
    client.head().await;
    // The client reads nothing: the hub can send only as much as the buffers hold.
    let piece = vec![7; MIB];
    let mut sent = 0;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), upstream.stream.write(&piece)).await
    {
        sent += written.unwrap();
    }
    assert!(sent < 40 * MIB, "{sent} bytes are held for a client that does not read");
    let sending = async {
        while sent < size {
            sent += upstream.stream.write(&piece[..MIB.min(size - sent)]).await.unwrap();
        }
    };
    let reading = async {
        let mut read = 0;
        let mut buffer = vec![0; MIB];
        while read < size {
            let count = client.stream.read(&mut buffer).await.unwrap();
            assert!(count > 0 && buffer[..count].iter().all(|byte| *byte == 7));
            read += count;
        }
    };
    soon(async { tokio::join!(sending, reading) }).await;
}

#[tokio::test]
async fn a_large_upload_waits_for_a_hub_that_reads_slowly() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    let size = 100 * MIB;
    client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n")).await;
    let mut upstream = hub.accept().await;
    assert!(upstream.head().await.contains(&format!("content-length: {size}\r\n")));
    let piece = vec![7; MIB];
    let mut sent = 0;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), client.stream.write(&piece)).await
    {
        sent += written.unwrap();
    }
    assert!(sent < 40 * MIB, "{sent} bytes are held for a hub that does not read");
    let sending = async {
        while sent < size {
            sent += client.stream.write(&piece[..MIB.min(size - sent)]).await.unwrap();
        }
    };
    let reading = async {
        upstream.take(size).await;
        upstream.send(OK).await;
    };
    soon(async { tokio::join!(sending, reading) }).await;
    client.until("ok").await;
}

#[tokio::test]
async fn trailers_are_kept_in_both_directions_but_for_what_is_ours() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client
        .send(
            "POST /a HTTP/1.1\r\nhost: h\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\
             trailer: x-sum, x-auth-user\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\nx-auth-user: root\r\n\r\n",
        )
        .await;
    let mut upstream = hub.accept().await;
    let head = upstream.head().await;
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(upstream.head().await, "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
    upstream
        .send(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n",
        )
        .await;
    client.head().await;
    assert_eq!(client.head().await, "2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n");
}

#[tokio::test]
async fn a_client_is_told_to_go_on_when_the_hub_wants_its_body() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    let ask = "PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    client.send(ask).await;
    let mut upstream = hub.accept().await;
    assert!(upstream.head().await.contains("expect: 100-continue\r\n"));
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(upstream.take(5).await, b"hello");
    upstream.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    client.until("ok").await;
    // A hub that says no gets no body, and the client is never told to send it.
    client.send(ask).await;
    upstream.head().await;
    upstream.send("HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!(client.take(5).await, b"large");
    assert!(upstream.is_closed().await, "the connection would wait for a body for ever");
}

#[tokio::test]
async fn a_client_need_not_wait_for_a_hub_that_knows_no_100() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client
        .send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        .await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(upstream.take(5).await, b"hello");
}

#[tokio::test]
async fn an_answer_may_come_before_the_upload_is_over() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    let size = 64 * MIB;
    client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n")).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 413 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!(client.take(5).await, b"large");
}

#[tokio::test]
async fn a_client_that_breaks_off_takes_its_request_with_it() {
    let (hub, rig, client, mut upstream) = asked().await;
    drop(client);
    assert!(upstream.is_closed().await);
    let mut client = rig.client().await;
    client.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 500\r\n\r\nhello").await;
    let mut upstream = hub.accept().await;
    upstream.until("hello").await;
    drop(client);
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_whole() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for head in ["content-length: 20", "transfer-encoding: chunked"] {
        let mut client = rig.client().await;
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n")).await;
        client.head().await;
        client.until("hello").await;
        drop(upstream);
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("GET /events HTTP/1.1\r\nhost: h\r\nx-session: 1\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
    client.until("ok\r\n").await;
    // A short answer of the same session is under way, and is let through.
    let mut short = rig.client().await;
    short.send("GET /short HTTP/1.1\r\nhost: h\r\nx-session: 1\r\n\r\n").await;
    let mut short_upstream = hub.accept().await;
    short_upstream.head().await;
    short_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await;
    short.head().await;
    let mut upload = rig.client().await;
    upload
        .send("PUT /a HTTP/1.1\r\nhost: h\r\nx-session: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        .await;
    let mut upload_upstream = hub.accept().await;
    upload_upstream.until("ok\r\n").await;
    rig.cord.cut();
    assert!(client.is_closed().await, "cut without an end that looks whole");
    assert!(upstream.is_closed().await);
    assert!(upload.head().await.starts_with("HTTP/1.1 403 "));
    assert!(upload_upstream.is_closed().await);
    short_upstream.send("k").await;
    assert_eq!(short.take(2).await, b"ok");
}

#[tokio::test]
async fn an_upload_takes_as_long_as_it_takes_while_it_moves() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.hub.response_timeout = Duration::from_millis(300);
    let rig = setup.start();
    let mut client = rig.client().await;
    client.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..10 {
        pace.tick().await;
        client.send("x").await;
    }
    assert_eq!(upstream.take(10).await, b"xxxxxxxxxx");
    upstream.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    client.until("ok").await;
    // One that stands still is given up, and that is not the hub's fault.
    client.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nx").await;
    assert!(client.head().await.starts_with("HTTP/1.1 408 "));
}
