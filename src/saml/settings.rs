//! What a service provider needs to know, and whether it is good.

use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::identity_provider::IdentityProvider;
use super::own_keys::{DecryptionKey, SigningKey};
use super::preset::Preset;
use super::replay::ReplayCache;
use super::response::SignaturePolicy;

/// How far clocks may be apart unless configured.
const SKEW: Duration = Duration::from_secs(60);
/// The most that may be configured: beyond it, expiry means little.
const SKEW_MOST: Duration = Duration::from_secs(180);

/// Everything about one organization's service provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our entity id: the address of our metadata.
    pub entity_id: String,
    /// The assertion consumer service.
    pub acs_url: String,
    /// The single logout service.
    pub slo_url: String,
    /// Who vouches for people.
    pub identity_provider: IdentityProvider,
    /// The keys to sign with; the first one signs, all are published.
    pub signing_keys: Vec<SigningKey>,
    /// The keys that assertions may be encrypted to; the first one is published.
    pub decryption_keys: Vec<DecryptionKey>,
    /// Whether to sign requests even if the identity provider does not ask for it.
    pub sign_requests: bool,
    /// Which signatures are demanded.
    pub signatures: SignaturePolicy,
    /// Whether the identity provider may begin a sign-in. Whoever has an account there can then
    /// sign anybody's browser in as themselves, since no request binds the answer to a browser.
    pub allow_unsolicited: bool,
    /// Whether the person is authenticated anew each time.
    pub force_authn: bool,
    /// Whether the person may not be asked anything.
    pub is_passive: bool,
    /// The authentication context classes to ask for and to accept; none for any.
    pub authn_contexts: Vec<String>,
    /// The name id format to ask for and to accept.
    pub name_id_format: Option<String>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// Accepts SHA-1 in signatures. Collisions of SHA-1 are practical.
    pub insecure_sha1: bool,
    /// Accepts assertions encrypted with AES-CBC inside a signed response.
    pub insecure_aes_cbc: bool,
    /// Accepts logout responses without a signature if they name the pending request.
    pub insecure_unsigned_logout_responses: bool,
    /// Which messages have been used; shared across reloads.
    pub replay: Arc<ReplayCache>,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No key to verify with: nothing could ever be verified, so this is no way to skip it.
    #[error("the identity provider has no signing certificate")]
    NoCertificate,
    /// No entity id of ours or of the identity provider.
    #[error("an entity id is empty")]
    NoEntityId,
    /// No address to send people to.
    #[error("the identity provider has no sign-on address")]
    NoSignOn,
    /// An address is neither https nor http on a loopback host.
    #[error("{0} is neither an https address nor an http address of a loopback host")]
    Address(String),
    /// Requests must be signed but there is no key.
    #[error("requests are to be signed, but there is no signing key")]
    NoSigningKey,
    /// The clocks may be too far apart.
    #[error("the clock skew is more than three minutes")]
    ClockSkew,
    /// Asking for nothing and for everything.
    #[error("a person cannot be authenticated anew without being asked: force_authn, is_passive")]
    PassiveAndForced,
}

impl Settings {
    /// The settings that a product needs, with nothing optional.
    #[must_use]
    pub fn new(
        entity_id: &str,
        acs_url: &str,
        slo_url: &str,
        identity_provider: IdentityProvider,
        preset: Preset,
    ) -> Self {
        let defaults = preset.defaults();
        Self {
            entity_id: entity_id.to_owned(),
            acs_url: acs_url.to_owned(),
            slo_url: slo_url.to_owned(),
            identity_provider,
            signing_keys: Vec::new(),
            decryption_keys: Vec::new(),
            sign_requests: false,
            signatures: defaults.signatures,
            allow_unsolicited: false,
            force_authn: false,
            is_passive: false,
            authn_contexts: Vec::new(),
            name_id_format: defaults.name_id_format.map(str::to_owned),
            clock_skew: SKEW,
            insecure_sha1: false,
            insecure_aes_cbc: false,
            insecure_unsigned_logout_responses: false,
            replay: Arc::default(),
        }
    }

    pub(crate) fn signs_requests(&self) -> bool {
        self.sign_requests || self.identity_provider.wants_signed_requests
    }

    /// Refuses what could not work or would not be safe.
    pub(crate) fn refuse_bad(&self) -> Result<(), SettingsError> {
        let provider = &self.identity_provider;
        if provider.certificates.is_empty() {
            return Err(SettingsError::NoCertificate);
        }
        if self.entity_id.is_empty() || provider.entity_id.is_empty() {
            return Err(SettingsError::NoEntityId);
        }
        if provider.single_sign_on.is_empty() {
            return Err(SettingsError::NoSignOn);
        }
        let own = [&self.acs_url, &self.slo_url];
        let theirs = provider.single_sign_on.iter().chain(&provider.single_logout);
        let theirs = theirs.flat_map(|endpoint| {
            std::iter::once(&endpoint.location).chain(&endpoint.response_location)
        });
        for address in own.into_iter().chain(theirs) {
            if !is_safe(address) {
                return Err(SettingsError::Address(address.clone()));
            }
        }
        if self.signs_requests() && self.signing_keys.is_empty() {
            return Err(SettingsError::NoSigningKey);
        }
        if self.clock_skew > SKEW_MOST {
            return Err(SettingsError::ClockSkew);
        }
        if self.force_authn && self.is_passive {
            return Err(SettingsError::PassiveAndForced);
        }
        Ok(())
    }
}

/// https, or http to this very machine.
fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}
