//! The closed sets that metrics are labelled with.

/// The protocol of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenID Connect.
    Oidc,
    /// SAML 2.0.
    Saml,
}

/// Why a line of the audit log is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was one refusal of very many.
    Budget,
    /// Too many waited to be written.
    Queue,
    /// It could not be written.
    Write,
}

impl Lost {
    pub(super) const ALL: [Self; 3] = [Self::Budget, Self::Queue, Self::Write];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Queue => "queue",
            Self::Write => "write",
        }
    }
}

impl Protocol {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Saml => "saml",
        }
    }
}

/// How a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInResult {
    /// Someone signed in.
    Ok,
    /// The identity provider's answer, or the person, was refused.
    Refused,
    /// The identity provider could not be reached, or we failed.
    Failed,
}

impl SignInResult {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Why the hub did not answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// No connection could be made.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It broke off, or sent what is no HTTP.
    Invalid,
    /// Too much was going on already.
    Busy,
}

impl UpstreamError {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
        }
    }
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Everything that is in the files is at work.
    Ok,
    /// Something in the files is broken, and stayed as it was.
    Partial,
    /// Nothing was changed.
    Failed,
}

impl Reload {
    /// The name in metrics and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// As the bytes come.
    Plain,
    /// By TLS that we end.
    Tls,
}

impl Flow {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
        }
    }
}

/// Why a client's connection ended before a request could be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The TLS handshake failed, or took too long.
    Handshake,
    /// The head of a request took too long.
    SlowHead,
    /// The request was no HTTP that we read.
    Malformed,
    /// It could not be accepted.
    Accept,
    /// The client took nothing of its answer for too long.
    Stuck,
    /// It was cut at the end of the drain.
    Cut,
}

impl Connection {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::SlowHead => "slow-head",
            Self::Malformed => "malformed",
            Self::Accept => "accept",
            Self::Stuck => "stuck",
            Self::Cut => "cut",
        }
    }
}
