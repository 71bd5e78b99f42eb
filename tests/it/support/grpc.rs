//! Envoy's side of `ext_authz` by gRPC: its messages as the wire has them, and a client for them.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use super::answer::Answer;
use super::setup::SITE;

/// `AttributeContext.HttpRequest`, with its neighbours' numbers as in Envoy's definition.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    pub(crate) path: String,
    #[prost(string, tag = "5")]
    pub(crate) host: String,
    #[prost(string, tag = "6")]
    pub(crate) scheme: String,
    #[prost(int64, tag = "9")]
    pub(crate) size: i64,
    #[prost(string, tag = "10")]
    pub(crate) protocol: String,
    #[prost(string, tag = "11")]
    pub(crate) body: String,
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) raw_body: Vec<u8>,
    #[prost(message, optional, tag = "13")]
    pub(crate) header_map: Option<Pairs>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pairs: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pair {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) raw_value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Check {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(message, optional, tag = "4")]
    request: Option<Wrapped>,
}

#[derive(Clone, PartialEq, Message)]
struct Wrapped {
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    status: Option<Number>,
    #[prost(message, optional, tag = "2")]
    denied: Option<Denied>,
    #[prost(message, optional, tag = "3")]
    ok: Option<Allowed>,
}

#[derive(Clone, PartialEq, Message)]
struct Number {
    #[prost(int32, tag = "1")]
    number: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Denied {
    #[prost(message, optional, tag = "1")]
    status: Option<Number>,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<Written>,
    #[prost(string, tag = "3")]
    body: String,
}

#[derive(Clone, PartialEq, Message)]
struct Allowed {
    #[prost(message, repeated, tag = "2")]
    headers: Vec<Written>,
    #[prost(string, repeated, tag = "5")]
    headers_to_remove: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    response_headers_to_add: Vec<Written>,
}

#[derive(Clone, PartialEq, Message)]
struct Written {
    #[prost(message, optional, tag = "1")]
    header: Option<Pair>,
    #[prost(int32, tag = "3")]
    action: i32,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// `grpc-status`
    pub(crate) status: u32,
    pub(crate) message: Bytes,
}

/// What Envoy does with the client's request.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// It goes on, with these headers at the hub, and these for the client's answer.
    Allowed { hub: HeaderMap, client: HeaderMap },
    /// The client gets this.
    Denied(Answer),
}

impl HttpRequest {
    /// A question about `METHOD /path`, as Envoy puts it.
    pub(crate) fn new(line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        let pseudo = [(":method", method), (":path", path), (":authority", "hub.example.com")];
        Self {
            id: "7".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            host: "hub.example.com".to_owned(),
            scheme: "https".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers: pseudo.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            ..Default::default()
        }
    }

    /// With header lines, each ended by CRLF; those of one name are joined, as Envoy does.
    pub(crate) fn with(mut self, lines: &str) -> Self {
        for line in lines.lines() {
            let (name, value) = line.split_once(':').unwrap();
            let joined = self.headers.entry(name.to_ascii_lowercase()).or_default();
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(value.trim());
        }
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.raw_body = body.to_vec();
        self.size = i64::try_from(body.len()).unwrap();
        self
    }

    /// Asks, and does with the client's request as Envoy would.
    pub(crate) async fn ask(self, address: SocketAddr) -> Verdict {
        let sent = self.headers.clone();
        let message = self.message();
        let called = call(address, "/envoy.service.auth.v3.Authorization/Check", &message).await;
        assert_eq!(called.status, 0);
        let response = Response::decode(called.message).unwrap();
        let number = response.status.unwrap().number;
        match (number, response.ok, response.denied) {
            (0, Some(allowed), None) => apply(&sent, allowed),
            (7, None, Some(denied)) => {
                let status = u16::try_from(denied.status.unwrap().number).unwrap();
                let headers = pairs(denied.headers);
                let (url, body) = (SITE.parse().unwrap(), Bytes::from(denied.body));
                assert!(status >= 300, "{status}");
                Verdict::Denied(Answer { url, status, headers, body })
            }
            other => panic!("{other:?}"),
        }
    }

    /// The whole `CheckRequest`.
    pub(crate) fn message(self) -> Vec<u8> {
        let request = Some(Wrapped { http: Some(self) });
        Check { attributes: Some(Attributes { request }) }.encode_to_vec()
    }
}

/// Writes what is to be written over what the client has sent, then takes out what is to go.
fn apply(sent: &HashMap<String, String>, allowed: Allowed) -> Verdict {
    let mut hub = HeaderMap::new();
    for (name, value) in sent.iter().filter(|(name, _)| !name.starts_with(':')) {
        hub.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let written = pairs(allowed.headers);
    for name in &allowed.headers_to_remove {
        assert!(!written.contains_key(name), "{name} is written, and taken out again");
    }
    for (name, value) in &written {
        hub.insert(name, value.clone());
    }
    for name in &allowed.headers_to_remove {
        hub.remove(name);
    }
    Verdict::Allowed { hub, client: pairs(allowed.response_headers_to_add) }
}

fn pairs(written: Vec<Written>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for written in written {
        assert_eq!(written.action, 2, "OVERWRITE_IF_EXISTS_OR_ADD");
        let Pair { key, value, raw_value } = written.header.unwrap();
        assert!(raw_value.is_empty() && !value.is_empty(), "{key}");
        headers.append(HeaderName::try_from(key).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    headers
}

/// Calls a method with a message.
pub(crate) async fn call(address: SocketAddr, path: &str, message: &[u8]) -> Called {
    let length = u32::try_from(message.len()).unwrap();
    let framed = [&[0], length.to_be_bytes().as_slice(), message].concat();
    raw(address, path, "application/grpc", framed).await
}

/// Calls with these bytes.
pub(crate) async fn raw(address: SocketAddr, path: &str, kind: &str, bytes: Vec<u8>) -> Called {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}{path}"))
        .header("content-type", kind)
        .header("te", "trailers")
        .body(Full::new(Bytes::from(bytes)))
        .unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    assert_eq!(head.headers["content-type"], "application/grpc");
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let bytes = body.to_bytes();
    connection.abort();
    let number = |headers: &HeaderMap| headers["grpc-status"].to_str().unwrap().parse().unwrap();
    match trailers {
        None => Called { status: number(&head.headers), message: bytes },
        Some(trailers) => {
            assert_eq!(bytes[0], 0);
            let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
            assert_eq!(bytes.len(), 5 + usize::try_from(length).unwrap());
            Called { status: number(&trailers), message: bytes.slice(5..) }
        }
    }
}
