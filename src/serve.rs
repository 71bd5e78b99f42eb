//! One gate from a configuration: everything is set up before any port is bound, then served.

mod certificates;
mod closed;
mod export;
mod notify;
mod reload;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Config, Loader, Traces};
use crate::gate::{Current, Gates, Kept, SetupError, Site};
use crate::observe::{Observer, Outbox};
use crate::server::{self, Context, Listeners, Live};

pub use export::Exporter;
pub use notify::{Notify, NotifyError};
pub use reload::{Reloaded, Reloader};

/// How often the keys of the upstream assertion are looked at.
const KEY_ROUND: Duration = Duration::from_secs(600);
/// How often it is asked what is due of identity providers.
const PROVIDER_ROUND: Duration = Duration::from_secs(30);

/// A gate that is set up and bound, and does not serve yet.
#[derive(Debug)]
pub struct Prepared {
    listeners: Listeners,
    current: Current,
    kept: Arc<Kept>,
    context: Context,
    loader: Option<Loader>,
    notify: Notify,
    exporter: Option<Exporter>,
}

/// Why a gate cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What follows from the configuration cannot work.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The sockets.
    #[error(transparent)]
    Server(#[from] server::Error),
}

impl Prepared {
    /// Sets a gate up, then binds its ports.
    ///
    /// # Errors
    /// When something that the configuration names cannot work, or a port cannot be had.
    pub fn new(config: &Config, observer: Observer, clock: Clock) -> Result<Self, StartError> {
        let kept = Arc::new(Kept::new(config, clock.clone(), &observer)?);
        let current = Current::new(Site::new(config, &kept, None)?);
        let listeners = Listeners::bind(&config.server)?;
        observer.metrics().configured(clock.now(), config.organizations.len(), 0);
        let context = Context { live: Live::new(config.server.clone()), observer, clock };
        let notify = Notify::default();
        Ok(Self { listeners, current, kept, context, loader: None, notify, exporter: None })
    }

    /// Lets the configuration be read again by `loader`, which has read it first: at SIGHUP, and
    /// when its files change.
    #[must_use]
    pub fn reloading(mut self, loader: Loader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Tells the service manager how it goes.
    #[must_use]
    pub fn telling(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// Sends the spans of `outbox` to a collector.
    ///
    /// # Errors
    /// When its authorities cannot be read.
    pub fn exporting(mut self, traces: &Traces, outbox: Outbox) -> Result<Self, StartError> {
        if let Some(spans) = self.context.observer.spans() {
            let exporter = Exporter::new(traces, spans.clone(), outbox);
            self.exporter = Some(exporter.map_err(SetupError::from)?);
        }
        Ok(self)
    }

    /// Where clients connect, with the ports that the machine chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listeners.addresses()
    }

    /// Where proxies ask, by HTTP and by gRPC, if those are places of their own.
    pub fn asked_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let listeners = &self.listeners;
        listeners.asked_address().into_iter().chain(listeners.grpc_address())
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.listeners.admin_address()
    }

    /// The configuration at work.
    #[must_use]
    pub const fn current(&self) -> &Current {
        &self.current
    }

    /// Serves until `shutdown` completes, then drains.
    ///
    /// # Errors
    /// When serving cannot begin, or a thread ends that should not.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), server::Error> {
        let Self { listeners, current, kept, context, loader, notify, mut exporter } = self;
        let keys = rotate_keys(Arc::clone(&kept), context.clock.clone());
        let reloader = loader.map(|loader| {
            let (live, clock) = (context.live.clone(), context.clock.clone());
            let observer = context.observer.clone();
            Reloader::new(loader, current.clone(), kept, live, observer, clock)
                .telling(notify.clone())
        });
        let hangups = reloader.as_ref().and_then(|_| reload::hangups());
        let reloads = async {
            match reloader {
                Some(reloader) => reloader.watch(hangups).await,
                None => std::future::pending().await,
            }
        };
        // It is asked for once the threads serve, and completes when they shall not any more.
        let (told, site) = (notify.clone(), current.clone());
        let shutdown = async move {
            told.ready(site.site().directory().len());
            shutdown.await;
            told.stopping();
        };
        let alive = notify.live(context.live.clone());
        let providers = tend_providers(current.clone(), context.clone());
        let make = move |recorder| Gates::new(&current, recorder);
        let served = tokio::select! {
            served = server::run(listeners, &context, make, shutdown) => served,
            never = keys => match never {},
            never = providers => match never {},
            never = reloads => match never {},
            never = alive => match never {},
            never = export(exporter.as_mut()) => match never {},
        };
        if let Some(exporter) = exporter {
            exporter.last().await;
        }
        served
    }
}

/// An error and its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// Lets the next key of the upstream assertion sign when the current one has signed long enough.
async fn rotate_keys(kept: Arc<Kept>, clock: Clock) -> std::convert::Infallible {
    let mut round = tokio::time::interval(KEY_ROUND);
    loop {
        round.tick().await;
        if let Err(error) = kept.assertion_keys().rotate_if_due(clock.now()) {
            tracing::error!(%error, "the keys of the upstream assertion could not be rotated");
        }
    }
}

/// Sends spans away, if there is somewhere to send them to.
async fn export(exporter: Option<&mut Exporter>) -> std::convert::Infallible {
    match exporter {
        Some(exporter) => exporter.run().await,
        None => std::future::pending().await,
    }
}

/// Keeps what is known of identity providers fresh, so that nobody's sign-in waits for it.
async fn tend_providers(current: Current, context: Context) -> std::convert::Infallible {
    let mut round = tokio::time::interval(PROVIDER_ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut certificates = certificates::Watch::default();
    loop {
        round.tick().await;
        let (site, metrics) = (current.site(), context.observer.metrics());
        site.directory().tend(context.clock.now(), metrics).await;
        certificates.look(&site, metrics, context.clock.now());
    }
}
