//! A collector of spans that reads OTLP by itself: what the gate's own messages say is not asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// A collector on a port of its own.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    answer: StatusCode,
    requests: Vec<(String, HeaderMap, Bytes)>,
}

/// A span, as far as tests look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { answer: StatusCode::OK, requests: Vec::new() };
        let collector = Self { address, state: Arc::new(Mutex::new(state)) };
        let serving = collector.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let collector = serving.clone();
                let service = service_fn(move |request| collector.clone().take(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        collector
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut state = self.state.lock().unwrap();
        let line = format!("{} {}", parts.method, parts.uri.path());
        state.requests.push((line, parts.headers, body));
        let mut response = Response::new(Full::default());
        *response.status_mut() = state.answer;
        Ok(response)
    }

    /// From now on it answers so.
    pub(crate) fn answer(&self, status: u16) {
        self.state.lock().unwrap().answer = StatusCode::from_u16(status).unwrap();
    }

    /// The head of every request.
    pub(crate) fn heads(&self) -> Vec<(String, HeaderMap)> {
        let state = self.state.lock().unwrap();
        state.requests.iter().map(|(line, headers, _)| (line.clone(), headers.clone())).collect()
    }

    /// Every span so far, with what their resource is called.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        let state = self.state.lock().unwrap();
        state.requests.iter().flat_map(|(_, _, body)| read(body)).collect()
    }
}

/// One field of a message: its number, and what it holds.
enum Held<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message, by the encoding of Protocol Buffers.
fn fields(mut rest: &[u8]) -> Vec<(u64, Held<'_>)> {
    fn varint(rest: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let (first, more) = rest.split_first().unwrap();
            *rest = more;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        number
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, Held::Number(varint(&mut rest))));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)).unwrap(),
            5 => 4,
            other => panic!("no wire type {other}"),
        };
        let (held, more) = rest.split_at(length);
        rest = more;
        let number = |held: &[u8]| held.iter().rev().fold(0, |sum, b| sum << 8 | u64::from(*b));
        let fixed = key & 7 != 2;
        found.push((key >> 3, if fixed { Held::Number(number(held)) } else { Held::Bytes(held) }));
    }
    found
}

fn inside(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message).into_iter().filter_map(move |(own, held)| match held {
        Held::Bytes(bytes) if own == number => Some(bytes),
        Held::Bytes(_) | Held::Number(_) => None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(message: &[u8]) -> (String, String) {
    let name = text(inside(message, 1).next().unwrap());
    let value = inside(message, 2).next().unwrap();
    let value = match fields(value).pop() {
        Some((1, Held::Bytes(bytes))) => text(bytes),
        Some((3, Held::Number(number))) => number.to_string(),
        _ => panic!("{name} is neither a text nor a number"),
    };
    (name, value)
}

/// ExportTraceServiceRequest 1 → ResourceSpans 2 → ScopeSpans 2 → Span.
fn read(body: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    for resource_spans in inside(body, 1) {
        let resource = inside(resource_spans, 1).next().unwrap();
        let resource: Vec<_> = inside(resource, 1).map(attribute).collect();
        for span in inside(resource_spans, 2).flat_map(|scope| inside(scope, 2).collect::<Vec<_>>())
        {
            let mut seen = Seen::default();
            seen.attributes.extend(resource.iter().cloned());
            for (number, held) in fields(span) {
                match (number, held) {
                    (1, Held::Bytes(id)) => seen.trace = digits(id),
                    (2, Held::Bytes(id)) => seen.id = digits(id),
                    (3, Held::Bytes(state)) => seen.state = text(state),
                    (4, Held::Bytes(id)) => seen.parent = digits(id),
                    (5, Held::Bytes(name)) => seen.name = text(name),
                    (6, Held::Number(kind)) => seen.kind = kind,
                    (7, Held::Number(at)) => seen.began = at,
                    (8, Held::Number(at)) => seen.ended = at,
                    (9, Held::Bytes(own)) => seen.attributes.extend([attribute(own)]),
                    (15, Held::Bytes(status)) => {
                        seen.failed = matches!(fields(status)[..], [(3, Held::Number(2))]);
                    }
                    (16, Held::Number(flags)) => assert_eq!(flags & 1, 1, "sampled"),
                    (other, _) => panic!("no field {other} of a span is written"),
                }
            }
            all.push(seen);
        }
    }
    all
}
