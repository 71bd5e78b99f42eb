//! Connecting to the hub: TCP, a Unix socket, or TLS.

mod tls;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::InvalidDnsNameError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::config::{Hub, Upstream};

use tls::{Authorities, Tls};

/// Why the hub can never be reached as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// A file of authorities cannot be read.
    #[error("the certificates in {path} cannot be read")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// An authority's certificate is none.
    #[error("a certificate in {path} cannot be used")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Nothing says whose certificates to believe.
    #[error("this machine has no trust store, and hub.ca_certificates names no authority")]
    NoAuthorities,
    /// The name in the hub's address is none.
    #[error(
        "hub.upstream: its host cannot stand in a certificate; write a DNS name or an IP address"
    )]
    Name(#[from] InvalidDnsNameError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// How the hub is reached; shared by all threads, cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    tls: Option<Tls>,
    connect_timeout: Duration,
    response_timeout: Duration,
    authorities: Vec<Authorities>,
}

/// What HTTP the hub speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Connector {
    /// The way to `upstream`; reads the authorities that the hub's certificate may come from.
    ///
    /// # Errors
    /// When a file cannot be read, or the name is none.
    pub fn new(hub: &Hub, upstream: &Upstream) -> Result<Self, ConnectorError> {
        Self::with(hub, upstream, Authorities::read(hub, upstream)?)
    }

    /// The way to the hub that another configuration names: this one, with its connections, when
    /// nothing of it has changed.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn again(&self, hub: &Hub, upstream: &Upstream) -> Result<Self, ConnectorError> {
        let authorities = Authorities::read(hub, upstream)?;
        let Inner {
            upstream: before,
            tls: _,
            connect_timeout,
            response_timeout,
            authorities: earlier,
        } = &*self.0;
        let same = before == upstream
            && *connect_timeout == hub.connect_timeout
            && *response_timeout == hub.response_timeout
            && *earlier == authorities;
        if same { Ok(self.clone()) } else { Self::with(hub, upstream, authorities) }
    }

    fn with(
        hub: &Hub,
        upstream: &Upstream,
        authorities: Vec<Authorities>,
    ) -> Result<Self, ConnectorError> {
        let tls = match upstream {
            Upstream::Https { server_name, .. } => Some(Tls::new(server_name, &authorities)?),
            Upstream::Http { .. } | Upstream::H2c { .. } | Upstream::Unix(_) => None,
        };
        Ok(Self(Arc::new(Inner {
            upstream: upstream.clone(),
            tls,
            connect_timeout: hub.connect_timeout,
            response_timeout: hub.response_timeout,
            authorities,
        })))
    }

    /// Whether both are the same, so that connections of one may carry requests of the other.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Connects once and hangs up: whether the hub can be reached.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn probe(&self) -> io::Result<()> {
        self.connect(false).await.map(drop)
    }

    pub(super) fn response_timeout(&self) -> Duration {
        self.0.response_timeout
    }

    /// The scheme of the hub's address, as HTTP/2 wants to hear it (RFC 9113 §8.3.1).
    pub(super) fn scheme(&self) -> http::uri::Scheme {
        if self.0.tls.is_some() { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP }
    }

    /// Whether every connection speaks HTTP/2, as far as is known beforehand.
    pub(super) fn is_h2c(&self) -> bool {
        matches!(self.0.upstream, Upstream::H2c { .. })
    }

    /// Connects; `upgrade` when HTTP/1.1 is needed, since only that can be upgraded.
    pub(super) async fn connect(&self, upgrade: bool) -> io::Result<(Stream, Protocol)> {
        let connecting = self.0.connect(upgrade);
        match tokio::time::timeout(self.0.connect_timeout, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Inner {
    async fn connect(&self, upgrade: bool) -> io::Result<(Stream, Protocol)> {
        match &self.upstream {
            Upstream::Http { authority } => {
                Ok((Stream::Tcp(tcp(authority).await?), Protocol::Http1))
            }
            Upstream::H2c { authority } => {
                let protocol = if upgrade { Protocol::Http1 } else { Protocol::Http2 };
                Ok((Stream::Tcp(tcp(authority).await?), protocol))
            }
            Upstream::Unix(path) => {
                Ok((Stream::Unix(UnixStream::connect(path).await?), Protocol::Http1))
            }
            Upstream::Https { authority, .. } => {
                let tls = self.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                let connector = if upgrade { &tls.http1 } else { &tls.any };
                let stream = connector.connect(tls.name.clone(), tcp(authority).await?).await?;
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    Some(_) | None => Protocol::Http1,
                };
                Ok((Stream::Tls(Box::new(stream)), protocol))
            }
        }
    }
}

async fn tcp(authority: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection to the hub.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls one method of whatever the stream is.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
