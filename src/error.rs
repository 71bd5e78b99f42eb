//! Everything that can stop a request: whose fault it is, and what the client is told.

use http::StatusCode;

use crate::body::ReadError;
use crate::credential::{self, Refused, Unidentified, Unknown};
use crate::hub::BodyError;
use crate::policy::{Ambiguity, Challenge, OrganizationId, Reason};
use crate::{device, forward_auth, login, logout, proxy, recovery, session};

/// Why a request was not answered by the upstream or by one of our pages.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The target has two readings.
    #[error("the target has two readings")]
    Ambiguous(#[from] Ambiguity),
    /// Headers contradict each other.
    #[error("{0}")]
    Headers(&'static str),
    /// The body that names the organization cannot be read in one way.
    #[error("the body that names the organization cannot be read")]
    Body(#[from] BodyError),
    /// A body that we read is too large, or broke off.
    #[error("a body that is read here is too large or broke off")]
    Read(#[from] ReadError),
    /// A sign-in would help.
    #[error("a sign-in is required")]
    Challenge(Challenge),
    /// Others forward to the hub: it is not reached this way.
    #[error("the hub is not behind this gate")]
    Elsewhere,
    /// A rule says no.
    #[error("a rule refuses this: {reason}")]
    Deny {
        /// Which one.
        reason: Reason,
        /// Whose.
        organization: Option<OrganizationId>,
    },
    /// No page of ours, or not in this way.
    #[error("no page of ours: {0}")]
    Page(Reason),
    /// A sign-in did not come about.
    #[error("the sign-in did not come about")]
    Login {
        /// Whose.
        organization: OrganizationId,
        /// Why, and what is left to do.
        #[source]
        failure: Box<login::Failure>,
    },
    /// A sign-out did not come about.
    #[error("the sign-out did not come about")]
    Logout(#[from] logout::Error),
    /// A recovery code was not taken.
    #[error("the recovery code was not taken")]
    Recovery(#[from] recovery::Error),
    /// A person's answer for a program was not taken.
    #[error("the answer for a program was not taken")]
    Device(#[from] device::Error),
    /// The store cannot say.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// A credential of ours that opens nothing.
    #[error("a credential is refused: {}", .0.reason)]
    Credential(Refused),
    /// Nobody can say who is asking.
    #[error("nobody can say who is asking")]
    Unidentified(#[from] Unidentified),
    /// A proxy's question cannot be answered.
    #[error("a proxy's question cannot be answered")]
    ForwardAuth(#[from] forward_auth::Error),
    /// The hub did not answer.
    #[error("the hub did not answer")]
    Proxy(#[from] proxy::Error),
}

impl From<credential::Error> for Error {
    fn from(error: credential::Error) -> Self {
        match error {
            credential::Error::Session(error) => Self::Session(error),
            // Where it is known whose sign-in has ended, signing in again helps.
            credential::Error::Refused(Refused {
                reason,
                organization: Some(organization),
                ..
            }) => Self::Challenge(Challenge { organization, reason }),
            credential::Error::Refused(refused) => Self::Credential(refused),
        }
    }
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// The identity provider, or whoever set it up.
    IdentityProvider,
    /// The hub.
    Upstream,
    /// We.
    Us,
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Ambiguous(_) => Reason::AmbiguousPath,
            Self::Headers(_) => Reason::AmbiguousHeaders,
            Self::Body(BodyError::Unseen) => Reason::BodyUnread,
            Self::Body(_) | Self::Read(ReadError::Broken(_) | ReadError::TooSlow) => {
                Reason::AmbiguousBody
            }
            Self::Read(ReadError::TooLarge(_)) => Reason::BodyTooLarge,
            Self::Challenge(challenge) => challenge.reason,
            Self::Elsewhere => Reason::ForwardAuthOnly,
            Self::Deny { reason, .. } | Self::Page(reason) => *reason,
            Self::Credential(refused) => refused.reason,
            Self::Login { failure, .. } => failure.error.reason(),
            Self::Logout(error) => error.reason(),
            Self::Device(error) => error.reason(),
            Self::Recovery(error) => error.reason(),
            Self::Session(session::Error::Unavailable) => Reason::StoreUnavailable,
            Self::ForwardAuth(error) => error.reason(),
            Self::Proxy(error) => error.reason(),
            Self::Unidentified(error) => match error {
                Unidentified::Unknown(Unknown::Contradiction(_)) => Reason::AmbiguousHeaders,
                Unidentified::Unknown(Unknown::Unanswered(_) | Unknown::Odd(_) | Unknown::Busy) => {
                    Reason::WhoamiUnavailable
                }
                Unidentified::Session(session::Error::Unavailable) => Reason::StoreUnavailable,
            },
        }
    }

    /// The status, where the client's dialect has no opinion.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Proxy(error) => error.status(),
            // Back-Channel Logout §2.8: whatever is wrong with a logout token is a 400.
            Self::Logout(logout::Error::Oidc(_)) => StatusCode::BAD_REQUEST,
            // So is what is wrong with a SAML message; what cannot be verified now may come again.
            Self::Logout(logout::Error::Saml(error)) => match status(error.reason()) {
                ours if ours.is_server_error() => ours,
                _ => StatusCode::BAD_REQUEST,
            },
            Self::Ambiguous(_)
            | Self::Headers(_)
            | Self::Body(_)
            | Self::Read(_)
            | Self::Challenge(_)
            | Self::Elsewhere
            | Self::Deny { .. }
            | Self::Page(_)
            | Self::Login { .. }
            | Self::Logout(_)
            | Self::Device(_)
            | Self::Recovery(_)
            | Self::ForwardAuth(_)
            | Self::Session(_)
            | Self::Credential(_)
            | Self::Unidentified(_) => status(self.reason()),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self.reason() {
            Reason::IdpRefused | Reason::IdpInvalid | Reason::IdpUnreachable => {
                Blame::IdentityProvider
            }
            Reason::UpstreamUnreachable
            | Reason::UpstreamTimeout
            | Reason::UpstreamInvalid
            | Reason::WhoamiUnavailable => Blame::Upstream,
            Reason::StoreUnavailable | Reason::Busy | Reason::Internal => Blame::Us,
            Reason::SignInRequired
            | Reason::SessionExpired
            | Reason::SessionRevoked
            | Reason::TokenUnknown
            | Reason::TokenExpired
            | Reason::TokenRevoked
            | Reason::ServiceAccountExpired
            | Reason::NetworkNotAllowed
            | Reason::WorkloadRefused
            | Reason::MixedCredentials
            | Reason::RoleTooLow
            | Reason::EmailDomain
            | Reason::NotAMember
            | Reason::RoleAttributeMissing
            | Reason::CredentialUnidentified
            | Reason::AccountLinked
            | Reason::AccountUnmatched
            | Reason::AmbiguousPath
            | Reason::AmbiguousBody
            | Reason::BodyTooLarge
            | Reason::BodyUnread
            | Reason::AmbiguousHeaders
            | Reason::UnclaimedNamespace
            | Reason::DeniedByRule
            | Reason::NoSuchPage
            | Reason::MethodNotAllowed
            | Reason::UnknownOrganization
            | Reason::CrossSite
            | Reason::BadParameters
            | Reason::StateUnknown
            | Reason::TooManyAttempts
            | Reason::UntrustedProxy
            | Reason::ForwardAuthFields
            | Reason::ForeignHost
            | Reason::ForwardAuthOnly
            | Reason::UnsupportedRequest => Blame::Client,
        }
    }

    /// The organization that it is about.
    #[must_use]
    pub const fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Self::Challenge(challenge) => Some(&challenge.organization),
            Self::Deny { organization, .. } => organization.as_ref(),
            Self::Login { organization, .. } => Some(organization),
            Self::Ambiguous(_)
            | Self::Headers(_)
            | Self::Body(_)
            | Self::Read(_)
            | Self::Elsewhere
            | Self::Page(_)
            | Self::Logout(_)
            | Self::Device(_)
            | Self::Recovery(_)
            | Self::ForwardAuth(_)
            | Self::Session(_)
            | Self::Credential(_)
            | Self::Unidentified(_)
            | Self::Proxy(_) => None,
        }
    }

    /// Seconds after which a retry makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.status().is_server_error().then_some(5)
    }
}

/// The status that belongs to a reason.
const fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::SignInRequired
        | Reason::SessionExpired
        | Reason::SessionRevoked
        | Reason::TokenUnknown
        | Reason::TokenExpired
        | Reason::TokenRevoked
        | Reason::ServiceAccountExpired
        | Reason::NetworkNotAllowed
        | Reason::WorkloadRefused
        | Reason::RoleTooLow
        | Reason::EmailDomain
        | Reason::NotAMember
        | Reason::CredentialUnidentified
        | Reason::AccountLinked
        | Reason::AccountUnmatched
        | Reason::RoleAttributeMissing
        | Reason::UnclaimedNamespace
        | Reason::DeniedByRule
        | Reason::BodyUnread
        | Reason::CrossSite
        | Reason::IdpRefused
        | Reason::IdpInvalid
        | Reason::UntrustedProxy => StatusCode::FORBIDDEN,
        Reason::AmbiguousPath
        | Reason::AmbiguousBody
        | Reason::AmbiguousHeaders
        | Reason::MixedCredentials
        | Reason::BadParameters
        | Reason::StateUnknown
        | Reason::ForwardAuthFields
        | Reason::ForeignHost
        | Reason::UnsupportedRequest => StatusCode::BAD_REQUEST,
        Reason::ForwardAuthOnly => StatusCode::MISDIRECTED_REQUEST,
        Reason::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::NoSuchPage | Reason::UnknownOrganization => StatusCode::NOT_FOUND,
        Reason::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Reason::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Reason::UpstreamUnreachable | Reason::UpstreamInvalid => StatusCode::BAD_GATEWAY,
        Reason::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Reason::IdpUnreachable
        | Reason::WhoamiUnavailable
        | Reason::StoreUnavailable
        | Reason::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
