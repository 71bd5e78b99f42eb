//! What is asked of the rest when the metrics are read, and what it is told now and then.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::policy::OrganizationId;

/// Upper bounds of the hub's answers to questions of ours, in seconds.
const WHOAMI: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

type Name = &'static str;

/// What the stores hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Sessions.
    pub sessions: u64,
    /// Sessions that were pushed out because there was no room.
    pub evicted: u64,
    /// What programs have been granted.
    pub grants: u64,
    /// Accounts of the hub that are linked to people.
    pub links: u64,
}

/// Which certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateOf {
    /// The one that clients see.
    Tls,
    /// The last one that a SAML identity provider signs with.
    IdentityProvider,
    /// One that we sign with, or that assertions are encrypted to.
    ServiceProvider,
}

impl CertificateOf {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Tls, Self::IdentityProvider, Self::ServiceProvider];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> Name {
        match self {
            Self::Tls => "tls",
            Self::IdentityProvider => "identity-provider",
            Self::ServiceProvider => "service-provider",
        }
    }
}

/// Asked when the metrics are read.
#[derive(Default)]
pub(super) struct Ask(OnceLock<Box<dyn Fn() -> Held + Send + Sync>>);

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ask")
    }
}

/// Organizations that have a label of their own: the first so many; the others share one.
#[derive(Debug)]
pub(super) struct Labelled {
    most: usize,
    known: RwLock<HashSet<OrganizationId>>,
}

/// What the organizations beyond the labelled ones are called; no organization's id begins so.
const OTHERS: &str = "_other";

impl Labelled {
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: RwLock::default() }
    }

    /// The label of an organization.
    pub(super) fn label(&self, id: &OrganizationId) -> String {
        if self.has(id) { id.to_string() } else { OTHERS.to_owned() }
    }

    /// Whether it has a label of its own.
    pub(super) fn has(&self, id: &OrganizationId) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(id) {
            return true;
        }
        if known.len() >= self.most {
            return false;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < self.most {
            known.insert(id.clone());
        }
        known.contains(id)
    }
}

/// How long the hub took to answer questions of ours.
type Asked = Family<[(Name, Name); 1], Histogram, fn() -> Histogram>;

/// See the table in `metrics.rs`.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    ask: Ask,
    sessions: Gauge,
    evicted: Counter,
    grants: Gauge,
    links: Gauge,
    down: Gauge,
    expiring: Family<[(Name, Name); 1], Gauge>,
    soonest: Family<[(Name, Name); 1], Gauge>,
    remembered: Counter,
    asked: Option<Asked>,
    tokens: Family<[(Name, Name); 1], Counter>,
}

impl Upkeep {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let asked = Asked::new_with_constructor(|| Histogram::new(WHOAMI));
        let new = Self { asked: Some(asked.clone()), ..Self::default() };
        registry.register("sessions", "Sessions that are remembered", new.sessions.clone());
        registry.register(
            "sessions_evicted",
            "Sessions that were pushed out because there was no room",
            new.evicted.clone(),
        );
        registry.register("grants", "What programs have been granted", new.grants.clone());
        registry.register("links", "Accounts of the hub linked to people", new.links.clone());
        registry.register(
            "identity_providers_down",
            "Organizations whose identity provider did not answer the last call",
            new.down.clone(),
        );
        registry.register(
            "certificates_expiring",
            "Certificates that end within 30 days, or have ended",
            new.expiring.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the first certificate of that kind ends, in seconds since 1970",
            new.soonest.clone(),
        );
        registry.register(
            "whoami_remembered",
            "Credentials of the hub that were known already",
            new.remembered.clone(),
        );
        registry.register(
            "whoami_duration_seconds",
            "How long the hub took to say whose a credential is",
            asked,
        );
        registry.register(
            "token_checks",
            "Tokens of programs, service accounts and workloads that were shown",
            new.tokens.clone(),
        );
        new
    }

    /// From now on, `ask` says what the stores hold.
    pub(super) fn watch(&self, ask: impl Fn() -> Held + Send + Sync + 'static) {
        // Another gate of the same process changes nothing.
        let _ = self.ask.0.set(Box::new(ask));
    }

    /// Asks what is held.
    pub(super) fn look(&self) {
        let Some(ask) = self.ask.0.get() else { return };
        let held = ask();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.set(number(held.sessions));
        self.evicted.inner().store(held.evicted, Ordering::Relaxed);
        self.grants.set(number(held.grants));
        self.links.set(number(held.links));
    }

    pub(super) fn down(&self, organizations: usize) {
        self.down.set(i64::try_from(organizations).unwrap_or(i64::MAX));
    }

    pub(super) fn certificates(
        &self,
        kind: CertificateOf,
        soonest: Option<SystemTime>,
        expiring: usize,
    ) {
        let labels = [("kind", kind.as_str())];
        self.expiring.get_or_create(&labels).set(i64::try_from(expiring).unwrap_or(i64::MAX));
        match soonest {
            Some(at) => {
                let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
                self.soonest.get_or_create(&labels).set(seconds);
            }
            None => {
                self.soonest.remove(&labels);
            }
        }
    }

    pub(super) fn whoami_remembered(&self) {
        self.remembered.inc();
    }

    pub(super) fn whoami_asked(&self, answered: bool, took: Duration) {
        let labels = [("result", if answered { "ok" } else { "error" })];
        if let Some(asked) = &self.asked {
            asked.get_or_create(&labels).observe(took.as_secs_f64());
        }
    }

    pub(super) fn token_checked(&self, good: bool) {
        let labels = [("result", if good { "ok" } else { "refused" })];
        self.tokens.get_or_create(&labels).inc();
    }
}
