//! The one way out to identity providers: timed, bounded, without redirects and without a proxy
//! from the environment.

mod tls;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use url::Url;

use crate::clock::{Clock, stopwatch};
use crate::config::is_loopback;
use crate::observe::{Call, Called, Calls};

pub use tls::TrustError;

/// The most bytes that an answer's body may have; metadata, keys and claims are far smaller.
pub const MAX_BODY: usize = 1024 * 1024;
/// The most bytes that an answer's head may have.
const MAX_HEAD: usize = 64 * 1024;
/// How long a TCP connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request may take from the name's resolution to the body's last byte.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Who we are.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("hubgate/", env!("CARGO_PKG_VERSION")));

/// Why a request brought no answer that can be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Neither https nor http on a loopback address: never sent.
    #[error("the address is neither https nor loopback http")]
    Address,
    /// No connection, or it broke: the name, the port, the certificate, the protocol.
    #[error("no connection")]
    Connection(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Too slow.
    #[error("no answer in time")]
    Timeout,
    /// A body of more than [`MAX_BODY`] bytes.
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// A server that says "not now": 5xx or 429. What else it says is not read.
    #[error("the server answered {0}")]
    Busy(StatusCode),
}

/// A client for a handful of requests at each sign-in.
///
/// Connections are not pooled: the gate runs one single-threaded runtime for each core, and the
/// task of a pooled connection lives and dies with the runtime that opened it, while this client
/// and what uses it are shared by all of them.
/// TLS sessions are resumed instead, so that a further connection costs little.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    roots: Arc<RootCertStore>,
    patience: Duration,
    plaintext: bool,
    calls: Option<Calls>,
}

/// The client for one kind of call, which is counted and traced.
#[derive(Clone, Copy, Debug)]
pub struct Calling<'h> {
    http: &'h HttpClient,
    call: Call,
}

impl Calling<'_> {
    /// As [`HttpClient::send`].
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, Error> {
        let Some(calls) = &self.http.calls else { return self.http.send(request).await };
        let host = request.uri().host().unwrap_or_default().to_owned();
        let (began, started) = (Clock::system().now(), stopwatch());
        let answer = self.http.send(request).await;
        let how = match &answer {
            Ok(answer) => Called::Answered(answer.status().as_u16()),
            Err(Error::Busy(status)) => Called::Busy(status.as_u16()),
            Err(Error::Timeout) => Called::Timeout,
            Err(Error::Address | Error::Connection(_) | Error::TooLarge) => Called::Failed,
        };
        calls.ended(self.call, &host, began, started.elapsed(), how);
        answer
    }

    /// Fetches a document.
    ///
    /// # Errors
    /// As [`HttpClient::fetch`].
    pub async fn fetch(&self, url: &str) -> Result<Response<Bytes>, Error> {
        self.send(fetching(url)?).await
    }
}

/// A request for a document.
fn fetching(url: &str) -> Result<Request<Vec<u8>>, Error> {
    let request = Request::get(url).header(ACCEPT, "application/json").body(Vec::new());
    request.map_err(|_| Error::Address)
}

impl HttpClient {
    /// A client that trusts the machine's authorities.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, TrustError> {
        Self::with_roots(Arc::new(tls::machine_roots()))
    }

    /// A client that trusts the authorities in these PEM files too.
    ///
    /// # Errors
    /// The file that cannot be read, or that holds no certificate.
    pub fn trusting(&self, certificates: &[PathBuf]) -> Result<Self, TrustError> {
        if certificates.is_empty() {
            return Ok(self.clone());
        }
        let roots = Arc::new(tls::with_files(&self.roots, certificates)?);
        let Self { client, roots, .. } = Self::with_roots(roots)?;
        Ok(Self { client, roots, ..self.clone() })
    }

    /// The same, counting its calls.
    #[must_use]
    pub fn counting(mut self, calls: Calls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// The same for one identity provider of that make.
    #[must_use]
    pub fn of(&self, provider: &'static str) -> Self {
        Self { calls: self.calls.as_ref().map(|calls| calls.of(provider)), ..self.clone() }
    }

    /// Whether the last call was answered; `None` before the first, and where none are counted.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        self.calls.as_ref()?.up()
    }

    /// The client for one kind of call.
    #[must_use]
    pub const fn calling(&self, call: Call) -> Calling<'_> {
        Calling { http: self, call }
    }

    /// The same, sending to http addresses beyond this machine, too.
    #[must_use]
    pub const fn insecure_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// The same, giving up sooner or later than after ten seconds.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn with_roots(roots: Arc<RootCertStore>) -> Result<Self, TrustError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(&roots)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(64 * 1024)
            .build(connector);
        Ok(Self { client, roots, patience: TOTAL_TIMEOUT, plaintext: false, calls: None })
    }

    /// Sends one request and reads the whole answer. Redirects are answers like any other.
    ///
    /// # Errors
    /// Every way in which no readable answer came; see [`Error`].
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, Error> {
        let (mut parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| Error::Address)?;
        if !(url.scheme() == "https"
            || url.scheme() == "http" && (self.plaintext || is_loopback(&url)))
        {
            return Err(Error::Address);
        }
        parts.headers.insert(USER_AGENT, AGENT);
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let answer = tokio::time::timeout(self.patience, self.exchange(request)).await;
        answer.map_err(|_| Error::Timeout)?
    }

    /// Fetches a document.
    ///
    /// # Errors
    /// As [`Self::send`]; and [`Error::Address`] when `url` is no URL.
    pub async fn fetch(&self, url: &str) -> Result<Response<Bytes>, Error> {
        self.send(fetching(url)?).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Error> {
        let answer =
            self.client.request(request).await.map_err(|e| Error::Connection(e.into_arc()))?;
        let (parts, body) = answer.into_parts();
        if parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::Busy(parts.status));
        }
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::TooLarge
            } else {
                Error::Connection(error.into())
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// An error as the source of several others.
trait IntoArc {
    fn into_arc(self) -> Arc<dyn std::error::Error + Send + Sync>;
}

impl<E: std::error::Error + Send + Sync + 'static> IntoArc for E {
    fn into_arc(self) -> Arc<dyn std::error::Error + Send + Sync> {
        Arc::new(self)
    }
}

impl<'c> openidconnect::AsyncHttpClient<'c> for Calling<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Error>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(async move { Ok(self.send(request).await?.map(Vec::from)) })
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}
