//! Every key there is: what is asked for elsewhere in this folder stands here, and nothing else.

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
    /// Stands in the contract, and is not built yet.
    Later,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

use Kind::{Later, List, Names, Section, Sections, Text, Value};

/// The file's own keys.
pub(super) const ROOT: &[Key] = &[
    key("public_url", Text),
    key("organizations", List),
    key("server", Section(SERVER)),
    key("hub", Section(HUB)),
    key("session", Section(SESSION)),
    key("headers", Section(HEADERS)),
    key("audit", Section(AUDIT)),
    key("organization", Sections(ORGANIZATION)),
];

/// `[server]`
pub(super) const SERVER: &[Key] = &[
    key("listen", List),
    key("admin", Text),
    key("grpc", Later),
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
    key("rule", Sections(RULE)),
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

/// `[[organization]]`
pub(super) const ORGANIZATION: &[Key] = &[
    key("id", Text),
    key("namespaces", List),
    key("display_name", Text),
    key("enforcement", Text),
    key("email_domains", List),
    key("public", List),
    key("default_role", Text),
    key("session_timeout", Text),
    key("external_collaborators", List),
    key("tokens", Text),
    key("role_mapping", Section(ROLE_MAPPING)),
    key("oidc", Section(OIDC)),
    key("saml", Section(SAML)),
];

/// `[organization.role_mapping]`
pub(super) const ROLE_MAPPING: &[Key] =
    &[key("attribute", Text), key("roles", Section(ROLES)), key("missing", Text)];

/// `organization.role_mapping.roles`: the names of [`crate::policy::Role`].
pub(super) const ROLES: &[Key] =
    &[key("admin", List), key("write", List), key("contributor", List), key("read", List)];

/// `[organization.oidc]`
pub(super) const OIDC: &[Key] = &[
    key("provider", Text),
    key("issuer", Text),
    key("discovery_url", Text),
    key("tenants", List),
    key("client_id", Text),
    key("client_auth", Text),
    key("client_secret", Kind::Secret),
    key("private_key", Kind::Secret),
    key("key_id", Text),
    key("certificate", Text),
    key("assertion_audience", Text),
    key("callback_path", Text),
    key("scopes", List),
    key("algorithms", List),
    key("response_mode", Text),
    key("extra_parameters", Names(&Text)),
    key("userinfo", Text),
    key("subject_claim", Text),
    key("email_claim", Text),
    key("email_trust", Text),
    key("required_claims", Names(&Text)),
    key("require_iss_parameter", Value),
    key("group_overage", Text),
    key("pushed_requests", Value),
    key("acr_values", List),
    key("max_age", Text),
    key("ca_certificates", List),
];

/// `[organization.saml]`
pub(super) const SAML: &[Key] = &[
    key("provider", Text),
    key("metadata", Section(SAML_METADATA)),
    key("sign_on_url", Text),
    key("sign_on_binding", Text),
    key("entity_id", Text),
    key("certificates", List),
    key("logout_url", Text),
    key("sign_requests", Value),
    key("signing_keys", Value),
    key("decryption_keys", Value),
    key("signatures", Text),
    key("idp_initiated", Value),
    key("force_authn", Value),
    key("is_passive", Value),
    key("requested_authn_context", List),
    key("name_id_format", Text),
    key("subject", Text),
    key("email_attribute", Text),
    key("name_attribute", Text),
    key("groups_attribute", Text),
    key("sp_entity_id", Text),
    key("acs_path", Text),
    key("clock_skew", Text),
    key("insecure_sha1", Value),
    key("insecure_aes_cbc", Value),
    key("insecure_unsigned_logout_responses", Value),
    key("ca_certificates", List),
];

/// `organization.saml.metadata`
pub(super) const SAML_METADATA: &[Key] =
    &[key("url", Text), key("file", Text), key("refresh", Text)];

/// A secret's two forms.
pub(super) const SECRET: &[Key] = &[key("file", Text), key("env", Text)];

/// Every key that a configuration may hold, such as `organization.oidc.issuer`, in order; those
/// that are not built yet too, and none for the tables themselves.
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
            Text | List | Value | Kind::Secret | Names(_) | Later => all.push(path),
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
