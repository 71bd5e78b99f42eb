//! An identity provider as its metadata, or three fields of its console, describe it.

mod metadata;

use std::time::{Duration, SystemTime};

use super::certificate::{Certificate, CertificateError};
use super::names::{HTTP_POST, HTTP_REDIRECT};
use super::preset::sign_on_binding;

/// How long before its end a certificate is worth a warning.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How a message travels through the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// In the query of a redirect (Bindings §3.4).
    Redirect,
    /// In a form that submits itself (Bindings §3.5).
    Post,
}

impl Binding {
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Redirect => HTTP_REDIRECT,
            Self::Post => HTTP_POST,
        }
    }

    fn parse(uri: &str) -> Option<Self> {
        [Self::Redirect, Self::Post].into_iter().find(|binding| binding.uri() == uri)
    }
}

/// An address of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How to send to it.
    pub binding: Binding,
    /// Where requests go.
    pub location: String,
    /// Where responses go, if not to the same place.
    pub response_location: Option<String>,
}

/// What is known about an identity provider. Keys come from here and from nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its entity id: the issuer of its messages.
    pub entity_id: String,
    /// Where people sign in; the first one is used.
    pub single_sign_on: Vec<Endpoint>,
    /// Where people sign out; none when it knows no single logout.
    pub single_logout: Vec<Endpoint>,
    /// The certificates whose keys verify its signatures; several during a rotation.
    pub certificates: Vec<Certificate>,
    /// Whether it refuses requests that are not signed.
    pub wants_signed_requests: bool,
    /// Until when this description may be used.
    pub valid_until: Option<SystemTime>,
    /// What was passed over while it was read.
    pub warnings: Vec<Warning>,
}

/// What an operator should know before it stops people from signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The certificate with this fingerprint has expired, since when. It is still used, because
    /// only the identity provider can say that it changed its key.
    CertificateExpired(String, SystemTime),
    /// The certificate with this fingerprint will expire, when.
    CertificateExpires(String, SystemTime),
    /// The certificate with this fingerprint is not valid yet, until when.
    CertificateNotYetValid(String, SystemTime),
    /// A certificate in the metadata cannot be used, why.
    CertificateUnusable(CertificateError),
    /// The metadata expires, when.
    MetadataExpires(SystemTime),
}

/// Why a metadata document cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not the XML that is expected.
    #[error("is not a metadata document")]
    Malformed(#[source] super::Refusal),
    /// The document element is something else.
    #[error("is not a metadata document: its root is not an EntityDescriptor")]
    WrongRoot,
    /// No identity provider in it, or none with the configured entity id.
    #[error("describes no SAML 2.0 identity provider with the configured entity id")]
    NoIdentityProvider,
    /// Several identity providers in it, and no entity id configured.
    #[error("describes several identity providers; set entity_id to say which one")]
    SeveralIdentityProviders,
    /// No usable signing certificate: nothing could ever be verified.
    #[error("has no usable signing certificate for the identity provider")]
    NoCertificate,
    /// No sign-on address for Redirect or POST.
    #[error("has no sign-on address for the HTTP-Redirect or HTTP-POST binding")]
    NoSignOn,
    /// `validUntil` has passed.
    #[error("has expired (validUntil)")]
    Expired,
}

impl IdentityProvider {
    /// From the three fields that the consoles of identity providers show.
    #[must_use]
    pub fn from_fields(entity_id: &str, sign_on_url: &str, certificates: Vec<Certificate>) -> Self {
        Self {
            entity_id: entity_id.to_owned(),
            single_sign_on: vec![Endpoint {
                binding: sign_on_binding(sign_on_url),
                location: sign_on_url.to_owned(),
                response_location: None,
            }],
            single_logout: Vec::new(),
            certificates,
            wants_signed_requests: false,
            valid_until: None,
            warnings: Vec::new(),
        }
    }

    /// An identity provider of which nothing is known yet: nothing of it can be verified.
    #[must_use]
    pub fn unknown() -> Self {
        Self::from_fields("", "", Vec::new())
    }

    /// From a metadata document (Metadata §2.3, §2.4): the identity provider called `entity_id`,
    /// or the only one in it.
    ///
    /// A signature on the document is not read: what is in it is trusted because of where the
    /// operator took it from, a file or an https address.
    ///
    /// # Errors
    /// Says why the document cannot be used, expiry included.
    pub fn parse_metadata(
        xml: &str,
        entity_id: Option<&str>,
        now: SystemTime,
    ) -> Result<Self, MetadataError> {
        metadata::parse(xml, entity_id, now)
    }

    /// What an operator should know by now.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Warning> {
        let soon = now.checked_add(EXPIRES_SOON).unwrap_or(now);
        let mut warnings = self.warnings.clone();
        for certificate in &self.certificates {
            let end = certificate.not_on_or_after();
            if end <= now {
                warnings.push(Warning::CertificateExpired(certificate.fingerprint(), end));
            } else if end <= soon {
                warnings.push(Warning::CertificateExpires(certificate.fingerprint(), end));
            }
            let start = certificate.not_before();
            if start > now {
                warnings.push(Warning::CertificateNotYetValid(certificate.fingerprint(), start));
            }
        }
        let expiring = self.valid_until.filter(|end| *end <= soon);
        warnings.extend(expiring.map(Warning::MetadataExpires));
        warnings
    }

    pub(crate) fn has_expired(&self, now: SystemTime) -> bool {
        self.valid_until.is_some_and(|end| end <= now)
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let day = |time: &SystemTime| super::instant::format(*time);
        match self {
            Self::CertificateExpired(print, time) => {
                write!(f, "the signing certificate {print} expired at {}", day(time))
            }
            Self::CertificateExpires(print, time) => {
                write!(f, "the signing certificate {print} expires at {}", day(time))
            }
            Self::CertificateNotYetValid(print, time) => {
                write!(f, "the signing certificate {print} is not valid before {}", day(time))
            }
            Self::CertificateUnusable(error) => {
                write!(f, "a signing certificate in the metadata {error}")
            }
            Self::MetadataExpires(time) => write!(f, "the metadata expires at {}", day(time)),
        }
    }
}
