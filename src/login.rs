//! The way in: from a challenge to a session.

mod acs;
mod admit;
mod begin;
mod callback;
mod pending;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::config::PublicUrl;
use crate::credential::SessionCookie;
use crate::links::{self, Links};
use crate::observe::BegunBy;
use crate::oidc;
use crate::policy::{OrganizationId, Reason, ReturnTo, SignIn};
use crate::respond::{self, Answer};
use crate::service_provider;
use crate::session::{self, Sealer, SealerError, Sessions};

pub use acs::Sender;
pub use begin::Begin;

/// How long a person may take at the provider.
const PATIENCE: Duration = Duration::from_secs(600);

/// Everything that a sign-in needs.
#[derive(Debug)]
pub struct Login {
    public_url: PublicUrl,
    cookie: SessionCookie,
    sealer: Arc<Sealer>,
    sessions: Arc<Sessions>,
    consumed: ConsumedStates,
    links: Arc<Links>,
}

/// States that were used: a second use resumes or begins again, and never signs in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConsumedStates(Cache<[u8; 32], ()>);

impl Default for ConsumedStates {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(200_000).time_to_live(2 * PATIENCE).build())
    }
}

/// Why a sign-in did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter is missing, doubled or malformed.
    #[error("the sign-in's parameters are missing, doubled or malformed")]
    Parameters,
    /// Not begun in this browser, or too long ago.
    #[error("the sign-in was not begun in this browser, or it took too long")]
    StateUnknown,
    /// The provider, or what it sent.
    #[error(transparent)]
    Oidc(#[from] oidc::Error),
    /// The SAML identity provider, or what it sent.
    #[error(transparent)]
    Saml(#[from] service_provider::Error),
    /// An address of the protocol that the organization does not speak.
    #[error("the organization does not sign in by this protocol")]
    Protocol,
    /// The profile gives no membership.
    #[error("the profile gives no membership: {}", told(*reason, attribute))]
    Membership {
        /// Why.
        reason: Reason,
        /// Where the role mapping looks.
        attribute: String,
    },
    /// The hub's account in this browser, and the person, are not one.
    #[error("the hub's account and the person could not be linked")]
    Link(#[from] links::Refused),
    /// No store.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// No randomness.
    #[error(transparent)]
    Sealer(#[from] SealerError),
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Parameters => Reason::BadParameters,
            Self::StateUnknown => Reason::StateUnknown,
            Self::Oidc(error) => error.reason(),
            Self::Saml(error) => error.reason(),
            Self::Protocol => Reason::NoSuchPage,
            Self::Membership { reason, .. } => *reason,
            Self::Link(refused) => refused.reason(),
            Self::Session(session::Error::Unavailable) => Reason::StoreUnavailable,
            Self::Sealer(SealerError::NoRandom | SealerError::TooShort) => Reason::Internal,
        }
    }
}

/// Why there is no membership. One profile does not tell a person who has none of the attribute
/// from a provider that sends it for nobody, so both are said.
fn told(reason: Reason, attribute: &str) -> String {
    if reason != Reason::RoleAttributeMissing {
        return reason.to_string();
    }
    format!(
        "it lacks {attribute}: the person has none, or the provider is not set up to send it; for \
         people without it, set organization.role_mapping.missing = \"default\""
    )
}

/// A sign-in that did not come about: why, where it was going, and which cookie is to be taken away.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// Where the person wanted to go.
    pub return_to: Option<ReturnTo>,
    /// A `Set-Cookie` that takes the sign-in's cookie away.
    pub clear: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// A callback that led somewhere.
#[derive(Debug)]
pub struct Finished {
    /// The way on.
    pub answer: Answer,
    /// The sign-in, if this callback made one: a state that was used before makes none.
    pub sign_in: Option<SignIn>,
    /// Who began it.
    pub begun_by: BegunBy,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), return_to: None, clear: None }
    }
}

impl Login {
    /// Prepares sign-ins.
    #[must_use]
    pub fn new(
        public_url: PublicUrl,
        cookie: SessionCookie,
        sealer: Arc<Sealer>,
        sessions: Arc<Sessions>,
        consumed: ConsumedStates,
        links: Arc<Links>,
    ) -> Self {
        Self { public_url, cookie, sealer, sessions, consumed, links }
    }
}

/// The path that begins a sign-in and keeps the deep link.
#[must_use]
pub fn path(organization: &OrganizationId, return_to: Option<&ReturnTo>) -> String {
    let base = format!("/-/sso/{organization}/login");
    match return_to {
        Some(place) => {
            let query: String =
                url::form_urlencoded::byte_serialize(place.as_str().as_bytes()).collect();
            format!("{base}?return_to={query}")
        }
        None => base,
    }
}

/// A redirect to a place on this site.
fn to(place: &ReturnTo) -> Answer {
    respond::see_other(place.as_str())
}
