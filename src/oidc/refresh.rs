//! How a sign-in is renewed: the provider's word is heard again, and its no ends the session.

use std::time::SystemTime;

use crate::jose::{Claims, Invalid, Use};
use crate::policy::Subject;

use super::discovery::Metadata;
use super::error::{AnswerError, Endpoint, Error, Token};
use super::oauth_error::OauthError;
use super::profile::{self, Precedence};
use super::raw_tokens::RawTokens;
use super::{RelyingParty, Tokens, Verified};

/// Why a sign-in was not renewed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RefreshError {
    /// The provider said no, or what it said does not verify: the session ends now.
    #[error("the identity provider ended the sign-in: {0}")]
    Ended(#[source] Error),
    /// Nobody said anything: the session goes on as it was, and is renewed later.
    #[error("the sign-in could not be renewed: {source}")]
    Unavailable {
        /// Why.
        #[source]
        source: Error,
        /// New tokens, if the provider gave some before it fell silent: they must be kept, since
        /// the refresh token that they replace may be spent, and using it again would end the
        /// session (RFC 9700 §4.14.2).
        tokens: Option<Box<Tokens>>,
    },
}

impl RefreshError {
    fn new(source: Error, tokens: Option<Tokens>) -> Self {
        if is_final(&source) {
            Self::Ended(source)
        } else {
            Self::Unavailable { source, tokens: tokens.map(Box::new) }
        }
    }
}

/// Whether the error is the provider's word about the person, and not about the way there or about
/// our registration, which the person cannot be blamed for.
const fn is_final(error: &Error) -> bool {
    match error {
        Error::Refused { code, .. } => match code {
            OauthError::InvalidClient
            | OauthError::ServerError
            | OauthError::TemporarilyUnavailable => false,
            OauthError::AccessDenied
            | OauthError::AccountSelectionRequired
            | OauthError::ConsentRequired
            | OauthError::InteractionRequired
            | OauthError::InvalidGrant
            | OauthError::InvalidRequest
            | OauthError::InvalidScope
            | OauthError::LoginRequired
            | OauthError::UnauthorizedClient
            | OauthError::UnsupportedGrantType
            | OauthError::UnsupportedResponseType
            | OauthError::Other => true,
        },
        // The fresh access token is refused: the person may no longer use it.
        Error::Answer { endpoint: Endpoint::Userinfo | Endpoint::Graph, problem } => {
            match problem {
                AnswerError::Status(status) => matches!(status, 400..=499),
                AnswerError::Form
                | AnswerError::NoIdToken
                | AnswerError::TokenType
                | AnswerError::TooManyPages => false,
            }
        }
        // A new key that the provider signs with before all of its servers publish it.
        Error::Invalid { invalid: Invalid::UnknownKey, .. }
        | Error::Answer { .. }
        | Error::Unreachable { .. }
        | Error::Metadata(_)
        | Error::KeysExhausted
        | Error::Cryptography(_) => false,
        Error::Invalid { .. }
        | Error::GroupOverage
        | Error::DistributedClaim
        | Error::NoRefreshToken
        | Error::Parameters(_)
        | Error::State(_) => true,
    }
}

impl RelyingParty {
    /// Renews a sign-in (OIDC Core §12): the same person at the same issuer, with claims read
    /// again. The caller sees to it that a refresh token is used by one request at a time.
    ///
    /// # Errors
    /// [`RefreshError`] says whether the session ends or may go on for a while.
    pub async fn refresh(
        &self,
        tokens: &Tokens,
        subject: &Subject,
        now: SystemTime,
    ) -> Result<Verified, RefreshError> {
        let settings = self.settings();
        let not_yet = |error| RefreshError::new(error, None);
        let refresh = tokens.refresh.as_ref().ok_or(not_yet(Error::NoRefreshToken))?;
        let metadata = self.provider.metadata(now).await.map_err(not_yet)?;
        let metadata = &metadata.value;
        let http = self.provider.http();
        let raw = self
            .credentials
            .exchange_refresh_token(settings, metadata, http, refresh.expose_secret(), now)
            .await
            .map_err(not_yet)?;
        self.hear(tokens, subject, metadata, &raw, now)
            .await
            .map_err(|error| RefreshError::new(error, Some(tokens.renewed(&raw, None, now))))
    }

    /// What the provider says of the person now.
    async fn hear(
        &self,
        tokens: &Tokens,
        subject: &Subject,
        metadata: &Metadata,
        raw: &RawTokens,
        now: SystemTime,
    ) -> Result<Verified, Error> {
        let settings = self.settings();
        let fresh = match raw.raw_id_token() {
            Some(id_token) => {
                let nonce = tokens.nonce.as_deref();
                let purpose = Use::RefreshedIdToken { nonce, access_token: raw.access() };
                let claims = self.provider.verify(id_token, purpose, Token::Id, now).await?;
                check_same(tokens, &claims)?;
                Some(claims)
            }
            None => None,
        };
        // OIDC Core §12.2 lets a provider leave the ID token out: then the sign-in's own stands,
        // and userinfo, which is newer, counts for more.
        let (claims, precedence) = match &fresh {
            Some(claims) => (claims, Precedence::IdToken),
            None => (&*tokens.claims, Precedence::Userinfo),
        };
        if profile::subject(settings, claims)? != *subject {
            return Err(OTHER_PERSON);
        }
        let profile = self.describe(claims, raw.access(), metadata, precedence, now).await?;
        let idp_session = claims.text("sid").map(str::to_owned);
        Ok(Verified { profile, tokens: tokens.renewed(raw, fresh, now), idp_session })
    }
}

const OTHER_PERSON: Error = Error::Invalid { token: Token::Id, invalid: Invalid::Subject };

/// What OIDC Core §12.2 asks of a refreshed ID token beside the usual: the same `iss` and `sub`,
/// and an authentication that is not earlier than the sign-in's.
fn check_same(tokens: &Tokens, claims: &Claims) -> Result<(), Error> {
    let refuse = |invalid| Err(Error::Invalid { token: Token::Id, invalid });
    let old = &tokens.claims;
    if claims.issuer() != old.issuer() {
        return refuse(Invalid::Issuer);
    }
    if claims.text("sub") != old.text("sub") {
        return Err(OTHER_PERSON);
    }
    let authenticated = claims.time("auth_time").ok().flatten();
    match (authenticated, tokens.authenticated_at) {
        (Some(new), Some(old)) if new < old => refuse(Invalid::AuthenticationTime),
        (Some(_), Some(_) | None) | (None, Some(_) | None) => Ok(()),
    }
}
