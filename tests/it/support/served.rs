//! The gate as a server of this process, and what it says of itself.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use std::time::SystemTime;

use http::StatusCode;
use hubgate::clock::Clock;
use hubgate::config::{Config, Loader};
use hubgate::gate::{Current, Gates, Kept, Site};
use hubgate::message::{Answers, Request, Response, Sent};
use hubgate::observe::{Audit, Format, Observer, Recorder, Sink, Spans};
use hubgate::peer::Peer;
use hubgate::policy::Reason;
use hubgate::serve::{Exporter, Reloaded, Reloader};
use hubgate::server::{self, Context, Listeners, Live};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::answer::Answer;
use crate::documents::Folder;

/// A gate on a port of its own; dropping it ends it.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// Where proxies ask by HTTP, if that is a place of its own.
    pub(crate) asked: Option<SocketAddr>,
    /// Where proxies ask by gRPC, if they may.
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) lines: Lines,
    pub(crate) audit: Lines,
    observer: Observer,
    /// Where its configuration file is.
    pub(crate) folder: Folder,
    current: Current,
    reloader: Mutex<Reloader>,
    _running: oneshot::Sender<()>,
}

impl Served {
    /// Serves what a configuration file says.
    pub(crate) fn start(text: &str, environment: &[(String, String)], clock: &Clock) -> Self {
        events();
        let folder = Folder::new();
        folder.write("hub.toml", text.as_bytes());
        let mut loader = Loader::new(&folder.path("hub.toml"), environment.to_vec());
        let config = loader
            .first(Clock::system().now())
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let lines = Lines::default();
        let audit = Lines::default();
        let noted = Audit::to(audit.clone(), true);
        let sink = Sink::to(lines.clone(), Format::Json);
        let traces = config.telemetry.traces.as_ref();
        let (spans, outbox) = traces.map(|to| Spans::new(to.sampling)).unzip();
        let observer =
            Observer::watching(sink, noted, spans.clone(), config.telemetry.organization_labels);
        if let (Some(to), Some(spans), Some(outbox)) = (traces, spans, outbox) {
            let mut exporter = Exporter::new(to, spans, outbox).unwrap();
            tokio::spawn(async move { exporter.run().await });
        }
        let (running, end) = oneshot::channel();
        let kept = Arc::new(Kept::new(&config, clock.clone(), &observer).unwrap());
        let current = Current::new(Site::new(&config, &kept, None).unwrap());
        let live = Live::new(config.server.clone());
        let (address, asked, grpc) =
            serve(&config, live.clone(), clock, &observer, current.clone(), end);
        let at_work = current.clone();
        let reloader = Reloader::new(loader, at_work, kept, live, observer.clone(), clock.clone());
        let reloader = Mutex::new(reloader);
        Self {
            address,
            asked,
            grpc,
            lines,
            audit,
            observer,
            folder,
            current,
            reloader,
            _running: running,
        }
    }

    /// What happens every half minute beside requests: identity providers are asked.
    pub(crate) async fn tend(&self, now: SystemTime) {
        let site = self.current.site();
        site.directory().tend(now, self.observer.metrics()).await;
    }

    /// Reads the files again, as at SIGHUP.
    pub(crate) fn reload(&self) -> Reloaded {
        self.reloader.lock().unwrap().reload()
    }

    /// The metrics, as Prometheus reads them.
    pub(crate) fn metrics(&self) -> String {
        self.observer.metrics().text()
    }

    /// The value of one line of the metrics; zero when there is none.
    pub(crate) fn metric(&self, name_and_labels: &str) -> u64 {
        let text = self.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name_and_labels));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

fn serve(
    config: &Config,
    live: Live,
    clock: &Clock,
    observer: &Observer,
    current: Current,
    end: oneshot::Receiver<()>,
) -> (SocketAddr, Option<SocketAddr>, Option<SocketAddr>) {
    let listeners = Listeners::bind(&config.server).unwrap();
    let addresses = (listeners.addresses()[0], listeners.asked_address(), listeners.grpc_address());
    let make = move |recorder: Recorder| {
        let gates = Gates::new(&current, recorder.clone());
        Flushing { gates, recorder }
    };
    let context = Context { live, observer: observer.clone(), clock: clock.clone() };
    tokio::spawn(async move {
        let ended = async {
            let _ = end.await;
        };
        server::run(listeners, &context, make, ended).await.unwrap();
    });
    addresses
}

/// Tests read the line of a request as soon as they have its answer.
struct Flushing {
    gates: Gates,
    recorder: Recorder,
}

impl Answers for Flushing {
    fn at_once(&self, sent: Sent<'_>, fields: &mut Vec<u8>) -> Option<usize> {
        let answered = self.gates.at_once(sent, fields);
        self.recorder.flush();
        answered
    }

    async fn answer(&self, request: &mut Request, peer: &Peer) -> Response {
        let response = self.gates.answer(request, peer).await;
        self.recorder.flush();
        response
    }

    fn unreadable(&self, status: StatusCode, reason: Reason) -> Response {
        self.gates.unreadable(status, reason)
    }
}

/// The access log, line by line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<Vec<u8>>, Notify)>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.0.lock().unwrap().extend_from_slice(bytes);
        self.0.1.notify_waiters();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Everything that was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
    }

    /// The last line that holds this.
    pub(crate) fn find(&self, wanted: &str) -> Option<String> {
        let bytes = self.0.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let at = text.rfind(wanted)?;
        let from = text[..at].rfind('\n').map_or(0, |end| end + 1);
        text[from..].lines().next().map(str::to_owned)
    }

    /// The line of a request.
    pub(crate) async fn of(&self, request_id: &str) -> Value {
        let wanted = format!("\"request.id\":\"{request_id}\"");
        let found = async {
            loop {
                let written = self.0.1.notified();
                if let Some(line) = self.find(&wanted) {
                    return serde_json::from_str(&line).unwrap();
                }
                written.await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, found).await.expect("a line of the access log")
    }
}

/// The events of every gate in this process, at the level that people ask for when they look for
/// a fault. `HUBGATE_LOG` shows them on standard error too.
pub(crate) fn events() -> &'static Lines {
    static EVENTS: OnceLock<Lines> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let lines = Lines::default();
        let shown = std::env::var_os("HUBGATE_LOG").is_some();
        let writer = lines.clone();
        let installed = tracing_subscriber::fmt()
            .with_env_filter("debug,hubgate=trace")
            .with_ansi(false)
            .with_writer(move || Both(writer.clone(), shown))
            .try_init();
        installed.expect("no other test installs a logger");
        lines
    })
}

/// What the log says of why a request was refused: the cause, which clients are not told.
#[track_caller]
pub(crate) fn cause_of(answer: &Answer) -> String {
    let request = format!("request_id=\"{}\"", answer.request_id());
    let line = events().find(&request).unwrap_or_else(|| panic!("no event of {answer:?}"));
    line.split_once("cause=").unwrap_or_else(|| panic!("no cause: {line}")).1.to_owned()
}

/// Writes into the lines, and perhaps to standard error.
struct Both(Lines, bool);

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.1 {
            std::io::stderr().write_all(bytes)?;
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
