//! A small OpenID provider: the code flow with PKCE, single sign-on, refresh, and every kind of logout.
//!
//! People sign in by clicking their names; there are no passwords.
//! It behaves as the specifications say unless a test orders otherwise: the orders are in [`behaviour`].

mod asked;
mod authorize;
pub mod behaviour;
mod book;
mod clients;
mod console;
mod deliver;
mod discovery;
mod id_token;
mod keys;
mod logout;
mod refusal;
mod token;
mod userinfo;
mod wish;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use serde_json::Value;

use super::answer::{self, Body, form};
use super::listen::{Arrival, Listener, Server};
use super::lock;
use super::page::Look;
use super::people::Person;
use crate::clock::Clock;
pub use asked::{Asked, Endpoint, Fields};
use behaviour::Behaviour;
use book::Book;
pub use clients::{Client, ClientAuthentication};
pub use deliver::Delivery;
pub use keys::Algorithm;
use keys::Keys;
use refusal::Refusal;

/// What a provider is made of.
pub struct Settings {
    /// Its issuer identifier, path included; `None`: the listener's origin.
    pub issuer: Option<String>,
    /// What its pages call it.
    pub name: String,
    /// The colour of its pages, as CSS.
    pub accent: &'static str,
    /// How ID tokens and logout tokens are signed, unless a client asks for something else.
    pub algorithm: Algorithm,
    /// Who may ask it.
    pub clients: Vec<Client>,
    /// Whom it knows.
    pub people: Vec<Person>,
    /// Whether `email`, `name` and `groups` are in the ID token too, or in userinfo only.
    pub claims_in_id_token: bool,
    /// How long access tokens and ID tokens live.
    pub token_lifetime: Duration,
    /// Where it reads the time.
    pub clock: Clock,
}

impl Settings {
    /// A provider of these people that signs with ES256 and has no clients yet.
    #[must_use]
    pub fn new(name: &str, people: Vec<Person>, clock: Clock) -> Settings {
        Settings {
            issuer: None,
            name: name.to_owned(),
            accent: "#3b5bdb",
            algorithm: Algorithm::Es256,
            clients: Vec::new(),
            people,
            claims_in_id_token: true,
            token_lifetime: Duration::from_secs(300),
            clock,
        }
    }
}

/// How many requests are remembered.
const REMEMBERED: usize = 4096;

/// A running provider; dropping it closes its port and its connections.
pub struct Provider {
    server: Server,
    state: Arc<State>,
}

struct State {
    issuer: String,
    /// The path of the issuer, without a trailing slash.
    base: String,
    /// The path of the console.
    home: String,
    settings: Settings,
    clients: Mutex<Vec<Client>>,
    people: Mutex<Vec<Person>>,
    keys: Mutex<Keys>,
    book: Mutex<Book>,
    behaviour: Mutex<Behaviour>,
    asked: Mutex<VecDeque<Asked>>,
}

impl Provider {
    /// Serves a provider on a listener.
    ///
    /// # Errors
    /// When the listener has no address or no key can be made.
    pub fn start(listener: impl Into<Listener>, mut settings: Settings) -> io::Result<Provider> {
        let listener = listener.into();
        let issuer = match settings.issuer.take() {
            Some(issuer) => issuer,
            None => listener.origin()?,
        };
        let url = url::Url::parse(&issuer).map_err(io::Error::other)?;
        let base = url.path().trim_end_matches('/').to_owned();
        let clients = std::mem::take(&mut settings.clients);
        let people = std::mem::take(&mut settings.people);
        let keys = Keys::new(settings.algorithm).map_err(|Unspecified| no_key())?;
        let state = Arc::new(State {
            home: format!("{base}/"),
            base,
            issuer,
            settings,
            clients: Mutex::default(),
            people: Mutex::new(people),
            keys: Mutex::new(keys),
            book: Mutex::default(),
            behaviour: Mutex::default(),
            asked: Mutex::default(),
        });
        let served = Arc::clone(&state);
        let answer = move |arrival| {
            let state = Arc::clone(&served);
            async move { state.answer(arrival).await }
        };
        let provider = Provider { server: Server::start(listener, answer)?, state };
        clients.into_iter().try_for_each(|client| provider.register(client))?;
        Ok(provider)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// Registers a client, in the place of one with the same id, and makes the key that it needs.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn register(&self, client: Client) -> io::Result<()> {
        let algorithm = client.algorithm.unwrap_or(self.state.settings.algorithm);
        lock(&self.state.keys).ensure(algorithm).map_err(|Unspecified| no_key())?;
        let mut clients = lock(&self.state.clients);
        clients.retain(|own| own.id != client.id);
        clients.push(client);
        Ok(())
    }

    /// Changes a person: groups, address, whether the account is open.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = lock(&self.state.people).iter_mut().find(|own| own.id == id) {
            change(person);
        }
    }

    /// Closes the port and every connection, and returns when that has happened.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

fn no_key() -> io::Error {
    io::Error::other("no key could be made")
}

impl State {
    async fn answer(&self, arrival: Arrival) -> io::Result<Response<Body>> {
        let path = arrival.request.uri().path().strip_prefix(&self.base).unwrap_or_default();
        let Some(endpoint) = Endpoint::ALL.into_iter().find(|own| own.path() == path) else {
            let sentence = "This identity provider has no such page.";
            return Ok(self.look().notice(StatusCode::NOT_FOUND, "Not found", sentence));
        };
        let Arrival { request, head, .. } = arrival;
        let mut fields = form(request.uri().query().unwrap_or_default().as_bytes());
        let Some(body) = answer::read(request.into_body(), 256 << 10).await else {
            return Ok(answer::text(StatusCode::PAYLOAD_TOO_LARGE, "too large\n"));
        };
        fields.extend(form(&body));
        let asked = Asked { endpoint, head, fields };
        {
            let mut all = lock(&self.asked);
            if all.len() == REMEMBERED {
                all.pop_front();
            }
            all.push_back(asked.clone());
        }
        let fault = lock(&self.behaviour).faults.get(&endpoint).cloned();
        if let Some(fault) = fault {
            return fault.commit().await;
        }
        Ok(match endpoint {
            Endpoint::Discovery => self.discovery(),
            Endpoint::Keys => self.published_keys(),
            Endpoint::Authorize => self.authorize(&asked),
            Endpoint::PushedAuthorization => self.push(&asked),
            Endpoint::Token => self.token(&asked),
            Endpoint::UserInfo => self.userinfo(&asked),
            Endpoint::Revocation => self.revoke(&asked),
            Endpoint::EndSession => self.end_session(&asked).await,
            Endpoint::Console => self.console(&asked).await,
        })
    }

    fn address_of(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer.trim_end_matches('/'), endpoint.path())
    }

    fn client(&self, id: &str) -> Option<Client> {
        lock(&self.clients).iter().find(|own| own.id == id).cloned()
    }

    fn person(&self, wanted: impl Fn(&Person) -> bool) -> Option<Person> {
        lock(&self.people).iter().find(|own| wanted(own)).cloned()
    }

    fn now(&self) -> u64 {
        let now = self.settings.clock.now();
        now.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
    }

    fn look(&self) -> Look<'_> {
        Look { site: &self.settings.name, home: &self.home, accent: self.settings.accent }
    }
}

/// A name that nobody can guess.
fn unguessable() -> String {
    let mut bytes = [0; 24];
    // The system's random numbers do not run out; if they did, every lookup of the name would fail.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return String::new();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

type Object = serde_json::Map<String, Value>;
