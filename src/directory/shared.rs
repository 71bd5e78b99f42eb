//! What the SAML service providers of all organizations have in common.

use std::sync::Arc;

use super::{Cause, Provider};
use crate::config::{self, Config, OrganizationConfig};
use crate::http_client::HttpClient;
use crate::saml::{ReplayCache, SigningKey};
use crate::service_provider::{ServiceProvider, Surroundings, Verifying, made_key};

/// What all SAML service providers share, and what survives a reload.
#[derive(Clone, Debug, Default)]
pub(super) struct SamlSurroundings {
    made_key: Option<SigningKey>,
    replay: Arc<ReplayCache>,
    verifying: Verifying,
}

impl SamlSurroundings {
    pub(super) fn set_up(
        &mut self,
        config: &Config,
        organization: &OrganizationConfig,
        settings: &config::Saml,
        http: &HttpClient,
    ) -> Result<Provider, Cause> {
        if settings.signing_keys.is_empty() && self.made_key.is_none() {
            self.made_key = Some(made_key()?);
        }
        let around = Surroundings {
            public_url: &config.public_url,
            http,
            made_key: self.made_key.as_ref(),
            replay: &self.replay,
            verifying: &self.verifying,
        };
        let provider = ServiceProvider::new(&organization.policy.id, settings, &around)?;
        Ok(Provider::Saml(Arc::new(provider)))
    }
}
