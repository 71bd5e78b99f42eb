//! What a test can order a provider to do; without orders it behaves.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::{Provider, Sent, Session, Statement, unguessable};
use crate::demo::lock;

/// Changes what is said before it is written.
pub type EditStatement = Arc<dyn Fn(&mut Statement) + Send + Sync>;
/// Changes what is written before it is sent, signatures and all.
pub type EditXml = Arc<dyn Fn(String) -> String + Send + Sync>;

/// What is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signs {
    /// The assertion.
    #[default]
    Assertion,
    /// The response.
    Response,
    /// Both.
    Both,
    /// Nothing.
    Nothing,
}

/// How far a sign-out comes, by what is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignsOut {
    /// Everywhere.
    #[default]
    Everywhere,
    /// Not everywhere.
    Partly,
    /// Nowhere.
    Nowhere,
}

/// The orders in force; the default is to behave.
#[derive(Clone, Default)]
pub struct Orders {
    /// Signs this person in, without a click.
    pub sign_in: Option<String>,
    /// What is signed.
    pub signs: Signs,
    /// Signs with a key that nobody publishes.
    pub stranger: bool,
    /// Publishes a new key just before it signs with it, in the place of the old one.
    pub new_key_before_signing: bool,
    /// Changes what is said.
    pub statement: Option<EditStatement>,
    /// Changes what is sent.
    pub response: Option<EditXml>,
    /// Says in its metadata that requests must be signed.
    pub wants_signed_requests: bool,
    /// Offers the POST binding only.
    pub post_only: bool,
    /// Until when its metadata may be used.
    pub valid_until: Option<SystemTime>,
    /// Changes its metadata.
    pub metadata: Option<EditXml>,
    /// Answers this instead of its metadata.
    pub metadata_fault: Option<StatusCode>,
    /// How far it signs people out.
    pub signs_out: SignsOut,
    /// Does not sign messages about logout.
    pub logout_unsigned: bool,
}

impl Orders {
    /// Orders a change of what is said.
    pub fn say(&mut self, edit: impl Fn(&mut Statement) + Send + Sync + 'static) {
        self.statement = Some(Arc::new(edit));
    }

    /// Orders a change of what is sent.
    pub fn send(&mut self, edit: impl Fn(String) -> String + Send + Sync + 'static) {
        self.response = Some(Arc::new(edit));
    }

    /// Orders a change of the metadata.
    pub fn publish(&mut self, edit: impl Fn(String) -> String + Send + Sync + 'static) {
        self.metadata = Some(Arc::new(edit));
    }
}

impl Provider {
    /// Changes the orders in force.
    pub fn behave(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut lock(&self.state.orders));
    }

    /// Takes every order back.
    pub fn behave_well(&self) {
        self.behave(|orders| *orders = Orders::default());
    }

    /// Makes a new key that signs from now on; the old ones stay published or not.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&self, keep_old: bool) -> io::Result<()> {
        lock(&self.state.keys).rotate(keep_old)
    }

    /// A response that answers no request (Profiles §4.1.5), to be posted by a browser.
    #[must_use]
    pub fn unsolicited(
        &self,
        entity_id: &str,
        person: &str,
        relay_state: Option<&str>,
    ) -> Option<Sent> {
        let service_provider = self.state.service_provider(entity_id)?;
        let acs = service_provider.acs.first()?.clone();
        let person = self.state.person(|own| own.id == person)?;
        let session = Session {
            person: person.id.clone(),
            index: unguessable(),
            authenticated: self.state.settings.clock.now(),
        };
        let statement = self.state.statement(&service_provider, &acs, None, &person, &session);
        Some(self.state.respond(statement, relay_state))
    }

    /// A logout request for a person's sessions, to be carried by a browser; `indexes` empty: all.
    #[must_use]
    pub fn logout_request(
        &self,
        entity_id: &str,
        person: &str,
        indexes: &[String],
        by_post: bool,
    ) -> Option<Sent> {
        let service_provider = self.state.service_provider(entity_id)?;
        let person = self.state.person(|own| own.id == person)?;
        Some(self.state.ask_to_end(&service_provider, &person, indexes, by_post))
    }

    /// The session indexes of a person, in no order.
    #[must_use]
    pub fn session_indexes(&self, person: &str) -> Vec<String> {
        let sessions = lock(&self.state.sessions);
        sessions.values().filter(|own| own.person == person).map(|own| own.index.clone()).collect()
    }
}
