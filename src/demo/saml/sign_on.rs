//! Signing on (Profiles §4.1): who is it, and what is said of them.

use askama::Template;
use http::{Response, StatusCode};

use super::orders::Signs;
use super::{Ask, Message, Sent, ServiceProvider, Session, State, Statement, unguessable};
use crate::demo::answer::Body;
use crate::demo::lock;
use crate::demo::people::Person;

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const CONTEXT: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

impl State {
    /// A request, or the click of a person in the page that it was answered with.
    pub(super) fn sign_on(&self, ask: &Ask) -> Response<Body> {
        let Some(message) = Message::read(ask).filter(|message| !message.is_response) else {
            return self.refuse("That is no authentication request.");
        };
        let clicked = ask.field("person");
        let issuer = message.text("Issuer").unwrap_or_default();
        let Some(service_provider) = self.service_provider(&issuer) else {
            return self.refuse("No service provider of that name is registered here.");
        };
        if !self.is_genuine(&service_provider, &message, clicked.is_some()) {
            return self.refuse("The service provider has not signed that request.");
        }
        if clicked.is_none() {
            self.remember(message.clone());
        }
        let acs = message.attribute("AssertionConsumerServiceURL");
        let acs = acs.or_else(|| service_provider.acs.first().cloned()).unwrap_or_default();
        // The answer goes nowhere that was not registered, whatever the request says.
        if !service_provider.acs.contains(&acs) {
            return self.refuse("That assertion consumer service is not registered here.");
        }
        let ordered = lock(&self.orders).sign_in.clone();
        let open = self.session(&ask.headers);
        let force = message.attribute("ForceAuthn").as_deref() == Some("true");
        let id = message.attribute("ID");
        let (cookie, session) = match (clicked.map(str::to_owned).or(ordered), open) {
            (Some(person), open) => {
                let Some(person) = self.person(|own| own.id == person && own.active) else {
                    return self.deny(&service_provider, &acs, &message, "AuthnFailed");
                };
                self.open_session(&person, open)
            }
            (None, Some(open)) if !force => open,
            (None, _) if message.attribute("IsPassive").as_deref() == Some("true") => {
                return self.deny(&service_provider, &acs, &message, "NoPassive");
            }
            (None, _) => return self.who(ask, &message),
        };
        let Some(person) = self.person(|own| own.id == session.person && own.active) else {
            return self.deny(&service_provider, &acs, &message, "AuthnFailed");
        };
        let statement = self.statement(&service_provider, &acs, id, &person, &session);
        let sent = self.respond(statement, message.relay_state.as_deref());
        let mut response = sent.answer();
        self.set_cookie(&mut response, &cookie);
        response
    }

    /// A sign-in that begins here (Profiles §4.1.5), at the first service provider.
    pub(super) fn initiate(&self, ask: &Ask) -> Response<Body> {
        let person = ask.field("person").unwrap_or_default();
        let person = self.person(|own| own.id == person && own.active);
        let service_provider = lock(&self.service_providers).first().cloned();
        let (Some(person), Some(service_provider)) = (person, service_provider) else {
            return self.refuse("Nobody, or nowhere to go.");
        };
        let acs = service_provider.acs.first().cloned().unwrap_or_default();
        let (cookie, session) = self.open_session(&person, self.session(&ask.headers));
        let statement = self.statement(&service_provider, &acs, None, &person, &session);
        let mut response = self.respond(statement, None).answer();
        self.set_cookie(&mut response, &cookie);
        response
    }

    fn open_session(&self, person: &Person, open: Option<(String, Session)>) -> (String, Session) {
        let now = self.settings.clock.now();
        let (cookie, session) = match open {
            Some((cookie, session)) if session.person == person.id => {
                (cookie, Session { authenticated: now, ..session })
            }
            Some(_) | None => {
                let (person, index) = (person.id.clone(), unguessable());
                (unguessable(), Session { person, index, authenticated: now })
            }
        };
        lock(&self.sessions).insert(cookie.clone(), session.clone());
        (cookie, session)
    }

    /// What is said of a person, before orders.
    pub(super) fn statement(
        &self,
        service_provider: &ServiceProvider,
        acs: &str,
        in_response_to: Option<String>,
        person: &Person,
        session: &Session,
    ) -> Statement {
        let one = |name: &str, value: &str| (name.to_owned(), None, vec![value.to_owned()]);
        let issued = self.settings.clock.now();
        Statement {
            response_id: unguessable(),
            assertion_id: unguessable(),
            issuer: self.entity_id(),
            destination: acs.to_owned(),
            recipient: acs.to_owned(),
            audience: service_provider.entity_id.clone(),
            in_response_to,
            issued,
            not_on_or_after: issued,
            authenticated: session.authenticated,
            session_index: Some(session.index.clone()),
            session_not_on_or_after: None,
            name_id: person.subject.clone(),
            name_id_format: PERSISTENT.to_owned(),
            attributes: vec![
                one("email", &person.email),
                one("displayName", &person.name),
                ("groups".to_owned(), None, person.groups.clone()),
            ],
            context: CONTEXT.to_owned(),
            status: ("Success".to_owned(), None),
        }
        .lasting()
    }

    /// Writes, signs and packs what is said.
    pub(super) fn respond(&self, mut statement: Statement, relay_state: Option<&str>) -> Sent {
        let orders = lock(&self.orders).clone();
        if orders.new_key_before_signing {
            // Without a new key the old one signs, and the test that ordered it fails.
            let _ = lock(&self.keys).rotate(false);
        }
        if let Some(edit) = &orders.statement {
            edit(&mut statement);
        }
        let keys = lock(&self.keys);
        let key = keys.signing(orders.stranger);
        let mut assertion =
            if statement.status.0 == "Success" { statement.assertion() } else { String::new() };
        if matches!(orders.signs, Signs::Assertion | Signs::Both) && !assertion.is_empty() {
            assertion = key.envelop(&statement.assertion_id, &assertion);
        }
        let mut xml = statement.response(&assertion);
        if matches!(orders.signs, Signs::Response | Signs::Both) {
            xml = key.envelop(&statement.response_id, &xml);
        }
        if let Some(edit) = &orders.response {
            xml = edit(xml);
        }
        Sent::post(&statement.destination, "SAMLResponse", &xml, relay_state)
    }

    /// A status other than success (Core §3.2.2.2).
    fn deny(
        &self,
        service_provider: &ServiceProvider,
        acs: &str,
        message: &Message,
        status: &str,
    ) -> Response<Body> {
        let nobody = Person::new("", "", &[], "");
        let session = Session {
            person: String::new(),
            index: String::new(),
            authenticated: self.settings.clock.now(),
        };
        let id = message.attribute("ID");
        let mut statement = self.statement(service_provider, acs, id, &nobody, &session);
        statement.status = ("Responder".to_owned(), Some(status.to_owned()));
        self.respond(statement, message.relay_state.as_deref()).answer()
    }

    /// The page with the names.
    fn who(&self, ask: &Ask, message: &Message) -> Response<Body> {
        let mut people = lock(&self.people).clone();
        people.retain(|person| person.active);
        let mut fields: Vec<_> = ask
            .fields
            .iter()
            .filter(|(name, _)| name == "SAMLRequest" || name == "RelayState" || name == "deflated")
            .cloned()
            .collect();
        if !message.by_post {
            fields.push(("deflated".to_owned(), "1".to_owned()));
        }
        let page = Who { provider: &self.settings.name, fields, people };
        self.look().page(StatusCode::OK, "Sign in", &page)
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Sign in</h1>
<p class="quiet">{{ provider }} has no passwords: click whoever you want to be.</p>
<form class="choices" method="post" action="/sso" style="display: block">
{% for field in fields %}<input type="hidden" name="{{ field.0 }}" value="{{ field.1 }}">
{% endfor %}{% for person in people %}<button name="person" value="{{ person.id }}"><strong>{{ person.name }}</strong> {{ person.email }} <span class="tag push">{{ person.remark }}</span></button>
{% endfor %}<button name="person" value="">Cancel</button>
</form>"#
)]
struct Who<'p> {
    provider: &'p str,
    fields: Vec<(String, String)>,
    people: Vec<Person>,
}
