//! What a token may be for.

use std::time::Duration;

/// What a token is for. A token of one use passes for no other (RFC 8725 §3.12).
#[derive(Clone, Copy)]
pub enum Use<'u> {
    /// From the token endpoint, at a sign-in (OIDC Core §3.1.3.7).
    IdToken {
        /// The nonce of the sign-in.
        nonce: &'u str,
        /// The access token that came with it.
        access_token: &'u str,
        /// The code that was exchanged for it.
        code: &'u str,
    },
    /// From the token endpoint, at a refresh (OIDC Core §12.2).
    RefreshedIdToken {
        /// The nonce of the sign-in, if the earlier ID token had one.
        nonce: Option<&'u str>,
        /// The access token that came with it.
        access_token: &'u str,
    },
    /// From the provider, at a logout (Back-Channel Logout §2.6).
    LogoutToken,
    /// From the userinfo endpoint, signed (OIDC Core §5.3.2).
    Userinfo,
    /// From a machine: a CI system's or a cluster's word for one of its jobs (RFC 7523 §3).
    Workload {
        /// How long it may be good, from `iat` to `exp`.
        longest: Duration,
    },
}
