//! The SAML 2.0 service provider: a pure core with the time as an argument and without sockets.
//!
//! A message goes down this list, and what is refused goes no further:
//!
//! 1. [`limits`]: size, base64.
//! 2. [`xml`]: one strict parser, one reading.
//! 3. [`response`]: the exact shape; one assertion; signatures only where they belong.
//! 4. [`signature`], [`c14n`], [`keys`], [`dsig`]: the algorithms that are accepted, keys from the
//!    configuration alone, the signature and then the digest. Only [`dsig`] makes signed bytes.
//! 5. [`assertion`]: identity, parsed anew from the signed bytes and from nothing else.
//! 6. [`checks`]: everything that the protocol demands.
//! 7. [`replay`]: last, and refusing when it cannot tell.

mod assertion;
mod binding;
mod c14n;
mod certificate;
mod checks;
mod dsig;
mod encryption;
mod explain;
mod identity_provider;
mod instant;
mod keys;
mod limits;
mod logout;
mod message;
mod metadata;
mod names;
mod own_keys;
mod preset;
mod profile;
mod redirect;
mod refusal;
mod replay;
mod request;
mod response;
#[cfg(feature = "xmlsec")]
mod second_opinion;
mod settings;
mod sign_in;
mod signature;
mod signing;
mod subject;
mod xml;

pub use binding::{Delivery, SendError, UnverifiedForm};
pub use certificate::{Certificate, CertificateError};
pub use explain::{Explanation, Finding};
pub use identity_provider::{Binding, Endpoint, IdentityProvider, MetadataError, Warning};
pub use logout::{
    LogoutOutcome, UnverifiedLogout, VerifiedLogout, VerifiedLogoutRequest, VerifiedLogoutResponse,
};
pub use own_keys::{DecryptionKey, KeyError, SigningKey};
pub use preset::{Defaults, Preset};
pub use profile::{NAME_ID, NAME_ID_FORMAT};
pub use refusal::Refusal;
pub use replay::ReplayCache;
pub use request::Begin;
pub use response::SignaturePolicy;
pub use settings::{Settings, SettingsError};
pub use sign_in::VerifiedAssertion;
pub use subject::NameId;

use keys::Trust;

/// The service provider of one organization, speaking to one identity provider.
#[derive(Debug)]
pub struct ServiceProvider {
    settings: Settings,
    trust: Trust,
}

impl ServiceProvider {
    /// A service provider, unless its settings could not work or would not be safe.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        settings.refuse_bad()?;
        let certificates = &settings.identity_provider.certificates;
        let trust = Trust {
            keys: certificates.iter().map(|certificate| certificate.key().clone()).collect(),
            sha1: settings.insecure_sha1,
        };
        Ok(Self { settings, trust })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
