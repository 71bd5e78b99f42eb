//! Another configuration while requests are served: at SIGHUP, and when files change.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{Clock, stopwatch};
use crate::config::{Changes, Loader, Problem, Problems, Reading};
use crate::gate::{Current, Kept, SetupError, Site};
use crate::observe::{AuditEvent, Happening, InRequest, Observer, Reload};
use crate::policy::OrganizationId;
use crate::server::Live;

use super::{Notify, closed};

/// How often the files are looked at, at least; a look at very many takes a hundredth of the time
/// at most.
const LOOK: Duration = Duration::from_secs(1);

/// How many organizations are named in one line of the log.
const NAMED: usize = 20;

/// Reloads one gate's configuration.
#[derive(Debug)]
pub struct Reloader {
    loader: Loader,
    current: Current,
    kept: Arc<Kept>,
    live: Live,
    observer: Observer,
    clock: Clock,
    /// Configurations of which requests may still be under way; they are taken apart here, and not
    /// where requests are answered.
    retired: Vec<Arc<Site>>,
    notify: Notify,
}

/// Receives SIGHUP from now on; nobody hears that the gate serves before, since the signal ends a
/// process that does not expect it.
pub(super) fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| {
            tracing::error!(%error, "SIGHUP cannot be received; files are looked at");
        })
        .ok()
}

/// How a reload ended.
#[derive(Debug)]
pub enum Reloaded {
    /// Whatever is not broken is at work.
    Done {
        /// What is different now.
        changes: Changes,
        /// What is broken, and stayed as it was.
        broken: Vec<Problem>,
    },
    /// Nothing was changed: the mistakes are outside of organizations.
    Refused(Problems),
    /// Nothing was changed: it reads well, and cannot be put to work.
    Impossible(SetupError),
}

impl Reloader {
    /// Reloads the gate whose configuration is `current`, which `loader` has read first.
    #[must_use]
    pub fn new(
        loader: Loader,
        current: Current,
        kept: Arc<Kept>,
        live: Live,
        observer: Observer,
        clock: Clock,
    ) -> Self {
        let (retired, notify) = (Vec::new(), Notify::default());
        Self { loader, current, kept, live, observer, clock, retired, notify }
    }

    /// Tells the service manager of each reload.
    #[must_use]
    pub(super) fn telling(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// Reads the files again, and puts to work what is good in them.
    pub fn reload(&mut self) -> Reloaded {
        let started = stopwatch();
        self.kept.read_links();
        self.notify.reloading();
        let reloaded = self.put_to_work();
        self.notify.reloaded(&reloaded, self.current.site().directory().len());
        report(&reloaded, started.elapsed());
        self.retired.retain(|site| Arc::strong_count(site) > 1);
        let result = match &reloaded {
            Reloaded::Done { changes, broken } => {
                match (changes.is_empty(), broken.is_empty()) {
                    // Somebody has touched a file, no more.
                    (true, true) => {
                        self.observer.metrics().mistaken(0);
                        return reloaded;
                    }
                    (true, false) => Reload::Failed,
                    (false, true) => Reload::Ok,
                    (false, false) => Reload::Partial,
                }
            }
            Reloaded::Refused(_) | Reloaded::Impossible(_) => Reload::Failed,
        };
        self.observer.metrics().reloaded(result);
        self.note(&Happening::new(AuditEvent::Reload { result }));
        reloaded
    }

    fn note(&self, happening: &Happening) {
        self.observer.audit().note(self.clock.now(), happening, &InRequest::default());
    }

    fn put_to_work(&mut self) -> Reloaded {
        let mut reading = match self.loader.again(self.clock.now()) {
            Ok(reading) => reading,
            Err(problems) => {
                self.observer.metrics().mistaken(problems.count());
                return Reloaded::Refused(problems);
            }
        };
        if reading.changes.is_empty() {
            return self.done(reading);
        }
        let before = self.current.site();
        let site = match self.site(&mut reading, &before) {
            Ok(Some(site)) => site,
            Ok(None) => return self.done(reading),
            Err(error) => {
                self.observer.metrics().mistaken(reading.broken.len() + 1);
                return Reloaded::Impossible(error);
            }
        };
        self.live.change(reading.config.server.clone());
        drop(self.current.swap(site));
        let (changes, after) = (&reading.changes, self.current.site());
        let lost: Vec<OrganizationId> =
            changes.removed.iter().chain(&changes.changed).cloned().collect();
        match self.kept.end_sign_ins(&before, &after, &lost) {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(count, "sign-ins ended with their identity provider");
                let sessions = u64::try_from(count).unwrap_or(u64::MAX);
                self.note(&Happening::new(AuditEvent::SignOutByReload { sessions }));
            }
            Err(error) => tracing::error!(%error, "sign-ins could not be ended"),
        }
        for id in changes.changed.iter().chain(&changes.added) {
            if let Some(codes) = after.recovery_codes_unlike(&before, id) {
                self.note(&Happening::at(AuditEvent::RecoveryCodesChanged { codes }, id));
            }
        }
        self.retired.push(before);
        closed::tell(&after);
        self.observer.metrics().configured(self.clock.now(), reading.config.organizations.len(), 0);
        self.done(reading)
    }

    fn done(&mut self, reading: Reading) -> Reloaded {
        let (changes, broken) = (reading.changes.clone(), reading.broken.clone());
        self.observer.metrics().mistaken(broken.len());
        self.loader.commit(reading);
        Reloaded::Done { changes, broken }
    }

    /// Sets the providers up; an organization whose provider cannot be stays as it was. `None`:
    /// nothing is left that would change.
    fn site(&mut self, reading: &mut Reading, before: &Site) -> Result<Option<Site>, SetupError> {
        let mut put_back: Vec<OrganizationId> = Vec::new();
        loop {
            match Site::new(&reading.config, &self.kept, Some(before)) {
                Ok(site) => return Ok(Some(site)),
                Err(SetupError::Directory(errors)) => {
                    if errors.0.iter().any(|error| put_back.contains(&error.organization)) {
                        // It cannot stay as it was either, since something around it has changed.
                        return Err(SetupError::Directory(errors));
                    }
                    for error in errors.0 {
                        let what = super::chain(&error.source);
                        self.loader.put_back(reading, &error.organization, what);
                        put_back.push(error.organization);
                    }
                    if reading.changes.is_empty() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reloads at SIGHUP, and when files have changed and come to rest; for ever.
    pub(super) async fn watch(self, mut hangups: Option<Signal>) -> std::convert::Infallible {
        let mut reloader = self;
        // A file that changed while it was read first is fresh in this look, and not in the next.
        let mut known = reloader.loader.look(reloader.clock.now());
        let mut last = known;
        let mut pause = LOOK;
        loop {
            let hung_up = async {
                match &mut hangups {
                    Some(hangups) => hangups.recv().await,
                    None => std::future::pending().await,
                }
            };
            let told = tokio::select! {
                _ = hung_up => true,
                () = tokio::time::sleep(pause) => false,
            };
            let looked = tokio::task::spawn_blocking(move || {
                let started = stopwatch();
                // Files that are still being written are left alone, unless somebody says they are
                // whole.
                reloader.kept.read_links();
                let rested = !told && {
                    let look = reloader.loader.look(reloader.clock.now());
                    last == look && known != look
                };
                let took = started.elapsed();
                if told || rested {
                    let _ = reloader.reload();
                }
                (reloader, took, told || rested)
            });
            let Ok((back, took, reloaded)) = looked.await else {
                tracing::error!("the configuration is not looked at any more");
                return std::future::pending().await;
            };
            reloader = back;
            last = reloader.loader.looked();
            if reloaded {
                known = last;
            }
            if !told {
                pause = LOOK.max(took * 100);
            }
        }
    }
}

/// Tells the log what has become of a reload.
fn report(reloaded: &Reloaded, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match reloaded {
        Reloaded::Done { changes, broken } => {
            for problem in broken {
                tracing::error!(%problem, "stays as it was");
            }
            if !changes.is_empty() {
                for key in &changes.restart {
                    tracing::warn!(key, "has changed in the file, and takes effect at a restart");
                }
                tracing::info!(
                    added = names(&changes.added),
                    changed = names(&changes.changed),
                    removed = names(&changes.removed),
                    keys = changes.keys.join(", "),
                    duration_ms,
                    "the configuration was reloaded"
                );
            }
        }
        Reloaded::Refused(problems) => {
            for problem in problems.iter() {
                tracing::error!(%problem, "mistake in the configuration");
            }
            tracing::error!(duration_ms, "the configuration stays as it was");
        }
        Reloaded::Impossible(error) => {
            let cause = super::chain(error);
            tracing::error!(cause, duration_ms, "the configuration stays as it was");
        }
    }
}

fn names(organizations: &[OrganizationId]) -> String {
    let mut text = String::new();
    for (index, id) in organizations.iter().take(NAMED).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(id.as_str());
    }
    if let Some(more) = organizations.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
