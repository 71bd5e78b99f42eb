//! Calls to identity providers: how long each took, and whether it was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::spans::{self, Spans, Value, Within};

/// Upper bounds, in seconds: a call is given up after ten.
const BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

type Name = &'static str;

/// How long calls took, by the make of the provider, what was called, and how it ended.
pub(super) type Durations = Family<[(Name, Name); 3], Histogram, fn() -> Histogram>;

pub(super) fn durations() -> Durations {
    Durations::new_with_constructor(|| Histogram::new(BOUNDS))
}

/// What of a provider is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// OpenID Provider metadata.
    Discovery,
    /// Its keys.
    Keys,
    /// The token endpoint.
    Token,
    /// The pushed authorization request endpoint.
    PushedRequest,
    /// The UserInfo endpoint.
    Userinfo,
    /// Groups beyond those in a token.
    Groups,
    /// The revocation endpoint.
    Revocation,
    /// SAML metadata.
    SamlMetadata,
}

impl Call {
    const fn as_str(self) -> Name {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::PushedRequest => "pushed-request",
            Self::Userinfo => "userinfo",
            Self::Groups => "groups",
            Self::Revocation => "revocation",
            Self::SamlMetadata => "saml-metadata",
        }
    }
}

/// A question to the hub that is under way, and where its span stands; the question may outlive the
/// request that has asked it first.
#[derive(Debug)]
pub struct Question {
    spans: Spans,
    within: Within,
}

impl Question {
    /// The hub has said whose a credential is, or has not.
    pub fn ended(self, began: SystemTime, took: Duration, answered: bool) {
        let mut span = self.within.asked("whoami".into(), began, took);
        span.failed = !answered;
        if !answered {
            span.attributes.push(("error.type", "_OTHER".into()));
        }
        self.spans.end(span);
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// The provider answered, with this status.
    Answered(u16),
    /// It said that it cannot answer now, with this status.
    Busy(u16),
    /// It could not be reached, or its answer could not be read.
    Failed,
    /// It did not answer in time.
    Timeout,
}

impl Called {
    const fn as_str(self) -> Name {
        match self {
            Self::Answered(status) if status < 400 => "ok",
            Self::Answered(_) => "refused",
            Self::Busy(_) | Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }

    const fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) | Self::Busy(status) => Some(status),
            Self::Failed | Self::Timeout => None,
        }
    }
}

/// Where calls are counted, and what was heard of one provider; cheap to clone.
#[derive(Clone, Debug)]
pub struct Calls {
    durations: Durations,
    spans: Option<Spans>,
    provider: Name,
    health: Arc<AtomicU8>,
}

const UNKNOWN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

impl Calls {
    pub(super) fn new(durations: Durations, spans: Option<Spans>) -> Self {
        Self { durations, spans, provider: "other", health: Arc::default() }
    }

    /// The same for one provider, of which nothing was heard yet.
    #[must_use]
    pub fn of(&self, provider: Name) -> Self {
        Self { provider, health: Arc::new(AtomicU8::new(UNKNOWN)), ..self.clone() }
    }

    /// Whether the provider has answered the last call; `None` before the first.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        match self.health.load(Ordering::Relaxed) {
            UP => Some(true),
            DOWN => Some(false),
            _ => None,
        }
    }

    /// The hub is asked whose a credential is; `None` where no span of it is kept.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        let spans = self.spans.clone()?;
        let within = spans::current().unwrap_or_else(|| spans.apart());
        within.sampled().then_some(Question { spans, within })
    }

    /// A call has ended.
    pub fn ended(&self, call: Call, host: &str, began: SystemTime, took: Duration, how: Called) {
        let up = matches!(how, Called::Answered(_));
        self.health.store(if up { UP } else { DOWN }, Ordering::Relaxed);
        let labels =
            [("provider", self.provider), ("call", call.as_str()), ("result", how.as_str())];
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        let Some(spans) = &self.spans else { return };
        let within = spans::current().unwrap_or_else(|| spans.apart());
        if !within.sampled() {
            return;
        }
        let mut span = within.asked(call.as_str().into(), began, took);
        span.attributes.push(("server.address", Value::from(host.to_owned())));
        span.attributes.push(("hubgate.provider", self.provider.into()));
        if let Some(status) = how.status() {
            span.attributes.push(("http.response.status_code", status.into()));
        }
        // Conventions for HTTP: on the asking side, every 4xx is an error too.
        span.failed = how.as_str() != "ok";
        if span.failed {
            let kind = how.status().map_or_else(|| how.as_str().into(), |s| s.to_string().into());
            span.attributes.push(("error.type", Value::Text(kind)));
        }
        spans.end(span);
    }
}
