//! Issuers: what people paste, and what tokens must say.

use std::borrow::Cow;

use url::Url;

use super::super::is_loopback;
use super::{Issuer, OidcProvider};

/// Where the metadata of an issuer stands (OpenID Connect Discovery §4, RFC 8414 §3).
const WELL_KNOWN: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The host of Entra's public cloud; its national clouds end in other names and use GUIDs.
const ENTRA_V1_HOST: &str = "sts.windows.net";

/// Why a text is no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// No absolute URL.
    #[error("is not a URL; write the issuer, such as \"https://acme.okta.com\"")]
    NotAUrl,
    /// Neither https nor http on a loopback address.
    #[error("must begin with https://; http:// is accepted for loopback addresses only")]
    NotHttps,
    /// A user name, a query or a fragment (OpenID Connect Discovery §3).
    #[error("must have no user name, query or fragment")]
    NotPlain,
    /// Entra's `common` or `organizations` without tenants, or with one that is no GUID.
    #[error("serves many tenants: name those whose people may sign in, as GUIDs")]
    Tenants,
}

impl Issuer {
    /// Reads an issuer, or the address of its metadata, and gives it the form in which that
    /// provider writes it: tokens and metadata are then compared with it byte by byte.
    ///
    /// Entra's `common` and `organizations` come back without tenants; see [`Self::with_tenants`].
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str, provider: OidcProvider) -> Result<Self, IssuerError> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| IssuerError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(IssuerError::NotHttps),
        }
        let nobody = url.username().is_empty() && url.password().is_none();
        if !nobody || url.query().is_some() || url.fragment().is_some() {
            return Err(IssuerError::NotPlain);
        }
        let issuer = without_well_known(text);
        let bare = issuer.trim_end_matches('/');
        let host = url.host_str().unwrap_or_default();
        let slash = match provider {
            OidcProvider::Auth0 | OidcProvider::Authentik => true,
            OidcProvider::Entra => host == ENTRA_V1_HOST,
            OidcProvider::Okta
            | OidcProvider::Onelogin
            | OidcProvider::Google
            | OidcProvider::Keycloak
            | OidcProvider::Ping
            | OidcProvider::Gitlab => false,
            OidcProvider::Generic => issuer.ends_with('/') || host.ends_with(".auth0.com"),
        };
        let issuer = if slash { format!("{bare}/") } else { bare.to_owned() };
        let many = ["/common/v2.0", "/organizations/v2.0"];
        if provider == OidcProvider::Entra && many.iter().any(|end| issuer.ends_with(end)) {
            return Ok(Self::EntraTenants { authority: issuer, tenants: Vec::new() });
        }
        Ok(Self::Exact(issuer))
    }

    /// The same issuer for these tenants of Entra; an exact issuer stays as it is.
    ///
    /// # Errors
    /// [`IssuerError::Tenants`] when there are none, or one is no GUID.
    pub fn with_tenants(self, tenants: &[String]) -> Result<Self, IssuerError> {
        match self {
            Self::Exact(issuer) => Ok(Self::Exact(issuer)),
            Self::EntraTenants { authority, .. } => {
                let tenants: Vec<String> = tenants.iter().map(|t| t.to_ascii_lowercase()).collect();
                if tenants.is_empty() || !tenants.iter().all(|tenant| is_guid(tenant)) {
                    return Err(IssuerError::Tenants);
                }
                Ok(Self::EntraTenants { authority, tenants })
            }
        }
    }

    /// The issuer, or Entra's authority, as text: what a sign-in under way is bound to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(issuer) => issuer,
            Self::EntraTenants { authority, .. } => authority,
        }
    }

    /// Where the metadata is (OpenID Connect Discovery §4).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.as_str().trim_end_matches('/'), WELL_KNOWN[0])
    }

    /// What the metadata's `issuer` must be: for Entra's many tenants, with `{tenantid}`.
    #[must_use]
    pub fn of_metadata(&self) -> Cow<'_, str> {
        match self {
            Self::Exact(issuer) => Cow::Borrowed(issuer),
            Self::EntraTenants { authority, .. } => Cow::Owned(template(authority, "{tenantid}")),
        }
    }

    /// What a token's `iss` must be, given its `tid`; `None` when the tenant is not one of ours.
    #[must_use]
    pub fn of_token(&self, tenant: Option<&str>) -> Option<Cow<'_, str>> {
        match self {
            Self::Exact(issuer) => Some(Cow::Borrowed(issuer)),
            Self::EntraTenants { authority, tenants } => {
                let tenant = tenant.filter(|tenant| tenants.iter().any(|ours| ours == tenant))?;
                Some(Cow::Owned(template(authority, tenant)))
            }
        }
    }

    /// Whether `text` is an issuer that tokens of this provider may carry.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(issuer) => issuer == text,
            Self::EntraTenants { authority, tenants } => {
                tenants.iter().any(|tenant| template(authority, tenant) == text)
            }
        }
    }
}

/// The metadata's address without its well-known part; any other text as it is.
fn without_well_known(text: &str) -> Cow<'_, str> {
    for mark in WELL_KNOWN {
        if let Some((front, rest)) = text.split_once(mark) {
            // RFC 8414 §3.1 puts the issuer's path behind the mark, OpenID Connect in front of it.
            return if rest.is_empty() || rest == "/" {
                Cow::Borrowed(front)
            } else {
                Cow::Owned(format!("{front}{rest}"))
            };
        }
    }
    Cow::Borrowed(text)
}

/// Entra's authority with a tenant in the place of `common` or `organizations`.
fn template(authority: &str, tenant: &str) -> String {
    let mut segments: Vec<&str> = authority.rsplitn(3, '/').collect();
    if let Some(segment) = segments.get_mut(1) {
        *segment = tenant;
    }
    segments.reverse();
    segments.join("/")
}

/// Whether `text` is a GUID in lower case.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    #[track_caller]
    fn check(text: &str, provider: OidcProvider, expected: Result<&str, IssuerError>) {
        let parsed = Issuer::parse(text, provider);
        assert_eq!(parsed.as_ref().map(Issuer::as_str), expected.as_ref().copied(), "{text}");
    }

    #[test]
    fn an_issuer_takes_the_form_in_which_its_provider_writes_it() {
        use OidcProvider::{Auth0, Authentik, Entra, Generic, Okta};
        check("https://acme.okta.com", Okta, Ok("https://acme.okta.com"));
        check("https://acme.okta.com/", Okta, Ok("https://acme.okta.com"));
        check(
            "https://acme.okta.com/oauth2/default/.well-known/openid-configuration",
            Okta,
            Ok("https://acme.okta.com/oauth2/default"),
        );
        check(
            "https://idp.example/.well-known/oauth-authorization-server/tenant",
            Generic,
            Ok("https://idp.example/tenant"),
        );
        check("https://acme.eu.auth0.com", Auth0, Ok("https://acme.eu.auth0.com/"));
        check("https://acme.eu.auth0.com", Generic, Ok("https://acme.eu.auth0.com/"));
        check(
            "https://a.example/application/o/hub/.well-known/openid-configuration",
            Authentik,
            Ok("https://a.example/application/o/hub/"),
        );
        check("https://idp.example/", Generic, Ok("https://idp.example/"));
        check("http://127.0.0.1:4100", Generic, Ok("http://127.0.0.1:4100"));
        let tenant = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        check(&tenant, Entra, Ok(&tenant));
        check("http://idp.example", Generic, Err(IssuerError::NotHttps));
        check("ftp://idp.example", Generic, Err(IssuerError::NotHttps));
        check("idp.example", Generic, Err(IssuerError::NotAUrl));
        check("https://me@idp.example", Generic, Err(IssuerError::NotPlain));
        check("https://idp.example?x", Generic, Err(IssuerError::NotPlain));
        check("https://idp.example#x", Generic, Err(IssuerError::NotPlain));
    }

    #[test]
    fn entras_many_tenants_are_those_that_are_named() {
        let common = "https://login.microsoftonline.com/common/v2.0";
        let issuer = Issuer::parse(common, OidcProvider::Entra).unwrap();
        assert_eq!(issuer.clone().with_tenants(&[]), Err(IssuerError::Tenants));
        assert_eq!(issuer.clone().with_tenants(&["acme".into()]), Err(IssuerError::Tenants));
        let issuer = issuer.with_tenants(&[TENANT.to_ascii_uppercase()]).unwrap();
        assert_eq!(issuer.of_metadata(), "https://login.microsoftonline.com/{tenantid}/v2.0");
        let ours = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        assert_eq!(issuer.of_token(Some(TENANT)).as_deref(), Some(ours.as_str()));
        assert_eq!(issuer.of_token(Some("11111111-1111-1111-1111-111111111111")), None);
        assert_eq!(issuer.of_token(None), None);
        assert!(issuer.matches(&ours));
        assert!(!issuer.matches(common));
    }
}
