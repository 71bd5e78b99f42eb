//! The bodies and answers of the demo's servers, and the reading of what they are sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::mpsc;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a task may write into a [`scripted`] body; an error cuts the connection.
pub(crate) type Script = mpsc::Sender<io::Result<Frame<Bytes>>>;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that a task writes piece by piece; it ends when the task drops its end.
pub(crate) fn scripted() -> (Script, Body) {
    let (script, lines) = mpsc::channel(1);
    (script, Scripted(lines).boxed_unsync())
}

struct Scripted(mpsc::Receiver<io::Result<Frame<Bytes>>>);

impl http_body::Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context)
    }
}

pub(crate) fn answer(status: StatusCode, content_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    put(&mut response, CONTENT_TYPE, content_type);
    response
}

pub(crate) fn text(status: StatusCode, line: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", full(line.to_owned()))
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = answer(status, "application/json", full(value.to_string()));
    put(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// A page without scripts, which no other site may frame.
pub(crate) fn html(status: StatusCode, page: String) -> Response<Body> {
    let mut response = answer(status, "text/html; charset=utf-8", full(page));
    put(&mut response, CACHE_CONTROL, "no-store");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    put(&mut response, http::header::CONTENT_SECURITY_POLICY, policy);
    response
}

pub(crate) fn see_other(location: &str) -> Response<Body> {
    let mut response = text(StatusCode::SEE_OTHER, "");
    put(&mut response, LOCATION, location);
    put(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// Sets a header; a value that cannot be one is left out.
pub(crate) fn put(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read<B>(body: B, limit: usize) -> Option<Bytes>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Some(Limited::new(body, limit).collect().await.ok()?.to_bytes())
}

/// Decodes one segment of a path.
pub(crate) fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// Decodes `application/x-www-form-urlencoded`: a query, or a form.
pub(crate) fn form(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// The first value of a field.
pub(crate) fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}
