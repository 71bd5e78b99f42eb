//! Whether a provider can be reached and fits the configuration, for `hubgate check --online`.

use std::time::SystemTime;

use crate::config::{ClientAuth, SigningAlgorithm};

use super::RelyingParty;
use super::discovery::Metadata;
use super::error::Error;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The issuer, or Entra's authority.
    pub issuer: String,
    /// Where people will be sent.
    pub authorization_endpoint: String,
    /// How many keys may verify signatures.
    pub keys: usize,
    /// What will probably not work.
    pub warnings: Vec<ProbeWarning>,
}

/// A doubt: metadata may be incomplete, so none of them stops anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeWarning {
    /// PKCE methods are listed, and S256 is not among them; it is sent in any case.
    #[error("the provider does not list the PKCE method S256")]
    NoS256,
    /// None of our algorithms.
    #[error("the provider signs ID tokens with {0}, none of which `algorithms` names")]
    Algorithms(String),
    /// Not our way to prove who we are.
    #[error("the provider does not list `{0}`; it lists {1}")]
    ClientAuth(&'static str, String),
    /// Scopes that it does not list.
    #[error("the provider does not list the scope `{0}`")]
    Scope(String),
    /// RFC 9126 §5.
    #[error("the provider wants pushed authorization requests, and names no place for them")]
    NoPushEndpoint,
}

impl RelyingParty {
    /// Fetches metadata and keys, and compares them with the configuration.
    ///
    /// # Errors
    /// What a sign-in would fail with.
    pub async fn probe(&self, now: SystemTime) -> Result<ProbeReport, Error> {
        let metadata = self.provider.metadata(now).await?;
        let keys = self.provider.keys(now).await?;
        Ok(ProbeReport {
            issuer: self.settings().issuer.as_str().to_owned(),
            authorization_endpoint: metadata.value.authorization.to_string(),
            keys: keys.value.len(),
            warnings: self.doubts(&metadata.value),
        })
    }

    fn doubts(&self, metadata: &Metadata) -> Vec<ProbeWarning> {
        let settings = self.settings();
        // A list that is not there says nothing.
        let lacks = |list: &[String], entry: &str| {
            !list.is_empty() && !list.iter().any(|listed| listed == entry)
        };
        let mut doubts = Vec::new();
        if lacks(&metadata.challenge_methods, "S256") {
            doubts.push(ProbeWarning::NoS256);
        }
        if settings.algorithms.iter().all(|ours| lacks(&metadata.algorithms, name(*ours))) {
            doubts.push(ProbeWarning::Algorithms(metadata.algorithms.join(", ")));
        }
        let method = match &settings.client_auth {
            ClientAuth::SecretPost(_) => "client_secret_post",
            ClientAuth::SecretBasic(_) => "client_secret_basic",
            ClientAuth::PrivateKeyJwt { .. } => "private_key_jwt",
            ClientAuth::None => "none",
        };
        if lacks(&metadata.client_auth, method) {
            doubts.push(ProbeWarning::ClientAuth(method, metadata.client_auth.join(", ")));
        }
        let unlisted = settings.scopes.iter().filter(|scope| lacks(&metadata.scopes, scope));
        doubts.extend(unlisted.map(|scope| ProbeWarning::Scope(scope.clone())));
        if metadata.pushed_required && metadata.pushed_authorization.is_none() {
            doubts.push(ProbeWarning::NoPushEndpoint);
        }
        doubts
    }
}

/// An algorithm's name in metadata.
const fn name(algorithm: SigningAlgorithm) -> &'static str {
    match algorithm {
        SigningAlgorithm::RS256 => "RS256",
        SigningAlgorithm::RS384 => "RS384",
        SigningAlgorithm::RS512 => "RS512",
        SigningAlgorithm::PS256 => "PS256",
        SigningAlgorithm::PS384 => "PS384",
        SigningAlgorithm::PS512 => "PS512",
        SigningAlgorithm::ES256 => "ES256",
        SigningAlgorithm::ES384 => "ES384",
        SigningAlgorithm::EdDSA => "EdDSA",
    }
}
