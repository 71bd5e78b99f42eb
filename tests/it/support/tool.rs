//! Bytes over a socket: for what no browser would send, and for streams.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::answer::Answer;
use super::setup::SITE;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends bytes, and reads the answer to its end.
pub(crate) async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut wire = Wire::open(address, bytes).await;
    let all = wire.rest().await;
    parse(&all)
}

/// Asks with these header lines, each ended by CRLF, and no others than `Host`.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &str) -> Answer {
    send(address, line, headers, b"").await
}

/// The same with a body.
pub(crate) async fn send(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Answer {
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{line} HTTP/1.1\r\nHost: hub.example.com\r\nConnection: close\r\n{headers}{length}\r\n"
    );
    raw(address, [head.as_bytes(), body].concat()).await
}

/// The same over a connection that stays open, without a word about it: so questions come that are
/// answered at once.
pub(crate) async fn ask_on(address: SocketAddr, line: &str, headers: &str) -> Answer {
    let head = format!("{line} HTTP/1.1\r\nHost: hub.example.com\r\n{headers}\r\n");
    let mut wire = Wire::open(address, head).await;
    wire.until("\r\n\r\n").await;
    if line.starts_with("HEAD ") {
        return parse(&wire.seen);
    }
    let length: usize = match parse(&wire.seen).header("content-length") {
        Some(length) => length.parse().unwrap(),
        None => return parse(&wire.rest().await),
    };
    let head = wire.seen.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let reading = async { while wire.seen.len() < head + length && wire.read().await {} };
    tokio::time::timeout(PATIENCE, reading).await.expect("the body came");
    parse(&wire.seen)
}

/// Asks twice, by a connection that stays and by one that does not: a yes is the same yes.
pub(crate) async fn ask_both_ways(address: SocketAddr, line: &str, headers: &str) -> Answer {
    let at_once = ask_on(address, line, headers).await;
    let answer = ask(address, line, headers).await;
    assert_eq!(at_once.status, answer.status, "{line}\n{headers}\n{at_once:?}\n{answer:?}");
    assert_eq!(at_once.reason(), answer.reason());
    if answer.status == 200 {
        let own =
            |name: &HeaderName| ["connection", "date", "x-request-id"].contains(&name.as_str());
        let told = |answer: &Answer| {
            let mut told: Vec<(String, Vec<u8>)> = Vec::new();
            for (name, value) in answer.headers.iter().filter(|(name, _)| !own(name)) {
                told.push((name.to_string(), value.as_bytes().to_vec()));
            }
            told.sort();
            told
        };
        assert_eq!(told(&at_once), told(&answer), "{line}\n{headers}");
        assert_eq!(at_once.body, answer.body);
    }
    answer
}

/// Asks by HTTP/2 without TLS, as it is known beforehand (RFC 9113 §3.3).
pub(crate) async fn http2(address: SocketAddr, line: &str, headers: &[(&str, &str)]) -> Answer {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = http::Request::builder().method(method).uri(format!("{SITE}{target}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let asked = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let io = TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (mut sender, connection) = handshake.await.unwrap();
        let connection = tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        let url = Url::parse(SITE).unwrap().join(target).unwrap();
        Answer { url, status: head.status.as_u16(), headers: head.headers, body }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("an answer")
}

/// A connection that is read as it goes.
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) seen: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        Self { stream, seen: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until this text has come.
    pub(crate) async fn until(&mut self, text: &str) {
        let reading = async {
            while !self.text().contains(text) {
                assert!(self.read().await, "it ended before {text:?} came: {}", self.text());
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the text came");
    }

    /// Reads until the other side has closed, in whatever way, and returns everything.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let reading = async { while self.read().await {} };
        tokio::time::timeout(PATIENCE, reading).await.expect("the end came");
        self.seen.clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.seen.extend_from_slice(&buffer[..read]);
                true
            }
        }
    }
}

/// An answer that was read to its end.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {text:?}"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).unwrap();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    let body = &bytes[end + 4..];
    let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
    let body = if chunked { dechunked(body) } else { body.to_vec() };
    Answer { url: Url::parse(SITE).unwrap(), status, headers, body: Bytes::from(body) }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
