//! The words of OAuth: what clients send, and what they are told.

use http::StatusCode;
use serde_json::json;

use crate::respond::{self, Answer};

/// What an OAuth client is told (RFC 6749 §5.2, RFC 8628 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    InvalidRequest,
    UnsupportedGrantType,
    InvalidGrant,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    AccessDenied,
}

impl Refusal {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidRequest => {
                ("invalid_request", "A parameter is missing, doubled or malformed.")
            }
            Self::UnsupportedGrantType => (
                "unsupported_grant_type",
                "Only device codes and refresh tokens are exchanged here.",
            ),
            Self::InvalidGrant => (
                "invalid_grant",
                "The code or token is unknown, used up, or its sign-in has ended.",
            ),
            Self::AuthorizationPending => {
                ("authorization_pending", "Nobody has answered in the browser yet.")
            }
            Self::SlowDown => ("slow_down", "Ask less often."),
            Self::ExpiredToken => ("expired_token", "Nobody answered in the browser in time."),
            Self::AccessDenied => ("access_denied", "The person in the browser said no."),
        }
    }

    pub(super) fn answer(self, status: StatusCode) -> Answer {
        let (error, description) = self.words();
        respond::json(status, &json!({ "error": error, "error_description": description }))
    }
}

/// The parameters of a request, none of them twice (RFC 6749 §3.2).
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        std::str::from_utf8(body).ok()?;
        for (name, value) in url::form_urlencoded::parse(body) {
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return None;
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Some(Self(pairs))
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}
