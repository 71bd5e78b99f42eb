//! Changes of protocol.

use crate::rig::{Hub, Setup};

const ASK: &str = "GET /queue HTTP/1.1\r\nhost: h\r\nconnection: keep-alive, Upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-key: x\r\nx-session: 1\r\n\r\n";
const YES: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                   upgrade: WebSocket\r\nsec-websocket-accept: y\r\n\r\n";

#[tokio::test]
async fn bytes_go_both_ways_after_a_change_of_protocol() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send(ASK).await;
    let mut upstream = hub.accept().await;
    let head = upstream.head().await;
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("sec-websocket-key: x\r\n"), "{head}");
    // The first bytes of the new protocol may come together with the answer.
    upstream.send([YES, "hello"].concat()).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: y\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(client.take(5).await, b"hello");
    // Nothing in them is looked at any more.
    let frames = "GET /a#b HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
    client.send(frames).await;
    assert_eq!(upstream.take(frames.len()).await, frames.as_bytes());
    // One direction ends, the other goes on.
    client.shutdown().await;
    assert!(upstream.is_closed().await);
    upstream.send("bye").await;
    assert_eq!(client.take(3).await, b"bye");
    drop(upstream);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_tunnel_ends_with_its_session() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send(ASK).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(YES).await;
    client.head().await;
    client.send("ping").await;
    upstream.take(4).await;
    rig.cord.cut();
    assert!(client.is_closed().await);
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn a_hub_that_refuses_the_change_answers_as_usual() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send(ASK).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 426 No\r\nupgrade: other\r\ncontent-length: 2\r\n\r\nno").await;
    assert!(client.head().await.starts_with("HTTP/1.1 426 "));
    client.take(2).await;
    // And the connection is looked at as before.
    assert!(client.ask("GET /a#b HTTP/1.1\r\nhost: h\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn only_what_was_asked_for_is_changed_to() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(YES).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let mut client = rig.client().await;
    client.send(ASK).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(YES.replace("WebSocket", "other")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn what_would_carry_further_requests_is_no_change_of_protocol() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for (method, headers, body) in [
        (
            "GET",
            "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
            "",
        ),
        ("GET", "connection: upgrade\r\nupgrade: TLS/1.0\r\n", ""),
        ("GET", "connection: upgrade\r\nupgrade: HTTP/2.0\r\n", ""),
        ("GET", "connection: upgrade\r\nupgrade: websocket, h2c\r\n", ""),
        ("GET", "upgrade: websocket\r\n", ""),
        ("POST", "connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n", "hi"),
    ] {
        let mut client = rig.client().await;
        client.send(format!("{method} /a HTTP/1.1\r\nhost: h\r\n{headers}\r\n{body}")).await;
        let mut upstream = hub.accept().await;
        let head = upstream.head().await;
        assert!(!head.contains("upgrade"), "{head}");
        assert!(!head.contains("http2-settings"), "{head}");
        upstream.take(body.len()).await;
        upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    }
}
