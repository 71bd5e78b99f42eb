//! Nobody holds a connection for nothing.

use std::time::Duration;

use crate::rig::{Hub, Setup, soon};

const GET: &str = "GET /acme HTTP/1.1\r\nhost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.header_timeout = Duration::from_millis(200);
    let rig = setup.start();
    // Nothing at all; a part of a head; drop by drop.
    let mut silent = rig.client().await;
    let mut half = rig.client().await;
    half.send("GET /acme HTTP/1.1\r\nhost: h\r\n").await;
    let mut dripping = rig.client().await;
    dripping.send("GET /acme HTTP/1.1\r\nx: ").await;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while tokio::io::AsyncWriteExt::write_all(&mut dripping.stream, b"y").await.is_ok() {
        pace.tick().await;
    }
    assert!(silent.is_closed().await);
    assert!(half.is_closed().await);
    rig.metric("hubgate_connection_errors_total{kind=\"slow-head\"} 3").await;
    // A second head on a connection is no different, and neither is a blank line for ever.
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
    client.send("GET").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.idle_timeout = Duration::from_millis(200);
    let rig = setup.start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    let mut stream = rig.client().await;
    stream.send(GET).await;
    let mut events = hub.accept().await;
    events.head().await;
    events.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    stream.head().await;
    let mut third = None;
    for _ in 0..2 {
        let mut idle = rig.client().await;
        idle.send(GET).await;
        let third = match &mut third {
            Some(third) => third,
            none => none.insert(hub.accept().await),
        };
        third.head().await;
        third.send(OK).await;
        idle.until("ok").await;
        assert!(idle.is_closed().await);
    }
    // Both have waited for as long, and for longer: one for its head, one for its body.
    upstream.send(OK).await;
    client.until("ok").await;
    events.send("2\r\nok\r\n0\r\n\r\n").await;
    stream.until("ok\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_the_end_of_its_answer() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.idle_timeout = Duration::from_millis(100);
    let rig = setup.start();
    // With one of these sizes, the end of the answer waits for the client when all of it was read
    // from the hub.
    let sizes = (1..30).map(|n| n * 250_000);
    let mut clients = Vec::new();
    for size in sizes {
        let mut client = rig.client().await;
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        let sent = tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            upstream.send(head).await;
            upstream.send(vec![b'x'; size]).await;
        });
        clients.push((client, size, sent));
    }
    // Those that could be sent whole are closed for being idle, after several times their patience.
    let mut idle = rig.client().await;
    idle.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    idle.until("ok").await;
    assert!(idle.is_closed().await);
    let mut again = rig.client().await;
    again.send(GET).await;
    upstream.head().await;
    upstream.send(OK).await;
    again.until("ok").await;
    assert!(again.is_closed().await);
    for (mut client, size, sent) in clients {
        client.head().await;
        assert_eq!(client.take(size).await.len(), size);
        soon(sent).await.unwrap();
    }
}

#[tokio::test]
async fn a_quiet_connection_gives_its_buffers_back_and_goes_on_as_before() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.idle_timeout = Duration::from_secs(4);
    let mut rig = setup.start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut upstream = hub.accept().await;
    // While it is answered it is not quiet, however long that takes.
    let mut streaming = rig.client().await;
    streaming.send(GET).await;
    let mut events = hub.accept().await;
    events.head().await;
    events.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    streaming.head().await;
    for round in 0..3 {
        upstream.head().await;
        upstream.send(OK).await;
        client.until("ok").await;
        // Blank lines between requests are no request, and do not change that.
        client.send("\r\n").await;
        rig.metric("hubgate_connections_parked 1").await;
        if round == 1 {
            client.send("GET /acme HT").await;
            rig.metric("hubgate_connections_parked 0").await;
            client.send("TP/1.1\r\nhost: h\r\n\r\n").await;
        } else {
            client.send(GET).await;
        }
    }
    upstream.head().await;
    // One that was answered early goes on with its upload, and what is refused stays refused.
    upstream.send(OK).await;
    client.until("ok").await;
    rig.metric("hubgate_connections_parked 1").await;
    assert!(client.ask("GET /#a HTTP/1.1\r\nhost: h\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    client.until("encoded").await;
    rig.metric("hubgate_connections_parked 1").await;
    events.send("2\r\nok\r\n0\r\n\r\n").await;
    streaming.until("0\r\n\r\n").await;
    rig.metric("hubgate_connections_parked 2").await;
    rig.drain();
    assert!(client.is_closed().await);
    assert!(streaming.is_closed().await);
    rig.ended().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_was_answered_early_is_not_quiet() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 20\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
    client.send([b'x'; 10]).await;
    assert_eq!(upstream.take(10).await, [b'x'; 10]);
    // Another connection, which has been quiet for less time, is parked meanwhile.
    let mut other = rig.client().await;
    other.send(GET).await;
    let mut second = hub.accept().await;
    second.head().await;
    second.send(OK).await;
    other.until("ok").await;
    rig.metric("hubgate_connections_parked 1").await;
    client.send([b'x'; 10]).await;
    assert_eq!(upstream.take(10).await, [b'x'; 10]);
    client.send(GET).await;
    upstream.head().await;
}

#[tokio::test]
async fn what_follows_a_refusal_is_never_read_as_a_request() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.idle_timeout = Duration::from_millis(400);
    let rig = setup.start();
    let mut client = rig.client().await;
    client
        .send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    // The connection lingers for whoever still sends: for longer than it would take to be parked.
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..20 {
        pace.tick().await;
        if tokio::io::AsyncWriteExt::write_all(&mut client.stream, GET.as_bytes()).await.is_err() {
            break;
        }
    }
    assert!(client.is_closed().await);
    let mut good = rig.client().await;
    good.send("GET /first HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert!(hub.accept().await.head().await.starts_with("GET /first "));
}

#[tokio::test]
async fn there_are_only_so_many_connections_at_once() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.max_connections = 2;
    let rig = setup.start();
    let mut first = rig.client().await;
    first.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    let second = rig.client().await;
    rig.metric("hubgate_connections{kind=\"plain\"} 2").await;
    // The kernel has accepted the third one; we have not, and its request waits.
    let mut third = rig.client().await;
    third.send("GET /third HTTP/1.1\r\nhost: h\r\n\r\n").await;
    upstream.send(OK).await;
    first.until("ok").await;
    first.send(GET).await;
    assert!(upstream.head().await.starts_with("GET /acme "), "not the third one");
    upstream.send(OK).await;
    first.until("ok").await;
    drop(second);
    assert!(upstream.head().await.starts_with("GET /third "));
    upstream.send(OK).await;
    third.until("ok").await;
}

#[tokio::test]
async fn several_threads_share_an_address() {
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.threads = 4;
    let mut rig = setup.start();
    for _ in 0..20 {
        let mut client = rig.client().await;
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        client.until("ok").await;
    }
    rig.metric("hubgate_connections_accepted_total{kind=\"plain\"} 20").await;
    rig.ended().await.unwrap();
    assert_eq!(rig.lines.text().lines().count(), 20);
}

#[tokio::test]
async fn an_address_that_is_taken_is_not_shared_silently() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut setup = Setup::http(&hub);
    setup.server.listen = vec![rig.address];
    let error = hubgate::server::Listeners::bind(&setup.server).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}", rig.address));
}
