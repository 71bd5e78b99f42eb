//! A server with a gate that allows everything, scripted clients and scripted hubs: bytes in, bytes out.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use http::StatusCode;
use hubgate::body::{Body, Cord, Lifeline};
use hubgate::clock::{Clock, stopwatch};
use hubgate::config::{self, BodyUnknown, HubProfile, Identity, Unclaimed, Upstream};
use hubgate::fields::FieldValue;
use hubgate::headers::{Managed, Told};
use hubgate::message::{Request, Response};
use hubgate::observe::{Access, Format, Observer, Outcome, Recorder, Said, Sink};
use hubgate::peer::Peer;
use hubgate::policy::{Claimed, Decision, Principal, Target, decide};
use hubgate::proxy::{Connector, Proxy};
use hubgate::server::{self, Context, Listeners, Live};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Fails when something that should happen does not.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("this should have happened by now")
}

/// A running server.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) cord: Arc<Cord>,
    pub(crate) lines: Lines,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), server::Error>>>,
}

/// What the server wrote into its log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What differs from one test to the next.
pub(crate) struct Setup {
    pub(crate) server: config::Server,
    pub(crate) hub: config::Hub,
}

impl Setup {
    pub(crate) fn new(upstream: Upstream) -> Self {
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            server: config::Server {
                listen: vec![loopback],
                admin: Some(loopback),
                forward_auth: None,
                grpc: None,
                tls: None,
                trusted_proxies: Vec::new(),
                drain: SOON,
                drain_delay: Duration::ZERO,
                threads: 1,
                header_timeout: SOON,
                idle_timeout: SOON,
                max_head_bytes: 16 * 1024,
                max_headers: 100,
                max_connections: 1000,
            },
            hub: config::Hub {
                whoami: None,
                links: None,
                upstream: Some(upstream),
                profile: HubProfile::Generic,
                identity: Identity::Idp,
                unclaimed: Unclaimed::Pass,
                body_unknown: BodyUnknown::Deny,
                rules: Vec::new(),
                connect_timeout: SOON,
                response_timeout: SOON,
                ca_certificates: Vec::new(),
            },
        }
    }

    pub(crate) fn http(hub: &Hub) -> Self {
        Self::new(Upstream::Http { authority: hub.address().to_string() })
    }

    pub(crate) fn start(self) -> Rig {
        let upstream = self.hub.upstream.clone().unwrap();
        let connector = Connector::new(&self.hub, &upstream).unwrap();
        let listeners = Listeners::bind(&self.server).unwrap();
        let address = listeners.addresses()[0];
        let admin = listeners.admin_address().unwrap();
        let lines = Lines::default();
        let observer = Observer::new(Sink::to(lines.clone(), Format::Json));
        let cord = Arc::<Cord>::default();
        let (stop, stopped) = oneshot::channel();
        let hanging = Arc::clone(&cord);
        let thread = std::thread::spawn(move || {
            let context = Context {
                live: Live::new(self.server),
                observer: observer.clone(),
                clock: Clock::system(),
            };
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let served = runtime.block_on(server::run(
                listeners,
                &context,
                move |recorder| gate(&connector, recorder, Arc::clone(&hanging)),
                async {
                    let _ = stopped.await;
                },
            ));
            observer.finish();
            served
        });
        Rig { address, admin, cord, lines, stop: Some(stop), thread: Some(thread) }
    }
}

/// A gate that allows everything. A request with `x-session` rests on one that the cord can end.
fn gate(
    connector: &Connector,
    recorder: Recorder,
    cord: Arc<Cord>,
) -> impl AsyncFn(&mut Request, &Peer) -> Response + use<> {
    let managed = Managed::new(config::Headers::hubgate("hub"));
    let proxy = Proxy::new(connector, &managed, recorder.clone());
    async move |request: &mut Request, peer: &Peer| {
        let (started, now) = (stopwatch(), Clock::system().now());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let lifeline = if request.headers().contains_key("x-session") {
            Lifeline::new(None, Some(Arc::clone(&cord)))
        } else {
            Lifeline::endless()
        };
        let upgrade = managed.clear(request.headers_mut());
        let target = request.uri().path_and_query().cloned().map(|raw| {
            Target::parse(method.clone(), &raw).map_err(|ambiguity| ambiguity.to_string())
        });
        let principal = Principal::default();
        let decision = decide(&Claimed::Unclaimed { pass: true }, &principal, now);
        let mut response = match (target, decision) {
            (Some(Ok(_)), Decision::Allow(permit)) => {
                match proxy.forward(permit, request, Told::nothing(), upgrade, lifeline).await {
                    Ok(response) => response,
                    Err(error) => refusal(error.status(), error.reason().as_str()),
                }
            }
            (Some(Err(ambiguity)), _) => refusal(StatusCode::BAD_REQUEST, &ambiguity),
            _ => refusal(StatusCode::BAD_REQUEST, "no path"),
        };
        recorder.access(&Access {
            at: now,
            request_id: "test",
            client: peer.address.ip(),
            method: &method,
            host: Said::Plain("-"),
            path: Said::Any(&path),
            status: response.status(),
            outcome: Outcome::Allow,
            reason: None,
            organization: None,
            subject: None,
            duration: started.elapsed(),
            bytes: http_body::Body::size_hint(response.body()).exact(),
            trace: None,
        });
        response.headers_mut().insert("x-gate", FieldValue::from_static("1"));
        response
    }
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    let mut response = Response::new(Body::full(reason.to_owned()));
    *response.status_mut() = status;
    response
}

impl Rig {
    /// A client's connection.
    pub(crate) async fn client(&self) -> Wire<TcpStream> {
        Wire::new(soon(TcpStream::connect(self.address)).await.unwrap())
    }

    /// Begins the drain.
    pub(crate) fn drain(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until everything has ended.
    pub(crate) async fn ended(&mut self) -> Result<(), server::Error> {
        self.drain();
        let thread = self.thread.take().unwrap();
        soon(tokio::task::spawn_blocking(move || thread.join().unwrap())).await.unwrap()
    }

    /// What the admin port says: status and body.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let mut wire = Wire::new(soon(TcpStream::connect(self.admin)).await.unwrap());
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        let head = wire.head().await;
        let body = String::from_utf8(wire.rest().await).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    /// Waits until a metric has a value.
    pub(crate) async fn metric(&self, line: &str) {
        soon(async {
            while !self.admin("/metrics").await.1.lines().any(|metric| metric == line) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// A hub that does what a test says.
pub(crate) struct Hub(TcpListener);

impl Hub {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next connection of the gate.
    pub(crate) async fn accept(&self) -> Wire<TcpStream> {
        Wire::new(soon(self.0.accept()).await.unwrap().0)
    }
}

/// One end of a connection, as bytes.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    /// Ends our direction.
    pub(crate) async fn shutdown(&mut self) {
        soon(self.stream.shutdown()).await.unwrap();
    }

    /// Reads up to and with a mark.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        loop {
            let at = self.read.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = at {
                let rest = self.read.split_off(at + mark.len());
                let found = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(found).unwrap();
            }
            let count = soon(self.stream.read_buf(&mut self.read)).await.unwrap();
            assert_ne!(count, 0, "no {mark:?} in {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads a head.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads so many bytes.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            let read = soon(self.stream.read_buf(&mut self.read)).await.unwrap();
            assert_ne!(read, 0, "{count} bytes expected in {:?}", self.read.escape_ascii());
        }
        let rest = self.read.split_off(count);
        std::mem::replace(&mut self.read, rest)
    }

    /// Reads to the end; a reset is an end too.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while !matches!(soon(self.stream.read_buf(&mut self.read)).await, Ok(0) | Err(_)) {}
        std::mem::take(&mut self.read)
    }

    /// Whether nothing more comes.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.rest().await.is_empty()
    }

    /// Sends a request and reads the head of the answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> String {
        self.send(request).await;
        self.head().await
    }
}
