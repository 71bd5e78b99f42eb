//! Simple requests are answered without the library that answers the others; nobody can tell.

use super::{OK, asked};
use crate::rig::{Hub, Setup};

const GET: &str = "GET /simple HTTP/1.1\r\nhost: h\r\n\r\n";

#[tokio::test]
async fn what_is_refused_is_refused_behind_a_simple_request_too() {
    for bad in [
        "GET /acme#/globex HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET /acme?x#y HTTP/1.1\r\nhost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx: y\r\n content-length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nhost: h\r\nx: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    ] {
        for together in [true, false] {
            let hub = Hub::bind().await;
            let rig = Setup::http(&hub).start();
            let mut client = rig.client().await;
            client.send(if together { [GET, bad].concat() } else { GET.to_owned() }).await;
            let mut upstream = hub.accept().await;
            assert!(upstream.head().await.starts_with("GET /simple "));
            upstream.send(OK).await;
            client.until("ok").await;
            if !together {
                client.send(bad).await;
            }
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{bad:?}: {head}");
            // The next thing that the hub hears is somebody else's.
            let mut good = rig.client().await;
            good.send("GET /good HTTP/1.1\r\nhost: h\r\n\r\n").await;
            assert!(upstream.head().await.starts_with("GET /good "), "{bad:?}");
        }
    }
}

#[tokio::test]
async fn simple_requests_and_others_take_turns_on_one_connection() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    let post = "POST /post HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc";
    let chunks =
        "PUT /put HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let mut upstream = None;
    for request in [GET, post, GET, chunks, GET, GET, post, post, GET] {
        client.send(request).await;
        if upstream.is_none() {
            upstream = Some(hub.accept().await);
        }
        let upstream = upstream.as_mut().unwrap();
        let head = upstream.head().await;
        assert_eq!(head.lines().next(), request.lines().next());
        if head.starts_with("POST") {
            assert_eq!(upstream.take(3).await, b"abc");
        }
        if head.starts_with("PUT") {
            upstream.until("\r\n0\r\n\r\n").await;
        }
        upstream.send(OK).await;
        assert!(client.until("ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn what_a_client_says_while_it_is_answered_is_its_next_request() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    client.send("GET /second HTTP/1.1\r\nho").await;
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
    client.head().await;
    client.send("st: h\r\n\r\nGET /third HTTP/1.1\r\nhost: h\r\n\r\n").await;
    upstream.send("ok").await;
    client.until("ok").await;
    for path in ["/second", "/third"] {
        assert!(upstream.head().await.starts_with(&format!("GET {path} ")));
        upstream.send(OK).await;
        client.until("ok").await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_not_waited_for() {
    for begun in [false, true] {
        let (_hub, _rig, mut client, mut upstream) = asked().await;
        if begun {
            upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").await;
            client.until("ok").await;
        }
        drop(client);
        assert!(upstream.is_closed().await, "an answer that nobody waits for is not read");
    }
}

#[tokio::test]
async fn an_answer_of_unknown_length_comes_in_chunks_and_its_trailers_are_not_for_everyone() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    upstream
        .send(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             3\r\nabc\r\n",
        )
        .await;
    let head = client.head().await;
    assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(client.until("abc\r\n").await, "3\r\nabc\r\n");
    upstream.send("2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n").await;
    assert_eq!(client.until("0\r\n\r\n").await, "2\r\nde\r\n0\r\n\r\n");
    // And the connection goes on.
    client.send(GET).await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn an_answer_of_unknown_length_that_breaks_off_has_no_last_chunk() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    client.until("abc\r\n").await;
    drop(upstream);
    assert!(client.is_closed().await, "nothing says that the answer is whole");
}

#[tokio::test]
async fn the_last_answer_of_a_connection_says_so() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client
        .send("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        .await;
    let mut upstream = hub.accept().await;
    let head = upstream.head().await;
    assert!(!head.contains("close"), "{head}");
    upstream.send("HTTP/1.1 418 Short and stout\r\ncontent-length: 2\r\nconnection: x-a\r\nx-a: 1\r\n\r\nok").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 418 Short and stout\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n") && !head.contains("x-a"), "{head}");
    let date = head.lines().find_map(|line| line.strip_prefix("date: ")).unwrap();
    assert!(httpdate::parse_http_date(date).is_ok(), "{date}");
    assert_eq!(client.rest().await, b"ok");
}
