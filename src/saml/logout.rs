//! Single logout (Core §3.7, Profiles §4.4), in both directions and over both bindings.

mod receive;

use std::time::{Duration, SystemTime};

use super::binding::{Delivery, SendError, UnverifiedForm, deliver, fresh_id};
use super::identity_provider::Endpoint;
use super::instant;
use super::limits::RELAY_STATE_BYTES;
use super::redirect::Direction;
use super::request::Begin;
use super::signing::{attribute, escape};
use super::{NameId, ServiceProvider};

/// How long a logout request of ours may be acted upon.
const REQUEST_LASTS: Duration = Duration::from_secs(300);

/// A logout message as it arrived at the single logout service.
#[derive(Clone, Copy, Debug)]
pub enum UnverifiedLogout<'a> {
    /// The raw query of a GET, not decoded: its octets are what is signed.
    Redirect(&'a str),
    /// A posted form.
    Post(&'a UnverifiedForm),
}

/// A logout message that the identity provider has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifiedLogout {
    /// It asks for sessions to end.
    Request(VerifiedLogoutRequest),
    /// It answers our request.
    Response(VerifiedLogoutResponse),
}

/// Whose sessions are to end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedLogoutRequest {
    /// The id that the answer must name.
    pub id: String,
    /// The person.
    pub subject: NameId,
    /// The sessions; none means all of the person's (Core §3.7.1).
    pub session_indexes: Vec<String>,
    /// What must be sent back with the answer.
    pub relay_state: Option<String>,
}

/// How our request went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedLogoutResponse {
    /// Where the person is signed out.
    pub outcome: LogoutOutcome,
    /// The handle that we gave along.
    pub relay_state: Option<String>,
}

/// Where a person was signed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// Everywhere.
    Complete,
    /// Not everywhere; the person should close the browser.
    Partial,
    /// The other side could not do it.
    Failed,
}

impl ServiceProvider {
    /// Whether the identity provider can be asked to sign people out.
    #[must_use]
    pub fn knows_logout(&self) -> bool {
        self.logout_endpoint().is_ok() && !self.settings.signing_keys.is_empty()
    }

    /// Asks the identity provider to sign a person out. Always signed (Profiles §4.4.4.1).
    ///
    /// # Errors
    /// Says why the request could not be made.
    pub fn begin_logout(
        &self,
        subject: &NameId,
        session_index: Option<&str>,
        relay_state: Option<&str>,
        now: SystemTime,
    ) -> Result<Begin, SendError> {
        if relay_state.is_some_and(|handle| handle.len() > RELAY_STATE_BYTES) {
            return Err(SendError::RelayState);
        }
        let endpoint = self.logout_endpoint()?;
        let request_id = fresh_id()?;
        let end = now.checked_add(REQUEST_LASTS).unwrap_or(now);
        let end = attribute("NotOnOrAfter", Some(&instant::format(end)));
        let mut xml = self.opening("LogoutRequest", &request_id, &endpoint.location, &end, now);
        xml += &name_id(subject);
        if let Some(index) = session_index {
            xml += &format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escape(index));
        }
        xml += "</samlp:LogoutRequest>";
        let key = Some(self.signing_key()?);
        let delivery = deliver(endpoint, Direction::Request, &xml, relay_state, key)?;
        Ok(Begin { request_id, delivery })
    }

    /// Answers a logout request that was verified. Always signed (Profiles §4.4.4.2).
    ///
    /// # Errors
    /// Says why the answer could not be made.
    pub fn answer_logout(
        &self,
        request: &VerifiedLogoutRequest,
        outcome: LogoutOutcome,
        now: SystemTime,
    ) -> Result<Delivery, SendError> {
        let endpoint = self.logout_endpoint()?;
        let destination = endpoint.response_location.as_ref().unwrap_or(&endpoint.location);
        let more = attribute("InResponseTo", Some(&request.id));
        let mut xml = self.opening("LogoutResponse", &fresh_id()?, destination, &more, now);
        let code = |code: &str, inner: &str| {
            format!(
                "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{code}\">{inner}\
                 </samlp:StatusCode>"
            )
        };
        let status = match outcome {
            LogoutOutcome::Complete => code("Success", ""),
            LogoutOutcome::Partial => code("Responder", &code("PartialLogout", "")),
            LogoutOutcome::Failed => code("Responder", ""),
        };
        xml += &format!("<samlp:Status>{status}</samlp:Status></samlp:LogoutResponse>");
        let relay_state = request.relay_state.as_deref();
        deliver(endpoint, Direction::Response, &xml, relay_state, Some(self.signing_key()?))
    }

    fn logout_endpoint(&self) -> Result<&Endpoint, SendError> {
        self.settings.identity_provider.single_logout.first().ok_or(SendError::NoLogout)
    }
}

fn name_id(name: &NameId) -> String {
    format!(
        "<saml:NameID{}{}{}>{}</saml:NameID>",
        attribute("NameQualifier", name.name_qualifier.as_deref()),
        attribute("SPNameQualifier", name.sp_name_qualifier.as_deref()),
        attribute("Format", name.format.as_deref()),
        escape(&name.value),
    )
}
