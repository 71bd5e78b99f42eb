//! Events: through `tracing`, into the same sink as the access lines.

use std::io::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::sink::{Format, Sink};

/// The variable that says what is logged, in the language of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "HUBGATE_LOG";

/// What is logged when nothing else is said. Libraries speak of connections that clients broke
/// off; that is their business.
const DEFAULT: &str = "warn,hubgate=info";

/// Why events cannot be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("{VARIABLE} is no log filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else has set a logger up.
    #[error("a logger is set up already")]
    Twice,
}

/// The events of this process.
#[derive(Debug)]
pub struct Logs;

impl Logs {
    /// Sends every event of this process to `sink`, filtered by `HUBGATE_LOG`.
    ///
    /// # Errors
    /// When the filter cannot be read, or a logger is set up already.
    pub fn install(sink: &Sink) -> Result<(), LogError> {
        let filter = match std::env::var(VARIABLE) {
            Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(filter)?,
            Ok(_) | Err(_) => EnvFilter::try_new(DEFAULT)?,
        };
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(Events(sink.clone()))
            .with_target(false);
        let installed = match sink.format() {
            Format::Human { color } => builder.with_ansi(color).try_init(),
            Format::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
        };
        installed.map_err(|_| LogError::Twice)
    }
}

/// Makes one buffer for each event.
struct Events(Sink);

struct Event<'s> {
    sink: &'s Sink,
    line: Vec<u8>,
}

impl<'s> MakeWriter<'s> for Events {
    type Writer = Event<'s>;

    fn make_writer(&'s self) -> Event<'s> {
        Event { sink: &self.0, line: Vec::with_capacity(256) }
    }
}

impl Write for Event<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.sink.write(&mut self.line);
        }
    }
}
