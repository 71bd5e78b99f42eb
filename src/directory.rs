//! The organizations and their identity providers, by id.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{self, Config, OrganizationConfig, PublicUrl};
use crate::http_client::HttpClient;
use crate::oidc::{self, RelyingParty};
use crate::policy::{EmailAddress, OrganizationId};

/// Every organization with a provider.
#[derive(Debug)]
pub struct Directory {
    public_url: PublicUrl,
    entries: HashMap<OrganizationId, Arc<Entry>>,
    order: Vec<OrganizationId>,
}

/// One organization and who vouches for its members.
#[derive(Debug)]
pub struct Entry {
    /// What it is told to be.
    pub config: Arc<OrganizationConfig>,
    /// Who vouches.
    pub provider: Provider,
}

/// Who vouches for members.
#[derive(Debug)]
pub enum Provider {
    /// OpenID Connect.
    Oidc(RelyingParty),
}

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("organization {organization}: {source}")]
pub struct SetupError {
    /// Whose provider.
    pub organization: OrganizationId,
    /// What is wrong.
    pub source: oidc::SettingsError,
}

impl Directory {
    /// Sets up every provider; nothing is fetched yet. An entry of `previous` whose organization
    /// and address are unchanged is taken over, with what it has learned of its provider.
    ///
    /// # Errors
    /// The first provider whose settings cannot work.
    pub fn new(
        config: &Config,
        http: &HttpClient,
        previous: Option<&Self>,
    ) -> Result<Self, SetupError> {
        let previous = previous.filter(|earlier| earlier.public_url == config.public_url);
        let mut entries = HashMap::with_capacity(config.organizations.len());
        let mut order = Vec::with_capacity(config.organizations.len());
        for organization in &config.organizations {
            let id = organization.policy.id.clone();
            order.push(id.clone());
            let earlier = previous.and_then(|earlier| earlier.find(&id));
            if let Some(entry) = earlier.filter(|e| Arc::ptr_eq(&e.config, organization)) {
                entries.insert(id, Arc::clone(entry));
                continue;
            }
            let provider = match &organization.provider {
                config::Provider::Oidc(settings) => {
                    let callback = config.public_url.join(
                        &settings.callback_path.clone().unwrap_or_else(|| callback_path(&id)),
                    );
                    RelyingParty::new(
                        (**settings).clone(),
                        organization.policy.role_mapping.attribute.clone(),
                        callback,
                        http,
                    )
                    .map(Provider::Oidc)
                    .map_err(|source| SetupError { organization: id.clone(), source })?
                }
            };
            entries.insert(id, Arc::new(Entry { config: Arc::clone(organization), provider }));
        }
        Ok(Self { public_url: config.public_url.clone(), entries, order })
    }

    /// The organization of that id.
    #[must_use]
    pub fn find(&self, id: &OrganizationId) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    /// Every organization, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    /// The organization whose domains hold the address.
    #[must_use]
    pub fn by_email(&self, address: &EmailAddress) -> Option<&Arc<Entry>> {
        self.iter().find(|entry| entry.config.policy.email_domains.contains(address))
    }
}

/// Where the provider's answer arrives: an address of each organization's own, so that one
/// provider's answer can never finish another's sign-in (RFC 9700 §4.4.2.2).
#[must_use]
pub fn callback_path(id: &OrganizationId) -> String {
    format!("/-/sso/{id}/oidc/callback")
}
