//! The userinfo endpoint (OIDC Core §5.3).

use http::{Response, StatusCode};
use serde_json::Value;

use super::id_token::profile;
use super::{Asked, Refusal, State};
use crate::demo::answer::{self, Body};
use crate::demo::lock;

impl State {
    pub(super) fn userinfo(&self, asked: &Asked) -> Response<Body> {
        let carried = asked.head.value("authorization");
        let token = carried.as_deref().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let grant =
            token.and_then(|token| lock(&self.book).access_token(token, self.now()).cloned());
        let person = grant
            .as_ref()
            .and_then(|grant| self.person(|own| own.subject == grant.subject && own.active));
        let Some((grant, person)) = grant.zip(person) else {
            return Refusal::new("invalid_token", "the access token is not good").answer();
        };
        let mut claims = profile(&person, &grant.scopes);
        claims.insert("sub".to_owned(), person.subject.into());
        let edit = lock(&self.behaviour).userinfo.clone();
        if let Some(edit) = edit {
            edit(&mut claims);
        }
        answer::json(StatusCode::OK, &Value::Object(claims))
    }
}
