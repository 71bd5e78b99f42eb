//! Sends spans to a collector by OTLP (OpenTelemetry Protocol 1, OTLP/HTTP, binary protobuf), beside
//! everything else: nothing waits for it, and its failures are told once.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode};

use crate::config::{Secret, Traces};
use crate::http_client::{self, HttpClient, TrustError};
use crate::observe::{Outbox, Span, Spans, encode};

/// The most spans of one request.
const BATCH: usize = 512;
/// How long spans gather before they are sent.
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is waited until a batch is sent once more; then it is given up.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long the end of the process waits.
const LAST: Duration = Duration::from_secs(2);

/// Sends spans to one collector.
#[derive(Debug)]
pub struct Exporter {
    http: HttpClient,
    endpoint: String,
    headers: Vec<(HeaderName, Secret)>,
    service: String,
    spans: Spans,
    outbox: Outbox,
    batch: Vec<Span>,
    /// Whether the log was told that the collector takes nothing.
    told: bool,
}

/// Why a batch has not arrived.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Http(#[from] http_client::Error),
    #[error("the collector answered {0}")]
    Status(StatusCode),
}

impl Exporter {
    /// Prepares one; nothing is sent yet.
    ///
    /// # Errors
    /// When the authorities of the configuration cannot be read.
    pub fn new(traces: &Traces, spans: Spans, outbox: Outbox) -> Result<Self, TrustError> {
        let mut http =
            HttpClient::new()?.trusting(&traces.ca_certificates)?.with_patience(PATIENCE);
        if traces.insecure_plaintext {
            http = http.insecure_plaintext();
        }
        Ok(Self {
            http,
            endpoint: traces.endpoint.to_string(),
            headers: traces.headers.clone(),
            service: traces.service_name.clone(),
            spans,
            outbox,
            batch: Vec::with_capacity(BATCH),
            told: false,
        })
    }

    /// Sends what comes, for ever.
    pub async fn run(&mut self) -> std::convert::Infallible {
        loop {
            let left = BATCH.saturating_sub(self.batch.len());
            if self.outbox.recv_many(&mut self.batch, left).await == 0 {
                std::future::pending::<()>().await;
            }
            let gathered = async {
                while self.batch.len() < BATCH {
                    let left = BATCH - self.batch.len();
                    self.outbox.recv_many(&mut self.batch, left).await;
                }
            };
            // Enough of them, or long enough.
            let _ = tokio::time::timeout(GATHER, gathered).await;
            self.send().await;
        }
    }

    /// Sends what is left, at the end of the process.
    pub(super) async fn last(mut self) {
        self.outbox.close();
        let all = async {
            loop {
                while self.batch.len() < BATCH
                    && let Ok(span) = self.outbox.try_recv()
                {
                    self.batch.push(span);
                }
                if self.batch.is_empty() {
                    return;
                }
                self.send().await;
            }
        };
        let _ = tokio::time::timeout(LAST, all).await;
    }

    /// Sends the batch, and tells the log once whether that works. Dropped half-way, it keeps the
    /// batch for the next time.
    async fn send(&mut self) {
        let body = encode(&self.batch, &self.service);
        let mut outcome = self.try_once(&body).await;
        for pause in AGAIN {
            match &outcome {
                // What cannot be answered now may be sent again; no other answer changes.
                Err(Error::Http(
                    http_client::Error::Busy(_)
                    | http_client::Error::Connection(_)
                    | http_client::Error::Timeout,
                )) => {}
                Err(
                    Error::Http(http_client::Error::Address | http_client::Error::TooLarge)
                    | Error::Status(_),
                )
                | Ok(()) => break,
            }
            tokio::time::sleep(pause).await;
            outcome = self.try_once(&body).await;
        }
        let count = self.batch.len();
        self.batch.clear();
        match outcome {
            Ok(()) => {
                self.spans.exported(count);
                if std::mem::take(&mut self.told) {
                    tracing::info!(endpoint = self.endpoint, "the collector takes traces again");
                }
            }
            Err(error) => {
                self.spans.failed(count);
                if !std::mem::replace(&mut self.told, true) {
                    let cause = super::chain(&error);
                    tracing::warn!(
                        endpoint = self.endpoint,
                        cause,
                        "the collector takes no traces; this is said once until it does"
                    );
                }
            }
        }
    }

    async fn try_once(&self, body: &[u8]) -> Result<(), Error> {
        let mut request = Request::post(&self.endpoint)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body.to_vec())
            .map_err(|_| http_client::Error::Address)?;
        for (name, secret) in &self.headers {
            if let Ok(mut value) = HeaderValue::from_str(secret.expose_secret()) {
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
        }
        let answer = self.http.send(request).await?;
        if answer.status().is_success() { Ok(()) } else { Err(Error::Status(answer.status())) }
    }
}
