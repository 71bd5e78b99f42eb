//! What all threads share: everything that follows from the configuration.

use std::sync::Arc;

use super::Kept;
use crate::account::Account;
use crate::clock::Clock;
use crate::config::{Config, HubProfile, Identity, PublicUrl, Upstream};
use crate::credential::{Acquaintances, Credentials, Reception, Refreshing, SessionCookie};
use crate::device::Device;
use crate::directory::{self, Directory};
use crate::headers::{Forwarding, Managed};
use crate::http_client::TrustError;
use crate::hub::{Hub, Whoami};
use crate::jose::{AssertionKeys, SigningError};
use crate::links;
use crate::login::Login;
use crate::logout::Logout;
use crate::policy::{Namespace, OrganizationId};
use crate::proxy::{Connector, ConnectorError};
use crate::recovery::Recovery;
use crate::session::{self, Sealer, SealerError};

/// One configuration at work.
#[derive(Debug)]
pub struct Site {
    pub(super) public_url: PublicUrl,
    pub(super) profile: HubProfile,
    pub(super) hub: Hub,
    pub(super) directory: Arc<Directory>,
    pub(super) credentials: Credentials,
    upstream: Option<Upstream>,
    /// Where the hub has accounts.
    pub(super) reception: Option<Reception>,
    pub(super) cookie: SessionCookie,
    pub(super) login: Login,
    pub(super) logout: Logout,
    pub(super) account: Account,
    pub(super) device: Device,
    pub(super) recovery: Recovery,
    pub(super) cli_sign_in: bool,
    pub(super) managed: Managed,
    pub(super) forwarding: Forwarding,
    /// The way to the hub, where it is ours to forward.
    pub(super) connector: Option<Connector>,
    pub(super) clock: Clock,
    /// What survives this configuration.
    pub(super) kept: Arc<Kept>,
    /// Which configuration this is: what was made for one is not used for the next.
    pub(super) generation: u64,
}

/// Why a configuration that reads well cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Trust anchors.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A provider.
    #[error(transparent)]
    Directory(#[from] directory::SetupErrors),
    /// The key that seals sign-in state.
    #[error("session.keys: {0}")]
    Sealer(#[from] SealerError),
    /// The key of the confirmations.
    #[error("no random bytes")]
    Random(#[from] session::Error),
    /// The keys of the assertion.
    #[error("no keys for the upstream assertion: {0}")]
    Assertion(#[from] SigningError),
    /// The way to the hub.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// Which account is which person.
    #[error("hub.links: {0}")]
    Links(#[from] links::Error),
    /// A hub with accounts that cannot be asked.
    #[error("hub.whoami: nothing says how the hub is asked whose a credential is")]
    NoWhoami,
    /// No key for what is remembered of the hub's credentials.
    #[error("the machine has no random bytes")]
    NoRandom,
}

impl Site {
    /// How many recovery codes an organization has, if they are not those of `before`.
    #[must_use]
    pub fn recovery_codes_unlike(&self, before: &Self, id: &OrganizationId) -> Option<u64> {
        let codes = |site: &Self| {
            let entry = site.directory.find(id);
            entry.map_or_else(Vec::new, |entry| entry.config.recovery_codes.clone())
        };
        let (old, new) = (codes(before), codes(self));
        (old != new).then(|| u64::try_from(new.len()).unwrap_or(u64::MAX))
    }

    /// Puts a configuration to work; nothing is fetched yet. What `previous` has learned of
    /// providers and of the hub is taken over where their settings are unchanged.
    ///
    /// # Errors
    /// When a key, a certificate or a provider's settings cannot work.
    pub fn new(
        config: &Config,
        kept: &Arc<Kept>,
        previous: Option<&Self>,
    ) -> Result<Self, SetupError> {
        let earlier = previous.map(|site| &*site.directory);
        let directory = Arc::new(Directory::new(config, &kept.http, earlier)?);
        let earlier = previous.and_then(|site| site.connector.as_ref());
        let connector = match (&config.hub.upstream, earlier) {
            (Some(upstream), Some(earlier)) => Some(earlier.again(&config.hub, upstream)?),
            (Some(upstream), None) => Some(Connector::new(&config.hub, upstream)?),
            (None, _) => None,
        };
        let sealer = match config.session.keys.as_slice() {
            [] => Arc::clone(&kept.own_sealer),
            keys => Arc::new(Sealer::new(keys)?),
        };
        let sessions = Arc::clone(&kept.sessions);
        let cookie = SessionCookie::new(&config.session.cookie, &config.public_url);
        let public_url = config.public_url.clone();
        let refreshing = Refreshing::new(
            Arc::clone(&sessions),
            Arc::clone(&directory),
            Arc::clone(&kept.links),
            kept.refreshes.clone(),
            kept.audit.clone(),
            kept.clock.clone(),
        );
        let credentials = Credentials::new(refreshing, Arc::clone(&kept.grants), cookie.clone())
            .with_machines(
                &config.organizations,
                Forwarding::new(config.server.trusted_proxies.clone()),
                &kept.http,
            )?;
        let reception = match (config.hub.identity, &config.hub.whoami) {
            (Identity::Idp, _) => None,
            (Identity::Hub, None) => return Err(SetupError::NoWhoami),
            (Identity::Hub, Some(settings)) => {
                let whoami = Whoami::new(settings.clone(), &config.public_url);
                let same = |earlier: &&Arc<Acquaintances>| {
                    earlier.whoami().is_the_same_as(&whoami)
                        && previous.is_some_and(|site| site.upstream == config.hub.upstream)
                };
                let earlier = previous.and_then(|site| site.reception.as_ref());
                let acquaintances = match earlier.map(Reception::acquaintances).filter(same) {
                    Some(earlier) => Arc::clone(earlier),
                    None => {
                        let metrics = Arc::clone(&kept.metrics);
                        let new = Acquaintances::new(whoami, metrics, kept.calls.clone());
                        Arc::new(new.map_err(|_| SetupError::NoRandom)?)
                    }
                };
                let links = Arc::clone(&kept.links);
                links.read_again(kept.clock.now())?;
                let directory = Arc::clone(&directory);
                Some(credentials.reception(directory, links, acquaintances))
            }
        };
        Ok(Self {
            profile: config.hub.profile,
            hub: Hub::after(previous.map(|site| &site.hub), &config.hub, &config.organizations),
            credentials,
            reception,
            upstream: config.hub.upstream.clone(),
            login: Login::new(
                public_url.clone(),
                cookie.clone(),
                sealer,
                Arc::clone(&sessions),
                kept.consumed.clone(),
                Arc::clone(&kept.links),
            ),
            logout: Logout::new(
                public_url.clone(),
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
                Arc::clone(&kept.links),
                kept.sign_outs.clone(),
            ),
            account: Account::new(
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
                Arc::clone(&kept.grants),
            ),
            device: Device::new(
                public_url.clone(),
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
                kept.programs.clone(),
                Arc::clone(&kept.grants),
                config.tokens.access_lifetime,
            ),
            recovery: Recovery::new(
                public_url.clone(),
                cookie.clone(),
                Arc::clone(&sessions),
                config.recovery_state.clone(),
                kept.recovery_tries.clone(),
            ),
            cli_sign_in: config.tokens.cli_sign_in,
            managed: Managed::new(config.headers.clone()),
            forwarding: Forwarding::new(config.server.trusted_proxies.clone()),
            public_url,
            directory,
            cookie,
            connector,
            clock: kept.clock.clone(),
            kept: Arc::clone(kept),
            generation: kept.generation(),
        })
    }

    /// The namespaces that stay closed, since the organizations that had them are gone.
    #[must_use]
    pub fn closed(&self) -> Vec<&Namespace> {
        self.hub.closed()
    }

    /// The headers that only the gate may write.
    #[must_use]
    pub const fn managed(&self) -> &Managed {
        &self.managed
    }

    /// Who vouches for each organization.
    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The keys of the upstream assertion.
    pub(super) fn assertion_keys(&self) -> &AssertionKeys {
        &self.kept.assertion_keys
    }
}
