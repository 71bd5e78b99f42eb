//! Sockets: who may connect, for how long, and how it ends.

mod accept;
mod admin;
mod answering;
mod connection;
mod guarded_io;
mod head_guard;
mod incoming;
mod library;
mod listeners;
mod live;
mod plain;
mod pulse;
mod registry;
mod tls;
mod unread;
mod unreadable;
mod watched;
mod worker;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::message::Answers;
use crate::observe::{Observer, Recorder};

pub use listeners::Listeners;
pub use live::Live;
pub use tls::CertificateError;

use admin::Admin;
use tls::Certificate;
use worker::Worker;

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The machine gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A thread ended that should not have.
    #[error("a serving thread ended unexpectedly")]
    Ended,
}

/// How far the process is with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Everything is served as before, but whoever asks is told to send nothing new.
    Leaving,
    Draining,
}

/// How long threads may take beyond the drain until they are given up.
const GRACE: Duration = Duration::from_secs(5);

/// What serving needs beside its sockets.
#[derive(Clone, Debug)]
pub struct Context {
    /// Limits, and the certificate's files.
    pub live: Live,
    /// Where requests and connections are recorded.
    pub observer: Observer,
    /// The time, for the access lines of requests that are no HTTP.
    pub clock: Clock,
}

/// Serves until `shutdown` completes, goes on for `config.drain_delay` while `/readyz` says that
/// it leaves, then finishes what is under way, for at most as long as `config.drain` says.
///
/// Each thread calls `make` once, on itself and inside its runtime, for what answers requests.
/// The caller's runtime carries the admin port and the reloading of the certificate.
///
/// # Errors
/// When a thread cannot be started or ends too early, or the certificate cannot be served.
pub async fn run<Make, Serve>(
    listeners: Listeners,
    context: &Context,
    make: Make,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error>
where
    Make: Fn(Recorder) -> Serve + Send + Sync + 'static,
    Serve: Answers,
{
    let Context { live, observer, clock } = context;
    let config = live.config();
    let certificate = match &config.tls {
        Some(files) => Some(Certificate::read(files, observer.metrics())?),
        None => None,
    };
    let (phase, phases) = watch::channel(Phase::Serving);
    let (ended, mut ends) = mpsc::unbounded_channel();
    let make = Arc::new(make);
    let (threads, admin) = listeners.into_parts();
    let count = threads.len();
    for (index, sockets) in threads.into_iter().enumerate() {
        let worker = Worker {
            sockets,
            live: live.clone(),
            acceptor: certificate.as_ref().map(Certificate::acceptor),
            observer: observer.clone(),
            clock: clock.clone(),
            phases: phases.clone(),
        };
        let (make, ended) = (Arc::clone(&make), Ended(ended.clone()));
        std::thread::Builder::new()
            .name(format!("hubgate-{index}"))
            .spawn(move || worker.run(&*make, ended))
            .map_err(Error::Thread)?;
    }
    let beside = async {
        let shown = Admin { metrics: Arc::clone(observer.metrics()), phases };
        let admin = async {
            if let Some(listener) = admin.and_then(|socket| TcpListener::from_std(socket).ok()) {
                shown.serve(listener).await;
            }
        };
        let reload = async {
            if let Some(certificate) = certificate {
                certificate.watch(observer.metrics()).await;
            }
        };
        tokio::join!(admin, reload);
        // Neither ends by itself; where there is neither, nothing happens here.
        std::future::pending::<()>().await;
    };
    let serving = async {
        info!(threads = count, "serving");
        tokio::select! {
            () = shutdown => {}
            _ = ends.recv() => return Err(Error::Ended),
        }
        let config = live.config();
        if !config.drain_delay.is_zero() {
            info!(delay_ms = config.drain_delay.as_millis(), "leaving");
            phase.send_replace(Phase::Leaving);
            // A balancer learns from /readyz, or from Kubernetes, that we go; until it has, it
            // sends us new connections, which would be refused once we stop listening.
            tokio::select! {
                () = tokio::time::sleep(config.drain_delay) => {}
                _ = ends.recv() => return Err(Error::Ended),
            }
        }
        info!("draining");
        phase.send_replace(Phase::Draining);
        let all = async {
            for _ in 0..count {
                ends.recv().await;
            }
        };
        if tokio::time::timeout(config.drain + GRACE, all).await.is_err() {
            warn!("a serving thread does not end; it is given up");
        }
        Ok(())
    };
    tokio::select! {
        served = serving => served,
        () = beside => Ok(()),
    }
}

/// Says that a thread has ended, however it ended.
struct Ended(mpsc::UnboundedSender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Nobody listens once the others have been given up.
        let _ = self.0.send(());
    }
}

/// What completes when the process is told to end: SIGTERM, or SIGINT from a terminal. They are
/// received from now on, whenever it is awaited: before, they end the process where it stands.
///
/// # Errors
/// When signals cannot be received.
pub fn terminated() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
