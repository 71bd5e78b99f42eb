//! How a sign-in ends at the provider, from either side.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use url::Url;

use crate::jose::{Claims, Invalid, Use};
use crate::observe::Call;
use crate::policy::Subject;

use super::error::{Error, Token};
use super::{RelyingParty, Tokens};

/// How long somebody who signs out waits for the provider.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest that a logout token is remembered.
const MEMORY: Duration = Duration::from_secs(3600);
/// How far two clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// More logout tokens than a provider sends within an hour to one organization.
const MAX_REMEMBERED: usize = 100_000;

/// Whose sessions a provider ends (Back-Channel Logout §2.4); at least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Who says so.
    pub issuer: String,
    /// The person: all sessions at this issuer, when no session is named.
    pub subject: Option<Subject>,
    /// The provider's session.
    pub session: Option<String>,
    /// The token's own name.
    pub jti: String,
    /// Sessions begun later are not meant.
    pub issued_at: SystemTime,
    /// From then on, the token would no longer be taken.
    pub expires_at: SystemTime,
}

/// The logout tokens that were used, by `jti`, until they expire.
#[derive(Debug, Default)]
pub(super) struct Replays {
    seen: Mutex<HashMap<String, SystemTime>>,
}

impl Replays {
    /// Notes a verified token; refuses one that came before, and any when the memory is full.
    fn admit(&self, token: &LogoutToken, now: SystemTime) -> Result<(), Invalid> {
        let mut seen = self.seen.lock().map_err(|_| Invalid::Replayed)?;
        if seen.len() >= MAX_REMEMBERED {
            seen.retain(|_, expires_at| *expires_at > now);
        }
        let known = seen.get(&token.jti).is_some_and(|expires_at| *expires_at > now);
        if known || seen.len() >= MAX_REMEMBERED {
            return Err(Invalid::Replayed);
        }
        seen.insert(token.jti.clone(), token.expires_at);
        Ok(())
    }
}

impl RelyingParty {
    /// Verifies a logout token (Back-Channel Logout §2.6). Anyone may send one: nothing is fetched
    /// for a token that would be refused anyway, and little for one that would not.
    ///
    /// # Errors
    /// The first check that it does not pass.
    pub async fn logout_token(&self, raw: &str, now: SystemTime) -> Result<LogoutToken, Error> {
        let refuse = |invalid| Error::Invalid { token: Token::Logout, invalid };
        let claims = self.provider.verify(raw, Use::LogoutToken, Token::Logout, now).await?;
        let token = self.read_logout(&claims).map_err(refuse)?;
        self.replays.admit(&token, now).map_err(refuse)?;
        Ok(token)
    }

    fn read_logout(&self, claims: &Claims) -> Result<LogoutToken, Invalid> {
        let named = claims.text(&self.settings().subject_claim);
        let subject = named.map(Subject::parse).transpose();
        let subject = subject.map_err(|_| Invalid::Malformed("sub"))?;
        let session = claims.text("sid").map(str::to_owned);
        if subject.is_none() && session.is_none() {
            // It names the person by a claim that this organization's people are not known by.
            return Err(Invalid::Missing("sub"));
        }
        let issued_at = claims.time("iat")?.ok_or(Invalid::Missing("iat"))?;
        let latest = issued_at + MEMORY;
        let expires_at = claims.time("exp")?.map_or(latest, |expiry| expiry.min(latest)) + LEEWAY;
        let jti = claims.text("jti").ok_or(Invalid::Missing("jti"))?.to_owned();
        let issuer = claims.issuer().to_owned();
        Ok(LogoutToken { issuer, subject, session, jti, issued_at, expires_at })
    }

    /// Where the browser goes to end the provider's session too (RP-Initiated Logout §2); `None`
    /// when the provider has no such place, or cannot be asked now.
    pub async fn logout_url(
        &self,
        id_token_hint: Option<&str>,
        post_logout_redirect_uri: &str,
        state: &str,
        now: SystemTime,
    ) -> Option<String> {
        let metadata =
            tokio::time::timeout(PATIENCE, self.provider.metadata(now)).await.ok()?.ok()?;
        let mut url: Url = metadata.value.end_session.clone()?;
        {
            let mut query = url.query_pairs_mut();
            if let Some(hint) = id_token_hint {
                query.append_pair("id_token_hint", hint);
            }
            query
                .append_pair("client_id", &self.settings().client_id)
                .append_pair("post_logout_redirect_uri", post_logout_redirect_uri)
                .append_pair("state", state);
        }
        Some(url.into())
    }

    /// Tells the provider that the refresh token will not be used again (RFC 7009). Best effort:
    /// the session here ends in any case.
    pub async fn revoke(&self, tokens: &Tokens, now: SystemTime) {
        let revoked = tokio::time::timeout(PATIENCE, self.try_revoke(tokens, now)).await;
        if !matches!(revoked, Ok(true)) {
            tracing::warn!("the identity provider did not take back a refresh token");
        }
    }

    async fn try_revoke(&self, tokens: &Tokens, now: SystemTime) -> bool {
        let Some(refresh) = &tokens.refresh else { return true };
        let Ok(metadata) = self.provider.metadata(now).await else { return false };
        let metadata = &metadata.value;
        let Some(endpoint) = &metadata.revocation else { return true };
        let parameters = [("token", refresh.expose_secret()), ("token_type_hint", "refresh_token")];
        let request = self.credentials.form(self.settings(), metadata, endpoint, &parameters, now);
        let Ok(Some(request)) = request else { return false };
        let answer = self.provider.http().calling(Call::Revocation).send(request).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}
