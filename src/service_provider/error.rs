//! What can go wrong between us and a SAML identity provider, and whose fault it is.

use crate::http_client;
use crate::policy::{NameError, Reason};
use crate::saml::{MetadataError, Refusal, SendError, SettingsError};

/// Everything that can stop a sign-in or a logout.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("cannot reach the identity provider's metadata")]
    Unreachable(#[source] http_client::Error),
    /// An answer that is none.
    #[error("the identity provider's metadata has status {0}")]
    Status(u16),
    /// Not UTF-8.
    #[error("the identity provider's metadata is not UTF-8")]
    NotText,
    /// Metadata that cannot be used.
    #[error("the identity provider's metadata {0}")]
    Metadata(#[source] MetadataError),
    /// Metadata that describes what cannot work, or would not be safe.
    #[error("the identity provider's metadata cannot be used: {0}")]
    Settings(SettingsError),
    /// Another provider stands where ours stood.
    #[error("the metadata names another entity id than before; write entity_id to accept it")]
    AnotherEntity,
    /// The configured description is too old.
    #[error("the identity provider's metadata is no longer valid (validUntil); replace the file")]
    Expired,
    /// A message that does not verify.
    #[error("{name}: {0}", name = .0.name())]
    Refused(Refusal),
    /// A message of ours that could not be made.
    #[error("the request cannot be made: {0}")]
    Send(SendError),
    /// A name that is another one at each sign-in.
    #[error(
        "the name id is transient, another one at each sign-in; set name_id_format, or name the \
         attribute that stays the same in subject"
    )]
    Transient,
    /// No attribute, or several values, where one is to name the person.
    #[error("the attribute {0:?} does not name the person by exactly one value")]
    SubjectAttribute(String),
    /// A name that cannot be used.
    #[error("the name of the person {0}")]
    Subject(NameError),
    /// More messages to verify than this machine can.
    #[error("too many messages are being verified")]
    Busy,
}

impl Error {
    /// What the person and the log are told.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unreachable(_) | Self::Status(_) => Reason::IdpUnreachable,
            Self::NotText
            | Self::Metadata(_)
            | Self::Settings(_)
            | Self::AnotherEntity
            | Self::Expired
            | Self::Transient
            | Self::SubjectAttribute(_)
            | Self::Subject(_) => Reason::IdpInvalid,
            Self::Send(error) => match error {
                SendError::MetadataExpired | SendError::NoLogout => Reason::IdpInvalid,
                SendError::RelayState
                | SendError::NoSigningKey
                | SendError::Random
                | SendError::Signing(_) => Reason::Internal,
            },
            Self::Refused(refusal) => reason(*refusal),
            Self::Busy => Reason::Busy,
        }
    }

    /// The error and its causes, on one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let words = cause.to_string();
            if !text.ends_with(&words) {
                text = format!("{text}: {words}");
            }
            source = cause.source();
        }
        text
    }
}

/// Whom a refusal is told: the person whose answer came twice or to the wrong browser, or whoever
/// set the identity provider up.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not named here is the content of a message that does not verify"
)]
const fn reason(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::TooLarge
        | Refusal::NotBase64
        | Refusal::NotDeflate
        | Refusal::ParameterMissing
        | Refusal::ParameterDoubled
        | Refusal::ParameterMalformed => Reason::BadParameters,
        Refusal::Unsolicited | Refusal::InResponseTo | Refusal::Replayed => Reason::StateUnknown,
        Refusal::StatusRequester
        | Refusal::StatusResponder
        | Refusal::StatusVersion
        | Refusal::StatusAuthnFailed
        | Refusal::StatusNoPassive
        | Refusal::StatusRequestDenied
        | Refusal::StatusNameIdPolicy
        | Refusal::StatusNoAuthnContext
        | Refusal::StatusUnknownPrincipal
        | Refusal::StatusOther => Reason::IdpRefused,
        Refusal::ReplayCacheFull => Reason::Busy,
        _ => Reason::IdpInvalid,
    }
}
