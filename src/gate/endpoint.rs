//! Pages of our own: everything under `/-/sso/`, which no hub's namespace can be.

use http::Method;

use crate::config::HubProfile;
use crate::policy::{OrganizationId, Reason, Target};
use crate::service_provider::Acs;

/// One of our own pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `GET /-/sso/`
    Account,
    /// `GET /-/sso/find?email=…`
    Find,
    /// `GET /-/sso/session`
    Session,
    /// `GET /-/sso/jwks.json`
    Jwks,
    /// `GET /-/sso/logout`
    ConfirmLogout,
    /// `POST /-/sso/logout`
    Logout,
    /// `GET /-/sso/signed-out`
    SignedOut,
    /// `GET /-/sso/device`
    DevicePage,
    /// `POST /-/sso/device`
    DeviceAnswer,
    /// `POST /-/sso/tokens/revoke`
    RevokeToken,
    /// `POST /oauth/device`
    DeviceBegin,
    /// `POST /oauth/token`
    DeviceToken,
    /// `GET /api/whoami-v2`
    Whoami,
    /// `GET /-/sso/{org}/login`
    Login(OrganizationId),
    /// `GET /-/sso/{org}/oidc/callback`
    Callback(OrganizationId),
    /// `POST /-/sso/{org}/oidc/callback`
    CallbackForm(OrganizationId),
    /// `GET /-/sso/{org}/recovery`
    RecoveryPage(OrganizationId),
    /// `POST /-/sso/{org}/recovery`
    Recovery(OrganizationId),
    /// `POST /-/sso/{org}/oidc/backchannel-logout`
    BackChannelLogout(OrganizationId),
    /// `GET /-/sso/{org}/oidc/frontchannel-logout`
    FrontChannelLogout(OrganizationId),
    /// `GET /-/sso/{org}/saml/metadata`
    SamlMetadata(OrganizationId),
    /// `POST /-/sso/{org}/saml/acs`, `POST /organizations/{org}/saml/consume`
    Acs(OrganizationId, Acs),
    /// `GET /-/sso/{org}/saml/slo`
    Slo(OrganizationId),
    /// `POST /-/sso/{org}/saml/slo`
    SloForm(OrganizationId),
}

impl Endpoint {
    /// Our page that the target names; `None` when it is the hub's business.
    ///
    /// # Errors
    /// When it is ours by its path, but no such page exists or the method is another one: what
    /// stands under `/-/` never reaches the hub.
    pub(super) fn of(
        target: &Target,
        profile: HubProfile,
        cli_sign_in: bool,
    ) -> Option<Result<Self, Reason>> {
        if !matches!(target.segment(0), Some("-" | "api" | "oauth" | "organizations")) {
            return None;
        }
        let segments: Vec<&str> = target.segments().take(6).collect();
        match segments.as_slice() {
            ["-", "sso", "device"] | ["-", "sso", "tokens", "revoke"] if !cli_sign_in => {
                Some(Err(Reason::NoSuchPage))
            }
            ["-", "sso", rest @ ..] => Some(Self::ours(target.method(), rest)),
            ["-", ..] => Some(Err(Reason::NoSuchPage)),
            // Addresses that identity providers' existing applications already use.
            ["organizations", organization, "oidc", "consume"]
                if profile == HubProfile::Huggingface =>
            {
                Some(Self::of_organization(target.method(), organization, &["oidc", "callback"]))
            }
            // What `hf auth login` asks for, where the providers' word is the identity.
            ["oauth", "device"] if cli_sign_in => Some(post(target.method(), Self::DeviceBegin)),
            ["oauth", "token"] if cli_sign_in => Some(post(target.method(), Self::DeviceToken)),
            ["api", "whoami-v2"] if cli_sign_in => Some(read(target.method(), Self::Whoami)),
            ["organizations", organization, "saml", "consume"]
                if profile == HubProfile::Huggingface =>
            {
                Some(Self::of_organization(target.method(), organization, &["saml", "consume"]))
            }
            _ => None,
        }
    }

    fn ours(method: &Method, path: &[&str]) -> Result<Self, Reason> {
        match path {
            [] | [""] => read(method, Self::Account),
            ["find"] => read(method, Self::Find),
            ["session"] => read(method, Self::Session),
            ["jwks.json"] => read(method, Self::Jwks),
            ["signed-out"] => read(method, Self::SignedOut),
            ["device"] => Ok(match read_or_post(method)? {
                Verb::Read => Self::DevicePage,
                Verb::Post => Self::DeviceAnswer,
            }),
            ["tokens", "revoke"] => post(method, Self::RevokeToken),
            ["logout"] => match read_or_post(method)? {
                Verb::Read => Ok(Self::ConfirmLogout),
                Verb::Post => Ok(Self::Logout),
            },
            // The hub's own address of it, and not one of ours.
            [_, "saml", "consume"] => Err(Reason::NoSuchPage),
            [organization, rest @ ..] => Self::of_organization(method, organization, rest),
        }
    }

    fn of_organization(method: &Method, id: &str, path: &[&str]) -> Result<Self, Reason> {
        let id = OrganizationId::parse(id).map_err(|_| Reason::UnknownOrganization)?;
        match path {
            ["login"] => match read_or_post(method)? {
                Verb::Read => Ok(Self::Login(id)),
                // OIDC Core §4 allows a sign-in to be initiated by POST; a form holds nothing that
                // a query could not, and nothing of it is needed to begin.
                Verb::Post => Err(Reason::MethodNotAllowed),
            },
            ["recovery"] => Ok(match read_or_post(method)? {
                Verb::Read => Self::RecoveryPage(id),
                Verb::Post => Self::Recovery(id),
            }),
            ["oidc", "callback"] => Ok(match read_or_post(method)? {
                Verb::Read => Self::Callback(id),
                Verb::Post => Self::CallbackForm(id),
            }),
            ["oidc", "backchannel-logout"] if method == Method::POST => {
                Ok(Self::BackChannelLogout(id))
            }
            ["oidc", "frontchannel-logout"] => read(method, Self::FrontChannelLogout(id)),
            ["oidc", "backchannel-logout"] => Err(Reason::MethodNotAllowed),
            ["saml", "metadata"] => read(method, Self::SamlMetadata(id)),
            ["saml", "acs"] if method == Method::POST => Ok(Self::Acs(id, Acs::Own)),
            ["saml", "consume"] if method == Method::POST => Ok(Self::Acs(id, Acs::Consume)),
            ["saml", "acs" | "consume"] => Err(Reason::MethodNotAllowed),
            ["saml", "slo"] => Ok(match read_or_post(method)? {
                Verb::Read => Self::Slo(id),
                Verb::Post => Self::SloForm(id),
            }),
            _ => Err(Reason::NoSuchPage),
        }
    }

    /// The pattern of its address, for traces.
    pub(super) const fn route(&self) -> &'static str {
        match self {
            Self::Account => "/-/sso/",
            Self::Find => "/-/sso/find",
            Self::Session => "/-/sso/session",
            Self::Jwks => "/-/sso/jwks.json",
            Self::ConfirmLogout | Self::Logout => "/-/sso/logout",
            Self::SignedOut => "/-/sso/signed-out",
            Self::DevicePage | Self::DeviceAnswer => "/-/sso/device",
            Self::RevokeToken => "/-/sso/tokens/revoke",
            Self::DeviceBegin => "/oauth/device",
            Self::DeviceToken => "/oauth/token",
            Self::Whoami => "/api/whoami-v2",
            Self::Login(_) => "/-/sso/{org}/login",
            Self::Callback(_) | Self::CallbackForm(_) => "/-/sso/{org}/oidc/callback",
            Self::RecoveryPage(_) | Self::Recovery(_) => "/-/sso/{org}/recovery",
            Self::BackChannelLogout(_) => "/-/sso/{org}/oidc/backchannel-logout",
            Self::FrontChannelLogout(_) => "/-/sso/{org}/oidc/frontchannel-logout",
            Self::SamlMetadata(_) => "/-/sso/{org}/saml/metadata",
            Self::Acs(..) => "/-/sso/{org}/saml/acs",
            Self::Slo(_) | Self::SloForm(_) => "/-/sso/{org}/saml/slo",
        }
    }

    /// The organization that the page belongs to.
    pub(super) const fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Self::Login(id)
            | Self::RecoveryPage(id)
            | Self::Recovery(id)
            | Self::Callback(id)
            | Self::CallbackForm(id)
            | Self::BackChannelLogout(id)
            | Self::FrontChannelLogout(id)
            | Self::SamlMetadata(id)
            | Self::Acs(id, _)
            | Self::Slo(id)
            | Self::SloForm(id) => Some(id),
            Self::Account
            | Self::Find
            | Self::Session
            | Self::Jwks
            | Self::ConfirmLogout
            | Self::Logout
            | Self::SignedOut
            | Self::DevicePage
            | Self::DeviceAnswer
            | Self::RevokeToken
            | Self::DeviceBegin
            | Self::DeviceToken
            | Self::Whoami => None,
        }
    }
}

enum Verb {
    Read,
    Post,
}

fn read_or_post(method: &Method) -> Result<Verb, Reason> {
    match *method {
        Method::GET | Method::HEAD => Ok(Verb::Read),
        Method::POST => Ok(Verb::Post),
        _ => Err(Reason::MethodNotAllowed),
    }
}

fn post(method: &Method, endpoint: Endpoint) -> Result<Endpoint, Reason> {
    match read_or_post(method)? {
        Verb::Read => Err(Reason::MethodNotAllowed),
        Verb::Post => Ok(endpoint),
    }
}

fn read(method: &Method, endpoint: Endpoint) -> Result<Endpoint, Reason> {
    match read_or_post(method)? {
        Verb::Read => Ok(endpoint),
        Verb::Post => Err(Reason::MethodNotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::uri::PathAndQuery;

    #[track_caller]
    fn check(request: &str, expected: Option<Result<Endpoint, Reason>>) {
        let (method, path) = request.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let target = Target::parse(method, &PathAndQuery::try_from(path).unwrap()).unwrap();
        assert_eq!(Endpoint::of(&target, HubProfile::Huggingface, true), expected, "{request}");
    }

    #[test]
    fn our_pages_are_found_by_method_and_path() {
        let acme = || OrganizationId::parse("acme").unwrap();
        check("GET /-/sso/", Some(Ok(Endpoint::Account)));
        check("GET /-/sso", Some(Ok(Endpoint::Account)));
        check("GET /-/sso/acme/login?return_to=/x", Some(Ok(Endpoint::Login(acme()))));
        check("POST /-/sso/acme/oidc/callback", Some(Ok(Endpoint::CallbackForm(acme()))));
        check("GET /organizations/acme/oidc/consume?code=x", Some(Ok(Endpoint::Callback(acme()))));
        check("GET /organizations/acme/settings", None);
        check("GET /acme/-/sso", None);
        check("POST /oauth/device", Some(Ok(Endpoint::DeviceBegin)));
        check("GET /oauth/token", Some(Err(Reason::MethodNotAllowed)));
        check("GET /api/whoami-v2?x", Some(Ok(Endpoint::Whoami)));
        check("GET /oauth/authorize", None);
        check("GET /-/sso/device?user_code=x", Some(Ok(Endpoint::DevicePage)));
        check("GET /-/sso/acme/saml/metadata", Some(Ok(Endpoint::SamlMetadata(acme()))));
        check("POST /-/sso/acme/saml/acs", Some(Ok(Endpoint::Acs(acme(), Acs::Own))));
        check(
            "POST /organizations/acme/saml/consume",
            Some(Ok(Endpoint::Acs(acme(), Acs::Consume))),
        );
        check("GET /-/sso/acme/saml/slo?SAMLRequest=x", Some(Ok(Endpoint::Slo(acme()))));
        check("POST /-/sso/acme/saml/slo", Some(Ok(Endpoint::SloForm(acme()))));
    }

    #[test]
    fn what_stands_under_our_prefix_never_reaches_the_hub() {
        check("GET /-/sso/acme/evil", Some(Err(Reason::NoSuchPage)));
        check("POST /-/sso/acme/saml/consume", Some(Err(Reason::NoSuchPage)));
        check("GET /-/sso/acme/saml/acs", Some(Err(Reason::MethodNotAllowed)));
        check("GET /-/other", Some(Err(Reason::NoSuchPage)));
        check("GET /%2D/sso/", Some(Ok(Endpoint::Account)));
        check("DELETE /-/sso/", Some(Err(Reason::MethodNotAllowed)));
        check("GET /-/sso/ACME/login", Some(Err(Reason::UnknownOrganization)));
        check("GET /-/sso/acme/oidc/backchannel-logout", Some(Err(Reason::MethodNotAllowed)));
    }
}
