//! A hub, a provider for each of two organizations, and the gate in front of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hubgate::demo::Listener;
use hubgate::demo::hub::{self, Access, Hub, Received};
use hubgate::demo::provider::{Provider, Settings};
use hubgate::demo::saml;
use hubgate::serve::Reloaded;

use super::browser::Browser;
use super::moving_clock::MovingClock;
use super::served::Served;
use super::setup::{Party, SITE, Setup};

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) acme: Provider,
    pub(crate) globex: Provider,
    saml: HashMap<&'static str, saml::Provider>,
    pub(crate) clock: MovingClock,
    pub(crate) gate: Served,
    pub(crate) configuration: String,
    environment: Vec<(String, String)>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose making a test changes first.
    pub(crate) async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::new();
        change(&mut setup);
        let clock = MovingClock::new();
        let mut settings = hub::Settings::default();
        if !setup.accounts.is_empty() {
            settings.access = Access::Accounts(setup.accounts.clone());
        }
        let hub = Hub::start(Listener::loopback().await.unwrap(), settings);
        let hub = hub.unwrap();
        setup.set("hub", "upstream", &format!("{:?}", hub.origin()));
        let acme = provider("ACME", &setup.acme, &clock).await;
        let globex = provider("Globex", &setup.globex, &clock).await;
        let mut saml = HashMap::new();
        for id in setup.by_saml.clone() {
            let at = if setup.one_saml_provider { "globex" } else { id };
            if !saml.contains_key(at) {
                let party = if at == "acme" { &setup.acme } else { &setup.globex };
                saml.insert(at, saml_provider(at, party, &clock).await);
            }
            let provider: &saml::Provider = &saml[at];
            provider.register(service_provider(id));
            let section = format!("{id}.saml");
            if !setup.has(&section, "metadata") {
                let metadata = format!("{{ url = {:?} }}", provider.entity_id());
                setup.set(&section, "metadata", &metadata);
            }
        }
        for (id, provider) in [("acme", &acme), ("globex", &globex)] {
            if setup.by_saml.contains(&id) {
                continue;
            }
            setup.set(&format!("{id}.oidc"), "issuer", &format!("{:?}", provider.issuer()));
        }
        let configuration = setup.text();
        let gate = Served::start(&configuration, &setup.environment, &clock.clock());
        let world = Self {
            hub,
            acme,
            globex,
            saml,
            clock,
            gate,
            configuration,
            environment: setup.environment,
        };
        world.register(&setup.acme, &world.acme, "acme");
        world.register(&setup.globex, &world.globex, "globex");
        world
    }

    /// Globex's identity provider, where it signs in by SAML.
    #[track_caller]
    pub(crate) fn saml(&self) -> &saml::Provider {
        self.saml_of("globex")
    }

    /// An organization's identity provider, where it signs in by SAML.
    #[track_caller]
    pub(crate) fn saml_of(&self, id: &str) -> &saml::Provider {
        &self.saml[id]
    }

    /// Tells a provider who we are, with the addresses that exist only now.
    fn register(&self, party: &Party, provider: &Provider, id: &str) {
        let mut client = party.client.clone();
        let back = format!("http://{}/-/sso/{id}/oidc/backchannel-logout", self.gate.address);
        client.backchannel_logout_uri = Some(back);
        provider.register(client).unwrap();
    }

    /// The same gate once more, as a second replica or after a restart: sessions are its own.
    pub(crate) fn another_gate(&self, change: impl FnOnce(String) -> String) -> Served {
        let text = change(self.configuration.clone());
        Served::start(&text, &self.environment, &self.clock.clock())
    }

    /// Writes a changed configuration, and has the same gate read it.
    pub(crate) fn reload(&self, change: impl FnOnce(String) -> String) -> Reloaded {
        let text = change(self.configuration.clone());
        self.gate.folder.write("hub.toml", text.as_bytes());
        self.gate.reload()
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        self.browser_at(self.gate.address)
    }

    /// A browser that reaches the site at this address.
    pub(crate) fn browser_at(&self, address: SocketAddr) -> Browser {
        let routes = HashMap::from([(SITE.to_owned(), address)]);
        Browser::new(Arc::new(routes), self.clock.clone())
    }

    /// A browser with a sign-in.
    pub(crate) async fn signed_in(&self, organization: &str, person: &str) -> Browser {
        let mut browser = self.browser();
        browser.sign_in(organization, person).await;
        browser
    }

    /// The last request that arrived at the hub.
    #[track_caller]
    pub(crate) fn last_at_hub(&self) -> Received {
        self.hub.received().pop().expect("a request at the hub")
    }

    /// How often the gate has asked the hub whose a credential is, and what else has arrived.
    pub(crate) fn whoami_and_rest(&self) -> (Vec<Received>, Vec<Received>) {
        let own = |received: &Received| {
            received.head.value("user-agent").is_some_and(|agent| agent.starts_with("hubgate/"))
        };
        self.hub.received().into_iter().partition(own)
    }

    /// Repeats a request until its answer is as wished.
    pub(crate) async fn until<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let asking = async {
            loop {
                if let Some(found) = ask().await {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asking).await.expect("it came about")
    }
}

async fn saml_provider(name: &str, party: &Party, clock: &MovingClock) -> saml::Provider {
    let settings = saml::Settings::new(name, party.people.clone(), clock.clock());
    saml::Provider::start(Listener::loopback().await.unwrap(), settings).unwrap()
}

/// The gate, as an organization's SAML identity provider knows it.
pub(crate) fn service_provider(id: &str) -> saml::ServiceProvider {
    saml::ServiceProvider {
        entity_id: format!("{SITE}/-/sso/{id}/saml/metadata"),
        acs: vec![
            format!("{SITE}/-/sso/{id}/saml/acs"),
            format!("{SITE}/organizations/{id}/saml/consume"),
        ],
        slo: format!("{SITE}/-/sso/{id}/saml/slo"),
        key: None,
    }
}

async fn provider(name: &str, party: &Party, clock: &MovingClock) -> Provider {
    let mut settings = Settings::new(name, party.people.clone(), clock.clock());
    settings.claims_in_id_token = party.claims_in_id_token;
    let starting =
        async { Provider::start(Listener::loopback().await.unwrap(), settings).unwrap() };
    if !party.own_thread {
        return starting.await;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = runtime.spawn(starting);
    // The thread ends with the process; the provider's port is closed when it is dropped.
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    started.await.unwrap()
}

/// Waits for all of them at once; what they say is in the order in which they end.
pub(crate) async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut ended = Vec::new();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(value) => {
                ended.push(value);
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ended
}
