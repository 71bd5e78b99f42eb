//! In which browsers a person is signed in: where to look, when a token of that person is shown.

use std::sync::Arc;

use moka::sync::Cache;

use super::{Error, Session, SessionKey, Sessions};
use crate::policy::{OrganizationId, SignIn};

/// The most browsers of one person; the oldest goes first.
const BROWSERS: usize = 8;
/// The most people.
const PEOPLE: u64 = 200_000;

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

/// The browsers of people. Whether a sign-in holds, its session says.
#[derive(Debug)]
pub(super) struct People(Cache<Person, Arc<[SessionKey]>>);

impl People {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(PEOPLE).build())
    }

    pub(super) fn of(&self, person: &Person) -> Option<Arc<[SessionKey]>> {
        self.0.get(person)
    }

    /// Notes a sign-in, in the place of the one that it came from.
    pub(super) fn note(&self, person: Person, key: SessionKey, previous: Option<&SessionKey>) {
        self.0.entry(person).and_upsert_with(|earlier| {
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
