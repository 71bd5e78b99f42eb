//! What a provider says of a person: the ID token, userinfo, and the claims that both share.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::book::Grant;
use super::{Client, Object, State};
use crate::demo::lock;
use crate::demo::people::Person;

impl State {
    /// An ID token (OIDC Core §2); a refreshed one has no nonce (§12.2).
    pub(super) fn id_token(
        &self,
        client: &Client,
        person: &Person,
        grant: &Grant,
        nonce: Option<&str>,
        access_token: &str,
    ) -> Option<String> {
        let now = self.now();
        let algorithm = client.algorithm.unwrap_or(self.settings.algorithm);
        let claims = json!({
            "iss": self.issuer,
            "sub": person.subject,
            "aud": client.id,
            "iat": now,
            "exp": now + self.settings.token_lifetime.as_secs(),
            "auth_time": grant.authenticated,
            "sid": grant.sid,
            "at_hash": algorithm.half_hash(access_token),
        });
        let Value::Object(mut claims) = claims else { return None };
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        if self.settings.claims_in_id_token {
            claims.extend(profile(person, &grant.scopes));
        }
        let edit = lock(&self.behaviour).id_token.clone();
        self.sign_for(client, "JWT", claims, edit)
    }
}

/// The claims that the scopes ask for (OIDC Core §5.4); the groups come with `groups` or `profile`.
pub(super) fn profile(person: &Person, scopes: &BTreeSet<String>) -> Object {
    let mut claims = Object::new();
    let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    if scopes.contains("profile") {
        say("name", person.name.clone().into());
        say("preferred_username", person.id.clone().into());
    }
    if scopes.contains("email") {
        say("email", person.email.clone().into());
        say("email_verified", person.email_verified.into());
    }
    if scopes.contains("groups") || scopes.contains("profile") {
        say("groups", person.groups.clone().into());
    }
    claims
}
