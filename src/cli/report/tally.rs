//! What an access log says of who was signed in.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::policy::Reason;

/// What is read of a line; everything else is passed over.
#[derive(Deserialize)]
struct Line {
    event: String,
    timestamp: String,
    decision: String,
    reason: Option<String>,
    organization: Option<String>,
    subject: Option<String>,
    account: Option<String>,
    #[serde(rename = "client.address")]
    client: Option<String>,
}

/// Somebody, as well as the log knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// An account of the hub.
    Account(String),
    /// The identity provider's name for somebody.
    Subject(String),
    /// Nobody knows more than where it came from.
    Address(String),
}

/// What was seen of somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How many requests enforcing would have refused.
    pub(super) refused: u64,
    /// Why the last of them.
    pub(super) reason: String,
    /// When the last of them was.
    pub(super) last_refused: String,
    /// When the last one with a sign-in was.
    pub(super) last_signed_in: Option<String>,
}

/// The count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) others: u64,
    organizations: BTreeMap<String, BTreeMap<Who, Seen>>,
}

impl Who {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Subject(_) => "subject",
            Self::Address(_) => "address",
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Account(name) | Self::Subject(name) | Self::Address(name) => name,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.kind(), self.name()))
    }
}

impl Seen {
    /// Whether the last thing that was seen is a request without a sign-in. Times are in one form,
    /// so their order is that of their letters.
    pub(super) fn is_locked_out(&self) -> bool {
        let signed_in = self.last_signed_in.as_deref().unwrap_or_default();
        self.refused > 0 && self.last_refused.as_str() > signed_in
    }
}

impl Tally {
    pub(super) fn of<'o>(organizations: impl Iterator<Item = &'o str>) -> Self {
        let organizations = organizations.map(|id| (id.to_owned(), BTreeMap::new())).collect();
        Self { organizations, ..Self::default() }
    }

    pub(super) fn organization(&self, id: &str) -> Option<&BTreeMap<Who, Seen>> {
        self.organizations.get(id)
    }

    pub(super) fn locked_out(&self) -> impl Iterator<Item = &Who> {
        let all = self.organizations.values().flatten();
        all.filter(|(_, seen)| seen.is_locked_out()).map(|(who, _)| who)
    }

    /// Counts a line.
    pub(super) fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        let parsed: Option<Line> = serde_json::from_slice(line).ok();
        let Some(line) = parsed.filter(|line| line.event == "request") else {
            self.others += 1;
            return;
        };
        self.requests += 1;
        let Some(people) =
            line.organization.and_then(|organization| self.organizations.get_mut(&organization))
        else {
            return;
        };
        if line.decision != "allow" {
            return;
        }
        let missing = [Reason::SignInRequired, Reason::SessionExpired, Reason::SessionRevoked];
        let reason = line.reason.filter(|reason| missing.iter().any(|r| r.as_str() == *reason));
        let known = line.account.map(Who::Account).or(line.subject.map(Who::Subject));
        match (reason, known) {
            (Some(reason), known) => {
                let somewhere = || Who::Address(line.client.unwrap_or_default());
                let seen = people.entry(known.unwrap_or_else(somewhere)).or_default();
                seen.refused += 1;
                if line.timestamp >= seen.last_refused {
                    seen.last_refused = line.timestamp;
                    seen.reason = reason;
                }
            }
            (None, Some(who)) => {
                let seen = people.entry(who).or_default();
                seen.last_signed_in = seen.last_signed_in.take().max(Some(line.timestamp));
            }
            // Public content, and whoever is no member: enforcing changes nothing for them.
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, reason: &str, more: &str) -> Vec<u8> {
        let reason =
            if reason.is_empty() { String::new() } else { format!("\"reason\":\"{reason}\",") };
        format!(
            "{{\"timestamp\":\"2026-11-25T10:00:{second:02}.000Z\",\"event\":\"request\",{reason}\
             \"decision\":\"allow\",\"organization\":\"acme\",\"client.address\":\"10.0.0.1\"{more}}}\n"
        )
        .into_bytes()
    }

    #[test]
    fn who_was_last_seen_without_a_sign_in_is_locked_out() {
        let mut tally = Tally::of(["acme"].into_iter());
        let alice = ",\"subject\":\"alice\"";
        let bob = ",\"subject\":\"bob\"";
        tally.line(&line(1, "session-expired", alice));
        tally.line(&line(2, "", alice));
        tally.line(&line(3, "", bob));
        tally.line(&line(4, "session-expired", bob));
        tally.line(&line(5, "sign-in-required", ""));
        tally.line(&line(6, "", ""));
        tally.line(b"not json\n");
        tally.line(b"{\"event\":\"started\"}\n");
        tally.line(&line(7, "session-expired", "").to_ascii_uppercase());
        let out: Vec<String> = tally.locked_out().map(Who::to_string).collect();
        assert_eq!(out, ["subject bob", "address 10.0.0.1"]);
        assert_eq!((tally.requests, tally.others), (6, 3));
        let people = tally.organization("acme").unwrap();
        assert_eq!(people.len(), 3);
    }
}
