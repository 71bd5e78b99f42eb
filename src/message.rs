//! Requests and answers on the way between a client and the hub.
//!
//! They are what the `http` crate calls by the same names, but that their fields are a list
//! ([`Fields`]) and not a table; what HTTP/2 and our own pages say is turned over at the edge.

use bytes::Bytes;
use http::{Extensions, Method, StatusCode, Uri, Version, header};

use crate::body::Body;
use crate::fields::{FieldValue, Fields};
use crate::peer::Peer;
use crate::policy::Reason;

/// A request.
#[derive(Debug, Default)]
pub struct Request {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Fields,
    body: Body,
    extensions: Extensions,
}

/// An answer.
#[derive(Debug, Default)]
pub struct Response {
    status: StatusCode,
    headers: Fields,
    body: Body,
    extensions: Extensions,
}

/// What a client has sent and nobody has read yet.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'s> {
    /// The bytes: a request, and perhaps more.
    pub bytes: &'s [u8],
    /// How many fields a request may have.
    pub most: usize,
    /// Who the client is.
    pub peer: &'s Peer,
}

/// What answers the requests of one thread.
pub trait Answers: 'static {
    /// Answers the request that was sent at once, if it can: it has no body, and the answer is a 200
    /// without a body, whose fields are written behind `fields`. How long the request is; `None` when
    /// it was not answered, and what was written says nothing.
    fn at_once(&self, sent: Sent<'_>, fields: &mut Vec<u8>) -> Option<usize>;

    /// Answers any request. It is lent, and stands in one place all the while.
    fn answer(&self, request: &mut Request, peer: &Peer) -> impl Future<Output = Response>;

    /// Answers what is no request that could be read, with a body that is all there.
    fn unreadable(&self, status: StatusCode, reason: Reason) -> Response;
}

/// A function answers everything in its own time, and says nothing to what is no request.
impl<F> Answers for F
where
    F: AsyncFn(&mut Request, &Peer) -> Response + 'static,
{
    fn at_once(&self, _: Sent<'_>, _: &mut Vec<u8>) -> Option<usize> {
        None
    }

    async fn answer(&self, request: &mut Request, peer: &Peer) -> Response {
        self(request, peer).await
    }

    fn unreadable(&self, status: StatusCode, _: Reason) -> Response {
        Response { status, ..Response::default() }
    }
}

impl Request {
    /// A `GET` of `/` with this body and no fields.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, ..Self::default() }
    }

    /// A request as it was read (RFC 9112 §3).
    #[must_use]
    pub fn read(method: Method, uri: Uri, headers: Fields) -> Self {
        Self { method, uri, headers, ..Self::default() }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The method, to be changed.
    pub const fn method_mut(&mut self) -> &mut Method {
        &mut self.method
    }

    /// The target.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The target, to be changed.
    pub const fn uri_mut(&mut self) -> &mut Uri {
        &mut self.uri
    }

    /// The version that the client speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The version, to be changed.
    pub const fn version_mut(&mut self) -> &mut Version {
        &mut self.version
    }

    /// The fields.
    #[must_use]
    pub const fn headers(&self) -> &Fields {
        &self.headers
    }

    /// The fields, to be changed.
    pub const fn headers_mut(&mut self) -> &mut Fields {
        &mut self.headers
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to be changed.
    pub const fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// What else is known of it.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What else is known of it, to be changed.
    pub const fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The fields, and the body to be taken.
    pub const fn parts(&mut self) -> (&Fields, &mut Body) {
        (&self.headers, &mut self.body)
    }

    /// As other libraries take it; the fields are copied, everything else is taken out.
    ///
    /// # Errors
    /// When there are more fields than they hold.
    pub fn take_http(&mut self) -> Result<http::Request<Body>, http::Error> {
        let headers = self.headers.to_map()?;
        let mut request = http::Request::new(std::mem::take(&mut self.body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = headers;
        *request.extensions_mut() = std::mem::take(&mut self.extensions);
        Ok(request)
    }
}

impl<B: Into<Body>> From<http::Request<B>> for Request {
    fn from(request: http::Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            headers: Fields::from(&parts.headers),
            body: body.into(),
            extensions: parts.extensions,
        }
    }
}

impl Response {
    /// A 200 with this body and no fields.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, ..Self::default() }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The status, to be changed.
    pub const fn status_mut(&mut self) -> &mut StatusCode {
        &mut self.status
    }

    /// The fields.
    #[must_use]
    pub const fn headers(&self) -> &Fields {
        &self.headers
    }

    /// The fields, to be changed.
    pub const fn headers_mut(&mut self) -> &mut Fields {
        &mut self.headers
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to be changed.
    pub const fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The status, the fields and the body.
    #[must_use]
    pub fn into_parts(self) -> (StatusCode, Fields, Body) {
        (self.status, self.headers, self.body)
    }

    /// What else is known of it.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What else is known of it, to be changed.
    pub const fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Says that the connection ends with this answer: what is left of the request stands in the way
    /// of the next one (RFC 9112 §9.6).
    pub fn tell_close(&mut self) {
        self.headers.insert(header::CONNECTION, const { FieldValue::from_static("close") });
    }

    /// As other libraries take it.
    ///
    /// # Errors
    /// When there are more fields than they hold.
    pub fn into_http(self) -> Result<http::Response<Body>, http::Error> {
        let headers = self.headers.to_map()?;
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        *response.extensions_mut() = self.extensions;
        Ok(response)
    }
}

impl<B: Into<Body>> From<http::Response<B>> for Response {
    fn from(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: Fields::from(&parts.headers),
            body: body.into(),
            extensions: parts.extensions,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}
