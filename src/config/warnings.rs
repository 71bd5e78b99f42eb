//! What is allowed, and worth a second look.

use std::collections::HashMap;
use std::fmt;

use crate::policy::{Enforcement, HubTokens, Role};

use super::{Config, Identity, OrganizationConfig, Provider, Saml, Upstream};

/// Something that is allowed, and worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, such as `organization[acme].enforcement`.
    pub key: String,
    /// What it means.
    pub what: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

impl Config {
    /// What is allowed, and worth a second look.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut found = Vec::new();
        let mut warn = |key: &str, what: &str| {
            found.push(Warning { key: key.to_owned(), what: what.to_owned() });
        };
        if !self.public_url.is_secure() {
            warn("public_url", "is http: for trying on this machine only");
        }
        if self.server.admin.is_some_and(|admin| !admin.ip().is_loopback()) {
            let what = "is reachable from the network, and its metrics name organizations";
            warn("server.admin", what);
        }
        if self.server.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
            let what = "believes the forwarding headers of everybody";
            warn("server.trusted_proxies", what);
        }
        if let Some(Upstream::Http { authority } | Upstream::H2c { authority }) = &self.hub.upstream
            && !is_near(authority)
        {
            let what = "is reached without TLS: whoever is on the way can write identity headers";
            warn("hub.upstream", what);
        }
        if self.session.keys.is_empty() {
            let what = "is empty: one is made at start, so sign-ins under way end with the process and replicas cannot share them";
            warn("session.keys", what);
        }
        if self.hub.identity == Identity::Hub && self.hub.links.is_none() {
            let what = "is missing: which account belongs to which person is forgotten when the process ends";
            warn("hub.links", what);
        }
        if self.hub.identity == Identity::Idp
            && (self.hub.whoami.is_some() || self.hub.links.is_some())
        {
            let what = "is idp: whoami and links speak of a hub with accounts and do nothing";
            warn("hub.identity", what);
        }
        if self.hub.identity == Identity::Hub
            && self.hub.whoami.as_ref().is_some_and(|whoami| !whoami.by_cookie)
        {
            let what = "asks a hub that says of no cookie whose it is: every browser with one must sign in for an organization's pages, members or not";
            warn("hub.whoami", what);
        }
        if self.organizations.is_empty() {
            warn("organization", "there is none: nothing is guarded");
        }
        for organization in self.organizations.iter() {
            organization.warn(&mut found);
        }
        self.shared_domains(&mut found);
        found
    }

    fn shared_domains(&self, found: &mut Vec<Warning>) {
        let mut owners: HashMap<&str, &str> = HashMap::new();
        for organization in self.organizations.iter() {
            let id = organization.policy.id.as_str();
            for domain in organization.policy.email_domains.iter() {
                let owner = *owners.entry(domain).or_insert(id);
                if owner != id {
                    let what = format!(
                        "{domain} is a domain of {owner} too: an e-mail address leads to one of them"
                    );
                    found.push(Warning { key: format!("organization[{id}].email_domains"), what });
                }
            }
        }
    }
}

impl OrganizationConfig {
    fn warn(&self, found: &mut Vec<Warning>) {
        let policy = &self.policy;
        let mut warn = |key: &str, what: &str| {
            let key = format!("organization[{}].{key}", policy.id);
            found.push(Warning { key, what: what.to_owned() });
        };
        match (self.idle, policy.accounts.is_some()) {
            (Some(key), false) => warn(key, "speaks of a hub with accounts: it does nothing here"),
            (Some(key), true) => {
                warn(key, "does nothing here: the hub's own access list says what is public");
            }
            (None, _) => {}
        }
        if policy.accounts.as_ref().is_some_and(|accounts| accounts.tokens == HubTokens::Exempt) {
            warn("tokens", "is exempt: whoever has a token of a member needs no sign-in");
        }
        if let Provider::Saml(saml) = &self.provider {
            saml.warn(&mut warn);
        }
        match policy.enforcement {
            Enforcement::Off => warn("enforcement", "is off: everybody passes"),
            Enforcement::Optional => {
                warn("enforcement", "is optional: who should sign in is told so and passes");
            }
            Enforcement::Enforced | Enforcement::Closed => {}
        }
        if policy.role_mapping.roles.is_empty() {
            let what =
                format!("is missing: everyone who signs in has the role {}", policy.default_role);
            warn("role_mapping", &what);
        }
        if matches!(policy.default_role, Role::Write | Role::Admin) {
            let what = format!("is {}: everyone who signs in has it at least", policy.default_role);
            warn("default_role", &what);
        }
    }
}

impl Saml {
    fn warn(&self, warn: &mut impl FnMut(&str, &str)) {
        if self.insecure_sha1 {
            let what = "ACCEPTS SHA-1: whoever can make a collision signs in as anybody here";
            warn("saml.insecure_sha1", what);
        }
        if self.insecure_aes_cbc {
            let what = "ACCEPTS AES-CBC, whose text can be changed and guessed: use AES-GCM";
            warn("saml.insecure_aes_cbc", what);
        }
        if self.insecure_unsigned_logout_responses {
            let what = "BELIEVES logout responses that nobody signed";
            warn("saml.insecure_unsigned_logout_responses", what);
        }
        if self.idp_initiated {
            let what = "is true: whoever has an account there can sign somebody else's browser in as themselves";
            warn("saml.idp_initiated", what);
        }
        if self.signing_keys.is_empty() {
            let what = "is empty: one is made at each start, so providers that check our signatures against an uploaded certificate refuse them after the next one, and replicas differ";
            warn("saml.signing_keys", what);
        }
    }
}

/// Whether `host:port` is on this machine.
fn is_near(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
