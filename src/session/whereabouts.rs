//! Where to look for what a name means: the browsers in which a person is signed in, when a token
//! of that person is shown, or those that take part in one session at a provider.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Error, Session, SessionKey, Sessions};
use crate::policy::{OrganizationId, SignIn};

/// The most browsers of one person, or of one session at a provider; the oldest goes first.
const BROWSERS: usize = 8;

/// Somebody whom an organization's provider knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// Whose provider.
    pub organization: OrganizationId,
    /// The issuer.
    pub issuer: Arc<str>,
    /// The provider's name for the person.
    pub subject: Arc<str>,
}

/// A session that the provider keeps, and names by `sid` (OIDC Front-Channel Logout 1.0 §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderSession {
    /// Whose provider.
    pub organization: OrganizationId,
    /// The issuer.
    pub issuer: Arc<str>,
    /// The provider's name for the session.
    pub id: Arc<str>,
}

impl Person {
    /// The person as its parts.
    #[must_use]
    pub fn into_parts(self) -> (OrganizationId, Arc<str>, Arc<str>) {
        (self.organization, self.issuer, self.subject)
    }

    /// Whose sign-in it is.
    #[must_use]
    pub fn of(sign_in: &SignIn) -> Self {
        Self {
            organization: sign_in.organization.clone(),
            issuer: Arc::clone(&sign_in.issuer),
            subject: sign_in.subject.as_str().into(),
        }
    }
}

impl ProviderSession {
    /// Which one a sign-in came from, where the provider says so.
    #[must_use]
    pub fn of(sign_in: &SignIn) -> Option<Self> {
        Some(Self {
            organization: sign_in.organization.clone(),
            issuer: Arc::clone(&sign_in.issuer),
            id: Arc::clone(sign_in.idp_session.as_ref()?),
        })
    }
}

/// The sessions behind names of one kind. Whether a sign-in holds, and is that name's, its session
/// says.
#[derive(Debug)]
pub(super) struct Whereabouts<K>(Cache<K, Arc<[SessionKey]>>)
where
    K: Hash + Eq + Send + Sync + 'static;

impl<K: Hash + Eq + Send + Sync + 'static> Whereabouts<K> {
    /// Of at most so many names, each for so long after the last sign-in; the least recently used
    /// one goes first.
    pub(super) fn new(capacity: u64, lifetime: Duration) -> Self {
        let names = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(lifetime)
            .eviction_policy(EvictionPolicy::lru());
        Self(names.build())
    }

    pub(super) fn of(&self, name: &K) -> Option<Arc<[SessionKey]>> {
        self.0.get(name)
    }

    /// Notes a sign-in, in the place of the one that it came from.
    pub(super) fn note(&self, name: K, key: SessionKey, previous: Option<&SessionKey>) {
        self.0.entry(name).and_upsert_with(|earlier| {
            let mut keys = earlier.map_or_else(Vec::new, |entry| entry.into_value().to_vec());
            keys.retain(|other| *other != key && Some(other) != previous);
            keys.push(key);
            let surplus = keys.len().saturating_sub(BROWSERS);
            keys.drain(..surplus);
            keys.into()
        });
    }
}

impl Sessions {
    /// The sessions of every browser in which the person was signed in last.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn of_person(&self, person: &Person) -> Result<Vec<Arc<Session>>, Error> {
        let keys = self.people.of(person);
        let keys = keys.iter().flat_map(|keys| keys.iter());
        keys.filter_map(|key| self.find(key).transpose()).collect()
    }
}
