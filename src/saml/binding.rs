//! What leaves through the browser and what comes back through it.

mod form;

use super::Refusal;
use super::identity_provider::{Binding, Endpoint};
use super::keys::hex;
use super::limits::{FOREIGN_RELAY_STATE_BYTES, encode_base64};
use super::own_keys::{KeyError, SigningKey};
use super::redirect::{self, Direction};
use super::signing::sign_enveloped;

/// The largest form that is read: a message in base64 and in escapes, and what stands beside it.
const FORM_BYTES: usize = 512 * 1024;
/// 160 random bits; Core §1.3.4 wants at least 128.
const ID_BYTES: usize = 20;

/// A message on its way to the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The browser goes to this address.
    Redirect {
        /// Where to, message and signature included.
        url: String,
    },
    /// The browser posts a form.
    Post {
        /// Where to: also the only `form-action` that the page needs.
        action: String,
        /// The hidden fields, by name. They are data: whoever writes the page escapes them.
        fields: Vec<(&'static str, String)>,
    },
}

/// Why a message could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The RelayState is longer than 80 bytes (Bindings §3.4.3).
    #[error("the RelayState is longer than 80 bytes")]
    RelayState,
    /// The identity provider's metadata has expired.
    #[error("the metadata of the identity provider is no longer valid")]
    MetadataExpired,
    /// The identity provider has no address for this.
    #[error("the identity provider has no single logout address")]
    NoLogout,
    /// The message must be signed and there is no key.
    #[error("the message must be signed, but there is no signing key")]
    NoSigningKey,
    /// There is no randomness.
    #[error("cannot draw random bytes")]
    Random,
    /// The message could not be signed.
    #[error("cannot sign the message")]
    Signing(#[source] KeyError),
}

/// A fresh id of a message: a name that nobody can guess.
pub(crate) fn fresh_id() -> Result<String, SendError> {
    let mut bytes = [0; ID_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SendError::Random)?;
    Ok(format!("_{}", hex(&bytes)))
}

/// Packs a message for `endpoint`, signed if there is a key.
pub(crate) fn deliver(
    endpoint: &Endpoint,
    direction: Direction,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&SigningKey>,
) -> Result<Delivery, SendError> {
    let location = match (direction, &endpoint.response_location) {
        (Direction::Response, Some(location)) => location,
        (Direction::Request | Direction::Response, _) => &endpoint.location,
    };
    match endpoint.binding {
        Binding::Redirect => {
            let url = redirect::address(location, direction, xml, relay_state, key)
                .map_err(SendError::Signing)?;
            Ok(Delivery::Redirect { url })
        }
        Binding::Post => {
            let xml = match key {
                Some(key) => sign_enveloped(xml, key).map_err(SendError::Signing)?,
                None => xml.to_owned(),
            };
            let mut fields = vec![(direction.parameter(), encode_base64(xml.as_bytes()))];
            fields.extend(relay_state.map(|relay_state| ("RelayState", relay_state.to_owned())));
            Ok(Delivery::Post { action: location.clone(), fields })
        }
    }
}

/// A form that was posted to one of our services; nothing in it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnverifiedForm {
    /// A request, in base64.
    pub saml_request: Option<String>,
    /// A response, in base64.
    pub saml_response: Option<String>,
    /// What we or the identity provider gave along.
    pub relay_state: Option<String>,
}

impl UnverifiedForm {
    /// Parses `application/x-www-form-urlencoded`; a field of the binding that comes twice is
    /// refused, since readers differ in which one they take.
    ///
    /// # Errors
    /// Too large, a doubled field, or a RelayState of more than a kilobyte.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > FORM_BYTES {
            return Err(Refusal::TooLarge);
        }
        let mut form = Self::default();
        for (name, value) in form::pairs(body) {
            let slot = match name.as_str() {
                "SAMLRequest" => &mut form.saml_request,
                "SAMLResponse" => &mut form.saml_response,
                "RelayState" => &mut form.relay_state,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(Refusal::ParameterDoubled);
            }
        }
        let relay_state = form.relay_state.as_deref().unwrap_or_default();
        if relay_state.len() > FOREIGN_RELAY_STATE_BYTES {
            return Err(Refusal::TooLarge);
        }
        Ok(form)
    }

    /// The one response, in base64.
    ///
    /// # Errors
    /// There is none, or there is a request beside it.
    pub fn response(&self) -> Result<&str, Refusal> {
        match (&self.saml_request, &self.saml_response) {
            (None, Some(response)) => Ok(response),
            (Some(_), Some(_)) => Err(Refusal::ParameterDoubled),
            (Some(_) | None, None) => Err(Refusal::ParameterMissing),
        }
    }

    pub(crate) fn message(&self) -> Result<(Direction, &str), Refusal> {
        match (&self.saml_request, &self.saml_response) {
            (Some(request), None) => Ok((Direction::Request, request)),
            (None, Some(response)) => Ok((Direction::Response, response)),
            (Some(_), Some(_)) => Err(Refusal::ParameterDoubled),
            (None, None) => Err(Refusal::ParameterMissing),
        }
    }
}
