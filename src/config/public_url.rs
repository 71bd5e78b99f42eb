//! The origin that people see.

use url::Url;

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

    /// `https`, or `http` on loopback.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Whether a `Host` names this site: in any case, with or without the scheme's own port.
    #[must_use]
    pub fn is_authority(&self, host: &[u8]) -> bool {
        let usual: &[u8] = if self.secure { b":443" } else { b":80" };
        let host = host.strip_suffix(usual).unwrap_or(host);
        host.eq_ignore_ascii_case(self.authority.as_bytes())
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
