//! What the token endpoint answers, read as it comes.
//!
//! The ID token stays text: the library would refuse a whole answer for one odd claim in it, and
//! our own verifier reads it.

use std::time::Duration;

use openidconnect::core::{
    CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, EmptyAdditionalClaims, ErrorResponseType, IdToken, OAuth2TokenResponse,
    RefreshToken, RequestTokenError, Scope, StandardErrorResponse, TokenResponse, TokenType,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::http_client;

use super::error::{AnswerError, Endpoint, Error};

/// An error answer of the token endpoint (RFC 6749 §5.2).
pub(super) type TokenError = StandardErrorResponse<ErrorCode>;

/// The text of `error`, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorCode(String);

impl ErrorResponseType for ErrorCode {}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `token_type`, compared without case (RFC 6749 §5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kind(String);

impl TokenType for Kind {}

/// What the token endpoint answers (RFC 6749 §5.1, OIDC Core §3.1.3.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RawTokens {
    access_token: AccessToken,
    token_type: Kind,
    #[serde(default, deserialize_with = "lenient_seconds")]
    expires_in: Option<u64>,
    #[serde(default)]
    refresh_token: Option<RefreshToken>,
    #[serde(default)]
    id_token: Option<RawIdToken>,
}

/// An ID token as text that does not print itself.
#[derive(Clone, Serialize, Deserialize)]
struct RawIdToken(String);

impl std::fmt::Debug for RawIdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawIdToken(…)")
    }
}

impl OAuth2TokenResponse for RawTokens {
    type TokenType = Kind;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &Kind {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.life()
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

type TypedIdToken = IdToken<
    EmptyAdditionalClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

impl
    TokenResponse<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    > for RawTokens
{
    fn id_token(&self) -> Option<&TypedIdToken> {
        None
    }
}

impl RawTokens {
    /// The ID token as it came.
    pub(super) fn raw_id_token(&self) -> Option<&str> {
        self.id_token.as_ref().map(|token| token.0.as_str())
    }

    pub(super) fn access(&self) -> &str {
        self.access_token.secret()
    }

    pub(super) fn life(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    pub(super) fn refresh(&self) -> Option<&str> {
        self.refresh_token.as_ref().map(|token| token.secret().as_str())
    }
}

/// `expires_in` as a number or, as some providers write it, as text; anything else is as if it were
/// not there.
fn lenient_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())))
}

/// The answer to a proof that was made of `keys`, or what is wrong with it. What the library says of
/// an answer that it cannot parse holds parts of the answer, which may be secret: it is dropped.
pub(super) fn read(
    answer: Result<RawTokens, RequestTokenError<http_client::Error, TokenError>>,
    keys: &'static str,
) -> Result<RawTokens, Error> {
    let endpoint = Endpoint::Token;
    let tokens = answer.map_err(|error| match error {
        RequestTokenError::ServerResponse(response) => {
            let description = response.error_description().map(String::as_str);
            Error::refused(endpoint, &response.error().0, description, keys)
        }
        RequestTokenError::Request(source) => Error::Unreachable { endpoint, source },
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            Error::answer(endpoint, AnswerError::Form)
        }
    })?;
    if tokens.token_type.0.eq_ignore_ascii_case("bearer") {
        Ok(tokens)
    } else {
        Err(Error::answer(endpoint, AnswerError::TokenType))
    }
}
