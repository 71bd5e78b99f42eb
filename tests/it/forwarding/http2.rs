//! HTTP/2, towards clients and towards the hub.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hubgate::body::Body;
use hubgate::config::Upstream;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use super::OK;
use crate::rig::{Hub, Setup, soon};

async fn connect(rig: &crate::rig::Rig) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::post(format!("http://hub.example.com{path}"))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::from("hello"))
        .unwrap()
}

#[tokio::test]
async fn a_client_may_speak_http2_with_prior_knowledge() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut sender = connect(&rig).await;
    let answer = tokio::spawn(sender.send_request(request("/acme/bert?x=%2f")));
    let mut upstream = hub.accept().await;
    assert_eq!(
        upstream.head().await,
        "POST /acme/bert?x=%2f HTTP/1.1\r\ncookie: a=1; b=2\r\n\
         content-length: 5\r\nhost: hub.example.com\r\n\r\n"
    );
    assert_eq!(upstream.take(5).await, b"hello");
    upstream.send(OK).await;
    let response = soon(answer).await.unwrap().unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
}

/// An upload that begins and does not end.
struct Unending(Option<Bytes>);

impl http_body::Body for Unending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |data| Poll::Ready(Some(Ok(Frame::data(data)))))
    }
}

#[tokio::test]
async fn an_upload_that_the_hub_leaves_unread_ends_its_stream_and_no_connection() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let upload = Unending(Some(Bytes::from("hello")));
        let request = Request::put("http://hub.example.com/a").body(upload).unwrap();
        let answer = tokio::spawn(sender.send_request(request));
        let mut upstream = hub.accept().await;
        upstream.until("hello").await;
        upstream
            .send("HTTP/1.1 413 No\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")
            .await;
        let response = soon(answer).await.unwrap().unwrap();
        assert_eq!((response.status().as_u16(), response.headers().get("connection")), (413, None));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "large");
    }
}

#[tokio::test]
async fn streams_of_one_connection_do_not_wait_for_each_other() {
    let hub = Hub::bind().await;
    let rig = Setup::http(&hub).start();
    let mut sender = connect(&rig).await;
    let first = tokio::spawn(sender.send_request(request("/1")));
    let mut slow = hub.accept().await;
    slow.until("hello").await;
    let second = tokio::spawn(sender.send_request(request("/2")));
    let mut quick = hub.accept().await;
    quick.until("hello").await;
    quick.send(OK).await;
    assert_eq!(soon(second).await.unwrap().unwrap().status(), 200);
    slow.send(OK).await;
    assert_eq!(soon(first).await.unwrap().unwrap().status(), 200);
}

/// A hub that speaks HTTP/2 only; says what it was asked, and counts connections.
async fn hub() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(|request: Request<Incoming>| async move {
                let said = format!(
                    "{} {} {:?} te={:?} host={:?} ",
                    request.method(),
                    request.uri(),
                    request.version(),
                    request.headers().get("te"),
                    request.headers().get("host"),
                );
                let collected = request.into_body().collect().await.unwrap();
                let trailers = format!(" {:?}\n", collected.trailers());
                let body = [said.as_bytes(), &collected.to_bytes(), trailers.as_bytes()].concat();
                Ok::<_, Infallible>(Response::new(Body::full(body)))
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (authority, connections)
}

#[tokio::test]
async fn a_hub_may_speak_http2() {
    let (authority, connections) = hub().await;
    let rig = Setup::new(Upstream::H2c { authority }).start();
    let mut client = rig.client().await;
    let head = client
        .ask("GET /acme/a%2fb?x HTTP/1.1\r\nhost: hub.example.com:81\r\nte: trailers\r\n\r\n")
        .await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let said = client.until("\n").await;
    assert_eq!(
        said,
        "GET http://hub.example.com:81/acme/a%2fb?x HTTP/2.0 te=Some(\"trailers\") host=None  None\n"
    );
    let head = client
        .ask(
            "POST /b HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             5\r\nhello\r\n0\r\nx-sum: 1\r\nx-auth-user: root\r\n\r\n",
        )
        .await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let said = client.until("\n").await;
    assert!(said.contains("hello Some({\"x-sum\": \"1\"})"), "{said}");
    let mut sender = connect(&rig).await;
    let answers = (0..20).map(|n| tokio::spawn(sender.send_request(request(&format!("/{n}")))));
    for answer in answers.collect::<Vec<_>>() {
        assert_eq!(soon(answer).await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one connection carries them all");
}
