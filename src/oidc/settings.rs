//! Settings that make no relying party.

use std::path::PathBuf;

use crate::config::{Issuer, Oidc};
use crate::http_client::TrustError;
use crate::jose::ClientKeyError;

/// Why settings make no relying party.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A parameter that is ours to write.
    #[error("`extra_parameters` may not set `{0}`")]
    ReservedParameter(String),
    /// No algorithm: every token would be refused.
    #[error("`algorithms` is empty")]
    NoAlgorithm,
    /// Entra's many tenants, and none of them named.
    #[error("`issuer` serves many tenants, and none is named")]
    NoTenant,
    /// Our callback's address.
    #[error("the redirect URI is not a URL")]
    RedirectUri,
    /// A certificate authority.
    #[error("`ca_certificates`: {0}")]
    Trust(#[from] TrustError),
    /// The client's key or certificate.
    #[error("oidc.{0}")]
    ClientKey(#[from] ClientKeyError),
    /// The client's certificate cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Parameters of the authorization request that are ours to write.
const RESERVED: [&str; 17] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "request",
    "request_uri",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "max_age",
    "acr_values",
    "id_token_hint",
];

/// Refuses settings that could not work, or that would lower a guard.
pub(super) fn check(settings: &Oidc) -> Result<(), SettingsError> {
    if let Some((name, _)) =
        settings.extra_parameters.iter().find(|(name, _)| RESERVED.contains(&name.as_str()))
    {
        return Err(SettingsError::ReservedParameter(name.clone()));
    }
    if settings.algorithms.is_empty() {
        return Err(SettingsError::NoAlgorithm);
    }
    match &settings.issuer {
        Issuer::EntraTenants { tenants, .. } if tenants.is_empty() => Err(SettingsError::NoTenant),
        Issuer::EntraTenants { .. } | Issuer::Exact(_) => Ok(()),
    }
}
