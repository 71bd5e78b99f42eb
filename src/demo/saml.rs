//! A small SAML identity provider: sign-on by both bindings, single sign-on, single logout.
//!
//! People sign in by clicking their names; there are no passwords.
//! It behaves as the specifications say unless a test orders otherwise: the orders are in [`orders`].
//! It writes and signs its messages by itself: it shares nothing with the service provider that
//! verifies them.

mod binding;
mod genuine;
mod keys;
mod logout;
pub mod orders;
mod pages;
mod sign_on;
mod statement;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Response, StatusCode};

use super::answer::{self, Body, form, put};
use super::listen::{Arrival, Listener, Server};
use super::lock;
use super::page::Look;
use super::people::Person;
use crate::clock::Clock;
use keys::Keys;
use orders::Orders;

pub use binding::{Message, Sent};
pub use statement::Statement;

/// What a provider is made of.
pub struct Settings {
    /// What its pages call it.
    pub name: String,
    /// The colour of its pages, as CSS.
    pub accent: &'static str,
    /// Whom it vouches to.
    pub service_providers: Vec<ServiceProvider>,
    /// Whom it knows.
    pub people: Vec<Person>,
    /// Where it reads the time.
    pub clock: Clock,
}

impl Settings {
    /// A provider of these people that vouches to nobody yet.
    #[must_use]
    pub fn new(name: &str, people: Vec<Person>, clock: Clock) -> Settings {
        let accent = "#3b5bdb";
        Settings { name: name.to_owned(), accent, service_providers: Vec::new(), people, clock }
    }
}

/// A service provider, as its administrator registered it.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// Its entity id.
    pub entity_id: String,
    /// Its assertion consumer services; the first is used when a request names none.
    pub acs: Vec<String>,
    /// Its single logout service.
    pub slo: String,
    /// The key that it signs its messages with, as a point of P-256; without one nobody looks.
    pub key: Option<Vec<u8>>,
}

/// How many messages are remembered.
const REMEMBERED: usize = 4096;

/// A running provider; dropping it closes its port and its connections.
pub struct Provider {
    server: Server,
    state: Arc<State>,
}

struct State {
    origin: String,
    settings: Settings,
    service_providers: Mutex<Vec<ServiceProvider>>,
    people: Mutex<Vec<Person>>,
    keys: Mutex<Keys>,
    sessions: Mutex<HashMap<String, Session>>,
    orders: Mutex<Orders>,
    received: Mutex<VecDeque<Message>>,
    metadata_fetches: AtomicU64,
}

/// A person's session here.
#[derive(Clone, Debug)]
struct Session {
    person: String,
    index: String,
    authenticated: SystemTime,
}

impl Provider {
    /// Serves a provider on a listener.
    ///
    /// # Errors
    /// When the listener has no address or no key can be made.
    pub fn start(listener: impl Into<Listener>, mut settings: Settings) -> io::Result<Provider> {
        let listener = listener.into();
        let state = Arc::new(State {
            origin: listener.origin()?,
            service_providers: Mutex::new(std::mem::take(&mut settings.service_providers)),
            people: Mutex::new(std::mem::take(&mut settings.people)),
            keys: Mutex::new(Keys::new()?),
            settings,
            sessions: Mutex::default(),
            orders: Mutex::default(),
            received: Mutex::default(),
            metadata_fetches: AtomicU64::new(0),
        });
        let served = Arc::clone(&state);
        let answer = move |arrival| {
            let state = Arc::clone(&served);
            async move { state.answer(arrival).await }
        };
        Ok(Provider { server: Server::start(listener, answer)?, state })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// Its origin: the console.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.state.origin
    }

    /// Its entity id, which is the address of its metadata.
    #[must_use]
    pub fn entity_id(&self) -> String {
        self.state.entity_id()
    }

    /// Registers a service provider, in the place of one with the same entity id.
    pub fn register(&self, service_provider: ServiceProvider) {
        let mut all = lock(&self.state.service_providers);
        all.retain(|own| own.entity_id != service_provider.entity_id);
        all.push(service_provider);
    }

    /// Changes a person: groups, address, whether the account is open.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = lock(&self.state.people).iter_mut().find(|own| own.id == id) {
            change(person);
        }
    }

    /// The messages that service providers have sent, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Message> {
        lock(&self.state.received).iter().cloned().collect()
    }

    /// How often the metadata was fetched.
    #[must_use]
    pub fn metadata_fetches(&self) -> u64 {
        self.state.metadata_fetches.load(Ordering::SeqCst)
    }

    /// Closes the port and every connection, and returns when that has happened.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl State {
    fn entity_id(&self) -> String {
        format!("{}/metadata", self.origin)
    }

    async fn answer(&self, arrival: Arrival) -> io::Result<Response<Body>> {
        let (parts, body) = arrival.request.into_parts();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let Some(body) = answer::read(body, 1 << 20).await else {
            return Ok(answer::text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n"));
        };
        let fields = match parts.method {
            Method::POST => form(&body),
            _ => form(query.as_bytes()),
        };
        let ask = Ask { method: parts.method, headers: parts.headers, query, fields };
        Ok(match parts.uri.path() {
            "/" => self.console(&ask),
            "/metadata" => self.metadata(),
            "/sso" => self.sign_on(&ask),
            "/initiate" => self.initiate(&ask),
            "/slo" => self.single_logout(&ask),
            "/end" => self.end(&ask),
            _ => {
                let sentence = "This identity provider has no such page.";
                self.look().notice(StatusCode::NOT_FOUND, "Not found", sentence)
            }
        })
    }

    fn remember(&self, message: Message) {
        let mut all = lock(&self.received);
        if all.len() == REMEMBERED {
            all.pop_front();
        }
        all.push_back(message);
    }

    fn session(&self, headers: &HeaderMap) -> Option<(String, Session)> {
        let name = self.cookie_name();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|line| line.split(';'));
        let mut values = pairs.filter_map(|pair| {
            pair.trim().split_once('=').filter(|(own, _)| *own == name).map(|(_, value)| value)
        });
        let cookie = values.next()?;
        let session = lock(&self.sessions).get(cookie).cloned()?;
        Some((cookie.to_owned(), session))
    }

    /// Different on each port, since cookies are shared between the ports of a host.
    fn cookie_name(&self) -> String {
        format!("saml_{}", self.origin.rsplit(':').next().unwrap_or_default())
    }

    fn set_cookie(&self, response: &mut Response<Body>, value: &str) {
        let name = self.cookie_name();
        put(response, SET_COOKIE, &format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax"));
    }

    fn person(&self, wanted: impl Fn(&Person) -> bool) -> Option<Person> {
        lock(&self.people).iter().find(|own| wanted(own)).cloned()
    }

    fn service_provider(&self, entity_id: &str) -> Option<ServiceProvider> {
        lock(&self.service_providers).iter().find(|own| own.entity_id == entity_id).cloned()
    }

    fn look(&self) -> Look<'_> {
        Look { site: &self.settings.name, home: "/", accent: self.settings.accent }
    }

    fn refuse(&self, sentence: &str) -> Response<Body> {
        self.look().notice(StatusCode::BAD_REQUEST, "That cannot be", sentence)
    }
}

/// A request, read.
struct Ask {
    method: Method,
    headers: HeaderMap,
    query: String,
    fields: Vec<(String, String)>,
}

impl Ask {
    fn field(&self, name: &str) -> Option<&str> {
        answer::field(&self.fields, name)
    }
}

/// A name that nobody can guess.
fn unguessable() -> String {
    let mut bytes = [0; 20];
    // The system's random numbers do not run out; if they did, every lookup of the name would fail.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return String::new();
    }
    format!("_{}", URL_SAFE_NO_PAD.encode(bytes))
}
