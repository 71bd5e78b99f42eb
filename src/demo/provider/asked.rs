//! The provider's endpoints, and what they are asked.

use http::Method;

use crate::demo::Head;
use crate::demo::answer::field;

/// The fields of a query or a form, in order, repeated where they were repeated.
pub type Fields = Vec<(String, String)>;

/// What a provider serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4)
    Discovery,
    /// `/keys`
    Keys,
    /// `/authorize`
    Authorize,
    /// `/par` (RFC 9126)
    PushedAuthorization,
    /// `/token`
    Token,
    /// `/userinfo`
    UserInfo,
    /// `/revoke` (RFC 7009)
    Revocation,
    /// `/logout` (OpenID Connect RP-Initiated Logout 1.0)
    EndSession,
    /// `/`: the people, and what can be done to them
    Console,
}

impl Endpoint {
    pub(super) const ALL: [Endpoint; 9] = [
        Endpoint::Discovery,
        Endpoint::Keys,
        Endpoint::Authorize,
        Endpoint::PushedAuthorization,
        Endpoint::Token,
        Endpoint::UserInfo,
        Endpoint::Revocation,
        Endpoint::EndSession,
        Endpoint::Console,
    ];

    /// The path below the issuer.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::Discovery => "/.well-known/openid-configuration",
            Endpoint::Keys => "/keys",
            Endpoint::Authorize => "/authorize",
            Endpoint::PushedAuthorization => "/par",
            Endpoint::Token => "/token",
            Endpoint::UserInfo => "/userinfo",
            Endpoint::Revocation => "/revoke",
            Endpoint::EndSession => "/logout",
            Endpoint::Console => "/",
        }
    }
}

/// A request to the provider.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which endpoint it was for.
    pub endpoint: Endpoint,
    /// The head, byte for byte.
    pub head: Head,
    /// The fields of the query, and of the form after them.
    pub fields: Fields,
}

impl Asked {
    /// The first value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }

    pub(super) fn is_post(&self) -> bool {
        self.head.method == Method::POST.as_str()
    }

    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.head.values("cookie").join(";");
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
    }
}
