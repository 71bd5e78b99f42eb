//! `[hub]`: the service behind the gate, and how its URLs name a namespace.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;

use crate::policy::Need;

use super::section::Section;

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

/// A hub beside the gate answers in microseconds; one across a network within a second or two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Hubs hash what was uploaded before they answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

impl HubProfile {
    const NAMES: [(&'static str, Self); 3] =
        [("huggingface", Self::Huggingface), ("gitea", Self::Gitea), ("generic", Self::Generic)];

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

impl Hub {
    /// Reads `[hub]`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let millisecond = Duration::from_millis(1);
        let hour = Duration::from_secs(60 * 60);
        section.missing("upstream", "write the hub's address, such as \"http://127.0.0.1:3000\"");
        let upstream = section.filled("upstream").and_then(|text| {
            let read = Upstream::parse(&text);
            if read.is_none() {
                let remedy = "write http://host:port, h2c://host:port, https://host:port or unix:/path, and no path after the port";
                section.note("upstream", "is no address of a hub", remedy);
            }
            read
        });
        let identity =
            section.choice("identity", &[("idp", Identity::Idp), ("hub", Identity::Hub)]);
        if identity == Some(Identity::Hub) {
            let what = "\"hub\" is not available in this version";
            section.note("identity", what, "write \"idp\", or remove the key");
        }
        let profile = section.choice("profile", &HubProfile::NAMES);
        if profile == Some(HubProfile::Gitea) {
            let what = "\"gitea\" is not available in this version";
            section.note("profile", what, "write \"generic\" and rules, [[hub.rule]]");
        }
        let unclaimed = [("pass", Unclaimed::Pass), ("deny", Unclaimed::Deny)];
        let ca_certificates = section.paths("ca_certificates").unwrap_or_default();
        for (index, path) in ca_certificates.iter().enumerate() {
            section.readable(&format!("ca_certificates[{index}]"), path);
        }
        if !ca_certificates.is_empty()
            && upstream.as_ref().is_some_and(|upstream| !matches!(upstream, Upstream::Https { .. }))
        {
            section.note("ca_certificates", "is for https only", "remove it");
        }
        Some(Self {
            upstream: upstream?,
            profile: profile.unwrap_or(HubProfile::Huggingface),
            identity: identity.unwrap_or(Identity::Idp),
            unclaimed: section.choice("unclaimed", &unclaimed).unwrap_or(Unclaimed::Pass),
            rules: section.sections("rule").iter().filter_map(HubRule::read).collect(),
            connect_timeout: section
                .duration("connect_timeout", millisecond..=hour)
                .unwrap_or(CONNECT_TIMEOUT),
            response_timeout: section
                .duration("response_timeout", millisecond..=24 * hour)
                .unwrap_or(RESPONSE_TIMEOUT),
            ca_certificates,
        })
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

impl HubRule {
    fn read(section: &Section<'_>) -> Option<Self> {
        section.missing("path", "write a pattern such as \"/{org}/{repo}/**\"");
        let path = section.filled("path");
        let mistake = path.as_deref().and_then(pattern_mistake);
        if let Some(mistake) = mistake {
            section.note("path", mistake, "write one such as \"/{org}/{repo}/**\"");
        }
        let methods = section.texts("methods").unwrap_or_default();
        let methods = section.parsed("methods", &methods, |text| {
            let upper = !text.bytes().any(|b| b.is_ascii_lowercase());
            http::Method::try_from(text).ok().filter(|_| upper).ok_or_else(|| {
                (format!("{text:?} is no method"), "write one such as \"GET\"".to_owned())
            })
        });
        let needs = [("read", Need::Read), ("write", Need::Write), ("admin", Need::Admin)];
        let access =
            [("member", Access::Member), ("public", Access::Public), ("deny", Access::Deny)];
        let access = section.choice("access", &access).unwrap_or(Access::Member);
        let path = path.filter(|_| mistake.is_none())?;
        if access == Access::Member && !path.split('/').any(|segment| segment == "{org}") {
            let what = "names no {org}, whose members could be meant";
            section.note("path", what, "write {org} where the namespace stands");
        }
        Some(Self {
            path,
            methods: methods?,
            needs: section.choice("needs", &needs).unwrap_or(Need::Read),
            access,
        })
    }
}

/// What is wrong with a rule's path.
fn pattern_mistake(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else { return Some("does not begin with a slash") };
    let segments: Vec<&str> = rest.split('/').collect();
    let count = |word: &str| segments.iter().filter(|segment| **segment == word).count();
    let literal =
        |segment: &str| segment.bytes().all(|b| b.is_ascii_graphic() && !b"{}*?#%\\;".contains(&b));
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            "{org}" | "{repo}" | "*" => {}
            "**" if index == last => {}
            "**" => return Some("has ** before its end"),
            "." | ".." => return Some("holds a dot segment"),
            "" if index != last => return Some("holds an empty segment"),
            other if literal(other) => {}
            _ => return Some("holds a segment that is no plain word, {org}, {repo}, * or **"),
        }
    }
    if count("{org}") > 1 || count("{repo}") > 1 {
        return Some("names {org} or {repo} twice");
    }
    None
}
