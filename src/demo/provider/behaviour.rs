//! What a test can order a provider to do, and ask it; without orders it behaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use serde_json::Value;

use super::keys::Key;
use super::{Algorithm, Asked, Delivery, Endpoint, Fields, Object, Provider};
use crate::demo::{Fault, lock};

/// Changes a JSON object before it is sent.
pub type Edit = Arc<dyn Fn(&mut Object) + Send + Sync>;

/// Changes the header and the claims of a JWT before it is signed.
pub type EditJwt = Arc<dyn Fn(&mut Object, &mut Object) + Send + Sync>;

/// Changes the fields of an authorization response.
pub type EditFields = Arc<dyn Fn(&mut Fields) + Send + Sync>;

/// With what a JWT is signed.
#[derive(Clone, Debug, Default)]
pub enum Signing {
    /// With the newest published key of the client's algorithm.
    #[default]
    Published,
    /// With a key that nobody publishes, under the published key's `kid`.
    Stranger,
    /// With a key that nobody publishes, under its own `kid`.
    Unpublished,
    /// Not at all: `alg` is `none` and the signature is empty.
    Nothing,
    /// With HMAC-SHA-256 (`alg` is `HS256`) of this secret.
    Hmac(Vec<u8>),
}

/// The orders in force; the default is to behave.
#[derive(Clone, Default)]
pub struct Behaviour {
    /// Signs this person in, without a click, wherever the page with the names would be shown.
    pub sign_in: Option<String>,
    /// With what ID tokens and logout tokens are signed.
    pub signing: Signing,
    /// Publishes a new key just before it signs with it.
    pub new_key_before_signing: bool,
    /// Fails these endpoints.
    pub faults: BTreeMap<Endpoint, Fault>,
    /// Issues no refresh tokens.
    pub no_refresh_tokens: bool,
    /// Changes ID tokens before they are signed.
    pub id_token: Option<EditJwt>,
    /// Changes logout tokens before they are signed.
    pub logout_token: Option<EditJwt>,
    /// Changes the metadata.
    pub discovery: Option<Edit>,
    /// Changes the JSON Web Key Set.
    pub keys: Option<Edit>,
    /// Changes the token response.
    pub token_response: Option<Edit>,
    /// Changes the answer of userinfo.
    pub userinfo: Option<Edit>,
    /// Changes the authorization response, errors included.
    pub authorization_response: Option<EditFields>,
}

impl Behaviour {
    /// Orders a change of the header and the claims of ID tokens.
    pub fn edit_id_token(
        &mut self,
        edit: impl Fn(&mut Object, &mut Object) + Send + Sync + 'static,
    ) {
        self.id_token = Some(Arc::new(edit));
    }

    /// Orders that the ID token says this under this name; `Value::Null`: that it does not have the claim.
    pub fn claim(&mut self, name: &str, value: impl Into<Value>) {
        let (name, value) = (name.to_owned(), value.into());
        self.edit_id_token(move |_, claims| {
            claims.remove(&name);
            if !value.is_null() {
                claims.insert(name.clone(), value.clone());
            }
        });
    }

    /// Orders a change of the header and the claims of logout tokens.
    pub fn edit_logout_token(
        &mut self,
        edit: impl Fn(&mut Object, &mut Object) + Send + Sync + 'static,
    ) {
        self.logout_token = Some(Arc::new(edit));
    }

    /// Orders a change of the metadata.
    pub fn edit_discovery(&mut self, edit: impl Fn(&mut Object) + Send + Sync + 'static) {
        self.discovery = Some(Arc::new(edit));
    }

    /// Orders a change of the JSON Web Key Set.
    pub fn edit_keys(&mut self, edit: impl Fn(&mut Object) + Send + Sync + 'static) {
        self.keys = Some(Arc::new(edit));
    }

    /// Orders a change of the token response.
    pub fn edit_token_response(&mut self, edit: impl Fn(&mut Object) + Send + Sync + 'static) {
        self.token_response = Some(Arc::new(edit));
    }

    /// Orders a change of the answer of userinfo.
    pub fn edit_userinfo(&mut self, edit: impl Fn(&mut Object) + Send + Sync + 'static) {
        self.userinfo = Some(Arc::new(edit));
    }

    /// Orders a change of the authorization response: `code`, `state`, `iss`, or `error`.
    pub fn edit_authorization_response(
        &mut self,
        edit: impl Fn(&mut Fields) + Send + Sync + 'static,
    ) {
        self.authorization_response = Some(Arc::new(edit));
    }

    /// Orders that an endpoint fails.
    pub fn fail(&mut self, endpoint: Endpoint, fault: Fault) {
        self.faults.insert(endpoint, fault);
    }
}

impl Provider {
    /// Changes the orders in force.
    pub fn behave(&self, order: impl FnOnce(&mut Behaviour)) {
        order(&mut lock(&self.state.behaviour));
    }

    /// Takes every order back.
    pub fn behave_well(&self) {
        self.behave(|behaviour| *behaviour = Behaviour::default());
    }

    /// The requests for an endpoint, oldest first.
    #[must_use]
    pub fn asked(&self, endpoint: Endpoint) -> Vec<Asked> {
        let same = |asked: &&Asked| asked.endpoint == endpoint;
        lock(&self.state.asked).iter().filter(same).cloned().collect()
    }

    /// How many requests there were for an endpoint.
    #[must_use]
    pub fn calls(&self, endpoint: Endpoint) -> usize {
        self.asked(endpoint).len()
    }

    /// Publishes a new key of each algorithm and signs with it; the old ones stay published or not.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&self, keep_old: bool) -> Result<(), Unspecified> {
        lock(&self.state.keys).rotate(keep_old)
    }

    /// Makes every refresh token of a person invalid; the browser session goes on.
    pub fn kill_refresh_tokens(&self, person: &str) {
        if let Some(person) = self.state.person(|own| own.id == person) {
            lock(&self.state.book).kill_grants(|grant| grant.subject == person.subject);
        }
    }

    /// Ends every session of a person and tells the clients by back channel; returns what they said.
    pub async fn end_sessions(&self, person: &str) -> Vec<Delivery> {
        self.state.end_sessions_of(person).await
    }

    /// The `sid` of the person's newest session.
    #[must_use]
    pub fn sid(&self, person: &str) -> Option<String> {
        lock(&self.state.book).newest_session(person).map(|session| session.sid.clone())
    }

    /// A logout token for a client (OpenID Connect Back-Channel Logout 1.0 §2.4), with the orders in force.
    #[must_use]
    pub fn logout_token(
        &self,
        client: &str,
        subject: Option<&str>,
        sid: Option<&str>,
    ) -> Option<String> {
        let client = self.state.client(client)?;
        self.state.logout_token(&client, subject, sid)
    }

    /// Signs any header and claims with the newest published key of an algorithm.
    #[must_use]
    pub fn sign(&self, algorithm: Algorithm, header: &Object, claims: &Object) -> Option<String> {
        let key = lock(&self.state.keys).newest(algorithm)?;
        key.sign(header, claims)
    }

    /// The newest published key of an algorithm, as a JWK.
    #[must_use]
    pub fn public_key(&self, algorithm: Algorithm) -> Option<Value> {
        lock(&self.state.keys).newest(algorithm).map(|key| Key::jwk(&key))
    }
}
