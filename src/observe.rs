//! What the gate says of itself: one line for each request, events, metrics.
//!
//! Nothing in here waits: lines go through a bounded queue to a thread that writes them, and are
//! counted and dropped when whoever reads them does not keep up.

mod access;
mod audit;
mod calls;
mod labels;
mod logs;
mod machine;
mod metrics;
mod process;
mod requests;
mod sink;
mod spans;
#[cfg(test)]
mod stuck;
mod text;
mod upkeep;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::policy::{OrganizationId, Reason};

pub use access::{Access, Outcome, Said};
pub use audit::{Audit, AuditEvent, BegunBy, Happening, InRequest, SignedOutBy};
pub use calls::{Call, Called, Calls, Question};
pub use labels::{Connection, Flow, Protocol, Reload, SignInResult, UpstreamError};
pub use logs::{LogError, Logs};
pub use metrics::Metrics;
pub use sink::{Format, Sink};
pub use spans::{
    HubSpan, Kind as SpanKind, Outbox, Request as RequestSpan, Span, Spans, TraceId,
    Value as SpanValue, Within, encode, within,
};
pub use upkeep::{CertificateOf, Held};

use metrics::Decided;
use process::Told;
use requests::{Counts, Requests};

/// How many bytes of lines a thread keeps before it hands them to the writer.
const FLUSH_AT: usize = 64 * 1024;

/// Everything that is observed of one process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    metrics: Arc<Metrics>,
    requests: Requests,
    sink: Sink,
    audit: Audit,
    spans: Option<Spans>,
}

impl Observer {
    /// Observes into `sink`.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self::audited(sink, Audit::off())
    }

    /// Observes into `sink`, and what may have to be proved later into `audit`.
    #[must_use]
    pub fn audited(sink: Sink, audit: Audit) -> Self {
        Self::watching(sink, audit, None, usize::MAX)
    }

    /// Observes into `sink` and `audit`, keeps `spans`, and gives so many organizations labels of
    /// their own.
    #[must_use]
    pub fn watching(sink: Sink, audit: Audit, spans: Option<Spans>, labels: usize) -> Self {
        let requests = Requests::default();
        let told = Told { sink: sink.clone(), audit: audit.clone(), spans: spans.clone() };
        let metrics = Arc::new(Metrics::new(requests.clone(), told, labels));
        Self { metrics, requests, sink, audit, spans }
    }

    /// Where spans go, if they are kept.
    #[must_use]
    pub const fn spans(&self) -> Option<&Spans> {
        self.spans.as_ref()
    }

    /// Where calls to identity providers are counted.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls::new(self.metrics.durations(), self.spans.clone())
    }

    /// The audit log.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What one thread records with: its counters and its lines are its own.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder(Rc::new(Inner {
            metrics: Arc::clone(&self.metrics),
            counts: self.requests.for_thread(),
            sink: self.sink.clone(),
            audit: self.audit.clone(),
            spans: self.spans.clone(),
            lines: RefCell::new(Vec::with_capacity(FLUSH_AT + 4096)),
            second: Cell::new(text::Second::default()),
            last: RefCell::new(None),
        }))
    }

    /// Waits until everything that was handed over is written; at the end of the process.
    pub fn finish(&self) {
        self.sink.finish();
        self.audit.finish();
    }
}

/// Records for one thread; cheap to clone within it.
#[derive(Clone, Debug)]
pub struct Recorder(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: Arc<Metrics>,
    counts: Arc<Counts>,
    sink: Sink,
    audit: Audit,
    spans: Option<Spans>,
    lines: RefCell<Vec<u8>>,
    second: Cell<text::Second>,
    /// The counter of the last decision, since the next one is likely the same.
    last: RefCell<Option<Last>>,
}

type Last = (Option<OrganizationId>, Outcome, Option<Reason>, Decided);

impl Recorder {
    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Where spans go, if they are kept.
    #[must_use]
    pub fn spans(&self) -> Option<&Spans> {
        self.0.spans.as_ref()
    }

    /// The hub has answered a request with this status, or not at all.
    pub fn upstream(&self, status: Option<http::StatusCode>, took: std::time::Duration) {
        self.0.counts.upstream(status, took);
    }

    /// Records one request: a line, and the counters.
    pub fn access(&self, access: &Access<'_>) {
        let inner = &self.0;
        inner.counts.count(access.method, access.status, access.outcome, access.duration);
        inner.count_decision(access);
        let mut second = inner.second.get();
        let mut lines = inner.lines.borrow_mut();
        access.write(&mut lines, inner.sink.format(), &mut second);
        inner.second.set(second);
        if lines.len() >= FLUSH_AT {
            inner.sink.write(&mut lines);
        }
    }

    /// Hands the lines that have gathered to the writer; called on a short timer.
    pub fn flush(&self) {
        let mut lines = self.0.lines.borrow_mut();
        if !lines.is_empty() {
            self.0.sink.write(&mut lines);
        }
    }
}

impl Inner {
    fn count_decision(&self, access: &Access<'_>) {
        let mut last = self.last.borrow_mut();
        if let Some((organization, outcome, reason, counter)) = &*last
            && organization.as_ref() == access.organization
            && *outcome == access.outcome
            && *reason == access.reason
        {
            counter.inc();
            return;
        }
        let counter = self.metrics.decided(access.organization, access.outcome, access.reason);
        counter.inc();
        *last = Some((access.organization.cloned(), access.outcome, access.reason, counter));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let lines = self.lines.get_mut();
        if !lines.is_empty() {
            self.sink.write(lines);
        }
    }
}
