//! Many requests at once, of every shape: each gets its own answer.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hubgate::body::Body;
use hubgate::config::Upstream;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Setup, soon};

/// A hub that says what it was sent, and closes every seventh connection behind its answer.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<Incoming>| async move {
                let path = request.uri().path().to_owned();
                let closes = path.ends_with('7');
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut response = Response::new(Body::full([path.as_bytes(), &body].concat()));
                if closes {
                    let close = http::HeaderValue::from_static("close");
                    response.headers_mut().insert("connection", close);
                }
                Ok::<_, Infallible>(response)
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    authority
}

#[tokio::test]
async fn everyone_in_a_crowd_gets_an_answer_of_their_own() {
    let mut setup = Setup::new(Upstream::Http { authority: echo().await });
    setup.server.threads = 2;
    let mut rig = setup.start();
    let mut clients = Vec::new();
    for client in 0..20_usize {
        let stream = TcpStream::connect(rig.address).await.unwrap();
        clients.push(tokio::spawn(async move {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            for number in 0..30_usize {
                let path = format!("/{client}/{number}");
                let size = (client * 7919 + number * 104_729) % 200_000;
                let body = Bytes::from(vec![b'a' + u8::try_from(number % 26).unwrap(); size]);
                let post = number % 3 == 0;
                let request = Request::builder()
                    .method(if post { Method::POST } else { Method::GET })
                    .uri(&path)
                    .header("host", "h")
                    .body(Full::<Bytes>::from(if post { body.clone() } else { Bytes::new() }))
                    .unwrap();
                sender.ready().await.unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status(), 200, "{path}");
                let said = response.into_body().collect().await.unwrap().to_bytes();
                let expected = if post { body } else { Bytes::new() };
                assert_eq!(said, [path.as_bytes(), &expected].concat(), "{path}");
            }
        }));
    }
    for client in clients {
        soon(client).await.unwrap();
    }
    rig.ended().await.unwrap();
    assert_eq!(rig.lines.text().lines().count(), 600);
}
