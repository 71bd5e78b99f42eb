//! The token endpoint: codes and refresh tokens become tokens; and their revocation.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Asked, Client, Refusal, State};
use crate::demo::answer::{self, Body};
use crate::demo::lock;

impl State {
    /// `/token` (OIDC Core §3.1.3, §12)
    pub(super) fn token(&self, asked: &Asked) -> Response<Body> {
        let tokens = self.authenticate(asked).and_then(|client| match asked.field("grant_type") {
            Some("authorization_code") => self.exchange(asked, &client),
            Some("refresh_token") => self.refresh(asked, &client),
            Some(_) | None => {
                Err(Refusal::new("unsupported_grant_type", "only codes and refresh tokens"))
            }
        });
        match tokens {
            Ok(tokens) => answer::json(StatusCode::OK, &tokens),
            Err(refusal) => refusal.answer(),
        }
    }

    fn exchange(&self, asked: &Asked, client: &Client) -> Result<Value, Refusal> {
        let invalid = |description| Refusal::new("invalid_grant", description);
        let named = asked.field("code").unwrap_or_default();
        let code = lock(&self.book).use_code(named);
        let code = code.ok_or_else(|| invalid("the code is unknown or has been used"))?;
        if code.expires <= self.now() {
            return Err(invalid("the code has expired"));
        }
        if asked.field("redirect_uri") != Some(&code.redirect_uri) {
            return Err(invalid("the redirect_uri is another one"));
        }
        let verifier = asked.field("code_verifier").unwrap_or_default();
        // RFC 7636 §4.6
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        if verifier.len() < 43 || challenge != code.challenge {
            return Err(invalid("the code_verifier does not fit"));
        }
        self.issue(client, code.grant, code.nonce.as_deref())
    }

    fn refresh(&self, asked: &Asked, client: &Client) -> Result<Value, Refusal> {
        let token = asked.field("refresh_token").unwrap_or_default();
        let grant = lock(&self.book).use_refresh_token(token);
        let grant = grant.ok_or_else(|| {
            Refusal::new("invalid_grant", "the refresh token is unknown, used or revoked")
        })?;
        self.issue(client, grant, None)
    }

    fn issue(&self, client: &Client, id: u64, nonce: Option<&str>) -> Result<Value, Refusal> {
        let grant = lock(&self.book).live_grant(id).cloned();
        let grant = grant
            .filter(|grant| grant.client == client.id)
            .ok_or_else(|| Refusal::new("invalid_grant", "the grant is revoked or another's"))?;
        let person = self
            .person(|own| own.subject == grant.subject && own.active)
            .ok_or_else(|| Refusal::new("invalid_grant", "the account is closed"))?;
        let lifetime = self.settings.token_lifetime.as_secs();
        let offline = grant.scopes.contains("offline_access");
        let (edit, offline) = {
            let behaviour = lock(&self.behaviour);
            (behaviour.token_response.clone(), offline && !behaviour.no_refresh_tokens)
        };
        let access_token = lock(&self.book).add_access_token(id, self.now() + lifetime);
        let id_token = self
            .id_token(client, &person, &grant, nonce, &access_token)
            .ok_or_else(|| Refusal::new("server_error", "the ID token could not be signed"))?;
        let scopes: Vec<&str> = grant.scopes.iter().map(String::as_str).collect();
        let tokens = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": lifetime,
            "scope": scopes.join(" "), "id_token": id_token,
        });
        let Value::Object(mut tokens) = tokens else { return Ok(tokens) };
        if let Some(token) = offline.then(|| lock(&self.book).add_refresh_token(id)).flatten() {
            tokens.insert("refresh_token".to_owned(), token.into());
        }
        if let Some(edit) = edit {
            edit(&mut tokens);
        }
        Ok(Value::Object(tokens))
    }

    /// `/revoke` (RFC 7009 §2): an unknown token is as good as a revoked one.
    pub(super) fn revoke(&self, asked: &Asked) -> Response<Body> {
        let client = match self.authenticate(asked) {
            Ok(client) => client,
            Err(refusal) => return refusal.answer(),
        };
        let mut book = lock(&self.book);
        let grant = asked.field("token").and_then(|token| book.grant_of(token));
        let own = |id: &u64| book.live_grant(*id).is_some_and(|grant| grant.client == client.id);
        if let Some(grant) = grant.filter(own) {
            book.kill_grant(grant);
        }
        answer::text(StatusCode::OK, "")
    }
}
