//! Every key there is: what is asked for elsewhere in this folder stands here, and nothing else.

mod organization;

pub(super) use organization::*;

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What stands behind a key: decides how an override from the environment is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A list of strings.
    List,
    /// A number, a truth value or a list of tables.
    Value,
    /// `{ file = "…" }` or `{ env = "…" }`.
    Secret,
    /// A table.
    Section(&'static [Key]),
    /// A list of tables.
    Sections(&'static [Key]),
    /// A table whose keys are somebody else's words.
    Names(&'static Kind),
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

use Kind::{List, Names, Section, Sections, Text, Value};

/// The file's own keys.
pub(super) const ROOT: &[Key] = &[
    key("public_url", Text),
    key("organizations", List),
    key("recovery_state", Text),
    key("server", Section(SERVER)),
    key("hub", Section(HUB)),
    key("session", Section(SESSION)),
    key("tokens", Section(TOKENS)),
    key("headers", Section(HEADERS)),
    key("audit", Section(AUDIT)),
    key("telemetry", Section(TELEMETRY)),
    key("organization", Sections(ORGANIZATION)),
];

/// `[server]`
pub(super) const SERVER: &[Key] = &[
    key("listen", List),
    key("admin", Text),
    key("forward_auth", Text),
    key("grpc", Text),
    key("tls", Section(TLS)),
    key("trusted_proxies", List),
    key("drain", Text),
    key("drain_delay", Text),
    key("threads", Value),
    key("header_timeout", Text),
    key("idle_timeout", Text),
    key("max_head_bytes", Value),
    key("max_headers", Value),
    key("max_connections", Value),
];

/// `server.tls`
pub(super) const TLS: &[Key] = &[key("certificate", Text), key("private_key", Text)];

/// `[hub]`
pub(super) const HUB: &[Key] = &[
    key("upstream", Text),
    key("profile", Text),
    key("identity", Text),
    key("unclaimed", Text),
    key("body_unknown", Text),
    key("connect_timeout", Text),
    key("response_timeout", Text),
    key("ca_certificates", List),
    key("links", Text),
    key("whoami", Section(WHOAMI)),
    key("rule", Sections(RULE)),
];

/// `[hub.whoami]`
pub(super) const WHOAMI: &[Key] = &[
    key("preset", Text),
    key("path", Text),
    key("organizations_path", Text),
    key("cookies", List),
    key("cookies_tell", Value),
    key("headers", List),
    key("basic", Text),
    key("forbidden", Text),
    key("id", Text),
    key("name", Text),
    key("email", Text),
    key("email_verified", Text),
    key("email_trust", Text),
    key("organizations", Text),
    key("answer_timeout", Text),
];

/// `[[hub.rule]]`
pub(super) const RULE: &[Key] =
    &[key("path", Text), key("methods", List), key("needs", Text), key("access", Text)];

/// `[session]`
pub(super) const SESSION: &[Key] = &[
    key("timeout", Text),
    key("store", Text),
    key("capacity", Value),
    key("cookie", Section(COOKIE)),
    key("keys", Value),
];

/// `session.cookie`
pub(super) const COOKIE: &[Key] = &[key("name", Text), key("same_site", Text)];

/// `[tokens]`
pub(super) const TOKENS: &[Key] = &[key("cli_sign_in", Value), key("access_lifetime", Text)];

/// `[headers]`
pub(super) const HEADERS: &[Key] = &[
    key("preset", Text),
    key("user", Text),
    key("email", Text),
    key("name", Text),
    key("organization", Text),
    key("role", Text),
    key("organizations", Text),
    key("groups", Text),
    key("assertion", Text),
    key("audience", Text),
];

/// `[audit]`
pub(super) const AUDIT: &[Key] = &[key("to", Text), key("refusals", Value)];

/// `[telemetry]`
pub(super) const TELEMETRY: &[Key] = &[
    key("otlp_endpoint", Text),
    key("headers", Names(&Kind::Secret)),
    key("sampling", Value),
    key("service_name", Text),
    key("ca_certificates", List),
    key("insecure_plaintext", Value),
    key("organization_labels", Value),
];

/// A secret's two forms.
pub(super) const SECRET: &[Key] = &[key("file", Text), key("env", Text)];

/// Every key that a configuration may hold, such as `organization.oidc.issuer`, in order; none for
/// the tables themselves.
#[must_use]
pub fn known_keys() -> Vec<String> {
    let mut all = Vec::new();
    flatten("", ROOT, &mut all);
    all
}

fn flatten(prefix: &str, keys: &[Key], all: &mut Vec<String>) {
    for key in keys {
        let path = format!("{prefix}{}", key.name);
        match key.kind {
            Section(inner) | Sections(inner) => flatten(&format!("{path}."), inner, all),
            Text | List | Value | Kind::Secret | Names(_) => all.push(path),
        }
    }
}

/// The key that was probably meant by `word`: a near one in the same table, or one of the same
/// name in another.
pub(super) fn meant(word: &str, here: &[Key]) -> Option<String> {
    let near = here
        .iter()
        .map(|key| (distance(word, key.name), key.name))
        .filter(|&(distance, name)| distance <= 1 + name.len().min(word.len()) / 4)
        .min();
    if let Some((_, name)) = near {
        return Some(name.to_owned());
    }
    let elsewhere = |path: &String| path.rsplit('.').next() == Some(word);
    known_keys().into_iter().find(elsewhere)
}

/// How many letters must be added, left out, changed or swapped with their neighbour (optimal
/// string alignment).
pub(super) fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, l) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or_default();
            let mut best = (at(&above, column) + usize::from(l != r))
                .min(at(&above, column + 1) + 1)
                .min(at(&line, column) + 1);
            let swapped = row > 0
                && column > 0
                && left.get(row - 1) == Some(r)
                && right.get(column - 1) == Some(l);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, here: &[Key], expected: Option<&str>) {
        assert_eq!(meant(word, here).as_deref(), expected, "{word}");
    }

    #[test]
    fn a_misspelt_key_finds_the_one_that_was_meant() {
        check("lisen", SERVER, Some("listen"));
        check("max_haeders", SERVER, Some("max_headers"));
        check("client_secert", OIDC, Some("client_secret"));
        check("timeout", ROOT, Some("session.timeout"));
        check("issuer", ORGANIZATION, Some("organization.oidc.issuer"));
        check("colour", SERVER, None);
    }

    #[test]
    fn no_table_has_a_key_twice() {
        let all = known_keys();
        let unique: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
    }
}
