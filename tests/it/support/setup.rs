//! What a world is made of: the configuration, key by key, and what the providers know of it.

use hubgate::demo::people::{self, Person};
use hubgate::demo::provider::{Client, ClientAuthentication};

/// Where people see the site. The gate itself is on a loopback port, as behind an ingress.
pub(crate) const SITE: &str = "https://hub.example.com";

/// The secret of every organization's client.
pub(crate) const CLIENT_SECRET: &str = "a secret that no log may show";

/// A configuration of two organizations, each with a provider, which a test may change.
pub(crate) struct Setup {
    keys: Vec<(String, String, String)>,
    tables: Vec<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) acme: Party,
    pub(crate) globex: Party,
    /// The hub's accounts; none: it trusts the gate's headers.
    pub(crate) accounts: Vec<people::Account>,
    /// Who signs in by SAML.
    pub(crate) by_saml: Vec<&'static str>,
    /// Whether Globex's SAML identity provider is everybody's.
    pub(crate) one_saml_provider: bool,
}

/// One organization's provider: how it knows the gate, and whom it knows.
pub(crate) struct Party {
    pub(crate) client: Client,
    pub(crate) people: Vec<Person>,
    pub(crate) claims_in_id_token: bool,
    /// Whether the provider runs on a thread of its own, so that a test can hold it.
    pub(crate) own_thread: bool,
}

const SECTIONS: [&str; 10] = [
    "",
    "server",
    "hub",
    "hub.whoami",
    "session",
    "session.cookie",
    "tokens",
    "headers",
    "telemetry",
    "organization",
];

impl Setup {
    pub(crate) fn new() -> Self {
        let mut setup = Self {
            keys: Vec::new(),
            tables: Vec::new(),
            environment: vec![("CLIENT_SECRET".to_owned(), CLIENT_SECRET.to_owned())],
            acme: Party::new("acme", people::acme()),
            globex: Party::new("globex", people::globex()),
            accounts: Vec::new(),
            by_saml: Vec::new(),
            one_saml_provider: false,
        };
        setup.set("", "public_url", &format!("{SITE:?}"));
        setup.set("server", "listen", "[\"127.0.0.1:0\"]");
        setup.set("server", "admin", "\"\"");
        setup.set("server", "threads", "1");
        setup.set("server", "drain", "\"1s\"");
        for id in ["acme", "globex"] {
            setup.set(id, "id", &format!("{id:?}"));
            let oidc = format!("{id}.oidc");
            setup.set(&oidc, "provider", "\"generic\"");
            setup.set(&oidc, "client_id", &format!("\"hub-at-{id}\""));
            setup.set(&oidc, "client_secret", "{ env = \"CLIENT_SECRET\" }");
            setup.set(&oidc, "client_auth", "\"client_secret_post\"");
            setup.set(&oidc, "algorithms", "[\"ES256\"]");
            setup.set(&oidc, "pushed_requests", "false");
            setup.set(&oidc, "scopes", "[\"profile\", \"email\", \"groups\"]");
            setup.set(&format!("{id}.role_mapping"), "attribute", "\"$.groups\"");
        }
        setup.set("acme", "display_name", "\"ACME Corp\"");
        setup.set("acme", "namespaces", "[\"acme\", \"acme-labs\"]");
        setup.set("acme", "email_domains", "[\"acme.com\"]");
        setup.set("acme", "public", "[\"demo\", \"datasets/open-*\"]");
        setup.set("globex", "display_name", "\"Globex\"");
        let acme = "{ admin = [\"hub-admins\"], write = [\"ml\"], read = [\"everyone\"] }";
        setup.set("acme.role_mapping", "roles", acme);
        let globex = "{ admin = [\"platform\"], write = [\"research\"], read = [\"all-staff\"] }";
        setup.set("globex.role_mapping", "roles", globex);
        setup
    }

    /// In front of a hub with accounts.
    pub(crate) fn with_accounts(&mut self) -> &mut Self {
        self.accounts = people::accounts();
        self.unset("acme", "public");
        self.set("hub", "identity", "\"hub\"")
    }

    /// Lets an organization sign in by SAML, with the metadata's address filled in when it exists.
    pub(crate) fn by_saml(&mut self, id: &'static str) -> &mut Self {
        self.keys.retain(|(section, _, _)| *section != format!("{id}.oidc"));
        self.by_saml.push(id);
        self.set(&format!("{id}.saml"), "provider", "\"generic\"")
    }

    pub(crate) fn has(&self, section: &str, key: &str) -> bool {
        self.keys.iter().any(|(own, name, _)| own == section && name == key)
    }

    /// Writes a key of a section: `""`, `hub`, `acme`, `acme.oidc`, `globex.role_mapping` …
    pub(crate) fn set(&mut self, section: &str, key: &str, value: &str) -> &mut Self {
        self.unset(section, key);
        self.keys.push((section.to_owned(), key.to_owned(), value.to_owned()));
        self
    }

    /// Adds tables of an organization, as they stand in the file.
    pub(crate) fn also(&mut self, organization: &str, text: &str) -> &mut Self {
        self.tables.push((organization.to_owned(), text.to_owned()));
        self
    }

    pub(crate) fn unset(&mut self, section: &str, key: &str) -> &mut Self {
        self.keys.retain(|(own, name, _)| own != section || name != key);
        self
    }

    fn lines(&self, section: &str) -> String {
        let own = self.keys.iter().filter(|(own, _, _)| own == section);
        own.map(|(_, key, value)| format!("{key} = {value}\n")).collect()
    }

    /// The configuration file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for section in SECTIONS {
            match section {
                "" => text += &self.lines(""),
                "organization" => {
                    for id in ["acme", "globex"] {
                        text += &format!("[[organization]]\n{}", self.lines(id));
                        let own = self.tables.iter().filter(|(own, _)| own == id);
                        text.extend(own.map(|(_, table)| table.as_str()));
                        for table in ["role_mapping", "oidc", "saml"] {
                            let lines = self.lines(&format!("{id}.{table}"));
                            if lines.is_empty() && table != "role_mapping" {
                                continue;
                            }
                            text += &format!("[organization.{table}]\n{lines}");
                        }
                    }
                }
                "hub.whoami" if self.lines(section).is_empty() => {}
                _ => text += &format!("[{section}]\n{}", self.lines(section)),
            }
        }
        text
    }
}

impl Party {
    fn new(id: &str, people: Vec<Person>) -> Self {
        let secret = ClientAuthentication::SecretPost(CLIENT_SECRET.to_owned());
        let callback = format!("{SITE}/-/sso/{id}/oidc/callback");
        let mut client = Client::new(&format!("hub-at-{id}"), secret, &callback);
        client.post_logout_redirect_uris.push(format!("{SITE}/-/sso/signed-out"));
        Self { client, people, claims_in_id_token: true, own_thread: false }
    }
}
