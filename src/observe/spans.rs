//! Traces: a span for each request, one for the hub's answer to it, one for each call to an
//! identity provider. Without a collector in the configuration nothing of it is there.

mod context;
mod message;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;

use tokio::sync::mpsc;

pub use context::TraceId;
pub use message::encode;

use context::{Parent, SpanId, TRACEPARENT, TRACESTATE, random};

use crate::fields::Fields;

/// How many spans wait for the collector; what comes beyond is counted and dropped.
const QUEUE: usize = 4096;

/// The end of the queue that the exporter reads.
pub type Outbox = mpsc::Receiver<Span>;

/// Where spans go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Spans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Span>,
    sampling: f64,
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// What a span is about (OTLP, `Span.SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// We were asked.
    Server = 2,
    /// We asked.
    Client = 3,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    state: Option<String>,
    /// Named after a pattern and never after a path: names are of a small number.
    pub name: Cow<'static, str>,
    /// What it is about.
    pub kind: Kind,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What is known of it, by the names of the semantic conventions.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it failed.
    pub failed: bool,
}

/// The span of the hub's answer, and what it answered, if anything.
pub type HubSpan = (Span, Option<StatusCode>);

/// Where in a trace something happens: spans below it have it as their parent.
#[derive(Clone, Copy, Debug)]
pub struct Within {
    trace: TraceId,
    span: SpanId,
    sampled: bool,
}

/// The trace of one request.
#[derive(Debug)]
pub struct Request {
    within: Within,
    parent: Option<Parent>,
    /// The span of the hub's answer, which the hub is told as its parent.
    hub: SpanId,
    /// When the hub was asked, after the beginning, for how long, and what it answered.
    asked: Cell<Option<(Duration, Duration, Option<StatusCode>)>>,
}

tokio::task_local! {
    static WITHIN: Within;
}

/// Where the request that runs here is, if it is one with a trace.
pub(super) fn current() -> Option<Within> {
    WITHIN.try_with(|within| *within).ok()
}

/// Runs something, so that what it asks of others stands in this trace.
pub async fn within<F: Future>(place: Option<Within>, work: F) -> F::Output {
    match place {
        Some(place) => WITHIN.scope(place, work).await,
        None => work.await,
    }
}

impl Spans {
    /// Takes one trace in so many, `sampling` from 0 to 1.
    #[must_use]
    pub fn new(sampling: f64) -> (Self, Outbox) {
        let (queue, outbox) = mpsc::channel(QUEUE);
        let (exported, dropped, failed) = Default::default();
        (Self(Arc::new(Inner { queue, sampling, exported, dropped, failed })), outbox)
    }

    /// Begins the trace of a request, or goes on with its client's. Whether it is kept is the
    /// client's to say only where it is `believed`: anybody could have all of theirs kept.
    #[must_use]
    pub fn begin(&self, headers: &Fields, believed: bool) -> Box<Request> {
        let parent = Parent::read(headers);
        let sampled = match &parent {
            Some(parent) if believed => parent.sampled,
            Some(_) | None => self.samples(),
        };
        let trace = parent.as_ref().map_or_else(|| TraceId(random()), |parent| parent.trace);
        let within = Within { trace, span: SpanId(random()), sampled };
        Box::new(Request { within, parent, hub: SpanId(random()), asked: Cell::new(None) })
    }

    /// A place for a span that no request waits for.
    #[must_use]
    pub fn apart(&self) -> Within {
        Within { trace: TraceId(random()), span: SpanId([0; 8]), sampled: self.samples() }
    }

    fn samples(&self) -> bool {
        // 53 bits are what a double holds.
        let drawn = u64::from_be_bytes(random()) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "both fit into 53 bits")]
        let drawn = drawn as f64 / (1_u64 << 53) as f64;
        drawn < self.0.sampling
    }

    /// Hands spans over; never waits.
    pub fn end(&self, span: Span) {
        if self.0.queue.try_send(span).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many have arrived at the collector.
    pub fn exported(&self, count: usize) {
        self.0.exported.fetch_add(count.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So many did not arrive.
    pub fn failed(&self, count: usize) {
        self.0.failed.fetch_add(count.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many were exported, were dropped since too many waited, and did not arrive.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        vec![
            ("exported", count(&self.0.exported)),
            ("dropped", count(&self.0.dropped)),
            ("failed", count(&self.0.failed)),
        ]
    }
}

impl Within {
    /// Whether spans are kept here.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.sampled
    }

    /// A span of something that we asked for here.
    #[must_use]
    pub fn asked(&self, name: Cow<'static, str>, began: SystemTime, took: Duration) -> Span {
        Span {
            trace: self.trace,
            id: SpanId(random()),
            parent: (self.span.0 != [0; 8]).then_some(self.span),
            state: None,
            name,
            kind: Kind::Client,
            began,
            took,
            attributes: Vec::with_capacity(8),
            failed: false,
        }
    }
}

impl Request {
    /// The trace, for the access log.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        self.within.trace
    }

    /// Where calls on behalf of this request happen.
    #[must_use]
    pub const fn within(&self) -> Within {
        self.within
    }

    /// Tells the hub whose child its own span is (Trace Context §3.2, §3.3). What a client wrote
    /// and nobody can read is not passed on.
    pub fn tell(&self, headers: &mut Fields) {
        let Within { trace, sampled, .. } = self.within;
        headers.insert(TRACEPARENT, context::header(trace, self.hub, sampled));
        match self.parent.as_ref().map(|parent| &parent.state) {
            Some(Some(_)) => {}
            Some(None) | None => {
                headers.remove(TRACESTATE);
            }
        }
    }

    /// The hub was asked, so long after the beginning, and has answered or not after so long.
    pub fn asked_hub(&self, after: Duration, took: Duration, status: Option<StatusCode>) {
        self.asked.set(Some((after, took, status)));
    }

    /// The spans of this request: its own and, where the hub was asked, the hub's. Their
    /// attributes are left to the caller; `None` where the trace is not kept.
    #[must_use]
    pub fn end(
        &self,
        name: Cow<'static, str>,
        began: SystemTime,
        took: Duration,
    ) -> Option<(Span, Option<HubSpan>)> {
        if !self.within.sampled {
            return None;
        }
        let parent = self.parent.as_ref();
        let state = parent.and_then(|parent| parent.state.clone());
        let own = Span {
            trace: self.within.trace,
            id: self.within.span,
            parent: parent.map(|parent| parent.span),
            state: state.clone(),
            name,
            kind: Kind::Server,
            began,
            took,
            attributes: Vec::with_capacity(16),
            failed: false,
        };
        let hub = self.asked.get().map(|(after, took, status)| {
            let span = self.within.asked(Cow::Borrowed(""), began + after, took);
            (Span { id: self.hub, state, ..span }, status)
        });
        Some((own, hub))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::FieldValue;

    fn parent(flags: &str) -> Fields {
        let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        let mut headers = Fields::new();
        headers.append(TRACEPARENT, FieldValue::from_str(&text).unwrap());
        headers
    }

    #[test]
    fn whether_a_trace_is_kept_is_a_clients_word_only_where_it_is_believed() {
        let ((all, _all), (none, _none)) = (Spans::new(1.0), Spans::new(0.0));
        for (spans, flags, believed, kept) in [
            (&all, "00", false, true),
            (&all, "00", true, false),
            (&none, "01", false, false),
            (&none, "01", true, true),
        ] {
            let request = spans.begin(&parent(flags), believed);
            assert_eq!(request.within().sampled(), kept, "{flags} {believed}");
            assert_eq!(request.trace().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            let mut headers = Fields::new();
            request.tell(&mut headers);
            let told = headers[TRACEPARENT.as_str()].to_str().unwrap();
            assert!(told.ends_with(if kept { "-01" } else { "-00" }), "{told}");
            assert!(!told.contains("00f067aa0ba902b7"), "{told}");
        }
    }

    #[test]
    fn a_queue_that_is_full_holds_nobody_and_is_counted() {
        let (spans, _outbox) = Spans::new(1.0);
        let within = spans.apart();
        for _ in 0..QUEUE + 3 {
            spans.end(within.asked("GET".into(), SystemTime::UNIX_EPOCH, Duration::ZERO));
        }
        assert_eq!(spans.counts()[1], ("dropped", 3));
    }
}
