//! An organization's policy: what is guarded, how strictly, and what everyone may read.

use super::{Accounts, EmailDomains, Namespace, OrganizationId, Role, RoleMapping};
use std::fmt;
use std::time::Duration;

/// How strictly an organization's single sign-on is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Not at all: everything passes.
    Off,
    /// Offered: who should sign in is let through and told so.
    Optional,
    /// Required.
    Enforced,
    /// Nobody passes: the organization is gone, and what it had is nobody's yet. No configuration
    /// says so.
    Closed,
}

impl Enforcement {
    /// The name in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Enforced => "enforced",
            Self::Closed => "closed",
        }
    }
}

/// What the decision needs to know of an organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// The stable name.
    pub id: OrganizationId,
    /// What people read on pages and in messages.
    pub display_name: String,
    /// The owner parts of paths that belong to it.
    pub namespaces: Vec<Namespace>,
    /// How strictly single sign-on is asked for.
    pub enforcement: Enforcement,
    /// What everyone may read, where the provider's word is the identity.
    pub public: Vec<PublicPattern>,
    /// The domains that a member's e-mail address must be in; empty: any, or none.
    pub email_domains: EmailDomains,
    /// How the profile becomes a role.
    pub role_mapping: RoleMapping,
    /// The role of a member whom no mapping matches.
    pub default_role: Role,
    /// How long a sign-in lasts.
    pub session_timeout: Duration,
    /// How it deals with the hub's accounts; `None` where the provider's word is the identity.
    pub accounts: Option<Accounts>,
}

/// One entry of `public`: `demo` (a model), `datasets/open-*`, `*`, `*/*`.
///
/// A pattern names a repository inside the organization's namespaces; `*` stands for any run of
/// characters within a segment.
/// Without a type in front it means a model, as in the hub's own URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPattern {
    kind: Box<str>,
    repository: Box<str>,
    /// Whether there is a `*` in either.
    glob: bool,
}

impl PublicPattern {
    /// Parses `repository` or `type/repository`; `None` when it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, repository) = text.split_once('/').unwrap_or(("models", text));
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-*".contains(&b))
        };
        (plain(kind) && plain(repository)).then(|| Self {
            kind: kind.to_ascii_lowercase().into(),
            repository: repository.to_ascii_lowercase().into(),
            glob: text.contains('*'),
        })
    }

    /// Whether the repository of that type (`models`, `datasets`, `spaces` …) is covered.
    /// Both are compared without case.
    #[must_use]
    pub fn covers(&self, kind: &str, repository: &str) -> bool {
        let same = |pattern: &str, text: &str| {
            if self.glob {
                glob(pattern, &text.to_ascii_lowercase())
            } else {
                pattern.eq_ignore_ascii_case(text)
            }
        };
        same(&self.kind, kind) && same(&self.repository, repository)
    }
}

impl fmt::Display for PublicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.repository)
    }
}

/// Matches `text` against `pattern`, where `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return text.is_empty() };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, kind: &str, repository: &str, expected: bool) {
        let parsed = PublicPattern::parse(pattern).expect(pattern);
        assert_eq!(parsed.covers(kind, repository), expected, "{pattern} {kind}/{repository}");
    }

    #[test]
    fn a_public_pattern_covers_whole_names() {
        check("demo", "models", "demo", true);
        check("demo", "models", "DEMO", true);
        check("demo", "models", "demo2", false);
        check("demo", "datasets", "demo", false);
        check("datasets/open-*", "datasets", "open-x", true);
        check("datasets/open-*", "datasets", "open-", true);
        check("datasets/open-*", "datasets", "not-open-x", false);
        check("datasets/open-*", "models", "open-x", false);
        check("*", "models", "anything", true);
        check("*/*", "spaces", "anything", true);
        check("a*b*c", "models", "a1b2c", true);
        check("a*b*c", "models", "acb", false);
        check("a*a", "models", "a", false);
    }

    #[test]
    fn a_public_pattern_with_more_segments_or_odd_characters_is_refused() {
        for bad in ["", "a/b/c", "/x", "x/", "a b", "a%2f", "?"] {
            assert!(PublicPattern::parse(bad).is_none(), "{bad}");
        }
    }
}
