//! Envoy's `ext_authz` by gRPC: `envoy.service.auth.v3.Authorization/Check`, and gRPC's health
//! service for probes.
//!
//! A call is an HTTP/2 request with one message behind five bytes, and an answer whose status stands
//! in its trailers: hyper speaks the one, and the other needs no framework.

mod messages;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use http::{Method, StatusCode, Version};
use prost::Message;

use super::{Asked, Error};
use crate::body::{Body, ReadError};
use crate::credential::HEADERS;
use crate::fields::{FieldValue, Fields};
use crate::headers::Managed;
use crate::message::{Request, Response};
use messages::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValueOption, HealthCheckRequest,
    HealthCheckResponse, HttpRequest, HttpResponse, HttpStatus, OkHttpResponse, RpcStatus,
};

/// The largest message that is read: a head, and a body of which more is never judged.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

const AUTHORIZATION: &str = "envoy.service.auth.v3.Authorization";
pub(super) const HOST: &str = "host";
const METHOD: &str = "method";
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `Authorization/Check`
    Check,
    /// `grpc.health.v1.Health/Check`
    Health,
}

/// Why a call fails; Envoy takes each for a no (`failure_mode_allow` is false unless somebody has
/// written otherwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The message cannot be read.
    InvalidArgument = 3,
    /// No service of that name.
    NotFound = 5,
    /// Only trusted proxies may ask.
    PermissionDenied = 7,
    /// The message is too large.
    ResourceExhausted = 8,
    /// No such call, or a compressed message.
    Unimplemented = 12,
}

/// Where the question's own words are until they are judged.
#[derive(Clone, Debug)]
struct Words {
    method: String,
    host: String,
    path: String,
}

impl Call {
    /// What a request on the gRPC port calls.
    ///
    /// # Errors
    /// [`Failure::Unimplemented`].
    pub fn of(request: &Request) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE).map(FieldValue::as_bytes);
        let grpc = kind.is_some_and(|kind| {
            kind.strip_prefix(b"application/grpc")
                .is_some_and(|rest| rest.is_empty() || rest == b"+proto" || rest.starts_with(b";"))
        });
        let post = request.method() == Method::POST && request.version() == Version::HTTP_2;
        match request.uri().path() {
            "/envoy.service.auth.v3.Authorization/Check" if grpc && post => Ok(Self::Check),
            "/grpc.health.v1.Health/Check" if grpc && post => Ok(Self::Health),
            _ => Err(Failure::Unimplemented),
        }
    }
}

/// Reads the one message of a call.
///
/// # Errors
/// When it is too large, breaks off, is compressed, or is not the only one.
pub async fn message(body: Body) -> Result<Bytes, Failure> {
    let (bytes, _) = body.read_whole(MESSAGE_LIMIT).await.map_err(|error| match error {
        ReadError::TooLarge(_) => Failure::ResourceExhausted,
        ReadError::Broken(_) | ReadError::TooSlow => Failure::InvalidArgument,
    })?;
    let (Some(0), Some(length), Some(message)) =
        (bytes.first(), bytes.get(1..5), bytes.get(5..).map(|rest| bytes.slice_ref(rest)))
    else {
        let compressed = bytes.first().is_some_and(|flag| *flag == 1);
        return Err(if compressed { Failure::Unimplemented } else { Failure::InvalidArgument });
    };
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length == message.len() { Ok(message) } else { Err(Failure::InvalidArgument) }
}

/// The request that a `CheckRequest` asks about; its method and path are read by
/// [`Contract::open`](super::Contract::open).
///
/// # Errors
/// When it is no such message, or says nothing of an HTTP request.
pub fn question(message: Bytes) -> Result<Request, Failure> {
    let check = CheckRequest::decode(message).map_err(|_| Failure::InvalidArgument)?;
    let http = check.attributes.and_then(|attributes| attributes.request?.http);
    let http = http.ok_or(Failure::InvalidArgument)?;
    let mut request = Request::new(body(&http));
    *request.headers_mut() = headers(&http).ok_or(Failure::InvalidArgument)?;
    if usize::try_from(http.size).is_ok_and(|size| size > http.raw_body.len().max(http.body.len()))
    {
        // Envoy says so too; but what is missing is seen.
        request.headers_mut().insert(PARTIAL, const { FieldValue::from_static("true") });
    }
    let HttpRequest { method, host, path, .. } = http;
    request.extensions_mut().insert(Words { method, host, path });
    Ok(request)
}

/// The client's headers; `None` when one of them is none.
fn headers(http: &HttpRequest) -> Option<Fields> {
    let mut headers = Fields::new();
    let mut add = |name: &str, value: &[u8]| {
        // Pseudo-headers are said in fields of their own.
        if !name.starts_with(':') {
            let name = HeaderName::try_from(name).ok()?;
            headers.append(name, FieldValue::from_bytes(value).ok()?);
        }
        Some(())
    };
    for (name, value) in &http.headers {
        add(name, value.as_bytes())?;
    }
    for header in http.header_map.iter().flat_map(|map| &map.headers) {
        let raw = header.raw_value.as_ref();
        add(&header.key, if raw.is_empty() { header.value.as_bytes() } else { raw })?;
    }
    Some(headers)
}

/// The client's body, where it was sent along as it is. In text, Envoy writes `!` for every byte
/// that is no UTF-8: such a body is another one than the hub will get, and counts as not sent.
fn body(http: &HttpRequest) -> Body {
    if !http.raw_body.is_empty() {
        return Body::Full(http.raw_body.clone());
    }
    if http.body.is_empty() || http.body.contains('!') {
        return Body::Empty;
    }
    Body::full(http.body.clone())
}

/// What is asked for.
pub(super) fn asked(request: &Request) -> Result<Asked<'_>, Error> {
    let words = request.extensions().get::<Words>().ok_or(Error::Missing(METHOD))?;
    Ok(Asked {
        method: Method::from_bytes(words.method.as_bytes())
            .map_err(|_| Error::Malformed(METHOD))?,
        host: words.host.as_bytes(),
        path: words.path.as_bytes(),
    })
}

/// The answer to a question that the contract has answered; `sent` are the names of the client's
/// headers.
#[must_use]
pub fn answer(answered: Response, managed: &Managed, sent: &[HeaderName]) -> Response {
    let (status, headers, body) = answered.into_parts();
    let response = if status == StatusCode::OK {
        CheckResponse {
            status: Some(RpcStatus { code: 0 }),
            http_response: Some(HttpResponse::Ok(allowed(&headers, managed, sent))),
        }
    } else {
        let body = if let Body::Full(bytes) = body { bytes } else { Bytes::new() };
        let headers = headers.iter().filter_map(|(name, value)| option(name, value));
        CheckResponse {
            // PERMISSION_DENIED
            status: Some(RpcStatus { code: 7 }),
            http_response: Some(HttpResponse::Denied(DeniedHttpResponse {
                status: Some(HttpStatus { code: i32::from(status.as_u16()) }),
                headers: headers.collect(),
                body: String::from_utf8_lossy(&body).into_owned(),
            })),
        }
    };
    reply(&response)
}

/// Which headers are written, and which are taken out: never one of them twice, since Envoy writes
/// first and takes out afterwards.
fn allowed(headers: &Fields, managed: &Managed, sent: &[HeaderName]) -> OkHttpResponse {
    let mut allowed = OkHttpResponse::default();
    for name in managed.names().names().chain([&header::COOKIE]).chain(&HEADERS) {
        let Some(value) = headers.get(name) else { continue };
        match option(name, value).filter(|_| !value.is_empty()) {
            Some(option) => allowed.headers.push(option),
            None => allowed.headers_to_remove.push(name.to_string()),
        }
    }
    let ours = |name: &&HeaderName| managed.is_ours(name) && !headers.contains_key(*name);
    allowed.headers_to_remove.extend(sent.iter().filter(ours).map(ToString::to_string));
    for name in ["x-hf-warning", "x-hub-sso"] {
        let name = HeaderName::from_static(name);
        let option = headers.get(&name).and_then(|value| option(&name, value));
        allowed.response_headers_to_add.extend(option);
    }
    allowed
}

/// A header that replaces what is there (`OVERWRITE_IF_EXISTS_OR_ADD`); `None` if it is no text.
fn option(name: &HeaderName, value: &FieldValue) -> Option<HeaderValueOption> {
    let value = value.to_str().ok()?.to_owned();
    let header = messages::HeaderValue { key: name.to_string(), value, ..Default::default() };
    Some(HeaderValueOption { header: Some(header), append_action: 2 })
}

/// Whether the service of that name is served: as long as anything is answered, it is.
///
/// # Errors
/// When there is no such service.
pub fn health(message: Bytes) -> Result<Response, Failure> {
    let asked = HealthCheckRequest::decode(message).map_err(|_| Failure::InvalidArgument)?;
    match asked.service.as_str() {
        // SERVING
        "" | AUTHORIZATION => Ok(reply(&HealthCheckResponse { status: 1 })),
        _ => Err(Failure::NotFound),
    }
}

/// A message, and a status that says that all went well.
fn reply(message: &impl Message) -> Response {
    let encoded = message.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    let framed = [&[0], length.to_be_bytes().as_slice(), &encoded].concat();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", const { HeaderValue::from_static("0") });
    with_type(Response::new(Body::with_trailers(framed, trailers)))
}

impl Failure {
    /// The answer to a call that fails.
    #[must_use]
    pub fn response(self) -> Response {
        let mut response = with_type(Response::new(Body::Empty));
        response.headers_mut().insert("grpc-status", FieldValue::from(self as u64));
        response
    }
}

fn with_type(mut response: Response) -> Response {
    let kind = const { FieldValue::from_static("application/grpc") };
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
