//! Addresses below every repository, existing or not, that show what passes through a gate.
//!
//! | address | answer |
//! |---|---|
//! | `…/echo` | JSON of what arrived: method, target, headers as spelled, length and SHA-256 of the body, trailers |
//! | `…/answer?status=418&header=Name:value&body=text` | exactly that; the request's body is not read |
//! | `…/stream?bytes=N[&length=1][&cut=K]` | N bytes, chunked or with a length; cut after K bytes |
//! | `…/slow?parts=3&every=100` | parts with pauses in milliseconds between them |
//! | `…/held` | nothing until [`Hub::release`](super::Hub::release) |
//! | `…/events?count=3&every=100`, `…/events?on=signal` | server-sent events, timed or by [`Hub::signal`](super::Hub::signal) |
//! | `…/trailers` | a body with the trailer field `X-Checksum` |
//! | `…/ws` | a WebSocket that echoes; with another `Upgrade`, a connection that echoes bytes |

use std::io;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::git::hex;
use super::{State, Visit, websocket};
use crate::demo::answer::{self, Body, Script, answer, field, form, full, put, scripted, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Echo,
    Answer,
    Stream,
    Slow,
    Held,
    Events,
    Trailers,
    Upgrade,
}

impl Probe {
    pub(super) fn of(segment: &str) -> Option<Probe> {
        Some(match segment {
            "echo" => Probe::Echo,
            "answer" => Probe::Answer,
            "stream" => Probe::Stream,
            "slow" => Probe::Slow,
            "held" => Probe::Held,
            "events" => Probe::Events,
            "trailers" => Probe::Trailers,
            "ws" => Probe::Upgrade,
            _ => return None,
        })
    }
}

impl State {
    pub(super) async fn probe(&self, probe: Probe, visit: Visit) -> io::Result<Response<Body>> {
        let query = form(visit.request.uri().query().unwrap_or_default().as_bytes());
        let number = |name: &str| field(&query, name).and_then(|value| value.parse::<u64>().ok());
        let pause = Duration::from_millis(number("every").unwrap_or(100));
        Ok(match probe {
            Probe::Echo => echo(visit).await?,
            Probe::Answer => ordered(&query),
            Probe::Stream => {
                let length = field(&query, "length").is_some();
                stream(number("bytes").unwrap_or(1 << 20), length, number("cut"))
            }
            Probe::Slow => {
                let parts = number("parts").unwrap_or(3);
                write(move |script| async move {
                    for part in 0..parts {
                        tokio::time::sleep(pause).await;
                        say(&script, format!("part {part}\n")).await?;
                    }
                    Ok(())
                })
            }
            Probe::Held => {
                let mut signals = self.signals.subscribe();
                let before = signals.borrow_and_update().0;
                let _ = signals.wait_for(|(released, _)| *released > before).await;
                text(StatusCode::OK, "released\n")
            }
            Probe::Events if field(&query, "on") == Some("signal") => self.signalled_events(),
            Probe::Events => {
                let count = number("count").unwrap_or(u64::MAX);
                events(write(move |script| async move {
                    for event in 0..count {
                        say(&script, format!("id: {event}\ndata: event {event}\n\n")).await?;
                        tokio::time::sleep(pause).await;
                    }
                    Ok(())
                }))
            }
            Probe::Trailers => trailers(),
            Probe::Upgrade => websocket::upgrade(visit),
        })
    }

    fn signalled_events(&self) -> Response<Body> {
        let mut signals = self.signals.subscribe();
        let mut seen = signals.borrow_and_update().1;
        events(write(move |script| async move {
            say(&script, "event: open\ndata: ready\n\n".to_owned()).await?;
            loop {
                let now = tokio::select! {
                    changed = signals.wait_for(|(_, sent)| *sent > seen) => match changed {
                        Ok(now) => now.1,
                        Err(_) => return Ok(()),
                    },
                    () = script.closed() => return Ok(()),
                };
                while seen < now {
                    seen += 1;
                    say(&script, format!("id: {seen}\ndata: signal\n\n")).await?;
                }
            }
        }))
    }
}

/// The client has gone, or an abrupt end was ordered.
struct Gone;

/// Answers with what a task writes.
fn write<F>(task: impl FnOnce(Script) -> F) -> Response<Body>
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let (script, body) = scripted();
    tokio::spawn(task(script));
    answer(StatusCode::OK, "text/plain", body)
}

async fn say(script: &Script, bytes: impl Into<Bytes>) -> Result<(), Gone> {
    script.send(Ok(Frame::data(bytes.into()))).await.map_err(|_| Gone)
}

fn events(mut response: Response<Body>) -> Response<Body> {
    put(&mut response, http::header::CONTENT_TYPE, "text/event-stream");
    put(&mut response, http::header::CACHE_CONTROL, "no-store");
    response
}

/// Says what arrived; the body is hashed as it comes, whatever its length.
async fn echo(visit: Visit) -> io::Result<Response<Body>> {
    let (parts, mut body) = visit.request.into_parts();
    let mut hash = Context::new(&SHA256);
    let (mut length, mut trailers) = (0_u64, HeaderMap::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        match frame.into_data() {
            Ok(data) => {
                length += data.len() as u64;
                hash.update(&data);
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |(name, value): &(String, Vec<u8>)| json!([name, lossy(value)]);
    let headers: Vec<Value> = visit.head.headers.iter().map(pair).collect();
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        json!([name.as_str(), lossy(value.as_bytes())])
    };
    let trailers: Vec<Value> = trailers.iter().map(pair).collect();
    Ok(answer::json(
        StatusCode::OK,
        &json!({
            "method": parts.method.as_str(), "target": visit.head.target(), "headers": headers,
            "body": { "length": length, "sha256": hex(hash.finish().as_ref()) }, "trailers": trailers,
        }),
    ))
}

fn ordered(query: &[(String, String)]) -> Response<Body> {
    let status = field(query, "status").and_then(|status| status.parse().ok());
    let body = field(query, "body").unwrap_or_default().to_owned();
    let mut response = Response::new(full(body));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    for (_, line) in query.iter().filter(|(name, _)| name == "header") {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        let value = HeaderValue::from_bytes(value.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The byte at each place is the place modulo 251.
fn stream(bytes: u64, length: bool, cut: Option<u64>) -> Response<Body> {
    const PERIOD: usize = 251;
    let pattern: Vec<u8> = (0..64 * PERIOD).map(|at| (at % PERIOD) as u8).collect();
    let pattern = Bytes::from(pattern);
    let end = cut.unwrap_or(bytes).min(bytes);
    let mut response = write(move |script| async move {
        let mut left = end;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(pattern.len());
            say(&script, pattern.slice(..size)).await?;
            left -= size as u64;
        }
        if end < bytes {
            let _ = script.send(Err(io::Error::other("an abrupt end was ordered"))).await;
        }
        Ok(())
    });
    put(&mut response, http::header::CONTENT_TYPE, "application/octet-stream");
    if length {
        put(&mut response, CONTENT_LENGTH, &bytes.to_string());
    }
    response
}

fn trailers() -> Response<Body> {
    let mut response = write(|script| async move {
        say(&script, "a body, and then a trailer\n").await?;
        let fields = HeaderMap::from_iter([(
            HeaderName::from_static("x-checksum"),
            HeaderValue::from_static("42"),
        )]);
        script.send(Ok(Frame::trailers(fields))).await.map_err(|_| Gone)
    });
    put(&mut response, TRAILER, "X-Checksum");
    response
}
