//! The end: what is under way is finished, what is idle is closed, and it ends.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::rig::{Hub, Setup, soon};

const GET: &str = "GET /acme HTTP/1.1\r\nhost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn what_is_under_way_is_finished_and_what_is_idle_is_closed() {
    let hub = Hub::bind().await;
    let mut rig = Setup::http(&hub).start();
    let mut idle = rig.client().await;
    idle.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    idle.until("ok").await;
    let mut busy = rig.client().await;
    busy.send(GET).await;
    upstream.head().await;
    let mut streaming = rig.client().await;
    streaming.send(GET).await;
    let mut other = hub.accept().await;
    other.head().await;
    other.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").await;
    streaming.until("ab").await;
    rig.drain();
    assert!(idle.is_closed().await);
    upstream.send(OK).await;
    let head = busy.head().await;
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert_eq!(busy.rest().await, b"ok");
    other.send("cd").await;
    assert_eq!(streaming.rest().await, b"cd");
    rig.ended().await.unwrap();
    assert!(soon(TcpStream::connect(rig.address)).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn new_connections_are_taken_until_balancers_know() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.drain_delay = Duration::from_secs(1);
    let mut rig = setup.start();
    rig.drain();
    soon(async { while rig.admin("/readyz").await.0 != 503 {} }).await;
    let mut late = rig.client().await;
    late.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    let head = late.head().await;
    assert!(!head.contains("connection: close"), "served as before: {head}");
    late.until("ok").await;
    assert!(late.is_closed().await, "what is idle is closed when the delay is over");
    rig.ended().await.unwrap();
    assert!(soon(TcpStream::connect(rig.address)).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_connection_that_has_just_been_made_is_answered() {
    let hub = Hub::bind().await;
    let mut rig = Setup::http(&hub).start();
    let mut fresh = rig.client().await;
    rig.metric("hubgate_connections{kind=\"plain\"} 1").await;
    rig.drain();
    soon(async { while rig.admin("/readyz").await.0 != 503 {} }).await;
    fresh.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    assert!(fresh.head().await.contains("connection: close\r\n"));
    assert_eq!(fresh.rest().await, b"ok");
    rig.ended().await.unwrap();
}

#[tokio::test]
async fn what_takes_longer_than_the_drain_is_cut() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.drain = Duration::from_millis(200);
    let mut rig = setup.start();
    let mut stuck = rig.client().await;
    stuck.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    let mut tunnel = rig.client().await;
    tunnel
        .send("GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let mut other = hub.accept().await;
    other.head().await;
    other.send("HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    tunnel.head().await;
    tunnel.send("ping").await;
    other.take(4).await;
    rig.ended().await.unwrap();
    assert!(stuck.is_closed().await);
    assert!(tunnel.is_closed().await);
    assert!(upstream.is_closed().await);
    assert!(other.is_closed().await);
}
