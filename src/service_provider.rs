//! The SAML service provider of one organization: what it knows of its identity provider, kept
//! fresh, around the core of [`saml`](crate::saml) that verifies.

mod error;
mod fresh;
mod known;
mod made_key;
mod person;
mod turns;
mod verify;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::config::{PublicUrl, Saml, SamlSource, consume_path, metadata_path, slo_path};
use crate::http_client::{HttpClient, TrustError};
use crate::observe::CertificateOf;
use crate::policy::OrganizationId;
use crate::saml::{
    Certificate, DecryptionKey, IdentityProvider, ReplayCache, Settings, SettingsError, SigningKey,
};

pub use error::Error;
pub use known::{Known, Status};
pub use made_key::{MadeKeyError, made_key};
pub use person::{Person, profile};
pub use verify::{Arrived, Verifying};

/// One organization's service provider.
#[derive(Debug)]
pub struct ServiceProvider {
    organization: OrganizationId,
    config: Saml,
    addresses: Addresses,
    signing_keys: Vec<SigningKey>,
    http: HttpClient,
    replay: Arc<ReplayCache>,
    verifying: Verifying,
    state: Mutex<State>,
    /// Held by whoever fetches: others wait for what it brings.
    fetching: tokio::sync::Mutex<()>,
}

/// Our own addresses, as the identity provider knows them.
#[derive(Clone, Debug)]
struct Addresses {
    entity_id: String,
    /// What requests name.
    asked: Acs,
    own_acs: String,
    consume: String,
    slo: String,
}

/// At which of our two addresses an answer arrives: it must be meant for the one that it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acs {
    /// `/-/sso/{org}/saml/acs`
    Own,
    /// `/organizations/{org}/saml/consume`, which applications made for the hub itself know.
    Consume,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Arc<Known>>,
    failed: Option<(SystemTime, Error)>,
    asked_again_at: Option<SystemTime>,
    key_changes: u64,
}

/// What a service provider needs of its surroundings.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// Where people see the site.
    pub public_url: &'s PublicUrl,
    /// The way to fetch metadata.
    pub http: &'s HttpClient,
    /// Signs where the configuration names no key.
    pub made_key: Option<&'s SigningKey>,
    /// Which messages have been used.
    pub replay: &'s Arc<ReplayCache>,
    /// Where messages are verified.
    pub verifying: &'s Verifying,
}

/// Why a service provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its settings cannot work, or would not be safe.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The authorities that its metadata's server may be known by.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl ServiceProvider {
    /// Sets one up; nothing is fetched yet.
    ///
    /// # Errors
    /// When what the configuration says of the identity provider cannot work.
    pub fn new(
        organization: &OrganizationId,
        config: &Saml,
        around: &Surroundings<'_>,
    ) -> Result<Self, SetupError> {
        let join = |path: String| around.public_url.join(&path);
        let consume = consume_path(organization);
        let addresses = Addresses {
            entity_id: config
                .sp_entity_id
                .clone()
                .unwrap_or_else(|| join(metadata_path(organization))),
            asked: if config.acs_path(organization) == consume { Acs::Consume } else { Acs::Own },
            own_acs: join(crate::config::acs_path(organization)),
            consume: join(consume),
            slo: join(slo_path(organization)),
        };
        let mut signing_keys = config.signing_keys.clone();
        if signing_keys.is_empty() {
            signing_keys.extend(around.made_key.cloned());
        }
        let provider = Self {
            organization: organization.clone(),
            config: config.clone(),
            addresses,
            signing_keys,
            http: around.http.of(config.provider.as_str()).trusting(&config.ca_certificates)?,
            replay: Arc::clone(around.replay),
            verifying: around.verifying.clone(),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        if let SamlSource::Fixed(identity_provider) = &provider.config.source {
            let known = provider.understand((**identity_provider).clone(), None)?;
            provider.state().known = Some(Arc::new(known));
        }
        Ok(provider)
    }

    /// What it was told.
    #[must_use]
    pub const fn config(&self) -> &Saml {
        &self.config
    }

    /// Our entity id.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.addresses.entity_id
    }

    /// Our metadata document (Metadata §2.4.4): there before anything is known of the provider.
    #[must_use]
    pub fn metadata(&self, now: SystemTime) -> String {
        let known = self.state().known.clone();
        match known {
            Some(known) => known.core(self.addresses.asked).metadata(now),
            None => self.settings(IdentityProvider::unknown(), self.addresses.asked).metadata(now),
        }
    }

    /// How it stands with the identity provider, for metrics and `check`.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state();
        Status {
            up: match (&state.failed, &state.known) {
                (Some(_), _) => Some(false),
                (None, Some(_)) => Some(true),
                (None, None) => None,
            },
            certificate_ends_at: state.known.as_ref().and_then(|known| known.certificate_ends_at()),
            key_changes: state.key_changes,
        }
    }

    /// When certificates end: the last one of the identity provider, and those that the
    /// configuration names for us.
    pub fn certificates(&self) -> impl Iterator<Item = (CertificateOf, SystemTime)> {
        let known = self.state().known.as_ref().and_then(|known| known.certificate_ends_at());
        let signing = self.config.signing_keys.iter().map(SigningKey::certificate);
        let decryption = self.config.decryption_keys.iter().map(DecryptionKey::certificate);
        // Keys that are made at start end with the process.
        let ours = signing.chain(decryption).map(Certificate::not_on_or_after);
        known
            .into_iter()
            .map(|at| (CertificateOf::IdentityProvider, at))
            .chain(ours.map(|at| (CertificateOf::ServiceProvider, at)))
    }

    /// The core for each of our addresses, or why the provider cannot be used.
    fn understand(
        &self,
        identity_provider: IdentityProvider,
        fetched_at: Option<SystemTime>,
    ) -> Result<Known, SettingsError> {
        let core = |acs| {
            let settings = self.settings(identity_provider.clone(), acs);
            crate::saml::ServiceProvider::new(settings).map(Arc::new)
        };
        Ok(Known {
            own: core(Acs::Own)?,
            consume: core(Acs::Consume)?,
            asked: self.addresses.asked,
            fetched_at,
        })
    }

    fn settings(&self, mut identity_provider: IdentityProvider, acs: Acs) -> Settings {
        let config = &self.config;
        if let Some(binding) = config.sign_on_binding {
            identity_provider.single_sign_on.sort_by_key(|endpoint| endpoint.binding != binding);
            if let ([only], SamlSource::Fixed(_)) =
                (identity_provider.single_sign_on.as_mut_slice(), &config.source)
            {
                only.binding = binding;
            }
        }
        if let Some(url) = &config.logout_url {
            identity_provider.single_logout =
                IdentityProvider::from_fields("", url, Vec::new()).single_sign_on;
        }
        let acs_url = match acs {
            Acs::Own => &self.addresses.own_acs,
            Acs::Consume => &self.addresses.consume,
        };
        let Addresses { entity_id, slo, .. } = &self.addresses;
        let mut settings =
            Settings::new(entity_id, acs_url, slo, identity_provider, config.provider);
        settings.signing_keys.clone_from(&self.signing_keys);
        settings.decryption_keys.clone_from(&config.decryption_keys);
        settings.sign_requests = config.sign_requests;
        settings.signatures = config.signatures;
        settings.allow_unsolicited = config.idp_initiated;
        settings.force_authn = config.force_authn;
        settings.is_passive = config.is_passive;
        settings.authn_contexts.clone_from(&config.requested_authn_context);
        settings.name_id_format.clone_from(&config.name_id_format);
        settings.clock_skew = config.clock_skew;
        settings.insecure_sha1 = config.insecure_sha1;
        settings.insecure_aes_cbc = config.insecure_aes_cbc;
        settings.insecure_unsigned_logout_responses = config.insecure_unsigned_logout_responses;
        settings.replay = Arc::clone(&self.replay);
        settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Provider};

    /// The service provider that a configuration with these keys makes.
    pub(super) fn provider(keys: &str) -> ServiceProvider {
        let text = format!(
            "public_url = \"https://hub.example.com\"\n[hub]\nupstream = \"http://127.0.0.1:1\"\n\
             [[organization]]\nid = \"globex\"\n[organization.saml]\n\
             metadata = {{ url = \"https://idp.example/metadata\" }}\n{keys}"
        );
        let config = config::parse(&text, std::path::Path::new("hub.toml"), []).unwrap();
        let organization = &config.organizations[0];
        let Provider::Saml(saml) = &organization.provider else { panic!("SAML") };
        let around = Surroundings {
            public_url: &config.public_url,
            http: &HttpClient::new().unwrap(),
            made_key: None,
            replay: &Arc::default(),
            verifying: &Verifying::default(),
        };
        ServiceProvider::new(&organization.policy.id, saml, &around).unwrap()
    }

    #[test]
    fn a_guard_is_lowered_by_its_own_key_alone() {
        let lowered = |keys: &str| {
            let settings = provider(keys).settings(IdentityProvider::unknown(), Acs::Own);
            [
                settings.allow_unsolicited,
                settings.insecure_sha1,
                settings.insecure_aes_cbc,
                settings.insecure_unsigned_logout_responses,
            ]
        };
        let keys = [
            "idp_initiated",
            "insecure_sha1",
            "insecure_aes_cbc",
            "insecure_unsigned_logout_responses",
        ];
        assert_eq!(lowered(""), [false; 4]);
        for (place, key) in keys.iter().enumerate() {
            let mut expected = [false; 4];
            expected[place] = true;
            assert_eq!(lowered(&format!("{key} = true")), expected, "{key}");
        }
    }
}
