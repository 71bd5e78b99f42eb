//! One thread's connections to the hub.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::spawn_local;
use tracing::debug;

use super::connect::{Connector, Protocol, Stream};
use super::direct::Link;
use super::patience::Timers;
use super::resting::{Open, Resting};
use super::{Error, local::Local};
use crate::body::Body;
use crate::fields::Names;
use crate::observe::Recorder;

/// How long a connection may have been idle for a request that cannot be sent twice: many servers
/// close after five seconds, and a close that crosses the request on its way loses it.
const FRESH: Duration = Duration::from_secs(2);

/// How many connections one thread has at most.
const MOST: usize = 16 * 1024;

/// HTTP/2 windows towards the hub: the connection's above the stream's, so that one stream that
/// nobody reads does not hold the others.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    recorder: Recorder,
    resting: Arc<Resting>,
    /// HTTP/2 carries every request of this thread.
    shared: RefCell<Option<Shared>>,
    generation: Cell<u64>,
    /// Held while the shared connection is made, so that it is made once.
    sharing: tokio::sync::Mutex<()>,
    open: Arc<AtomicUsize>,
    names: Names,
    timers: Timers,
}

#[derive(Clone, Debug)]
struct Shared {
    sender: http2::SendRequest<Body>,
    generation: u64,
}

/// The way into one connection.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) kind: Kind,
    /// Whether it carried a request before: then the hub may have closed it meanwhile.
    pub(super) reused: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// HTTP/1.1, spoken by ourselves.
    Direct(Link),
    /// HTTP/1.1 that may change to another protocol.
    Upgrade(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>, u64),
}

/// What a request needs of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// HTTP/1.1, since the protocol will be changed.
    pub(super) upgrade: bool,
    /// It can be sent once more.
    pub(super) replayable: bool,
    /// A connection that nobody has used.
    pub(super) fresh: bool,
}

impl Pool {
    pub(super) fn new(connector: Connector, recorder: Recorder) -> Rc<Self> {
        Rc::new(Self {
            connector,
            recorder,
            resting: Arc::default(),
            shared: RefCell::default(),
            generation: Cell::new(0),
            sharing: tokio::sync::Mutex::default(),
            open: Arc::default(),
            names: Names::default(),
            timers: Timers::default(),
        })
    }

    pub(super) const fn resting(&self) -> &Arc<Resting> {
        &self.resting
    }

    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    pub(super) const fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(super) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection that waits, or a new one.
    pub(super) async fn sender(self: &Rc<Self>, needs: Needs) -> Result<Sender, Error> {
        if let Some(sender) = self.waiting(needs) {
            return Ok(sender);
        }
        if needs.upgrade || !self.is_shared() {
            return Box::pin(self.connect(needs.upgrade)).await;
        }
        let _sharing = self.sharing.lock().await;
        match self.waiting(needs) {
            Some(sender) => Ok(sender),
            None => Box::pin(self.connect(false)).await,
        }
    }

    /// Whether the hub speaks HTTP/2, as far as is known.
    fn is_shared(&self) -> bool {
        self.connector.is_h2c() || self.generation.get() > 0
    }

    fn waiting(&self, needs: Needs) -> Option<Sender> {
        if !needs.upgrade
            && let Some(shared) = &*self.shared.borrow()
            && !shared.sender.is_closed()
        {
            let kind = Kind::Http2(shared.sender.clone(), shared.generation);
            return Some(Sender { kind, reused: true });
        }
        if needs.fresh || needs.upgrade {
            return None;
        }
        let longest = (!needs.replayable).then_some(FRESH);
        let link = self.resting.wake(longest)?;
        Some(Sender { kind: Kind::Direct(link), reused: true })
    }

    async fn connect(&self, upgrade: bool) -> Result<Sender, Error> {
        if self.open.load(Ordering::Relaxed) >= MOST {
            return Err(Error::Busy);
        }
        let (stream, protocol) =
            self.connector.connect(upgrade).await.map_err(Error::from_connect)?;
        self.recorder.metrics().upstream_connected();
        let open = Open::new(&self.open);
        let kind = match protocol {
            Protocol::Http1 if upgrade => Kind::Upgrade(open_http1(stream, open).await?),
            Protocol::Http1 => Kind::Direct(Link::new(stream, open)),
            Protocol::Http2 => {
                let sender = open_http2(stream, open).await?;
                let generation = self.generation.get().wrapping_add(1);
                self.generation.set(generation);
                *self.shared.borrow_mut() = Some(Shared { sender: sender.clone(), generation });
                Kind::Http2(sender, generation)
            }
        };
        Ok(Sender { kind, reused: false })
    }

    /// Forgets a shared connection that has failed a request that may be sent again.
    pub(super) fn forget(&self, failed: u64) {
        let mut shared = self.shared.borrow_mut();
        if shared.as_ref().is_some_and(|shared| shared.generation == failed) {
            *shared = None;
        }
    }
}

async fn open_http1(stream: Stream, open: Open) -> Result<http1::SendRequest<Body>, Error> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(Error::from_hyper)?;
    spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            debug!(%error, "connection to the hub ended");
        }
        drop(open);
    });
    Ok(sender)
}

async fn open_http2(stream: Stream, open: Open) -> Result<http2::SendRequest<Body>, Error> {
    let (sender, connection) = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(30))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Error::from_hyper)?;
    spawn_local(async move {
        if let Err(error) = connection.await {
            debug!(%error, "connection to the hub ended");
        }
        drop(open);
    });
    Ok(sender)
}
