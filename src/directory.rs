//! The organizations and their identity providers, by id.

mod shared;
mod tend;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{self, Config, OrganizationConfig, PublicUrl, difference};
use crate::http_client::HttpClient;
use crate::observe::{CertificateOf, Metrics};
use crate::oidc::{self, RelyingParty};
use crate::policy::{EmailAddress, OrganizationId};
use crate::service_provider::{self, MadeKeyError, ServiceProvider};

use shared::SamlSurroundings;

/// Every organization with a provider.
#[derive(Debug)]
pub struct Directory {
    public_url: PublicUrl,
    by_id: HashMap<OrganizationId, Arc<Entry>>,
    /// In the configuration's order.
    entries: Vec<Arc<Entry>>,
    /// What each of them is told to be.
    organizations: Arc<[Arc<OrganizationConfig>]>,
    saml: SamlSurroundings,
}

/// One organization and who vouches for its members.
#[derive(Debug)]
pub struct Entry {
    /// What it is told to be.
    pub config: Arc<OrganizationConfig>,
    /// Who vouches.
    pub provider: Provider,
}

impl Entry {
    /// Whether the identity provider has answered the last call; `None` before the first.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        match &self.provider {
            Provider::Oidc(party) => party.up(),
            Provider::Saml(provider) => provider.status().up,
        }
    }

    /// When the certificates of its sign-in end; only SAML has any.
    pub fn certificates(&self) -> impl Iterator<Item = (CertificateOf, SystemTime)> {
        let provider = match &self.provider {
            Provider::Oidc(_) => None,
            Provider::Saml(provider) => Some(provider),
        };
        provider.into_iter().flat_map(|provider| provider.certificates())
    }

    /// Tells the metrics how it stands with the identity provider.
    pub fn tell(&self, metrics: &Metrics) {
        let id = &self.config.policy.id;
        if let Some(up) = self.up() {
            metrics.identity_provider(id, up);
        }
        let Provider::Saml(provider) = &self.provider else { return };
        let status = provider.status();
        if let Some(ends_at) = status.certificate_ends_at {
            metrics.identity_provider_keys(id, ends_at, status.key_changes);
        }
    }
}

/// Who vouches for members.
#[derive(Debug)]
pub enum Provider {
    /// OpenID Connect.
    Oidc(Box<RelyingParty>),
    /// SAML 2.0.
    Saml(Arc<ServiceProvider>),
}

/// Every provider that cannot be set up; there is at least one.
#[derive(Debug)]
pub struct SetupErrors(pub Vec<SetupError>);

impl std::fmt::Display for SetupErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut between = "";
        for error in &self.0 {
            write!(f, "{between}{error}")?;
            between = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for SetupErrors {}

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("organization {organization}: {source}")]
pub struct SetupError {
    /// Whose provider.
    pub organization: OrganizationId,
    /// What is wrong.
    pub source: Cause,
}

/// What is wrong with a provider.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The settings of an OpenID provider.
    #[error(transparent)]
    Oidc(#[from] oidc::SettingsError),
    /// The settings of a SAML identity provider.
    #[error(transparent)]
    Saml(#[from] service_provider::SetupError),
    /// No key could be made to sign with.
    #[error(transparent)]
    Key(#[from] MadeKeyError),
}

impl Provider {
    fn new(
        config: &Config,
        organization: &OrganizationConfig,
        http: &HttpClient,
        saml: &mut SamlSurroundings,
    ) -> Result<Self, Cause> {
        let policy = &organization.policy;
        match &organization.provider {
            config::Provider::Oidc(settings) => {
                let own = || callback_path(&policy.id);
                let path = settings.callback_path.clone().unwrap_or_else(own);
                RelyingParty::new(
                    (**settings).clone(),
                    policy.role_mapping.attribute.clone(),
                    config.public_url.join(&path),
                    http,
                )
                .map(|party| Self::Oidc(Box::new(party)))
                .map_err(Cause::from)
            }
            config::Provider::Saml(settings) => saml.set_up(config, organization, settings, http),
        }
    }
}

impl Entry {
    /// Whether a sign-in by this issuer is one of this organization's.
    #[must_use]
    pub fn vouches(&self, issuer: &str) -> bool {
        match &self.provider {
            Provider::Oidc(party) => party.issuer_matches(issuer),
            Provider::Saml(_) => match &self.config.provider {
                config::Provider::Saml(saml) => saml.source.entity_id() == Some(issuer),
                config::Provider::Oidc(_) => false,
            },
        }
    }

    /// Whether a sign-in of the past by this issuer may have been one of this organization's: a
    /// SAML provider whose metadata was not read yet has no name.
    #[must_use]
    pub fn may_have_vouched(&self, issuer: &str) -> bool {
        let unnamed = match &self.config.provider {
            config::Provider::Saml(saml) => saml.source.entity_id().is_none(),
            config::Provider::Oidc(_) => false,
        };
        unnamed || self.vouches(issuer)
    }

    /// Whether the same identity provider vouches for the members of both.
    #[must_use]
    pub fn has_the_issuer_of(&self, other: &Self) -> bool {
        match (&self.config.provider, &other.config.provider) {
            (config::Provider::Oidc(own), config::Provider::Oidc(others)) => {
                own.issuer == others.issuer
            }
            (config::Provider::Saml(own), config::Provider::Saml(others)) => {
                own.source.is_the_provider_of(&others.source)
            }
            (config::Provider::Oidc(_), config::Provider::Saml(_))
            | (config::Provider::Saml(_), config::Provider::Oidc(_)) => false,
        }
    }
}

impl Directory {
    /// Sets up every provider; nothing is fetched yet. An entry of `previous` whose organization
    /// and address are unchanged is taken over, with what it has learned of its provider.
    ///
    /// # Errors
    /// Every provider whose settings cannot work.
    pub fn new(
        config: &Config,
        http: &HttpClient,
        previous: Option<&Self>,
    ) -> Result<Self, SetupErrors> {
        let mut saml = previous.map(|earlier| earlier.saml.clone()).unwrap_or_default();
        let previous = previous.filter(|earlier| earlier.public_url == config.public_url);
        let (mut by_id, before, organizations) = previous
            .map_or_else(Default::default, |earlier| {
                (earlier.by_id.clone(), earlier.entries.as_slice(), &*earlier.organizations)
            });
        // Of ten thousand organizations, those that did not change are not looked at.
        let found = difference(organizations, &config.organizations, Arc::ptr_eq);
        for entry in found.gone.iter().filter_map(|at| before.get(*at)) {
            by_id.remove(&entry.config.policy.id);
        }
        let mut entries = Vec::with_capacity(config.organizations.len());
        let mut errors = Vec::new();
        for (organization, earlier) in config.organizations.iter().zip(&found.earlier) {
            if let Some(entry) = earlier.and_then(|at| before.get(at)) {
                entries.push(Arc::clone(entry));
                continue;
            }
            let id = &organization.policy.id;
            let moved = previous
                .and_then(|earlier| earlier.find(id))
                .filter(|entry| Arc::ptr_eq(&entry.config, organization));
            let entry = match moved {
                Some(entry) => Arc::clone(entry),
                None => match Provider::new(config, organization, http, &mut saml) {
                    Ok(provider) => Arc::new(Entry { config: Arc::clone(organization), provider }),
                    Err(source) => {
                        errors.push(SetupError { organization: id.clone(), source });
                        continue;
                    }
                },
            };
            by_id.insert(id.clone(), Arc::clone(&entry));
            entries.push(entry);
        }
        if !errors.is_empty() {
            return Err(SetupErrors(errors));
        }
        let (public_url, organizations) =
            (config.public_url.clone(), Arc::clone(&config.organizations));
        Ok(Self { public_url, by_id, entries, organizations, saml })
    }

    /// The organization of that id.
    #[must_use]
    pub fn find(&self, id: &OrganizationId) -> Option<&Arc<Entry>> {
        self.by_id.get(id)
    }

    /// How many organizations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every organization, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
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
