//! Tells the service manager how we are, where one listens (sd_notify(3)): a datagram for each
//! change, to the socket that it names.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use super::Reloaded;
use crate::clock::monotonic;
use crate::server::Live;

/// A thread that has not turned for this long hangs; they turn four times in a second.
const HANGS: Duration = Duration::from_secs(1);

/// The way to the service manager; it says nothing where none listens. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Notify {
    manager: Option<Arc<Manager>>,
    patience: Option<Duration>,
}

/// Where the manager listens. It is looked for anew with each message: it may have been restarted.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

/// A service manager that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Its address.
    #[error("NOTIFY_SOCKET={0:?} is neither an absolute path nor @ and a name")]
    Address(OsString),
    /// A socket.
    #[error("NOTIFY_SOCKET={0:?} cannot be used")]
    Socket(OsString, #[source] std::io::Error),
}

impl Notify {
    /// As the service manager said when it started this process.
    ///
    /// # Errors
    /// When it wants to be told, and cannot be.
    pub fn from_environment() -> Result<Self, NotifyError> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let text = |name| std::env::var(name).ok();
        let patience = patience(text("WATCHDOG_USEC"), text("WATCHDOG_PID"), std::process::id());
        Ok(Self { manager: Some(Arc::new(Manager::at(&name)?)), patience })
    }

    /// Requests are answered.
    pub(super) fn ready(&self, organizations: usize) {
        self.say(&format!("READY=1\nSTATUS=serves, organizations: {organizations}"));
    }

    /// The configuration is being read again. The manager holds the message against the time at
    /// which it asked.
    pub(super) fn reloading(&self) {
        let now = monotonic().as_micros();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reads its configuration"));
    }

    /// It has been read: whatever became of it, requests are answered.
    pub(super) fn reloaded(&self, reloaded: &Reloaded, organizations: usize) {
        let mistakes = match reloaded {
            Reloaded::Done { broken, .. } if broken.is_empty() => return self.ready(organizations),
            Reloaded::Done { broken, .. } => broken.len(),
            Reloaded::Refused(problems) => problems.count(),
            Reloaded::Impossible(_) => 1,
        };
        self.say(&format!(
            "READY=1\nSTATUS=serves, organizations: {organizations}; \
             mistakes in the files that are not at work: {mistakes}"
        ));
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=finishes what is under way");
    }

    /// Says again and again that every thread turns, where the manager restarts who does not say
    /// so; for ever.
    pub(super) async fn live(&self, live: Live) -> Infallible {
        let Some(patience) = self.patience else { return std::future::pending().await };
        let mut round = tokio::time::interval(patience / 2);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            round.tick().await;
            if live.turns_within(HANGS.max(patience / 2)) {
                self.say("WATCHDOG=1");
            } else {
                tracing::error!(
                    "a serving thread hangs; the service manager is not told otherwise"
                );
            }
        }
    }

    fn say(&self, state: &str) {
        let Some(manager) = &self.manager else { return };
        if let Err(error) = manager.socket.send_to_addr(state.as_bytes(), &manager.address) {
            tracing::warn!(%error, "the service manager cannot be told");
        }
    }
}

impl Manager {
    /// At a path, or at a name in the abstract namespace behind `@` (unix(7)).
    fn at(name: &OsStr) -> Result<Self, NotifyError> {
        let failed = |error| NotifyError::Socket(name.to_owned(), error);
        let address = match name.as_bytes() {
            [b'@', rest @ ..] if !rest.is_empty() => SocketAddr::from_abstract_name(rest),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => return Err(NotifyError::Address(name.to_owned())),
        };
        let address = address.map_err(failed)?;
        let socket = UnixDatagram::unbound().map_err(failed)?;
        // A manager that does not read must not stop us.
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Self { socket, address })
    }
}

/// How long this process may be silent (sd_watchdog_enabled(3)); `None`: nobody minds.
fn patience(usec: Option<String>, pid: Option<String>, own: u32) -> Option<Duration> {
    let usec: u64 = usec?.parse().ok().filter(|usec| *usec > 0)?;
    // Meant for another process, from which we have inherited it.
    let ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    ours.then(|| Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(usec: &str, pid: Option<&str>, expected: Option<u64>) {
        let found = patience(Some(usec.to_owned()), pid.map(str::to_owned), 7);
        assert_eq!(found, expected.map(Duration::from_micros), "{usec} {pid:?}");
    }

    #[test]
    fn only_who_is_meant_is_watched() {
        check("30000000", None, Some(30_000_000));
        check("30000000", Some("7"), Some(30_000_000));
        check("30000000", Some("8"), None);
        check("30000000", Some("x"), None);
        check("0", None, None);
        check("x", None, None);
    }
}
