//! What a hub may answer, and what is no answer: nothing has two readings, nothing is made whole
//! that broke off, and nobody gets what was meant for somebody else.

use hubgate::config::Upstream;
use tokio::net::UnixListener;

use super::{GET, OK, asked};
use crate::documents::Folder;
use crate::rig::{Hub, Setup, Wire, soon};

/// Each answer is none: the client is told so, and its connection is not used again.
async fn refused(answers: &[&str]) {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for answer in answers {
        let mut client = rig.client().await;
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send(answer).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?}: {head}");
        client.until("upstream-invalid").await;
        assert!(upstream.is_closed().await, "{answer:?}");
    }
}

/// Each answer begins well and is cut off or spoiled: the client must see that it is not whole.
async fn aborted(answers: &[(&str, bool)]) {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for (answer, hangs_up) in answers {
        let mut client = rig.client().await;
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send(answer).await;
        if *hangs_up {
            upstream.shutdown().await;
        }
        let seen = String::from_utf8(client.rest().await).unwrap();
        // The end may come before anything was passed on.
        let Some((head, rest)) = seen.split_once("\r\n\r\n") else {
            assert_eq!(seen, "", "{answer:?}");
            continue;
        };
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer:?}: {head}");
        let whole = match head.split("content-length: ").nth(1) {
            Some(length) => {
                let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                rest.len() == length
            }
            None => rest.ends_with("0\r\n\r\n"),
        };
        assert!(!whole, "{answer:?} was passed on as if it were whole: {seen}");
    }
}

#[tokio::test]
async fn an_answer_with_two_lengths_is_none() {
    refused(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
    ])
    .await;
}

#[tokio::test]
async fn a_head_that_is_not_written_as_it_must_be_is_no_answer() {
    refused(&[
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n content-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\n\r\n\nok\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 99 Odd\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok",
        "\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "okHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ])
    .await;
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(300 * 1024));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(300));
    refused(&[&long, &many]).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to_be_broken() {
    aborted(&[
        ("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhello", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\nhello", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", true),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n",
            true,
        ),
    ])
    .await;
}

#[tokio::test]
async fn chunks_that_are_none_break_the_answer_off() {
    for spoiled in [
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "x\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: 1\r\n folded\r\n\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{spoiled}");
        aborted(&[(&answer, false)]).await;
    }
}

#[tokio::test]
async fn chunks_are_read_however_they_come() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
                  003;name=\"v\"\r\nabc\r\nA ;x\r\n0123456789\r\n0\r\n\r\n";
    for byte in answer.as_bytes().chunks(1) {
        upstream.send(byte).await;
        tokio::task::yield_now().await;
    }
    client.head().await;
    let mut body = String::new();
    while !body.ends_with("0\r\n\r\n") {
        body.push_str(&client.until("\r\n").await);
    }
    let data: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(data, "abc0123456789", "{body}");
    // The connection carries the next request.
    client.send(GET).await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn what_a_hub_says_unasked_reaches_nobody() {
    let planted = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nplants";
    for (first, whole) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 6\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
    ] {
        let hub = Hub::bind().await;
        let rig = Setup::http(&hub).start();
        // In one piece with the answer, and a moment later.
        for late in [false, true] {
            let mut client = rig.client().await;
            client.send(GET).await;
            let mut upstream = hub.accept().await;
            upstream.head().await;
            if late {
                upstream.send(first).await;
                client.head().await;
                upstream.send(planted).await;
            } else {
                upstream.send([first, planted].concat()).await;
                client.head().await;
            }
            assert_eq!(client.take(whole.len()).await, whole.as_bytes());
            client.send(GET).await;
            let mut next = hub.accept().await;
            next.head().await;
            next.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nmy").await;
            client.head().await;
            assert_eq!(client.take(2).await, b"my", "{first:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_whatever_it_says() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("HEAD /a HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.head().await;
    client.send(GET).await;
    upstream.head().await;
    upstream.send(OK).await;
    client.head().await;
    assert_eq!(client.take(2).await, b"ok");
}

#[tokio::test]
async fn interim_answers_are_passed_over_however_many_there_are() {
    let (_hub, _rig, mut client, mut upstream) = asked().await;
    for interim in ["100 Continue\r\n", "102 Processing\r\n", "103 Early Hints\r\nlink: </a>\r\n"] {
        upstream.send(format!("HTTP/1.1 {interim}\r\n")).await;
    }
    upstream.send(["HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n", OK].concat()).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("link"), "{head}");
    assert_eq!(client.take(2).await, b"ok");
}

#[tokio::test]
async fn a_hub_that_answers_early_and_hangs_up_is_heard() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for _ in 0..10 {
        let mut client = rig.client().await;
        let size = 64 * 1024 * 1024;
        client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n")).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        // The client goes on sending all the while, until nobody takes it any more.
        let (reader, mut writer) = client.stream.into_split();
        let sending = tokio::spawn(async move {
            let piece = vec![7; 1024 * 1024];
            while tokio::io::AsyncWriteExt::write_all(&mut writer, &piece).await.is_ok() {}
            writer
        });
        upstream.take(1024 * 1024).await;
        upstream
            .send("HTTP/1.1 413 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")
            .await;
        // What it has not read makes this a reset.
        drop(upstream);
        let mut reader = Wire::new(tokio::io::join(reader, tokio::io::sink()));
        let head = reader.head().await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        assert_eq!(reader.take(5).await, b"large");
        sending.abort();
    }
}

#[tokio::test]
async fn an_upload_that_is_answered_early_goes_on_while_the_hub_takes_it() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    client.send("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello").await;
    let mut upstream = hub.accept().await;
    upstream.until("hello").await;
    upstream.send("HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(client.head().await.starts_with("HTTP/1.1 202 "));
    client.until("ok").await;
    client.send("world").await;
    assert_eq!(upstream.take(5).await, b"world");
    // Then both connections carry the next request.
    client.send(GET).await;
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn no_request_follows_an_upload_that_is_not_all_sent() {
    let folder = Folder::new();
    let path = folder.path("hub.sock");
    // How much a socket holds for a hub that reads nothing is not the same everywhere.
    for size in (128..384).step_by(2).map(|kib| kib * 1024) {
        let listener = UnixListener::bind(&path).unwrap();
        let rig = Setup::new(Upstream::Unix(path.clone())).start();
        let mut client = rig.client().await;
        client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n")).await;
        client.send(vec![b'7'; size]).await;
        let mut upstream = Wire::new(soon(listener.accept()).await.unwrap().0);
        upstream.head().await;
        upstream.send("HTTP/1.1 413 No\r\ncontent-length: 5\r\n\r\nlarge").await;
        client.until("large").await;
        let mut other = rig.client().await;
        other.send(GET).await;
        let read = async {
            let upload = upstream.take(size).await;
            assert!(upload.iter().all(|byte| *byte == b'7'), "{size}");
            upstream
        };
        let mut upstream = soon(read).await;
        let mut next = tokio::select! {
            next = listener.accept() => Wire::new(next.unwrap().0),
            head = upstream.head() => {
                assert_eq!(head, GET);
                upstream
            }
        };
        next.send(OK).await;
        other.until("ok").await;
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn a_client_is_told_when_the_hub_leaves_its_upload_unread_and_hangs_up() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for answer in [
        "content-length: 5\r\n\r\nlarge",
        "content-length: 0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nlarge\r\n0\r\n\r\n",
    ] {
        for upload in [
            "content-length: 100000\r\n\r\nhello",
            "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            let mut client = rig.client().await;
            client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\n{upload}")).await;
            let mut upstream = hub.accept().await;
            upstream.until("hello").await;
            upstream.send(format!("HTTP/1.1 413 No\r\nconnection: close\r\n{answer}")).await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
            assert_eq!(head.matches("connection: close\r\n").count(), 1, "{answer:?}: {head}");
            let body = answer.split_once("\r\n\r\n").unwrap().1.as_bytes();
            assert_eq!(client.rest().await, body, "and then nothing");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_upload_is_told_that_nobody_will() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    for close in ["", "connection: close\r\n"] {
        let mut client = rig.client().await;
        let ask = "PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
        client.send(ask).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send(format!("HTTP/1.1 413 No\r\n{close}content-length: 5\r\n\r\nlarge")).await;
        let head = client.head().await;
        assert_eq!(head.matches("connection: close\r\n").count(), 1, "{head}");
        assert_eq!(client.rest().await, b"large", "and then nothing");
    }
}

#[tokio::test]
async fn a_client_keeps_its_connection_when_its_upload_was_here_before_the_hub_hung_up() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut client = rig.client().await;
    for upload in [
        "content-length: 5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        client.send(format!("PUT /a HTTP/1.1\r\nhost: h\r\n{upload}")).await;
        let mut upstream = hub.accept().await;
        upstream.until("hello").await;
        upstream
            .send("HTTP/1.1 413 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 413 ") && !head.contains("connection"), "{head}");
        assert_eq!(client.take(5).await, b"large");
    }
    // The hub reads nothing at all, so that some of it may never leave the gate.
    for _ in 0..10 {
        let head = "PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 50000\r\n\r\n";
        client.send([head.as_bytes(), &[b'7'; 50_000]].concat()).await;
        let mut upstream = hub.accept().await;
        upstream
            .send("HTTP/1.1 413 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")
            .await;
        drop(upstream);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 413 ") && !head.contains("connection"), "{head}");
        assert_eq!(client.take(5).await, b"large");
    }
}

#[tokio::test]
async fn a_request_that_was_never_sent_goes_out_on_a_new_connection() {
    let (hub, _rig, mut client, mut upstream) = asked().await;
    upstream.send(OK).await;
    client.until("ok").await;
    // The hub hangs up while the connection rests; even what may not be sent twice is sent.
    drop(upstream);
    client.send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx").await;
    let mut next = hub.accept().await;
    next.until("\r\n\r\nx").await;
    next.send(OK).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_until_the_end_of_the_connection_is_whole_when_that_comes() {
    let (hub, _rig, mut client, mut upstream) = asked().await;
    let size = 3 * 1024 * 1024;
    upstream.send("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n").await;
    let sending = tokio::spawn(async move {
        upstream.send(vec![b'7'; size]).await;
        upstream.shutdown().await;
        upstream
    });
    client.head().await;
    let mut seen = 0;
    loop {
        let line = client.until("\r\n").await;
        let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let data = client.take(length + 2).await;
        assert!(data[..length].iter().all(|byte| *byte == b'7'));
        seen += length;
        if length == 0 {
            break;
        }
    }
    assert_eq!(seen, size);
    drop(sending.await.unwrap());
    client.send(GET).await;
    let mut next = hub.accept().await;
    next.head().await;
    next.send(OK).await;
    client.until("ok").await;
}
