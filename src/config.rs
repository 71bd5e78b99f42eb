//! The configuration's meaning: what the rest of hubgate reads.

mod oidc;
mod secret;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::policy::{Need, Organization};

pub use oidc::{
    ClientAssertionAudience, ClientAuth, EmailTrust, GroupOverage, Issuer, Oidc, OidcProvider,
    ResponseMode, SigningAlgorithm, UserinfoUse,
};
pub use secret::Secret;

/// Everything that one gate is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The origin that people see.
    pub public_url: PublicUrl,
    /// Sockets and limits.
    pub server: Server,
    /// The service behind the gate.
    pub hub: Hub,
    /// How long and where sign-ins are remembered.
    pub session: Session,
    /// What the upstream's headers are called.
    pub headers: Headers,
    /// Who has an identity provider.
    pub organizations: Vec<Arc<OrganizationConfig>>,
}

/// The origin that people see: cookies, redirects and entity ids come from it, never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    authority: String,
    secure: bool,
}

impl PublicUrl {
    /// Takes the origin of `url`: https, or http on a loopback host, without a path of its own.
    #[must_use]
    pub fn from_url(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(url) => false,
            _ => return None,
        };
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let origin = url.origin().ascii_serialization();
        let authority = origin.split_once("://")?.1.to_owned();
        (plain && nobody).then_some(Self { origin, authority, secure })
    }

    /// `https://hub.example.com`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// `hub.example.com`, with the port if it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it is https: then cookies are `Secure` and carry the `__Host-` prefix.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The absolute address of a path on this site.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// Whether the URL's host is a loopback address or `localhost` (RFC 6761 §6.3).
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Sockets and limits.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: Vec<SocketAddr>,
    /// Where health and metrics are; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// Our own TLS, for standalone use.
    pub tls: Option<TlsFiles>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long connections may go on after SIGTERM.
    pub drain: Duration,
    /// How many threads serve; each has a runtime and a connection pool of its own.
    pub threads: usize,
    /// How long a client may take to send its request's head.
    pub header_timeout: Duration,
    /// How long a connection may lie idle between requests.
    pub idle_timeout: Duration,
    /// The most bytes that a request's head may have.
    pub max_head_bytes: usize,
    /// The most headers that a request may have.
    pub max_headers: usize,
    /// The most connections at once.
    pub max_connections: usize,
}

/// A certificate chain and its key, as PEM files; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}

/// The service behind the gate.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Where it listens.
    pub upstream: Upstream,
    /// How its URLs name a namespace.
    pub profile: HubProfile,
    /// Whose word is the identity.
    pub identity: Identity,
    /// Whether namespaces of no organization are served.
    pub unclaimed: Unclaimed,
    /// Patterns of the operator's own, tried before the profile's.
    pub rules: Vec<HubRule>,
    /// How long a connection to it may take.
    pub connect_timeout: Duration,
    /// How long it may take to begin its answer.
    pub response_timeout: Duration,
    /// PEM files of authorities that its certificate may come from, beside the machine's.
    pub ca_certificates: Vec<PathBuf>,
}

/// Where the hub listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// `http://host:port`: HTTP/1.1.
    Http {
        /// `host:port`.
        authority: String,
    },
    /// `h2c://host:port`: HTTP/2 without TLS, by prior knowledge (RFC 9113 §3.3).
    H2c {
        /// `host:port`.
        authority: String,
    },
    /// `https://host:port`: HTTP/2 or HTTP/1.1, as the hub chooses by ALPN.
    Https {
        /// `host:port`.
        authority: String,
        /// The name in its certificate.
        server_name: String,
    },
    /// `unix:/path`: HTTP/1.1 over a socket.
    Unix(PathBuf),
}

/// How the hub's URLs name a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubProfile {
    /// The Hugging Face Hub and those that speak its API.
    Huggingface,
    /// Gitea and Forgejo.
    Gitea,
    /// `/{namespace}/{repository}/…` and the operator's rules.
    Generic,
}

/// Whose word is the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The identity provider's.
    Idp,
    /// The hub's: it has accounts of its own.
    Hub,
}

/// What happens to namespaces of no organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclaimed {
    /// They are served.
    Pass,
    /// They are refused.
    Deny,
}

/// One `[[hub.rule]]`: whole segments, first match wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRule {
    /// `/{org}/{repo}/**`: literal segments, `{org}`, `{repo}`, `*` for one segment, `**` for the rest.
    pub path: String,
    /// The methods it speaks of; empty: all.
    pub methods: Vec<http::Method>,
    /// What it needs.
    pub needs: Need,
    /// Who may.
    pub access: Access,
}

/// Who may use what a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Members of the organization that `{org}` names.
    Member,
    /// Everyone: the rule is an exception.
    Public,
    /// Nobody.
    Deny,
}

/// How long and where sign-ins are remembered.
#[derive(Clone, Debug)]
pub struct Session {
    /// How long a sign-in lasts where the organization says nothing else.
    pub timeout: Duration,
    /// Where.
    pub store: Store,
    /// The cookie.
    pub cookie: Cookie,
    /// What seals sign-in state, newest first; empty: made at start.
    pub keys: Vec<Secret>,
    /// The most sessions that the memory store holds.
    pub capacity: u64,
}

/// Where sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In this process.
    Memory,
}

/// The session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its `SameSite` attribute.
    pub same_site: SameSite,
}

/// RFC 6265bis §5.6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent with top-level navigations from other sites.
    Lax,
    /// Never sent from other sites.
    Strict,
    /// Always sent.
    None,
}

/// What the upstream's headers are called; `None`: that value is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Stable subject.
    pub user: Option<http::HeaderName>,
    /// Verified e-mail address.
    pub email: Option<http::HeaderName>,
    /// Display name.
    pub name: Option<http::HeaderName>,
    /// The target's organization.
    pub organization: Option<http::HeaderName>,
    /// The caller's role in it.
    pub role: Option<http::HeaderName>,
    /// Every live sign-in.
    pub organizations: Option<http::HeaderName>,
    /// Groups.
    pub groups: Option<http::HeaderName>,
    /// Signed assertion.
    pub assertion: Option<http::HeaderName>,
    /// The assertion's `aud`; the upstream's address where nothing else is said.
    pub audience: String,
}

impl Headers {
    /// The names of the preset `hubgate`.
    #[must_use]
    pub fn hubgate(audience: &str) -> Self {
        let name = |text| Some(http::HeaderName::from_static(text));
        Self {
            user: name("x-auth-user"),
            email: name("x-auth-email"),
            name: name("x-auth-name"),
            organization: name("x-auth-org"),
            role: name("x-auth-role"),
            organizations: name("x-auth-orgs"),
            groups: name("x-auth-groups"),
            assertion: name("x-auth-assertion"),
            audience: audience.to_owned(),
        }
    }

    /// Every name that is written.
    pub fn names(&self) -> impl Iterator<Item = &http::HeaderName> {
        [
            &self.user,
            &self.email,
            &self.name,
            &self.organization,
            &self.role,
            &self.organizations,
            &self.groups,
            &self.assertion,
        ]
        .into_iter()
        .flatten()
    }
}

/// One organization: its policy, and its identity provider.
#[derive(Clone, Debug)]
pub struct OrganizationConfig {
    /// What the decision reads.
    pub policy: Organization,
    /// Who vouches for its members.
    pub provider: Provider,
}

/// Who vouches for an organization's members.
#[derive(Clone, Debug)]
pub enum Provider {
    /// OpenID Connect.
    Oidc(Box<Oidc>),
}
