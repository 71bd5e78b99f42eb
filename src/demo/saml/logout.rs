//! Single logout (Profiles §4.4), begun on either side.

use http::{Response, StatusCode};

use super::orders::SignsOut;
use super::statement::{lone_name_id, message, status, time};
use super::{Ask, Message, Sent, ServiceProvider, State, unguessable};
use crate::demo::answer::Body;
use crate::demo::lock;
use crate::demo::people::Person;

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

impl State {
    /// A request to end a session, or the answer to ours.
    pub(super) fn single_logout(&self, ask: &Ask) -> Response<Body> {
        let Some(message) = Message::read(ask) else { return self.refuse("That is no message.") };
        let issuer = message.text("Issuer").unwrap_or_default();
        let Some(service_provider) = self.service_provider(&issuer) else {
            return self.refuse("No service provider of that name is registered here.");
        };
        if !self.is_genuine(&service_provider, &message, false) {
            return self.refuse("The service provider has not signed that message.");
        }
        self.remember(message.clone());
        if message.is_response {
            let sentence = "The hub has signed you out too.";
            return self.look().notice(StatusCode::OK, "Signed out", sentence);
        }
        let index = message.text("SessionIndex");
        lock(&self.sessions).retain(|_, session| Some(&session.index) != index.as_ref());
        self.say_ended(&service_provider, &message).answer()
    }

    fn say_ended(&self, service_provider: &ServiceProvider, request: &Message) -> Sent {
        let orders = lock(&self.orders).clone();
        let attributes = [
            ("Destination", Some(service_provider.slo.clone())),
            ("ID", Some(unguessable())),
            ("InResponseTo", request.attribute("ID")),
            ("IssueInstant", Some(time(self.settings.clock.now()))),
            ("Version", Some("2.0".to_owned())),
        ];
        let inner = match orders.signs_out {
            SignsOut::Everywhere => status("Success", None),
            SignsOut::Partly => status("Responder", Some("PartialLogout")),
            SignsOut::Nowhere => status("Responder", None),
        };
        let xml = message("LogoutResponse", &attributes, &self.entity_id(), &inner);
        let by_post = orders.post_only;
        self.pack(
            &service_provider.slo,
            "SAMLResponse",
            &xml,
            request.relay_state.as_deref(),
            by_post,
        )
    }

    /// An administrator ends a person's sessions: the browser that asks carries the request.
    pub(super) fn end(&self, ask: &Ask) -> Response<Body> {
        let person = ask.field("person").unwrap_or_default();
        let service_provider = lock(&self.service_providers).first().cloned();
        let (Some(person), Some(service_provider)) =
            (self.person(|own| own.id == person), service_provider)
        else {
            return self.refuse("Nobody, or nobody to tell.");
        };
        lock(&self.sessions).retain(|_, session| session.person != person.id);
        self.ask_to_end(&service_provider, &person, &[], false).answer()
    }

    pub(super) fn ask_to_end(
        &self,
        service_provider: &ServiceProvider,
        person: &Person,
        indexes: &[String],
        by_post: bool,
    ) -> Sent {
        let id = unguessable();
        let attributes = [
            ("Destination", Some(service_provider.slo.clone())),
            ("ID", Some(id)),
            ("IssueInstant", Some(time(self.settings.clock.now()))),
            ("Version", Some("2.0".to_owned())),
        ];
        let indexes: String = indexes
            .iter()
            .map(|index| format!("<samlp:SessionIndex>{index}</samlp:SessionIndex>"))
            .collect();
        let inner = format!("{}{indexes}", lone_name_id(PERSISTENT, &person.subject));
        let xml = message("LogoutRequest", &attributes, &self.entity_id(), &inner);
        self.pack(&service_provider.slo, "SAMLRequest", &xml, Some("from the provider"), by_post)
    }

    fn pack(
        &self,
        to: &str,
        parameter: &str,
        xml: &str,
        relay_state: Option<&str>,
        by_post: bool,
    ) -> Sent {
        let orders = lock(&self.orders).clone();
        let keys = lock(&self.keys);
        let key = (!orders.logout_unsigned).then(|| keys.signing(orders.stranger));
        if !by_post {
            return Sent::redirect(to, parameter, xml, relay_state, key);
        }
        let id = xml.split_once(" ID=\"").and_then(|(_, rest)| rest.split_once('"'));
        let signed = match (key, id) {
            (Some(key), Some((id, _))) => key.envelop(id, xml),
            (Some(_), None) | (None, _) => xml.to_owned(),
        };
        Sent::post(to, parameter, &signed, relay_state)
    }
}
