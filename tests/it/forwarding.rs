//! What goes to the hub and what comes back, byte for byte.

mod answers;
mod crowd;
mod http2;
mod refused;
mod simple;
mod streams;
mod tunnels;

use std::time::Duration;

use hubgate::config::Upstream;
use tokio::net::{TcpStream, UnixListener};

use crate::rig::{Hub, Rig, Setup, Wire, soon};

const GET: &str = "GET /acme/bert HTTP/1.1\r\nhost: hub.example.com\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A gate whose client has asked for something, and the hub that has heard it.
async fn asked() -> (Hub, Rig, Wire<TcpStream>, Wire<TcpStream>) {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    (hub, rig, client, upstream)
}

#[tokio::test]
async fn a_request_goes_on_as_it_came() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client
        .send(
            "GET /acme/a%2Fb/resolve/refs%2Fpr%2F1/x;y=z?q=%zz&a=\\|{}^`' HTTP/1.1\r\n\
             Host: hub.example.com:8443\r\n\
             Cookie: a=1; b=2\r\n\
             Authorization: Bearer hf_x,hf_y\r\n\
             Accept-Encoding: br\r\n\
             Range: bytes=0-0\r\n\
             X-Twice: 1\r\n\
             X-Twice: 2\r\n\
             Connection: keep-alive, x-hop\r\n\
             X-Hop: 1\r\n\
             TE: trailers, gzip\r\n\
             X-Auth-User: mallory\r\n\r\n",
        )
        .await;
    let mut upstream = hub.accept().await;
    assert_eq!(
        upstream.head().await,
        "GET /acme/a%2Fb/resolve/refs%2Fpr%2F1/x;y=z?q=%zz&a=\\|{}^`' HTTP/1.1\r\n\
         host: hub.example.com:8443\r\n\
         cookie: a=1; b=2\r\n\
         authorization: Bearer hf_x,hf_y\r\n\
         accept-encoding: br\r\n\
         range: bytes=0-0\r\n\
         x-twice: 1\r\n\
         x-twice: 2\r\n\
         te: trailers\r\n\r\n"
    );
    upstream
        .send(
            "HTTP/1.1 206 Some Of It\r\nContent-Length: 3\r\nContent-Range: bytes 0-2/9\r\n\
             Content-Encoding: br\r\nETag: \"x\"\r\nX-Repo-Commit: abc\r\nSet-Cookie: a=1\r\n\
             Set-Cookie: b=2\r\nKeep-Alive: timeout=5\r\nConnection: x-own\r\nX-Own: 1\r\n\
             Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n\x00\x01\x02",
        )
        .await;
    let head = client.head().await;
    assert_eq!(
        head,
        "HTTP/1.1 206 Some Of It\r\ncontent-length: 3\r\ncontent-range: bytes 0-2/9\r\n\
         content-encoding: br\r\netag: \"x\"\r\nx-repo-commit: abc\r\nset-cookie: a=1\r\n\
         set-cookie: b=2\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nx-gate: 1\r\n\r\n"
    );
    assert_eq!(client.take(3).await, [0, 1, 2]);
}

#[tokio::test]
async fn connections_to_the_hub_are_used_again() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    for _ in 0..3 {
        upstream.head().await;
        upstream.send(OK).await;
        client.until("ok").await;
        client.send(GET).await;
    }
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    client.until("ok").await;
    client.send(GET).await;
    let mut next = hub.accept().await;
    next.head().await;
    rig.metric("hubgate_upstream_connections_total 2").await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    for number in ["1", "2"] {
        assert!(upstream.head().await.starts_with(&format!("GET /{number} ")));
        upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
    }
    client.head().await;
    assert_eq!(client.take(1).await, b"1");
    client.head().await;
    assert_eq!(client.take(1).await, b"2");
}

#[tokio::test]
async fn a_request_is_sent_once_more_when_the_hub_closed_an_idle_connection() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let (mut client, mut other) = (rig.client().await, rig.client().await);
    other.send(GET).await;
    let mut unused = hub.accept().await;
    unused.head().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    unused.send(OK).await;
    other.until("ok").await;
    upstream.send(OK).await;
    client.until("ok").await;
    // The hub reads the next request and closes without an answer: it was idle for too long. So
    // was the other connection that waits: what is sent once more is sent on a new one.
    client.send(GET).await;
    upstream.head().await;
    drop(upstream);
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
    // What may not be sent twice is not.
    client.send("POST /acme HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx").await;
    upstream.until("\r\n\r\nx").await;
    drop(upstream);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert_eq!(client.until("upstream-invalid").await, "upstream-invalid");
    drop(unused);
    // And nothing is sent a third time.
    client.send(GET).await;
    let mut fresh = hub.accept().await;
    fresh.head().await;
    drop(fresh);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn responses_without_a_body_have_none() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("HEAD /acme/file HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    assert!(upstream.head().await.starts_with("HEAD "));
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\netag: \"x\"\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.contains("content-length: 12345\r\n"), "{head}");
    for status in ["204 No Content", "304 Not Modified"] {
        client.send(GET).await;
        upstream.head().await;
        upstream.send(format!("HTTP/1.1 {status}\r\netag: \"x\"\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")));
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    }
    // A hub that says 103 first: the answer is the one that counts.
    client.send(GET).await;
    upstream.head().await;
    upstream.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
    upstream.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.take(2).await, b"ok");
}

#[tokio::test]
async fn a_hub_that_speaks_http_1_0_is_understood() {
    let (hub, rig, mut client, mut upstream) = asked().await;
    upstream.send("HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    upstream.shutdown().await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(client.until("0\r\n\r\n").await, "D\r\nuntil the end\r\n0\r\n\r\n");
    // And a client that does gets an answer that it can read.
    let mut old = rig.client().await;
    old.send("GET /acme HTTP/1.0\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    assert!(upstream.head().await.starts_with("GET /acme HTTP/1.1\r\n"));
    upstream
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        .await;
    let head = old.head().await;
    assert!(!head.contains("chunked"), "{head}");
    assert_eq!(old.rest().await, b"ok");
}

#[tokio::test]
async fn a_hub_may_listen_on_a_unix_socket() {
    let directory = std::env::temp_dir().join(format!("hubgate-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("hub.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let rig = Setup::new(Upstream::Unix(path.clone())).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = Wire::new(soon(listener.accept()).await.unwrap().0);
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_hub_that_does_not_answer_is_said_so() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.hub.response_timeout = Duration::from_millis(100);
    let rig = setup.start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    assert!(upstream.is_closed().await, "the request is given up");
    client.until("upstream-timeout").await;
    let gone = {
        let gone = Hub::bind().await;
        gone.address()
    };
    let rig = Setup::new(Upstream::Http { authority: gone.to_string() }).start();
    let mut client = rig.client().await;
    assert!(client.ask(GET).await.starts_with("HTTP/1.1 502 "));
    client.until("upstream-unreachable").await;
    rig.metric("hubgate_upstream_errors_total{kind=\"unreachable\"} 1").await;
}

#[tokio::test]
async fn a_hub_that_sends_what_is_no_http_is_said_so() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    ] {
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send(answer).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        client.until("upstream-invalid").await;
    }
}
