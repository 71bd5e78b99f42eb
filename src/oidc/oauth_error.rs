//! What providers say no with.

/// OAuth error codes (RFC 6749 §4.1.2.1 and §5.2, OIDC Core §3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the specifications")]
pub enum OauthError {
    AccessDenied,
    AccountSelectionRequired,
    ConsentRequired,
    InteractionRequired,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    LoginRequired,
    ServerError,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    Other,
}

impl OauthError {
    const NAMES: [(&'static str, Self); 14] = [
        ("access_denied", Self::AccessDenied),
        ("account_selection_required", Self::AccountSelectionRequired),
        ("consent_required", Self::ConsentRequired),
        ("interaction_required", Self::InteractionRequired),
        ("invalid_client", Self::InvalidClient),
        ("invalid_grant", Self::InvalidGrant),
        ("invalid_request", Self::InvalidRequest),
        ("invalid_scope", Self::InvalidScope),
        ("login_required", Self::LoginRequired),
        ("server_error", Self::ServerError),
        ("temporarily_unavailable", Self::TemporarilyUnavailable),
        ("unauthorized_client", Self::UnauthorizedClient),
        ("unsupported_grant_type", Self::UnsupportedGrantType),
        ("unsupported_response_type", Self::UnsupportedResponseType),
    ];

    /// The code that this text is.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map_or(Self::Other, |(_, code)| *code)
    }
}

impl std::fmt::Display for OauthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let found = Self::NAMES.iter().find(|(_, code)| code == self);
        f.write_str(found.map_or("an error of its own", |(name, _)| *name))
    }
}
