//! Sign-outs that the identity provider begins.

use std::time::SystemTime;

use http::{StatusCode, header};

use super::{Error, Logout, Named};
use crate::directory::{Entry, Provider};
use crate::respond::{self, Answer};
use crate::session::{ProviderSession, Selector};

impl Logout {
    /// A logout token (OIDC Back-Channel Logout 1.0 §2.5): ends the named session, or every
    /// session of the named person; unknown ones are no error (§2.8).
    ///
    /// # Errors
    /// When the form does not hold exactly one token, or the token does not verify.
    pub async fn back_channel(
        &self,
        entry: &Entry,
        form: &[u8],
        now: SystemTime,
    ) -> Result<(Answer, Named), Error> {
        let mut tokens =
            url::form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
        let (Some((_, raw)), None) = (tokens.next(), tokens.next()) else {
            return Err(Error::Parameters);
        };
        let Provider::Oidc(party) = &entry.provider else { return Err(Error::Protocol) };
        let token = party.logout_token(&raw, now).await?;
        let subject = token.subject.clone();
        let named = Selector {
            organization: entry.config.policy.id.clone(),
            issuer: token.issuer.into(),
            subject: token.subject.map(|subject| subject.as_str().to_owned()),
            idp_session: token.session,
            idp_name: None,
            // Signed in before the provider's word, or while it was on its way.
            until: now,
        };
        let ended = self.end(&[named], now).await?;
        tracing::info!(organization = %entry.config.policy.id, sessions = ended, "signed out by the identity provider");
        let answer = respond::answer(StatusCode::OK, "text/plain; charset=utf-8", "");
        Ok((answer, Named { subject, sessions: ended }))
    }

    /// A front-channel call (OIDC Front-Channel Logout 1.0 §2): ends the session that `iss` and
    /// `sid` name together, if it is here. Nothing else is revoked, here or at the provider, and
    /// nothing is remembered: the call is not authenticated.
    ///
    /// # Errors
    /// When a parameter is missing or doubled, or the issuer is another one.
    pub fn front_channel(&self, entry: &Entry, query: &str) -> Result<(Answer, Named), Error> {
        let (mut issuer, mut sid) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let doubled = match name.as_ref() {
                "iss" => issuer.replace(value.into_owned()).is_some(),
                "sid" => sid.replace(value.into_owned()).is_some(),
                _ => false,
            };
            if doubled {
                return Err(Error::Parameters);
            }
        }
        let Provider::Oidc(party) = &entry.provider else { return Err(Error::Protocol) };
        let (Some(issuer), Some(sid)) = (issuer, sid) else { return Err(Error::Parameters) };
        if !party.issuer_matches(&issuer) || sid.is_empty() {
            return Err(Error::Parameters);
        }
        let sessions = self.sessions.end_live(&ProviderSession {
            organization: entry.config.policy.id.clone(),
            issuer: issuer.into(),
            id: sid.into(),
        })?;
        let mut response = respond::answer(
            StatusCode::OK,
            "text/html; charset=utf-8",
            "<!doctype html><title>Signed out</title>",
        );
        response.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            const { http::HeaderValue::from_static("default-src 'none'") },
        );
        Ok((response, Named { subject: None, sessions: sessions.len() }))
    }
}
