//! `[hub]`: the service behind the gate, and how its URLs name a namespace.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;

use crate::policy::{Need, PathPattern};

use super::Whoami;

/// The service behind the gate.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Where it listens; `None`: others forward, and only ask.
    pub upstream: Option<Upstream>,
    /// How its URLs name a namespace.
    pub profile: HubProfile,
    /// Whose word is the identity.
    pub identity: Identity,
    /// How it is asked whose a credential is: there whenever it has accounts.
    pub whoami: Option<Whoami>,
    /// The file that remembers which account is linked to which subject.
    pub links: Option<PathBuf>,
    /// Whether namespaces of no organization are served.
    pub unclaimed: Unclaimed,
    /// What holds where a body names the organization, and a proxy asks without it.
    pub body_unknown: BodyUnknown,
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

/// What happens to a request whose body names the organization, when a proxy that asks does not
/// send the body along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUnknown {
    /// What the path says decides alone; the hub judges the rest.
    Allow,
    /// Whoever asks must be signed in to some organization; the hub judges the rest.
    RequireAnySession,
    /// It is refused.
    Deny,
}

/// One `[[hub.rule]]`: whole segments, first match wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRule {
    /// `/{org}/{repo}/**`: literal segments, `{org}`, `{repo}`, `*` for one segment, `**` for the rest.
    pub path: PathPattern,
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

impl HubProfile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Huggingface, Self::Gitea, Self::Generic];

    /// The name in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Huggingface => "huggingface",
            Self::Gitea => "gitea",
            Self::Generic => "generic",
        }
    }

    /// First path segments that the hub uses itself: no namespace can have such a name.
    #[must_use]
    pub const fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Huggingface => &[
                "-",
                ".well-known",
                "admin",
                "api",
                "assets",
                "avatars",
                "blog",
                "buckets",
                "chat",
                "collections",
                "datasets",
                "docs",
                "enterprise",
                "favicon.ico",
                "front",
                "health",
                "inference-endpoints",
                "jobs",
                "join",
                "kernels",
                "learn",
                "login",
                "logout",
                "mcp",
                "metrics",
                "models",
                "new",
                "new-blog",
                "new-bucket",
                "new-dataset",
                "new-space",
                "notifications",
                "oauth",
                "org",
                "organizations",
                "papers",
                "playground",
                "posts",
                "pricing",
                "register",
                "robots.txt",
                "settings",
                "sitemap.xml",
                "spaces",
                "storage",
                "tasks",
                "v1",
                "v2",
            ],
            Self::Gitea => &[
                "-",
                ".well-known",
                "admin",
                "api",
                "assets",
                "attachments",
                "avatar",
                "avatars",
                "captcha",
                "devtest",
                "error",
                "explore",
                "favicon.ico",
                "ghost",
                "healthz",
                "issues",
                "login",
                "metrics",
                "milestones",
                "new",
                "notifications",
                "org",
                "pulls",
                "raw",
                "repo",
                "repo-avatars",
                "robots.txt",
                "search",
                "ssh_info",
                "stars",
                "swagger.v1.json",
                "template",
                "user",
                "v2",
            ],
            Self::Generic => &["-", ".well-known"],
        }
    }
}

impl Upstream {
    /// Parses `http://host:port`, `h2c://host:port`, `https://host:port` or `unix:/path`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return path.starts_with('/').then(|| Self::Unix(path.into()));
        }
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority = Authority::try_from(rest).ok().filter(|a| !a.as_str().contains('@'))?;
        let host = authority.host();
        let after_host = authority.as_str().strip_prefix(host)?;
        let port = match after_host.strip_prefix(':') {
            Some(port) => port.parse::<u16>().ok().filter(|port| *port != 0)?,
            None if !after_host.is_empty() => return None,
            None if scheme == "https" => 443,
            None => 80,
        };
        let with_port = format!("{host}:{port}");
        match scheme {
            _ if host.is_empty() => None,
            "http" => Some(Self::Http { authority: with_port }),
            "h2c" => Some(Self::H2c { authority: with_port }),
            "https" => Some(Self::Https {
                authority: with_port,
                server_name: host.trim_matches(['[', ']']).to_owned(),
            }),
            _ => None,
        }
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { authority } => write!(f, "http://{authority}"),
            Self::H2c { authority } => write!(f, "h2c://{authority}"),
            Self::Https { authority, .. } => write!(f, "https://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
