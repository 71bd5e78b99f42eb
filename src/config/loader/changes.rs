//! What differs between two readings.

use toml::{Table, Value};

use crate::policy::OrganizationId;

/// Keys that a running gate cannot change: it would have to bind other ports, start other threads,
/// or move every session.
pub(super) const RESTART: &[&str] = &[
    "audit",
    "server.admin",
    "server.forward_auth",
    "server.grpc",
    "server.listen",
    "server.threads",
    "server.tls",
    "session.capacity",
    "session.store",
    "telemetry",
];

/// What differs between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys outside of organizations, such as `headers.preset`.
    pub keys: Vec<String>,
    /// Keys whose value in the file is not the one that this process began with, and that have no
    /// effect before a restart.
    pub restart: Vec<String>,
    /// Organizations that were not there before.
    pub added: Vec<OrganizationId>,
    /// Organizations of which anything changed.
    pub changed: Vec<OrganizationId>,
    /// Organizations that are not there any more.
    pub removed: Vec<OrganizationId>,
}

impl Changes {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.added.is_empty()
            && self.changed.is_empty()
            && self.removed.is_empty()
    }
}

/// The keys whose values differ.
pub(super) fn keys(before: &Table, after: &Table) -> Vec<String> {
    let mut found = Vec::new();
    differ("", before, after, &mut found);
    found
}

/// The keys among those that differ for which a restart is needed.
pub(super) fn need_restart(before: &Table, after: &Table) -> Vec<String> {
    let fits = |key: &String| {
        RESTART.iter().any(|known| {
            let rest = key.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || known.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    keys(before, after).into_iter().filter(fits).collect()
}

fn differ(prefix: &str, before: &Table, after: &Table, found: &mut Vec<String>) {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let empty = Table::new();
    for name in names {
        let key = format!("{prefix}{name}");
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Table(before)), Some(Value::Table(after))) => {
                differ(&format!("{key}."), before, after, found);
            }
            (None, Some(Value::Table(after))) => {
                differ(&format!("{key}."), &empty, after, found);
            }
            (Some(Value::Table(before)), None) => {
                differ(&format!("{key}."), before, &empty, found);
            }
            (_, _) => found.push(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, changed: &[&str], restart: &[&str]) {
        let (before, after) = (toml::from_str(before).unwrap(), toml::from_str(after).unwrap());
        assert_eq!(keys(&before, &after), changed);
        assert_eq!(need_restart(&before, &after), restart);
    }

    #[test]
    fn a_difference_is_named_by_its_key() {
        check("a = 1\n[server]\ndrain = \"1s\"", "a = 1\n[server]\ndrain = \"1s\"", &[], &[]);
        check("", "[server]\ndrain = \"1s\"\n", &["server.drain"], &[]);
        check("[headers]\npreset = \"a\"", "", &["headers.preset"], &[]);
        check("[[hub.rule]]\npath = \"/a\"", "[[hub.rule]]\npath = \"/b\"", &["hub.rule"], &[]);
    }

    #[test]
    fn what_needs_a_restart_is_said() {
        let listen = "[server]\nlisten = [\"127.0.0.1:1\"]\nlistening = 1";
        check("", listen, &["server.listen", "server.listening"], &["server.listen"]);
        let tls = "server.tls = { certificate = \"a\", private_key = \"b\" }";
        let both = ["server.tls.certificate", "server.tls.private_key"];
        check(tls, "", &both, &both);
        check(
            "session.store = \"memory\"",
            "session.store = { disk = \"/d\" }",
            &["session.store"],
            &["session.store"],
        );
    }

    #[test]
    fn every_key_that_needs_a_restart_is_a_key() {
        let known = super::super::super::known_keys();
        for key in RESTART {
            let inside = format!("{key}.");
            assert!(known.iter().any(|k| k == key || k.starts_with(&inside)), "{key}");
        }
    }
}
