//! Counters of requests: each thread counts for itself, and a scrape adds them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::access::Outcome;

/// Methods have a label of their own; a client's invention is `other`.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What the hub answered; `none` is no answer.
const ANSWERS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// Upper bounds of the histogram, in seconds.
const BOUNDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

const SERIES: usize = METHODS.len() * STATUSES.len() * Outcome::ALL.len();

/// The counters of every thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Mutex<Vec<Arc<Counts>>>>);

/// One thread's counters: only that thread writes them.
#[derive(Debug)]
pub(super) struct Counts {
    requests: [AtomicU64; SERIES],
    buckets: [[AtomicU64; BOUNDS.len() + 1]; Outcome::ALL.len()],
    micros: [AtomicU64; Outcome::ALL.len()],
    upstream: [[AtomicU64; BOUNDS.len() + 1]; ANSWERS.len()],
    upstream_micros: [AtomicU64; ANSWERS.len()],
}

/// Adds without a locked instruction, since nobody else writes.
fn add(counter: Option<&AtomicU64>, amount: u64) {
    if let Some(counter) = counter {
        let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
        counter.store(sum, Ordering::Relaxed);
    }
}

impl Counts {
    /// Counts one request.
    pub(super) fn count(
        &self,
        method: &Method,
        status: StatusCode,
        outcome: Outcome,
        duration: Duration,
    ) {
        let other = METHODS.len() - 1;
        let method = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(other);
        let status = usize::from(status.as_u16() / 100).clamp(1, STATUSES.len()) - 1;
        let row = outcome_row(outcome);
        let series = (method * STATUSES.len() + status) * Outcome::ALL.len() + row;
        add(self.requests.get(series), 1);
        observe(self.buckets.get(row), self.micros.get(row), duration);
    }

    /// Counts one request that went on to the hub.
    pub(super) fn upstream(&self, status: Option<StatusCode>, took: Duration) {
        let class = |status: StatusCode| usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let row = status.map_or(ANSWERS.len() - 1, class);
        observe(self.upstream.get(row), self.upstream_micros.get(row), took);
    }
}

/// Notes how long something took.
fn observe(
    buckets: Option<&[AtomicU64; BOUNDS.len() + 1]>,
    micros: Option<&AtomicU64>,
    took: Duration,
) {
    let seconds = took.as_secs_f64();
    let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
    add(buckets.and_then(|buckets| buckets.get(bucket)), 1);
    add(micros, u64::try_from(took.as_micros()).unwrap_or_default());
}

const fn outcome_row(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allow => 0,
        Outcome::Challenge => 1,
        Outcome::Deny => 2,
        Outcome::Own => 3,
        Outcome::Error => 4,
    }
}

impl Requests {
    /// Counters for one more thread.
    pub(super) fn for_thread(&self) -> Arc<Counts> {
        let counts = Arc::new(Counts {
            requests: std::array::from_fn(|_| AtomicU64::new(0)),
            buckets: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            micros: std::array::from_fn(|_| AtomicU64::new(0)),
            upstream: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            upstream_micros: std::array::from_fn(|_| AtomicU64::new(0)),
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
        counts
    }

    fn sum(&self, of: impl Fn(&Counts) -> Option<&AtomicU64>) -> u64 {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads
            .iter()
            .filter_map(|counts| of(counts))
            .map(|counter| counter.load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "http_requests",
            "Requests by method, status class and decision",
            None,
            MetricType::Counter,
        )?;
        for series in 0..SERIES {
            let count = self.sum(|counts| counts.requests.get(series));
            let row = series % Outcome::ALL.len();
            let (method, status) = (
                series / Outcome::ALL.len() / STATUSES.len(),
                series / Outcome::ALL.len() % STATUSES.len(),
            );
            if count > 0
                && let (Some(method), Some(status), Some(outcome)) =
                    (METHODS.get(method), STATUSES.get(status), Outcome::ALL.get(row))
            {
                let labels =
                    [("method", *method), ("status", *status), ("decision", outcome.as_str())];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "http_request_duration_seconds",
            "Time from the head of a request to the head of its answer, by decision",
            None,
            MetricType::Histogram,
        )?;
        for (row, outcome) in Outcome::ALL.iter().enumerate() {
            let labels = [("decision", outcome.as_str())];
            let micros = self.sum(|counts| counts.micros.get(row));
            let bucket = |at| self.sum(|counts| counts.buckets.get(row)?.get(at));
            histogram(family.encode_family(&labels)?, bucket, micros)?;
        }
        let mut family = encoder.encode_descriptor(
            "upstream_request_duration_seconds",
            "Time from sending a request on to the head of the hub's answer, by its status class",
            None,
            MetricType::Histogram,
        )?;
        for (row, answer) in ANSWERS.iter().enumerate() {
            let labels = [("status", *answer)];
            let micros = self.sum(|counts| counts.upstream_micros.get(row));
            let bucket = |at| self.sum(|counts| counts.upstream.get(row)?.get(at));
            histogram(family.encode_family(&labels)?, bucket, micros)?;
        }
        Ok(())
    }
}

fn histogram(
    mut encoder: MetricEncoder<'_>,
    bucket: impl Fn(usize) -> u64,
    micros: u64,
) -> Result<(), std::fmt::Error> {
    let bounds = BOUNDS.into_iter().chain([f64::INFINITY]).enumerate();
    let buckets: Vec<(f64, u64)> = bounds.map(|(at, bound)| (bound, bucket(at))).collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    let seconds = Duration::from_micros(micros).as_secs_f64();
    encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
}
