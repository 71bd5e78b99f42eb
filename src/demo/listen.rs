//! Accepts connections for the demo's servers, and ends them all when the server is dropped.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::answer::Body;
use super::lock;
use super::wire::{Head, Heads, Wiretap};

/// Where a demo server takes its connections from.
pub enum Listener {
    /// Plain HTTP.
    Tcp(TcpListener),
    /// Plain HTTP on a Unix socket.
    Unix(UnixListener),
    /// HTTPS.
    Tls(TcpListener, TlsAcceptor),
}

impl Listener {
    /// A free port of the loopback address.
    ///
    /// # Errors
    /// When no socket can be bound.
    pub async fn loopback() -> io::Result<Listener> {
        Ok(Listener::Tcp(TcpListener::bind(("127.0.0.1", 0)).await?))
    }

    fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener, _) => listener.local_addr().map(Some),
            Listener::Unix(_) => Ok(None),
        }
    }

    /// The origin of what is served here, without a trailing slash; empty on a Unix socket.
    pub(crate) fn origin(&self) -> io::Result<String> {
        let scheme = match self {
            Listener::Tcp(_) | Listener::Unix(_) => "http",
            Listener::Tls(..) => "https",
        };
        let address = self.address()?;
        Ok(address.map(|address| format!("{scheme}://{address}")).unwrap_or_default())
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener::Unix(listener)
    }
}

/// A request, with its head as it was on the wire and an end to watch for.
pub(crate) struct Arrival {
    pub(crate) request: Request<Incoming>,
    pub(crate) head: Head,
    pub(crate) lifetime: Lifetime,
}

/// Ends with the server: what outlives its request (an upgraded connection) waits for it.
#[derive(Clone)]
pub(crate) struct Lifetime(watch::Receiver<()>);

impl Lifetime {
    pub(crate) async fn ended(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// A running server; dropping it closes the port and every connection.
pub(crate) struct Server {
    address: Option<SocketAddr>,
    origin: String,
    accepting: JoinHandle<()>,
    _alive: watch::Sender<()>,
}

impl Server {
    /// Serves `answer` on every connection; its error closes the connection without an answer.
    pub(crate) fn start<A, F>(listener: Listener, answer: A) -> io::Result<Server>
    where
        A: Fn(Arrival) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        let (address, origin) = (listener.address()?, listener.origin()?);
        let (alive, lifetime) = watch::channel(());
        let accepting = tokio::spawn(accept(listener, answer, Lifetime(lifetime)));
        Ok(Server { address, origin, accepting, _alive: alive })
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Closes the port and every connection, and returns when that has happened.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<A, F>(listener: Listener, answer: A, lifetime: Lifetime)
where
    A: Fn(Arrival) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (answer, lifetime) = (answer.clone(), lifetime.clone());
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, answer, lifetime));
            }),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                connections.spawn(serve(stream, answer, lifetime));
            }),
            Listener::Tls(listener, acceptor) => listener.accept().await.map(|(stream, _)| {
                let handshake = acceptor.accept(stream);
                connections.spawn(async move {
                    if let Ok(stream) = handshake.await {
                        serve(stream, answer, lifetime).await;
                    }
                });
            }),
        };
        if accepted.is_err() {
            // Out of file descriptors, most likely: others have to close theirs first.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn serve<I, A, F>(stream: I, answer: A, lifetime: Lifetime)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Arrival) -> F,
    F: Future<Output = io::Result<Response<Body>>>,
{
    let heads = Arc::new(Mutex::new(Heads::new()));
    let stream = TokioIo::new(Wiretap::new(stream, Arc::clone(&heads)));
    let service = service_fn(|request| {
        let head = lock(&heads).next().unwrap_or_default();
        answer(Arrival { request, head, lifetime: lifetime.clone() })
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(stream, service)
        .with_upgrades();
    let _ = served.await; // a client that goes away in the middle is its own affair
}
