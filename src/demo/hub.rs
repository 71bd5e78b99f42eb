//! A small model hub, which speaks enough of the Hugging Face Hub's language for its clients.
//!
//! It either trusts the identity headers that a gate in front of it writes, or has accounts and an access list of its own.
//! Under every repository it has a few addresses that tests use: see [`probes`].

mod api;
mod files;
mod git;
mod identity;
mod login;
mod pages;
pub mod probes;
mod received;
mod repositories;
mod uploads;
mod websocket;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use tokio::sync::watch;

use super::answer::{Body, decoded, text};
use super::listen::{Arrival, Lifetime, Listener, Server};
use super::people::Account;
use super::wire::Head;
use super::{Fault, lock};
use identity::Caller;
use received::Counted;
pub use received::Received;
pub use repositories::{Catalogue, Kind, Repository};

/// Who says what a caller may see.
#[derive(Clone, Debug)]
pub enum Access {
    /// The gate in front has decided: everything that arrives is served, to whom the headers name.
    TrustHeaders,
    /// The hub itself, by its accounts' tokens: private repositories are for members.
    Accounts(Vec<Account>),
}

/// What a hub is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who decides.
    pub access: Access,
    /// What there is.
    pub catalogue: Catalogue,
    /// Where the pages' link "Sign-ins" leads, if there is a gate.
    pub account_page: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { access: Access::TrustHeaders, catalogue: Catalogue::demo(), account_page: None }
    }
}

/// How many requests are remembered.
const REMEMBERED: usize = 4096;

/// A running hub; dropping it closes its port and its connections.
pub struct Hub {
    server: Server,
    state: Arc<State>,
}

struct State {
    settings: Settings,
    catalogue: Mutex<Catalogue>,
    received: Mutex<VecDeque<Received>>,
    faults: Mutex<BTreeMap<String, Fault>>,
    /// How many requests have arrived.
    arrivals: watch::Sender<u64>,
    /// How often the held requests have been released, and how many events have been sent.
    signals: watch::Sender<(u64, u64)>,
}

impl Hub {
    /// Serves a hub on a listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(listener: impl Into<Listener>, settings: Settings) -> io::Result<Hub> {
        let state = Arc::new(State {
            catalogue: Mutex::new(settings.catalogue.clone()),
            settings,
            received: Mutex::default(),
            faults: Mutex::default(),
            arrivals: watch::Sender::new(0),
            signals: watch::Sender::new((0, 0)),
        });
        let served = Arc::clone(&state);
        let answer = move |arrival| {
            let state = Arc::clone(&served);
            async move { state.answer(arrival).await }
        };
        Ok(Hub { server: Server::start(listener.into(), answer)?, state })
    }

    /// Where it listens; nothing on a Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// Its origin, like `http://127.0.0.1:4000`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.server.origin()
    }

    /// The requests that have arrived, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).iter().cloned().collect()
    }

    /// Forgets the requests that have arrived, and returns them.
    pub fn take_received(&self) -> Vec<Received> {
        lock(&self.state.received).drain(..).collect()
    }

    /// Waits until this many requests have arrived since the start.
    pub async fn arrivals(&self, count: u64) {
        let mut arrivals = self.state.arrivals.subscribe();
        let _ = arrivals.wait_for(|arrived| *arrived >= count).await;
    }

    /// Fails every request for exactly this path from now on; `None` ends that.
    pub fn fail(&self, path: &str, fault: Option<Fault>) {
        match fault {
            Some(fault) => lock(&self.state.faults).insert(path.to_owned(), fault),
            None => lock(&self.state.faults).remove(path),
        };
    }

    /// Lets the requests for `…/held` be answered that wait now.
    pub fn release(&self) {
        self.state.signals.send_modify(|(released, _)| *released += 1);
    }

    /// Sends one event on every open `…/events?on=signal`.
    pub fn signal(&self) {
        self.state.signals.send_modify(|(_, sent)| *sent += 1);
    }

    /// Closes the port and every connection, and returns when that has happened.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A request on its way through the hub.
struct Visit {
    request: Request<Counted>,
    head: Head,
    lifetime: Lifetime,
    caller: Caller,
}

/// A repository as an address names it.
struct Place {
    kind: Kind,
    id: String,
}

impl State {
    async fn answer(&self, arrival: Arrival) -> io::Result<Response<Body>> {
        let Arrival { request, head, lifetime } = arrival;
        let received = Received::new(head.clone());
        let request = request.map(|body| received.count(body));
        {
            let mut all = lock(&self.received);
            if all.len() == REMEMBERED {
                all.pop_front();
            }
            all.push_back(received);
        }
        self.arrivals.send_modify(|count| *count += 1);
        let fault = lock(&self.faults).get(request.uri().path()).cloned();
        if let Some(fault) = fault {
            return fault.commit().await;
        }
        let caller = Caller::of(&request, &self.settings.access);
        let path = request.uri().path().to_owned();
        let segments: Vec<String> =
            path.split('/').skip(1).map(decoded).filter(|segment| !segment.is_empty()).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        self.route(Visit { request, head, lifetime, caller }, &segments).await
    }

    async fn route(&self, visit: Visit, segments: &[&str]) -> io::Result<Response<Body>> {
        match segments {
            [] => Ok(self.home(&visit)),
            ["login"] => Ok(self.login(&visit, false)),
            ["logout"] => Ok(self.login(&visit, true)),
            ["health"] => Ok(text(StatusCode::OK, "ok\n")),
            ["api", rest @ ..] => Ok(self.api(visit, rest).await),
            [namespace] if Kind::of(namespace).is_none() => Ok(self.namespace(&visit, namespace)),
            [first, rest @ ..] => match (Kind::of(first), rest) {
                (Some(kind), [namespace, name, rest @ ..]) => {
                    self.repository(visit, kind, namespace, name, rest).await
                }
                (None, [name, rest @ ..]) => {
                    self.repository(visit, Kind::Model, first, name, rest).await
                }
                (Some(_), _) | (None, []) => Ok(self.refuse(&visit, Refusal::NoSuchPage)),
            },
        }
    }

    async fn repository(
        &self,
        visit: Visit,
        kind: Kind,
        namespace: &str,
        name: &str,
        rest: &[&str],
    ) -> io::Result<Response<Body>> {
        let name = name.strip_suffix(".git").unwrap_or(name);
        let place = Place { kind, id: format!("{namespace}/{name}") };
        let found = self.find(&visit.caller, &place);
        if let [probe] = rest
            && let Some(probe) = probes::Probe::of(probe)
            && (found.is_ok() || !self.exists(&place))
        {
            return self.probe(probe, visit).await;
        }
        let repository = match found {
            Ok(repository) => repository,
            Err(refusal) => return Ok(self.refuse(&visit, refusal)),
        };
        Ok(match rest {
            ["resolve" | "raw", revision, path @ ..] if !path.is_empty() => {
                self.file(&visit, &repository, revision, &path.join("/"))
            }
            ["info", "refs"] => self.git_refs(&visit, &repository),
            ["HEAD"] => text(StatusCode::OK, "ref: refs/heads/main\n"),
            ["objects", folder, name] => self.git_object(&repository, &format!("{folder}{name}")),
            ["settings"] => self.settings_page(&visit, &repository),
            [] | ["tree" | "blob" | "commits" | "discussions", ..] => {
                self.repository_page(&visit, &repository)
            }
            [..] => self.refuse(&visit, Refusal::NoSuchPage),
        })
    }

    /// The repository, if there is one and the caller may see it.
    fn find(&self, caller: &Caller, place: &Place) -> Result<Repository, Refusal> {
        let catalogue = lock(&self.catalogue);
        match catalogue.find(place.kind, &place.id) {
            Some(repository) if caller.may_read(repository) => Ok(repository.clone()),
            Some(_) | None => Err(caller.blindness()),
        }
    }

    fn exists(&self, place: &Place) -> bool {
        lock(&self.catalogue).find(place.kind, &place.id).is_some()
    }
}

/// Why the hub itself refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Private or missing, and nobody is asking: the Hub does not say which.
    SignIn,
    NoSuchRepository,
    NoSuchRevision,
    NoSuchFile,
    NoSuchPage,
    NotAllowed,
    BadRequest,
}
