//! Why a request that was allowed got no answer from the hub, and whose fault that is.

use std::error::Error as _;
use std::io;

use http::StatusCode;

use crate::body;
use crate::observe::UpstreamError;
use crate::policy::Reason;

/// Why a request got no answer from the hub.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("the hub cannot be reached")]
    Unreachable(#[source] io::Error),
    /// It did not answer in time.
    #[error("the hub did not answer in time")]
    Timeout,
    /// It broke off, or sent what is no HTTP.
    #[error("the hub's answer could not be understood")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It changed to a protocol that nobody asked for.
    #[error("the hub changed to a protocol that was not asked for")]
    UnaskedUpgrade,
    /// More is going on than this gate carries.
    #[error("too many connections to the hub are open")]
    Busy,
    /// The client's fault.
    #[error("the client's request could not be forwarded")]
    Client(#[source] Cause),
}

/// What a client did.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Its body broke off.
    #[error("its body broke off")]
    Broken,
    /// Its session ended while it was sending.
    #[error("its session ended while it was sending")]
    SessionEnded,
    /// It stopped sending.
    #[error("it stopped sending")]
    Stalled,
    /// Something that is not forwarded: CONNECT, or no host or path.
    #[error("it asks for what is not forwarded")]
    Unsupported,
}

impl Error {
    /// The status that the client is told.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable(_) | Self::Invalid(_) | Self::UnaskedUpgrade => {
                StatusCode::BAD_GATEWAY
            }
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Client(Cause::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Self::Client(Cause::SessionEnded) => StatusCode::FORBIDDEN,
            Self::Client(Cause::Broken | Cause::Unsupported) => StatusCode::BAD_REQUEST,
        }
    }

    /// The stable cause.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unreachable(_) | Self::Busy => Reason::UpstreamUnreachable,
            Self::Timeout => Reason::UpstreamTimeout,
            Self::Invalid(_) | Self::UnaskedUpgrade => Reason::UpstreamInvalid,
            Self::Client(Cause::SessionEnded) => Reason::SessionExpired,
            Self::Client(Cause::Broken | Cause::Stalled | Cause::Unsupported) => {
                Reason::UnsupportedRequest
            }
        }
    }

    /// The metric, when it is not the client's fault.
    pub(super) const fn upstream(&self) -> Option<UpstreamError> {
        match self {
            Self::Unreachable(_) => Some(UpstreamError::Unreachable),
            Self::Timeout => Some(UpstreamError::Timeout),
            Self::Invalid(_) | Self::UnaskedUpgrade => Some(UpstreamError::Invalid),
            Self::Busy => Some(UpstreamError::Busy),
            Self::Client(_) => None,
        }
    }

    /// The hub's fault.
    pub(super) fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Invalid(Box::new(error))
    }

    /// What it means that a request's body broke off.
    pub(super) fn from_body(error: body::Error) -> Self {
        match error {
            body::Error::SessionEnded => Self::Client(Cause::SessionEnded),
            body::Error::Broken(_) => Self::Client(Cause::Broken),
            error @ (body::Error::Refused | body::Error::Hub(_)) => Self::invalid(error),
        }
    }

    /// What a connection's error means: the client's body is part of it.
    pub(super) fn from_hyper(error: hyper::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref::<body::Error>()) {
            Some(body::Error::Broken(_)) => Self::Client(Cause::Broken),
            Some(body::Error::SessionEnded) => Self::Client(Cause::SessionEnded),
            Some(body::Error::Refused | body::Error::Hub(_)) | None => Self::invalid(error),
        }
    }

    /// What a failure to connect means: without file descriptors or ports, it is ours.
    pub(super) fn from_connect(error: io::Error) -> Self {
        /// ENFILE, EMFILE on every Unix.
        const NO_FILES: [i32; 2] = [23, 24];
        let busy = error.kind() == io::ErrorKind::AddrNotAvailable
            || error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code));
        if busy {
            Self::Busy
        } else if error.kind() == io::ErrorKind::TimedOut {
            Self::Timeout
        } else {
            Self::Unreachable(error)
        }
    }
}
