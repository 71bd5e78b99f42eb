//! One gate from a configuration: everything is set up before any port is bound, then served.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::gate::{Current, Gates, Kept, SetupError, Site};
use crate::observe::Observer;
use crate::server::{self, Context, Listeners};

/// How often the keys of the upstream assertion are looked at.
const KEY_ROUND: Duration = Duration::from_secs(600);

/// A gate that is set up and bound, and does not serve yet.
#[derive(Debug)]
pub struct Prepared {
    listeners: Listeners,
    current: Current,
    kept: Arc<Kept>,
    context: Context,
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
        let kept = Arc::new(Kept::new(config, clock.clone())?);
        let current = Current::new(Site::new(config, &kept, None)?);
        let listeners = Listeners::bind(&config.server)?;
        let context = Context { config: config.server.clone(), observer, clock };
        Ok(Self { listeners, current, kept, context })
    }

    /// Where clients connect, with the ports that the machine chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listeners.addresses()
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
        let Self { listeners, current, kept, context } = self;
        let keys = rotate_keys(kept, context.clock.clone());
        let make = move |recorder: crate::observe::Recorder| {
            let gates = Rc::new(Gates::new(&current, recorder));
            async move |request, peer| gates.serve(request, peer).await
        };
        tokio::select! {
            served = server::run(listeners, &context, make, shutdown) => served,
            never = keys => match never {},
        }
    }
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
