//! `[organization.saml]`: what a service provider is told of its identity provider.

use std::path::PathBuf;
use std::time::Duration;

use crate::policy::{Attribute, OrganizationId};
use crate::saml::{Binding, DecryptionKey, IdentityProvider, Preset, SignaturePolicy, SigningKey};

/// A registration at a SAML identity provider.
#[derive(Clone, Debug)]
pub struct Saml {
    /// The provider's make: decides what its attributes are called and what it signs.
    pub provider: Preset,
    /// Where its addresses and certificates come from.
    pub source: SamlSource,
    /// How requests travel, where the provider offers a choice.
    pub sign_on_binding: Option<Binding>,
    /// Where people sign out, where the metadata does not say.
    pub logout_url: Option<String>,
    /// Whether requests are signed even if the provider does not ask for it.
    pub sign_requests: bool,
    /// What we sign with, newest first; one is made at start when there is none.
    pub signing_keys: Vec<SigningKey>,
    /// What assertions may be encrypted to, newest first.
    pub decryption_keys: Vec<DecryptionKey>,
    /// Which signatures are demanded.
    pub signatures: SignaturePolicy,
    /// Whether the provider may begin a sign-in.
    pub idp_initiated: bool,
    /// Whether people prove who they are each time (`ForceAuthn`).
    pub force_authn: bool,
    /// Whether the provider may not ask them anything (`IsPassive`).
    pub is_passive: bool,
    /// Authentication context classes to ask for; the answer must name one of them.
    pub requested_authn_context: Vec<String>,
    /// The name id format to ask for and to accept.
    pub name_id_format: Option<String>,
    /// The attribute that names the person, where it is not the name id.
    pub subject: Option<Attribute>,
    /// The attribute with the e-mail address, where it is not the make's usual one.
    pub email: Option<Attribute>,
    /// The attribute with the display name, where it is not the make's usual one.
    pub name: Option<Attribute>,
    /// The attribute with the groups, where it is not the make's usual one.
    pub groups: Option<Attribute>,
    /// Our entity id, when it is not the address of our metadata.
    pub sp_entity_id: Option<String>,
    /// The path of the assertion consumer service that is asked for, when it is not
    /// `/-/sso/{org}/saml/acs`.
    pub acs_path: Option<String>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// Accepts SHA-1 in signatures.
    pub insecure_sha1: bool,
    /// Accepts AES-CBC inside signed responses.
    pub insecure_aes_cbc: bool,
    /// Accepts logout responses without a signature.
    pub insecure_unsigned_logout_responses: bool,
    /// PEM files of authorities that the metadata's server may be known by, beside the machine's.
    pub ca_certificates: Vec<PathBuf>,
}

/// Where an identity provider's addresses and certificates come from.
#[derive(Clone, Debug)]
pub enum SamlSource {
    /// Fetched, and fetched again.
    Url {
        /// https, or http on loopback.
        url: String,
        /// How often.
        refresh: Duration,
        /// Which one of several is meant.
        entity_id: Option<String>,
    },
    /// As a file or the configuration itself says.
    Fixed(Box<IdentityProvider>),
}

impl SamlSource {
    /// Who vouches, as far as the configuration says so.
    #[must_use]
    pub fn entity_id(&self) -> Option<&str> {
        match self {
            Self::Url { entity_id, .. } => entity_id.as_deref(),
            Self::Fixed(provider) => Some(&provider.entity_id),
        }
    }

    /// Whether both speak of the same identity provider, as far as the configuration says so.
    #[must_use]
    pub fn is_the_provider_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Url { url: own_url, entity_id: own, .. }, Self::Url { url, entity_id, .. }) => {
                (own_url, own) == (url, entity_id)
            }
            (Self::Fixed(own), Self::Fixed(others)) => own.entity_id == others.entity_id,
            (Self::Url { .. }, Self::Fixed(_)) | (Self::Fixed(_), Self::Url { .. }) => {
                self.entity_id().is_some() && self.entity_id() == other.entity_id()
            }
        }
    }
}

impl Saml {
    /// The path of the assertion consumer service that requests name.
    #[must_use]
    pub fn acs_path(&self, id: &OrganizationId) -> String {
        self.acs_path.clone().unwrap_or_else(|| acs_path(id))
    }

    /// The name of the provider's make in configuration.
    #[must_use]
    pub fn provider_name(&self) -> &'static str {
        Preset::ALL
            .iter()
            .find(|(_, preset)| *preset == self.provider)
            .map_or("generic", |(name, _)| name)
    }
}

/// Our own assertion consumer service: an address of each organization's own, so that one
/// provider's answer can never finish another's sign-in.
#[must_use]
pub fn acs_path(id: &OrganizationId) -> String {
    format!("/-/sso/{id}/saml/acs")
}

/// The assertion consumer service that applications made for the hub itself know.
#[must_use]
pub fn consume_path(id: &OrganizationId) -> String {
    format!("/organizations/{id}/saml/consume")
}

/// Where our metadata is; its address is our entity id.
#[must_use]
pub fn metadata_path(id: &OrganizationId) -> String {
    format!("/-/sso/{id}/saml/metadata")
}

/// The single logout service.
#[must_use]
pub fn slo_path(id: &OrganizationId) -> String {
    format!("/-/sso/{id}/saml/slo")
}
