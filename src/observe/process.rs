//! What was told and what was lost on the way, and which version runs.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::audit::Audit;
use super::labels::Lost;
use super::sink::Sink;
use super::spans::Spans;

/// Where things are told, and may be lost.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) sink: Sink,
    pub(super) audit: Audit,
    pub(super) spans: Option<Spans>,
}

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let dropped = encoder.encode_descriptor(
            "log_lines_dropped",
            "Lines that were dropped because nobody read them",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.sink.dropped()).encode(dropped)?;
        let mut lost = encoder.encode_descriptor(
            "audit_lines_lost",
            "Events that are not in the audit log, by cause",
            None,
            MetricType::Counter,
        )?;
        for cause in Lost::ALL {
            let labels = [("cause", cause.as_str())];
            ConstCounter::new(self.audit.lost(cause)).encode(lost.encode_family(&labels)?)?;
        }
        let counts = self.spans.as_ref().map(Spans::counts).unwrap_or_default();
        let help = "Spans by what became of them";
        let mut spans = encoder.encode_descriptor("spans", help, None, MetricType::Counter)?;
        for (result, count) in counts {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(spans.encode_family(&labels)?)?;
        }
        let mut build = encoder.encode_descriptor(
            "build_info",
            "The version that runs",
            None,
            MetricType::Gauge,
        )?;
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1i64).encode(build.encode_family(&labels)?)
    }
}
