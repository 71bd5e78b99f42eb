//! `hubgate run`: serve.

use std::path::Path;

use crate::clock::Clock;
use crate::config::{self, AuditTo, Config, Loader};
use crate::observe::{Audit, Logs, Observer, Outbox, Sink, Spans};
pub(super) use crate::serve::chain;
use crate::serve::{Notify, Prepared, StartError};
use crate::server;

use super::Exit;
use super::terminal::Terminal;

/// Serves until it is told to stop.
pub(super) fn run(path: &Path, config: &Config, loader: Loader, terminal: &mut Terminal) -> Exit {
    let sink = Sink::stderr();
    if let Err(error) = Logs::install(&sink) {
        terminal.error(&error.to_string());
        return Exit::Config;
    }
    let audit = match audit_log(&config.audit) {
        Ok(audit) => audit,
        Err(error) => {
            terminal.error(&format!("audit.to: the file cannot be opened: {error}"));
            return Exit::Config;
        }
    };
    let telemetry = &config.telemetry;
    let (spans, outbox) = telemetry.traces.as_ref().map(|to| Spans::new(to.sampling)).unzip();
    let observer = Observer::watching(sink, audit, spans, telemetry.organization_labels);
    let exit = match runtime() {
        Ok(runtime) => {
            runtime.block_on(serve(path, config, loader, (observer.clone(), outbox), terminal))
        }
        Err(error) => {
            terminal.error(&format!("no runtime can be made: {error}"));
            Exit::Software
        }
    };
    observer.finish();
    exit
}

/// Opens the audit log.
fn audit_log(config: &config::Audit) -> std::io::Result<Audit> {
    Ok(match &config.to {
        AuditTo::Off => Audit::off(),
        AuditTo::Stdout => Audit::to(std::io::stdout(), config.refusals),
        AuditTo::Stderr => Audit::to(std::io::stderr(), config.refusals),
        AuditTo::File(path) => Audit::file(path, config.refusals)?,
    })
}

/// The runtime of the main thread; requests are answered on threads of their own.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn serve(
    path: &Path,
    config: &Config,
    loader: Loader,
    (observer, outbox): (Observer, Option<Outbox>),
    terminal: &mut Terminal,
) -> Exit {
    let end = told_to_end();
    let notify = Notify::from_environment().unwrap_or_else(|error| {
        // A manager that waits for a word ends us by itself; one that is long gone does not matter.
        tracing::warn!(error = chain(&error), "the service manager cannot be told");
        Notify::default()
    });
    let prepared = Prepared::new(config, observer, Clock::system());
    let prepared = match (&config.telemetry.traces, outbox) {
        (Some(to), Some(outbox)) => prepared.and_then(|prepared| prepared.exporting(to, outbox)),
        (_, _) => prepared,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared.reloading(loader).telling(notify),
        Err(error) => {
            terminal.error(&chain(&error));
            return match error {
                StartError::Setup(_) => Exit::Config,
                StartError::Server(server::Error::Certificate(_)) => Exit::Config,
                StartError::Server(
                    server::Error::Listen { .. } | server::Error::Thread(_) | server::Error::Ended,
                ) => Exit::Unavailable,
            };
        }
    };
    for warning in config.warnings() {
        tracing::warn!(key = warning.key, "{}", warning.what);
    }
    for address in prepared.addresses() {
        tracing::info!(%address, public_url = config.public_url.origin(), "listening");
    }
    for address in prepared.asked_addresses() {
        tracing::info!(%address, "proxies ask here");
    }
    if let Some(address) = prepared.admin_address() {
        tracing::info!(%address, "health and metrics");
    }
    tracing::info!(
        config = %path.display(),
        organizations = config.organizations.len(),
        version = env!("CARGO_PKG_VERSION"),
        "hubgate begins"
    );
    match prepared.serve(end).await {
        Ok(()) => Exit::Done,
        Err(error @ server::Error::Certificate(_)) => {
            terminal.error(&chain(&error));
            Exit::Config
        }
        Err(error) => {
            terminal.error(&chain(&error));
            Exit::Software
        }
    }
}

/// What completes at SIGTERM or Ctrl-C, received from now on; at once, when signals cannot be.
pub(super) fn told_to_end() -> impl Future<Output = ()> {
    let told = server::terminated().inspect_err(|error| {
        tracing::error!(%error, "signals cannot be received");
    });
    async move {
        if let Ok(told) = told {
            told.await;
        }
    }
}
