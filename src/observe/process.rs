//! What is known of the process itself, told when the metrics are read.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::audit::Audit;
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
        let dropped = encoder.encode_descriptor(
            "audit_lines_dropped",
            "Lines of the audit log that were dropped because nobody took them",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.1.dropped()).encode(dropped)?;
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
