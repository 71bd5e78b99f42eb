//! What all threads share: everything that follows from the configuration.

use std::sync::Arc;

use crate::account::Account;
use crate::clock::Clock;
use crate::config::{Config, HubProfile, PublicUrl};
use crate::credential::{Credentials, Devices, Grants, SessionCookie};
use crate::device::Device;
use crate::directory::{self, Directory};
use crate::headers::{Forwarding, Managed};
use crate::http_client::{HttpClient, TrustError};
use crate::hub::Hub;
use crate::jose::{AssertionKeys, SigningError};
use crate::login::Login;
use crate::logout::Logout;
use crate::session::{self, Sealer, SealerError, Sessions};

/// One configuration at work.
#[derive(Debug)]
pub struct Site {
    pub(super) public_url: PublicUrl,
    pub(super) profile: HubProfile,
    pub(super) hub: Hub,
    pub(super) directory: Arc<Directory>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) credentials: Credentials,
    pub(super) cookie: SessionCookie,
    pub(super) login: Login,
    pub(super) logout: Logout,
    pub(super) account: Account,
    pub(super) device: Device,
    pub(super) cli_sign_in: bool,
    pub(super) managed: Managed,
    pub(super) forwarding: Forwarding,
    pub(super) assertion_keys: AssertionKeys,
    pub(super) clock: Clock,
}

/// Why a configuration that reads well cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Trust anchors.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A provider.
    #[error(transparent)]
    Directory(#[from] directory::SetupError),
    /// The key that seals sign-in state.
    #[error("session.keys: {0}")]
    Sealer(#[from] SealerError),
    /// The key of the confirmations.
    #[error("no random bytes")]
    Random(#[from] session::Error),
    /// The keys of the assertion.
    #[error("no keys for the upstream assertion: {0}")]
    Assertion(#[from] SigningError),
}

impl Site {
    /// Puts a configuration to work; nothing is fetched yet.
    ///
    /// # Errors
    /// When a key, a certificate or a provider's settings cannot work.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, SetupError> {
        let http = HttpClient::new()?;
        let directory = Arc::new(Directory::new(config, &http)?);
        let longest = Directory::longest_session(config);
        let sessions = Arc::new(Sessions::open(&config.session, longest));
        let grants = Arc::new(Grants::new(longest));
        let devices = Arc::new(Devices::new()?);
        let cookie = SessionCookie::new(&config.session.cookie, &config.public_url);
        let public_url = config.public_url.clone();
        Ok(Self {
            profile: config.hub.profile,
            hub: Hub::new(&config.hub, &config.organizations),
            credentials: Credentials::new(
                Arc::clone(&sessions),
                Arc::clone(&grants),
                cookie.clone(),
                Arc::clone(&directory),
                clock.clone(),
            ),
            login: Login::new(
                public_url.clone(),
                cookie.clone(),
                Sealer::new(&config.session.keys)?,
                Arc::clone(&sessions),
            ),
            logout: Logout::new(
                public_url.clone(),
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
            ),
            account: Account::new(
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
                Arc::clone(&grants),
            ),
            device: Device::new(
                public_url.clone(),
                cookie.clone(),
                Arc::clone(&sessions),
                Arc::clone(&directory),
                (grants, devices),
                config.tokens.access_lifetime,
            ),
            cli_sign_in: config.tokens.cli_sign_in,
            managed: Managed::new(config.headers.clone()),
            forwarding: Forwarding::new(config.server.trusted_proxies.clone()),
            assertion_keys: AssertionKeys::generate(clock.now())?,
            public_url,
            directory,
            sessions,
            cookie,
            clock,
        })
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

    /// The keys of the upstream assertion, for whoever rotates them.
    #[must_use]
    pub const fn assertion_keys(&self) -> &AssertionKeys {
        &self.assertion_keys
    }
}
