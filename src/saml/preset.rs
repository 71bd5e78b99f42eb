//! What the providers' consoles call things: attribute names and sane defaults for each.

use serde_json::{Map, Value};

use super::identity_provider::Binding;
use super::names::EMAIL_FORMAT;
use super::profile::{NAME_ID, NAME_ID_FORMAT};
use super::response::SignaturePolicy;

/// The identity provider products that have defaults of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Okta.
    Okta,
    /// OneLogin.
    OneLogin,
    /// Microsoft Entra ID.
    Entra,
    /// Google Workspace.
    Google,
    /// Keycloak.
    Keycloak,
    /// Active Directory Federation Services.
    Adfs,
    /// PingOne and PingFederate.
    Ping,
    /// JumpCloud.
    JumpCloud,
    /// Anything else.
    Generic,
}

/// Where an attribute may stand in the profile, the first that is there counts; and what the
/// product signs and asks for unless somebody changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Names of the attribute with the e-mail address.
    pub email: &'static [&'static str],
    /// Names of the attribute with the display name.
    pub name: &'static [&'static str],
    /// Names of the attribute with the groups.
    pub groups: &'static [&'static str],
    /// The name id format to ask for; `None` leaves the choice to the identity provider.
    pub name_id_format: Option<&'static str>,
    /// Which signatures are demanded.
    pub signatures: SignaturePolicy,
}

const EMAIL: &str = "email";
const OID_EMAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";
const WS_EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const OID_NAME: &str = "urn:oid:2.16.840.1.113730.3.1.241";
const WS_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const MS_NAME: &str = "http://schemas.microsoft.com/identity/claims/displayname";
const WS_GROUP: &str = "http://schemas.xmlsoap.org/claims/Group";
const MS_GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
const MS_ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

impl Preset {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, preset)| *preset == self).map_or("generic", |(name, _)| name)
    }

    /// Every preset, by the name that the configuration calls it.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("okta", Self::Okta),
        ("onelogin", Self::OneLogin),
        ("entra", Self::Entra),
        ("google", Self::Google),
        ("keycloak", Self::Keycloak),
        ("adfs", Self::Adfs),
        ("ping", Self::Ping),
        ("jumpcloud", Self::JumpCloud),
        ("generic", Self::Generic),
    ];

    /// The preset that the configuration calls `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, preset)| *preset)
    }

    /// The defaults of the product.
    #[must_use]
    pub fn defaults(self) -> Defaults {
        let generic = Defaults {
            email: &[EMAIL, "mail", "Email", OID_EMAIL, WS_EMAIL],
            name: &["displayName", "name", "cn", OID_NAME, MS_NAME, WS_NAME],
            groups: &["groups", "Groups", "memberOf", "Role", MS_GROUPS, WS_GROUP],
            name_id_format: None,
            signatures: SignaturePolicy::Either,
        };
        match self {
            // Signs both, but either box can be unticked.
            Self::Okta => Defaults {
                email: &[EMAIL, "user.email", "mail"],
                name: &["displayName", "name", "user.displayName"],
                groups: &["groups"],
                ..generic
            },
            Self::OneLogin => Defaults {
                email: &["User.email", "Email", EMAIL],
                name: &["User.displayname", "Name", "name"],
                groups: &["memberOf", "groups", "Groups"],
                ..generic
            },
            // Signs the assertion; the address in WS_NAME is the user principal name.
            Self::Entra => Defaults {
                email: &[WS_EMAIL, EMAIL],
                name: &[MS_NAME, WS_NAME],
                groups: &[MS_GROUPS, MS_ROLE, "groups"],
                signatures: SignaturePolicy::Assertion,
                ..generic
            },
            // Signs the response unless told to sign the assertion.
            Self::Google => Defaults {
                email: &[EMAIL, "mail", "Email"],
                name: &["name", "displayName"],
                groups: &["groups", "Groups"],
                ..generic
            },
            Self::Keycloak => Defaults {
                email: &[EMAIL, OID_EMAIL],
                name: &["name", "displayName"],
                groups: &["groups", "member", "Role"],
                ..generic
            },
            Self::Adfs => Defaults {
                email: &[WS_EMAIL, EMAIL],
                name: &[WS_NAME, MS_NAME],
                groups: &[WS_GROUP, MS_ROLE],
                signatures: SignaturePolicy::Assertion,
                ..generic
            },
            Self::Ping => Defaults {
                email: &[EMAIL, "mail", OID_EMAIL],
                name: &["name", "displayName", "cn"],
                groups: &["groups", "memberOf"],
                ..generic
            },
            Self::JumpCloud => Defaults {
                email: &[EMAIL, "mail"],
                name: &["displayname", "displayName", "name"],
                groups: &["memberOf", "groups"],
                ..generic
            },
            Self::Generic => generic,
        }
    }
}

impl Defaults {
    /// The e-mail address in a profile: one address, or none where the provider gave several.
    /// Whether it is the person's is for the organization's e-mail domains to say.
    #[must_use]
    pub fn email_in<'p>(&self, profile: &'p Map<String, Value>) -> Option<&'p str> {
        match find(self.email, profile).map(Vec::as_slice) {
            Some([one]) => one.as_str(),
            Some([] | [_, ..]) => None,
            None => {
                let format = profile.get(NAME_ID_FORMAT)?.as_str()?;
                if format == EMAIL_FORMAT { profile.get(NAME_ID)?.as_str() } else { None }
            }
        }
    }

    /// The display name in a profile.
    #[must_use]
    pub fn name_in<'p>(&self, profile: &'p Map<String, Value>) -> Option<&'p str> {
        find(self.name, profile)?.first()?.as_str()
    }

    /// The groups in a profile.
    #[must_use]
    pub fn groups_in<'p>(&self, profile: &'p Map<String, Value>) -> Vec<&'p str> {
        find(self.groups, profile).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// The values of the first of these attributes that is there.
fn find<'p>(names: &[&str], profile: &'p Map<String, Value>) -> Option<&'p Vec<Value>> {
    names.iter().find_map(|name| profile.get(*name)?.as_array())
}

/// The binding of a sign-on address that stands alone: every product takes Redirect, unless the
/// address itself says that it is the one for POST.
pub(crate) fn sign_on_binding(url: &str) -> Binding {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let post = ["post", "http-post"].iter().any(|word| last.eq_ignore_ascii_case(word));
    if post { Binding::Post } else { Binding::Redirect }
}
