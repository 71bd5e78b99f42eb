//! OpenID Connect: one relying party for each organization.

mod begin;
mod cached;
mod callback;
mod client;
mod discovery;
mod error;
mod finish;
mod graph;
mod issuer_keys;
mod logout;
mod oauth_error;
mod probe;
mod profile;
mod provider;
mod raw_tokens;
mod refresh;
mod settings;
mod token;
mod transaction;
mod userinfo;

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::Oidc;
use crate::http_client::HttpClient;
use crate::policy::Attribute;

use client::Credentials;
use logout::Replays;
use provider::Provider;

pub use callback::{CallbackParameters, ParameterError};
pub use discovery::MetadataError;
pub use error::{AnswerError, Blame, Endpoint, Error, StateError, Token};
pub use finish::Verified;
pub use issuer_keys::IssuerKeys;
pub use logout::LogoutToken;
pub use oauth_error::OauthError;
pub use probe::{ProbeReport, ProbeWarning};
pub use profile::email as believed_email;
pub use refresh::RefreshError;
pub use settings::SettingsError;
pub use token::Tokens;
pub use transaction::{Begun, Prompt, TRANSACTION_LIFE, Transaction, Wish};

/// Microsoft Graph, where the groups of a person in too many of them are.
const GRAPH: &str = "https://graph.microsoft.com";

/// We, towards one organization's OpenID provider.
///
/// Shared by all threads: what it remembers (metadata, keys, used logout tokens) is behind locks
/// that are never held while something is awaited, and behind one asynchronous lock for each thing
/// that is fetched.
#[derive(Debug)]
pub struct RelyingParty {
    provider: Arc<Provider>,
    credentials: Credentials,
    role_attribute: Attribute,
    graph: String,
    replays: Replays,
}

impl RelyingParty {
    /// A relying party; reads the key files that the settings name, asks nobody yet.
    ///
    /// `role_attribute` is where the role mapping looks: it decides when userinfo is needed, and
    /// whether groups that are too many for the token matter.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        settings: Oidc,
        role_attribute: Attribute,
        redirect_uri: String,
        http: &HttpClient,
    ) -> Result<Self, SettingsError> {
        settings::check(&settings)?;
        let http = http.of(settings.provider.as_str()).trusting(&settings.ca_certificates)?;
        let credentials = Credentials::read(&settings, redirect_uri)?;
        let provider = Arc::new(Provider::new(settings, http));
        Ok(Self {
            provider,
            credentials,
            role_attribute,
            graph: GRAPH.to_owned(),
            replays: Replays::default(),
        })
    }

    /// The same, with Microsoft Graph at another address: national clouds, tests.
    #[must_use]
    pub fn with_graph(mut self, base: String) -> Self {
        self.graph = base;
        self
    }

    /// Whether the provider has answered the last call; `None` before the first.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        self.provider.http().up()
    }

    /// Keeps what is known of the provider fresh, and finds out whether one that has not answered
    /// does again; [`Self::up`] says so afterwards. Asks nobody whom nobody has asked before.
    pub async fn tend(&self, now: SystemTime) {
        if let Err(error) = self.provider.tend(now).await {
            tracing::debug!(%error, "an identity provider could not be asked beside a request");
        }
    }

    /// Whether `issuer` is who vouches here: for sign-ins that a third party begins
    /// (OIDC Core §4), and front-channel logout.
    #[must_use]
    pub fn issuer_matches(&self, issuer: &str) -> bool {
        self.settings().issuer.matches(issuer)
    }

    fn settings(&self) -> &Oidc {
        self.provider.settings()
    }
}
