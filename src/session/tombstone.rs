//! What was ended stays ended, even for a sign-in that was under way at that moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

use crate::policy::{OrganizationId, SignIn};

/// Which sign-ins a logout names (OIDC Back-Channel Logout §2.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    /// Whose provider says so; never another organization's sign-ins.
    pub organization: OrganizationId,
    /// The issuer that says so.
    pub issuer: Arc<str>,
    /// The person; all their sessions when no session is named.
    pub subject: Option<String>,
    /// The provider's session.
    pub idp_session: Option<String>,
    /// Only what was begun until then.
    pub until: SystemTime,
}

impl Selector {
    /// Whether the logout names this sign-in, which was begun at `begun_at`.
    #[must_use]
    pub fn matches(&self, sign_in: &SignIn, begun_at: SystemTime) -> bool {
        let subject = self.subject.as_deref();
        let idp_session = self.idp_session.as_deref();
        sign_in.organization == self.organization
            && sign_in.issuer == self.issuer
            && (subject.is_some() || idp_session.is_some())
            && subject.is_none_or(|subject| subject == sign_in.subject.as_str())
            && idp_session.is_none_or(|id| sign_in.idp_session.as_deref() == Some(id))
            && (idp_session.is_some() || begun_at <= self.until)
    }
}

/// Logouts of the past, for as long as a sign-in that they name could live.
#[derive(Debug)]
pub(super) struct Tombstones {
    set: Cache<Key, Vec<Selector>>,
    /// Organizations whose identity provider went, and when.
    organizations: Cache<OrganizationId, SystemTime>,
}

/// Tombstones are looked up by what every sign-in has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Subject(OrganizationId, String),
    IdpSession(OrganizationId, String),
}

impl Tombstones {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            set: Cache::builder().max_capacity(1_000_000).time_to_live(lifetime).build(),
            organizations: Cache::builder().max_capacity(100_000).time_to_live(lifetime).build(),
        }
    }

    pub(super) fn set(&self, selector: Selector) {
        let organization = selector.organization.clone();
        let key = match (&selector.idp_session, &selector.subject) {
            (Some(id), _) => Key::IdpSession(organization, id.clone()),
            (None, Some(subject)) => Key::Subject(organization, subject.clone()),
            (None, None) => return,
        };
        self.set.entry(key).and_upsert_with(|earlier| {
            let mut all = earlier.map(|entry| entry.into_value()).unwrap_or_default();
            all.retain(|other| {
                other.issuer != selector.issuer || other.subject != selector.subject
            });
            all.push(selector);
            all
        });
    }

    pub(super) fn end(&self, organization: OrganizationId, until: SystemTime) {
        self.organizations.insert(organization, until);
    }

    pub(super) fn covers(&self, sign_in: &SignIn, begun_at: SystemTime) -> bool {
        if self.organizations.get(&sign_in.organization).is_some_and(|until| begun_at <= until) {
            return true;
        }
        let by_subject =
            Key::Subject(sign_in.organization.clone(), sign_in.subject.as_str().to_owned());
        let by_session = sign_in
            .idp_session
            .as_ref()
            .map(|id| Key::IdpSession(sign_in.organization.clone(), id.to_string()));
        [Some(by_subject), by_session]
            .into_iter()
            .flatten()
            .filter_map(|key| self.set.get(&key))
            .any(|selectors| selectors.iter().any(|selector| selector.matches(sign_in, begun_at)))
    }
}
