//! What can go wrong between us and an OpenID provider, and whose fault it is.

use crate::http_client;
use crate::jose::{Invalid, SigningError};
use crate::policy::Reason;

use super::callback::{ParameterError, plain};
use super::discovery::MetadataError;
use super::oauth_error::OauthError;

/// Where at the provider something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// OpenID Connect Discovery.
    Metadata,
    /// `jwks_uri`.
    Keys,
    /// Where people sign in.
    Authorization,
    /// Where codes and refresh tokens are exchanged.
    Token,
    /// OIDC Core §5.3.
    Userinfo,
    /// RFC 9126.
    PushedAuthorization,
    /// Microsoft Graph.
    Graph,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata",
            Self::Keys => "key set",
            Self::Authorization => "authorization endpoint",
            Self::Token => "token endpoint",
            Self::Userinfo => "userinfo endpoint",
            Self::PushedAuthorization => "pushed authorization request endpoint",
            Self::Graph => "Microsoft Graph",
        })
    }
}

/// Which token did not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// An ID token.
    Id,
    /// A logout token.
    Logout,
    /// Userinfo, signed or not.
    Userinfo,
    /// A machine's.
    Workload,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Id => "ID token",
            Self::Logout => "logout token",
            Self::Userinfo => "userinfo",
            Self::Workload => "workload's token",
        })
    }
}

/// Why an answer of an endpoint cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// An unexpected status.
    #[error("has status {0}")]
    Status(u16),
    /// Not the JSON that the specification asks for.
    #[error("is not what the specification asks for")]
    Form,
    /// No ID token at a sign-in (OIDC Core §3.1.3.3).
    #[error("has no ID token; is the scope `openid` allowed for this client?")]
    NoIdToken,
    /// An access token of a kind that we cannot use.
    #[error("has a token type other than Bearer")]
    TokenType,
    /// More pages than anyone has groups.
    #[error("has too many pages")]
    TooManyPages,
}

/// Why an answer does not belong to the sign-in under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// `state` is not the one that this sign-in began with.
    #[error("has another state")]
    Other,
    /// The sign-in was begun at another provider.
    #[error("was begun at another issuer")]
    Issuer,
    /// The sign-in was begun too long ago, or later than now.
    #[error("took too long")]
    Age,
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// The identity provider, or the way there.
    Provider,
    /// The provider's administrator or ours: the two configurations do not fit.
    Configuration,
    /// This machine.
    Ourselves,
}

/// Everything that can stop a sign-in, a refresh or a logout.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("cannot reach the identity provider's {endpoint}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        #[source]
        source: http_client::Error,
    },
    /// An answer that is none.
    #[error("the answer of the identity provider's {endpoint} {problem}")]
    Answer {
        /// Where.
        endpoint: Endpoint,
        /// What is wrong with it.
        problem: AnswerError,
    },
    /// Metadata that cannot be used.
    #[error("the identity provider's metadata {0}")]
    Metadata(MetadataError),
    /// The provider publishes no key for a token, and was asked for its keys too often to ask again.
    #[error("the identity provider's keys were asked for too often; a token's key is unknown")]
    KeysExhausted,
    /// The provider said no.
    #[error("the identity provider's {endpoint} answered {code}{}{}", said(description.as_deref()), look_at(*keys))]
    Refused {
        /// Where.
        endpoint: Endpoint,
        /// What it said.
        code: OauthError,
        /// What it added for developers; printable ASCII, shortened.
        description: Option<String>,
        /// The keys of the configuration that are in doubt: our proof was made of them.
        keys: Option<&'static str>,
    },
    /// Parameters of a callback.
    #[error("the callback {0}")]
    Parameters(ParameterError),
    /// A callback that belongs to no sign-in of this browser.
    #[error("the sign-in {0}")]
    State(StateError),
    /// A token that does not verify.
    #[error("the {token} {invalid}")]
    Invalid {
        /// Which.
        token: Token,
        /// The check that it did not pass.
        invalid: Invalid,
    },
    /// More groups than the token holds, and the configuration says to refuse.
    #[error("the person's groups are too many for the token")]
    GroupOverage,
    /// The role attribute is somewhere else (OIDC Core §5.6.2), where we do not look.
    #[error("the role attribute is a distributed claim")]
    DistributedClaim,
    /// A refresh without a refresh token.
    #[error("there is no refresh token")]
    NoRefreshToken,
    /// No randomness, no signature.
    #[error("cryptography failed on this machine")]
    Cryptography(#[from] SigningError),
}

/// What the provider added, in quotes.
fn said(description: Option<&str>) -> String {
    description.map(|text| format!(": {text:?}")).unwrap_or_default()
}

/// Where in the configuration the fault may be.
fn look_at(keys: Option<&str>) -> String {
    keys.map(|keys| format!("; look at {keys}")).unwrap_or_default()
}

impl Error {
    /// What the person and the log are told.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unreachable { .. } | Self::KeysExhausted => Reason::IdpUnreachable,
            Self::Answer { .. }
            | Self::Metadata(_)
            | Self::Invalid { .. }
            | Self::GroupOverage
            | Self::DistributedClaim => Reason::IdpInvalid,
            Self::Refused { .. } | Self::NoRefreshToken => Reason::IdpRefused,
            Self::Parameters(_) => Reason::BadParameters,
            Self::State(_) => Reason::StateUnknown,
            Self::Cryptography(_) => Reason::Internal,
        }
    }

    /// Who must act.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Unreachable { .. }
            | Self::Answer { .. }
            | Self::KeysExhausted
            | Self::Invalid { .. } => Blame::Provider,
            Self::Metadata(_) | Self::GroupOverage | Self::DistributedClaim => Blame::Configuration,
            Self::Refused { code, .. } => match code {
                OauthError::AccessDenied
                | OauthError::AccountSelectionRequired
                | OauthError::ConsentRequired
                | OauthError::InteractionRequired
                | OauthError::InvalidGrant
                | OauthError::LoginRequired => Blame::Client,
                OauthError::ServerError | OauthError::TemporarilyUnavailable => Blame::Provider,
                OauthError::InvalidClient
                | OauthError::InvalidRequest
                | OauthError::InvalidScope
                | OauthError::UnauthorizedClient
                | OauthError::UnsupportedGrantType
                | OauthError::UnsupportedResponseType
                | OauthError::Other => Blame::Configuration,
            },
            Self::Parameters(_) | Self::State(_) | Self::NoRefreshToken => Blame::Client,
            Self::Cryptography(_) => Blame::Ourselves,
        }
    }

    pub(super) const fn answer(endpoint: Endpoint, problem: AnswerError) -> Self {
        Self::Answer { endpoint, problem }
    }

    /// The no of an endpoint to which we have shown a proof, made of these keys.
    ///
    /// RFC 6749 §5.2 has `invalid_client` for a proof that is not taken; Keycloak says
    /// `unauthorized_client` of a wrong secret.
    pub(super) fn refused(
        endpoint: Endpoint,
        code: &str,
        description: Option<&str>,
        keys: &'static str,
    ) -> Self {
        let code = OauthError::parse(code);
        let ours = matches!(code, OauthError::InvalidClient | OauthError::UnauthorizedClient);
        let (description, keys) = (description.and_then(plain), ours.then_some(keys));
        Self::Refused { endpoint, code, description, keys }
    }
}

impl From<ParameterError> for Error {
    fn from(error: ParameterError) -> Self {
        Self::Parameters(error)
    }
}
