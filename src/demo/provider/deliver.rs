//! Sends logout tokens to clients, over plain HTTP: the demo and the tests are on loopback addresses.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// What became of one logout token.
#[derive(Debug)]
pub struct Delivery {
    /// The client that it was for.
    pub client: String,
    /// The `sid` in it.
    pub sid: String,
    /// What the client answered.
    pub outcome: io::Result<StatusCode>,
}

const PATIENCE: Duration = Duration::from_secs(5);

/// `POST` of `logout_token=…` (OpenID Connect Back-Channel Logout 1.0 §2.5)
pub(super) async fn post(uri: &str, logout_token: &str) -> io::Result<StatusCode> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(PATIENCE, exchange(uri, logout_token)).await.map_err(|_| late())?
}

async fn exchange(uri: &str, logout_token: &str) -> io::Result<StatusCode> {
    let url = Url::parse(uri).map_err(io::Error::other)?;
    let host = url.host_str().filter(|_| url.scheme() == "http");
    let host = host.ok_or_else(|| io::Error::other("only http is spoken here"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", logout_token)
        .finish();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::post(target)
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let _ = response.into_body().collect().await;
        Ok(status)
    };
    tokio::select! {
        status = asked => status,
        ended = connection => Err(io::Error::other(format!("the connection ended: {ended:?}"))),
    }
}
