//! What was ended stays ended, even for a sign-in that was under way at that moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

use super::Person;
use crate::policy::{OrganizationId, SignIn};
use crate::saml::NameId;

/// Which sign-ins a logout names (OIDC Back-Channel Logout §2.6, SAML Core §3.7.1).
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
    /// The person, by a SAML name id.
    pub idp_name: Option<NameId>,
    /// Of the sign-ins that are under way, only what was begun until then.
    pub until: SystemTime,
}

impl Selector {
    /// The person, if it is not one session of theirs that is named but the person. A provider
    /// names the session that was signed out of here, too, and that is no word on the person.
    #[must_use]
    pub fn person(&self) -> Option<Person> {
        if self.idp_session.is_some() {
            return None;
        }
        Some(Person {
            organization: self.organization.clone(),
            issuer: Arc::clone(&self.issuer),
            subject: self.subject.as_deref()?.into(),
        })
    }

    /// Whether the logout names this sign-in: by the provider's name for the person where it has one,
    /// since what the organization calls them may have changed since.
    #[must_use]
    pub fn names(&self, sign_in: &SignIn) -> bool {
        let idp_session = self.idp_session.as_deref();
        let person = match (&self.idp_name, self.subject.as_deref()) {
            (Some(name), _) => idp_name(sign_in).is_some_and(|own| own.is_same(name)),
            (None, Some(subject)) => subject == sign_in.subject.as_str(),
            (None, None) => idp_session.is_some(),
        };
        person
            && sign_in.organization == self.organization
            && sign_in.issuer == self.issuer
            && idp_session.is_none_or(|id| sign_in.idp_session.as_deref() == Some(id))
    }
}

/// What the provider's single logout calls the person.
fn idp_name(sign_in: &SignIn) -> Option<NameId> {
    serde_json::from_str(sign_in.idp_name.as_deref()?).ok()
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
    Name(OrganizationId, String),
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
        let key = match (&selector.idp_session, &selector.idp_name, &selector.subject) {
            (Some(id), _, _) => Key::IdpSession(organization, id.clone()),
            (None, Some(name), _) => Key::Name(organization, name.value.clone()),
            (None, None, Some(subject)) => Key::Subject(organization, subject.clone()),
            (None, None, None) => return,
        };
        self.set.entry(key).and_upsert_with(|earlier| {
            let mut all = earlier.map(|entry| entry.into_value()).unwrap_or_default();
            all.retain(|other| {
                other.issuer != selector.issuer
                    || other.subject != selector.subject
                    || other.idp_name != selector.idp_name
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
        let by_name =
            idp_name(sign_in).map(|name| Key::Name(sign_in.organization.clone(), name.value));
        [Some(by_subject), by_session, by_name]
            .into_iter()
            .flatten()
            .filter_map(|key| self.set.get(&key))
            .any(|all| all.iter().any(|one| begun_at <= one.until && one.names(sign_in)))
    }
}
