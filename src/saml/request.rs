//! Authentication requests (Core §3.4.1, Profiles §4.1.4.1).

use std::time::SystemTime;

use super::ServiceProvider;
use super::binding::{Delivery, SendError, deliver, fresh_id};
use super::instant;
use super::limits::RELAY_STATE_BYTES;
use super::names::{HTTP_POST, SAML, SAMLP};
use super::own_keys::SigningKey;
use super::redirect::Direction;
use super::signing::{attribute, escape};

/// A request on its way, and what must be remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The id that the answer must name; single use, bound to the browser.
    pub request_id: String,
    /// How the browser carries it.
    pub delivery: Delivery,
}

impl ServiceProvider {
    /// Begins a sign-in: the request that the browser carries to the identity provider.
    ///
    /// `relay_state` is an opaque handle of at most 80 bytes that comes back with the answer.
    ///
    /// # Errors
    /// Says why the request could not be made.
    pub fn begin(&self, relay_state: Option<&str>, now: SystemTime) -> Result<Begin, SendError> {
        self.begin_anew(relay_state, false, now)
    }

    /// As [`Self::begin`]; with `anew` the person is authenticated anew, whatever the settings say.
    ///
    /// # Errors
    /// Says why the request could not be made.
    pub fn begin_anew(
        &self,
        relay_state: Option<&str>,
        anew: bool,
        now: SystemTime,
    ) -> Result<Begin, SendError> {
        let settings = &self.settings;
        if relay_state.is_some_and(|handle| handle.len() > RELAY_STATE_BYTES) {
            return Err(SendError::RelayState);
        }
        if settings.identity_provider.has_expired(now) {
            return Err(SendError::MetadataExpired);
        }
        let endpoints = &settings.identity_provider.single_sign_on;
        // Settings without an address were refused.
        let endpoint = endpoints.first().ok_or(SendError::MetadataExpired)?;
        let request_id = fresh_id()?;
        let xml = self.authn_request(&request_id, &endpoint.location, anew, now);
        let key = if self.signs_requests() { Some(self.signing_key()?) } else { None };
        let delivery = deliver(endpoint, Direction::Request, &xml, relay_state, key)?;
        Ok(Begin { request_id, delivery })
    }

    pub(crate) fn signs_requests(&self) -> bool {
        self.settings.signs_requests()
    }

    pub(crate) fn signing_key(&self) -> Result<&SigningKey, SendError> {
        self.settings.signing_keys.first().ok_or(SendError::NoSigningKey)
    }

    /// The start of a message of ours: its attributes and our name.
    pub(crate) fn opening(
        &self,
        name: &str,
        id: &str,
        destination: &str,
        more: &str,
        now: SystemTime,
    ) -> String {
        format!(
            "<samlp:{name} xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"{id}\" \
             Version=\"2.0\" IssueInstant=\"{}\" Destination=\"{}\"{more}>\
             <saml:Issuer>{}</saml:Issuer>",
            instant::format(now),
            escape(destination),
            escape(&self.settings.entity_id),
        )
    }

    fn authn_request(&self, id: &str, destination: &str, anew: bool, now: SystemTime) -> String {
        let settings = &self.settings;
        let mut more = String::new();
        let force = settings.force_authn || anew;
        more += &attribute("ForceAuthn", force.then_some("true"));
        // Asking anew and asking nothing exclude each other (Core §3.4.1).
        more += &attribute("IsPassive", (settings.is_passive && !force).then_some("true"));
        more += &attribute("ProtocolBinding", Some(HTTP_POST));
        more += &attribute("AssertionConsumerServiceURL", Some(&settings.acs_url));
        let mut xml = self.opening("AuthnRequest", id, destination, &more, now);
        if let Some(format) = &settings.name_id_format {
            let format = attribute("Format", Some(format));
            xml += &format!("<samlp:NameIDPolicy{format} AllowCreate=\"true\"/>");
        }
        if !settings.authn_contexts.is_empty() {
            xml += "<samlp:RequestedAuthnContext Comparison=\"exact\">";
            for class in &settings.authn_contexts {
                let class = escape(class);
                xml += &format!("<saml:AuthnContextClassRef>{class}</saml:AuthnContextClassRef>");
            }
            xml += "</samlp:RequestedAuthnContext>";
        }
        xml + "</samlp:AuthnRequest>"
    }
}
