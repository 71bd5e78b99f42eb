//! Everything in one process: the gate, a hub behind it, and an identity provider for each
//! organization: ACME's by OpenID Connect, Globex's by SAML.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use aws_lc_rs::rand;

use super::hub::{Access, Hub, Settings as HubSettings};
use super::instructions::{Addresses, instructions, with_accounts};
use super::listen::Listener;
use super::people;
use super::provider::{Client, ClientAuthentication, Provider, Settings as ProviderSettings};
use super::saml;
use crate::clock::Clock;
use crate::config::{self, Problems};
use crate::observe::Observer;
use crate::serve::{Prepared, StartError};
use crate::server;

/// Where the gate listens, if nobody else does.
const USUAL_PORT: u16 = 8080;

/// A demo that is bound and does not serve yet; dropping it ends its parts.
pub struct Demo {
    gate: Prepared,
    hub: Hub,
    acme: Provider,
    globex: saml::Provider,
    origin: String,
    accounts: bool,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part cannot listen, or make its keys.
    #[error("a part of the demo cannot begin")]
    Part(#[from] io::Error),
    /// The machine has no random bytes.
    #[error("the machine has no random bytes")]
    Random,
    /// The demo's own configuration, with what the environment changes in it.
    #[error("the demo's configuration is wrong")]
    Config(#[from] Problems),
    /// The gate.
    #[error("the demo's gate cannot begin")]
    Gate(#[from] StartError),
}

impl Demo {
    /// Starts the parts, and binds the gate; with `accounts`, the hub has accounts of its own.
    ///
    /// # Errors
    /// When a part cannot begin.
    pub async fn new(observer: Observer, clock: Clock, accounts: bool) -> Result<Self, Error> {
        let address = free_address()?;
        let origin = format!("http://{address}");
        let account_page = Some(format!("{origin}/-/sso/"));
        let mut settings = HubSettings { account_page, ..HubSettings::default() };
        if accounts {
            settings.access = Access::Accounts(people::accounts());
        }
        let hub = Hub::start(Listener::loopback().await?, settings)?;
        let secret = secret()?;
        let mut settings = ProviderSettings::new("ACME Corp", people::acme(), clock.clone());
        settings.accent = "#b3261e";
        settings.clients = vec![client(&origin, "acme", &secret)];
        let acme = Provider::start(Listener::loopback().await?, settings)?;
        let mut settings = saml::Settings::new("Globex", people::globex(), clock.clone());
        settings.accent = "#1b6e53";
        let (pem, key) = signing_key()?;
        settings.service_providers = vec![service_provider(&origin, "globex", key)];
        let globex = saml::Provider::start(Listener::loopback().await?, settings)?;
        let text =
            configuration(&origin, address, hub.origin(), acme.issuer(), &globex.entity_id());
        let text = if accounts { for_accounts(&text) } else { text };
        let environment =
            [("DEMO_CLIENT_SECRET".to_owned(), secret), ("DEMO_SIGNING_KEY".to_owned(), pem)];
        let config = config::parse(&text, Path::new("demo.toml"), environment)?;
        let gate = Prepared::new(&config, observer, clock)?;
        Ok(Self { gate, hub, acme, globex, origin, accounts })
    }

    /// What to click and what to type.
    #[must_use]
    pub fn instructions(&self) -> String {
        let (acme, globex) = (self.acme.issuer(), self.globex.origin());
        let addresses = Addresses { gate: &self.origin, acme, globex };
        if self.accounts { with_accounts(&addresses) } else { instructions(&addresses) }
    }

    /// The origin of the gate.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Serves until it is told to end.
    ///
    /// # Errors
    /// When serving cannot begin.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), server::Error> {
        let Self { gate, hub, acme, globex, .. } = self;
        let served = gate.serve(shutdown).await;
        drop((hub, acme, globex));
        served
    }
}

/// The gate's registration at an organization's provider.
fn client(origin: &str, id: &str, secret: &str) -> Client {
    let authentication = ClientAuthentication::SecretPost(secret.to_owned());
    let mut client =
        Client::new("hubgate", authentication, &format!("{origin}/-/sso/{id}/oidc/callback"));
    client.post_logout_redirect_uris = vec![format!("{origin}/-/sso/signed-out")];
    client.backchannel_logout_uri = Some(format!("{origin}/-/sso/{id}/oidc/backchannel-logout"));
    client
}

/// The gate, as an organization's SAML identity provider knows it.
fn service_provider(origin: &str, id: &str, key: Vec<u8>) -> saml::ServiceProvider {
    saml::ServiceProvider {
        entity_id: format!("{origin}/-/sso/{id}/saml/metadata"),
        acs: vec![format!("{origin}/-/sso/{id}/saml/acs")],
        slo: format!("{origin}/-/sso/{id}/saml/slo"),
        key: Some(key),
    }
}

/// The configuration that an operator would write.
fn configuration(origin: &str, address: SocketAddr, hub: &str, acme: &str, globex: &str) -> String {
    format!(
        r#"
public_url = "{origin}"

[server]
listen = "{address}"
admin = ""
drain = "1s"

[hub]
upstream = "{hub}"

[[organization]]
id = "acme"
display_name = "ACME Corp"
email_domains = ["acme.com"]
public = ["demo", "datasets/open-*"]
[organization.role_mapping]
attribute = "$.groups"
roles = {{ admin = ["hub-admins"], write = ["ml"], read = ["everyone"] }}
[organization.oidc]
provider = "generic"
issuer = "{acme}"
client_id = "hubgate"
client_secret = {{ env = "DEMO_CLIENT_SECRET" }}
algorithms = ["ES256"]
scopes = ["profile", "email", "groups", "offline_access"]

[[organization]]
id = "globex"
display_name = "Globex"
email_domains = ["globex.com"]
public = ["vision"]
[organization.role_mapping]
attribute = "$.groups"
roles = {{ admin = ["platform"], write = ["research"], read = ["all-staff"] }}
[organization.saml]
provider = "generic"
metadata = {{ url = "{globex}" }}
sign_requests = true
signing_keys = [{{ env = "DEMO_SIGNING_KEY" }}]
"#
    )
}

/// The same in front of a hub with accounts: Globex's sign-in is offered and not yet required, and
/// its tokens need one sign-in only.
fn for_accounts(text: &str) -> String {
    let own = |id: &str, more: &str| (format!("id = \"{id}\"\n"), format!("id = \"{id}\"\n{more}"));
    let (acme, at_acme) = own("acme", "external_collaborators = [\"kim\"]\n");
    let optional =
        "enforcement = \"optional\"\ntokens = \"authorized-once\"\nlink_by = \"membership\"\n";
    let (globex, at_globex) = own("globex", optional);
    text.lines()
        .filter(|line| !line.starts_with("public = "))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .replace("[hub]\n", "[hub]\nidentity = \"hub\"\n")
        .replace(&acme, &at_acme)
        .replace(&globex, &at_globex)
}

/// The usual port of this machine's loopback address, or another one.
fn free_address() -> io::Result<SocketAddr> {
    let on = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    on(USUAL_PORT).or_else(|_| on(0))?.local_addr()
}

/// A key that the gate signs with as long as the demo lives: in PEM with its certificate, and the
/// point that verifies.
fn signing_key() -> io::Result<(String, Vec<u8>)> {
    let pair = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let parameters = rcgen::CertificateParams::new(vec!["hub.example".to_owned()]);
    let certificate =
        parameters.and_then(|all| all.self_signed(&pair)).map_err(io::Error::other)?;
    let pem = format!("{}{}", pair.serialize_pem(), certificate.pem());
    Ok((pem, pair.public_key_raw().to_vec()))
}

/// A secret that lives as long as the demo.
fn secret() -> Result<String, Error> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
