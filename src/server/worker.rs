//! One serving thread: a runtime, sockets, connections, all its own.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;
use tracing::{error, warn};

use super::Live;
use super::accept::accept;
use super::library::Builders;
use super::plain::{DATE, Dates};
use super::registry::Registry;
use super::watched::{Load, Patience, Ticks};
use super::{Ended, Phase};
use crate::clock::{Clock, stopwatch};
use crate::config;
use crate::fields::Names;
use crate::message::Answers;
use crate::observe::{Connection, Observer, Recorder};
use crate::peer::Door;
use crate::proxy::Local;

/// How often lines are handed to the writer, and quiet connections looked for at least.
const TICK: Duration = Duration::from_millis(250);

/// How long a connection may be quiet before its buffers are given back.
const QUIET: Duration = Duration::from_millis(500);

/// How long a client may take nothing of its answer.
const BLOCKED: Duration = Duration::from_secs(180);

/// HTTP/2 windows: the connection's above the stream's, so that one upload that waits does not
/// hold the others; together the most that one client can make us keep.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const STREAMS: u32 = 128;

/// How often an HTTP/2 client that is silent is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// hyper reads no head of more headers without allocating, and asks for this number when told
/// nothing else.
const HEADERS: usize = 100;

/// The smallest buffer that hyper takes.
const BUFFER: usize = 8192;

/// What every thread keeps to.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) handshake: Duration,
    header: Duration,
    idle: Duration,
    drain: Duration,
    head_bytes: usize,
    headers: usize,
}

impl Limits {
    fn new(config: &config::Server) -> Self {
        Self {
            handshake: config.header_timeout,
            header: config.header_timeout,
            idle: config.idle_timeout,
            drain: config.drain,
            head_bytes: config.max_head_bytes.max(BUFFER),
            headers: config.max_headers,
        }
    }

    /// How many fields a head may have.
    pub(super) const fn headers(&self) -> usize {
        self.headers
    }

    /// Ticks are fine enough for the shortest limit, and no finer than needed.
    fn tick(&self) -> Duration {
        (self.header.min(self.idle) / 4).clamp(Duration::from_millis(5), TICK)
    }

    fn patience(&self) -> Patience {
        let tick = self.tick().as_millis().max(1);
        let ticks = |time: Duration| u32::try_from(time.as_millis() / tick).unwrap_or(u32::MAX);
        Patience {
            head: ticks(self.header),
            quiet: ticks(QUIET.min(self.idle / 4)),
            idle: ticks(self.idle),
            blocked: ticks(BLOCKED),
        }
    }

    fn builders(&self) -> Builders {
        // The buffer of a client's connection stays as large as its largest read: bounded here,
        // since 10,000 clients may upload something at once.
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(self.head_bytes);
        if self.headers != HEADERS {
            http1.max_headers(self.headers);
        }
        let mut http2 = http2::Builder::new(Local);
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(self.head_bytes).unwrap_or(u32::MAX));
        Builders { http1, http2 }
    }
}

/// One thread before it starts.
pub(super) struct Worker {
    pub(super) sockets: Vec<(Door, TcpListener)>,
    pub(super) live: Live,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) observer: Observer,
    pub(super) clock: Clock,
    pub(super) phases: watch::Receiver<Phase>,
}

/// The limits that hold now, and what follows from them.
pub(super) struct Now {
    pub(super) limits: Limits,
    pub(super) builders: Builders,
    config: Arc<config::Server>,
}

impl Now {
    fn new(config: Arc<config::Server>) -> Rc<Self> {
        let limits = Limits::new(&config);
        Rc::new(Self { builders: limits.builders(), limits, config })
    }
}

/// What the connections of one thread share.
pub(super) struct Thread<Serve> {
    pub(super) serve: Serve,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) recorder: Recorder,
    pub(super) clock: Clock,
    pub(super) room: Arc<Semaphore>,
    live: Live,
    now: RefCell<Rc<Now>>,
    pub(super) phases: watch::Receiver<Phase>,
    pub(super) registry: Rc<Registry>,
    pub(super) ticks: Ticks,
    pub(super) load: Arc<Load>,
    pub(super) names: Names,
    pub(super) dates: Dates,
}

impl Worker {
    /// Serves until the drain is over; `ended` is dropped after everything else.
    pub(super) fn run<Serve>(self, make: &dyn Fn(Recorder) -> Serve, ended: Ended)
    where
        Serve: Answers,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(self.serve(make)),
            Err(error) => error!(%error, "a serving thread has no runtime"),
        }
        drop(ended);
    }

    async fn serve<Serve>(self, make: &dyn Fn(Recorder) -> Serve)
    where
        Serve: Answers,
    {
        let recorder = self.observer.recorder();
        let mut phases = self.phases.clone();
        let thread = Rc::new(Thread {
            serve: make(recorder.clone()),
            acceptor: self.acceptor,
            recorder,
            clock: self.clock,
            room: Arc::clone(self.live.room()),
            now: RefCell::new(Now::new(self.live.config())),
            live: self.live,
            phases: self.phases,
            registry: Rc::default(),
            ticks: Ticks::new(),
            load: Arc::default(),
            names: Names::default(),
            dates: Dates::default(),
        });
        let mut accepting = Vec::with_capacity(self.sockets.len());
        for (door, socket) in self.sockets {
            match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => {
                    accepting.push(spawn_local(accept(listener, door, Rc::clone(&thread))))
                }
                Err(error) => error!(%error, "a socket cannot be served"),
            }
        }
        let ticking = thread.tick();
        let draining = async {
            // An error means that whoever could say so is gone.
            let _ = phases.wait_for(|phase| *phase == Phase::Draining).await;
            thread.registry.drain();
            for accepting in accepting {
                let _ = accepting.await;
            }
            thread.finish().await;
        };
        tokio::select! {
            () = draining => {}
            () = ticking => {}
        }
        thread.recorder.flush();
    }
}

impl<Serve> Thread<Serve> {
    /// Looks after the connections, for ever.
    async fn tick(&self) {
        let heart = self.live.pulse().join();
        loop {
            heart.beat(stopwatch());
            let limits = self.now().limits.clone();
            let patience = limits.patience();
            tokio::time::sleep(limits.tick()).await;
            self.follow();
            self.registry.tick(self.ticks.advance(), patience, self.recorder.metrics());
            self.recorder.flush();
        }
    }

    /// The limits that hold now.
    pub(super) fn now(&self) -> Rc<Now> {
        Rc::clone(&self.now.borrow())
    }

    /// The date that answers bear.
    pub(super) fn date(&self) -> [u8; DATE] {
        self.dates.at(&self.ticks, &self.clock)
    }

    /// Takes over limits that have changed.
    fn follow(&self) {
        self.live.settle();
        let config = self.live.config();
        if !Arc::ptr_eq(&config, &self.now().config) {
            self.now.replace(Now::new(config));
        }
    }

    /// Waits for what is under way, then cuts.
    async fn finish(&self) {
        self.follow();
        let limits = self.now().limits.clone();
        let unused = limits.header.min(limits.drain / 2);
        let finished = async {
            if tokio::time::timeout(unused, self.load.emptied()).await.is_err() {
                self.registry.end_unused();
                self.load.emptied().await;
            }
        };
        if tokio::time::timeout(limits.drain, finished).await.is_err() {
            let connections = self.load.open();
            self.registry.cut();
            for _ in 0..connections {
                self.recorder.metrics().connection_failed(Connection::Cut);
            }
            warn!(connections, "the drain is over, connections are cut");
        }
    }
}
