//! What is known of the process itself, told when the metrics are read.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::audit::Audit;
use super::labels::Lost;
use super::sink::Sink;

/// What is known of the process itself.
#[derive(Debug)]
pub(super) struct Process(pub(super) Sink, pub(super) Audit);

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let dropped = encoder.encode_descriptor(
            "log_lines_dropped",
            "Lines that were dropped because nobody read them",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.0.dropped()).encode(dropped)?;
        let mut lost = encoder.encode_descriptor(
            "audit_lines_lost",
            "Events that are not in the audit log, by cause",
            None,
            MetricType::Counter,
        )?;
        for cause in Lost::ALL {
            let labels = [("cause", cause.as_str())];
            ConstCounter::new(self.1.lost(cause)).encode(lost.encode_family(&labels)?)?;
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
