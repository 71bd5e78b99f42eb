//! Reads `[organization.saml]`, over the defaults of the provider's make.

mod keys;
mod source;

use std::time::Duration;

use url::Url;

use super::section::Section;
use super::{HubProfile, Saml, consume_path, is_loopback};
use crate::policy::Organization;
use crate::saml::{Binding, NAME_ID, Preset, SignaturePolicy};

/// How far clocks may be apart, unless something else is said; and the most that can be said,
/// beyond which expiry means little.
const SKEW: Duration = Duration::from_secs(60);
const SKEW_MOST: Duration = Duration::from_secs(180);

pub(super) const BINDINGS: [(&str, Binding); 2] =
    [("redirect", Binding::Redirect), ("post", Binding::Post)];

const SIGNATURES: [(&str, SignaturePolicy); 4] = [
    ("assertion", SignaturePolicy::Assertion),
    ("response", SignaturePolicy::Response),
    ("both", SignaturePolicy::Both),
    ("either", SignaturePolicy::Either),
];

/// The name id formats that have a short name (Core §8.3).
const FORMATS: [(&str, &str); 4] = [
    ("emailAddress", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
    ("persistent", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
    ("transient", "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"),
    ("unspecified", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"),
];

impl Saml {
    /// Reads `[organization.saml]`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let provider = section.choice("provider", Preset::ALL).unwrap_or(Preset::Generic);
        let defaults = provider.defaults();
        let source = source::read(section);
        let flag = |key: &str| section.flag(key).unwrap_or(false);
        let (force_authn, is_passive) = (flag("force_authn"), flag("is_passive"));
        if force_authn && is_passive {
            let what = "and force_authn exclude each other: nobody can prove who they are without being asked";
            section.note("is_passive", what, "remove one of them");
        }
        let name_id_format = name_id_format(section);
        let subject = section.attribute("subject").filter(|path| path.as_str() != NAME_ID);
        let transient =
            name_id_format.as_deref().is_some_and(|format| format.ends_with(":transient"));
        if transient && subject.is_none() {
            let what = "\"transient\" gives a person another name at each sign-in";
            let remedy =
                "write \"persistent\", or name the attribute that stays the same in subject";
            section.note("name_id_format", what, remedy);
        }
        let ca_certificates = section.authorities("ca_certificates");
        let signing_keys = keys::signing(section);
        let decryption_keys = keys::decryption(section);
        let signatures = section.choice("signatures", &SIGNATURES).unwrap_or(defaults.signatures);
        let clock_skew = section.duration("clock_skew", Duration::ZERO..=SKEW_MOST).unwrap_or(SKEW);
        let contexts = section.texts("requested_authn_context").unwrap_or_default();
        let read = Self {
            provider,
            sign_on_binding: section.choice("sign_on_binding", &BINDINGS),
            logout_url: address(section, "logout_url"),
            sign_requests: flag("sign_requests"),
            signatures,
            idp_initiated: flag("idp_initiated"),
            force_authn,
            is_passive,
            requested_authn_context: contexts,
            name_id_format: name_id_format.or(defaults.name_id_format.map(str::to_owned)),
            subject,
            email: section.attribute("email_attribute"),
            name: section.attribute("name_attribute"),
            groups: section.attribute("groups_attribute"),
            sp_entity_id: section.filled("sp_entity_id"),
            acs_path: section.filled("acs_path"),
            clock_skew,
            insecure_sha1: flag("insecure_sha1"),
            insecure_aes_cbc: flag("insecure_aes_cbc"),
            insecure_unsigned_logout_responses: flag("insecure_unsigned_logout_responses"),
            ca_certificates,
            // Last, so that every mistake is seen.
            source: source?,
            signing_keys: signing_keys?,
            decryption_keys: decryption_keys?,
        };
        Some(read)
    }

    /// Notes what contradicts the organization's policy.
    pub(super) fn fits(&self, section: &Section<'_>, policy: &Organization, profile: HubProfile) {
        let Some(path) = &self.acs_path else { return };
        let hubs = consume_path(&policy.id);
        let served = *path == super::acs_path(&policy.id)
            || *path == hubs && profile == HubProfile::Huggingface;
        if !served {
            let what = "is no address that is served for this organization's provider";
            section.note("saml.acs_path", what, &format!("write {hubs:?}, or leave it out"));
        }
    }
}

/// An address that messages or requests go to: https, or http on loopback.
fn address(section: &Section<'_>, key: &str) -> Option<String> {
    let text = section.filled(key)?;
    let good = Url::parse(&text).is_ok_and(|url| {
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
        safe && url.username().is_empty() && url.password().is_none()
    });
    if !good {
        let remedy = "write an https:// address; http is for loopback addresses only";
        section.note(key, "is no https address", remedy);
    }
    good.then_some(text)
}

/// A short name, or the URI itself.
fn name_id_format(section: &Section<'_>) -> Option<String> {
    let text = section.filled("name_id_format")?;
    let known = FORMATS.iter().find(|(name, uri)| *name == text || *uri == text);
    if let Some((_, uri)) = known {
        return Some((*uri).to_owned());
    }
    if text.starts_with("urn:") || text.starts_with("http") {
        return Some(text);
    }
    section.chosen("name_id_format", &text, &FORMATS).map(str::to_owned)
}
