//! What each make of provider needs, where the organization says nothing else.

use super::{EmailTrust, GroupOverage, OidcProvider, UserinfoUse};

/// The settings that depend on the provider's make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OidcDefaults {
    /// What is asked for beside `openid`.
    pub scopes: &'static [&'static str],
    /// Further parameters of the authorization request.
    pub extra_parameters: &'static [(&'static str, &'static str)],
    /// When the userinfo endpoint is asked.
    pub userinfo: UserinfoUse,
    /// The claim that names the person.
    pub subject_claim: &'static str,
    /// The claim that holds the e-mail address.
    pub email_claim: &'static str,
    /// When that address is believed.
    pub email_trust: EmailTrust,
    /// What to do when the groups are too many for the token.
    pub group_overage: GroupOverage,
    /// The role attribute that the provider fills most often.
    pub role_attribute: &'static str,
}

const GENERIC: OidcDefaults = OidcDefaults {
    scopes: &["profile", "email"],
    extra_parameters: &[],
    userinfo: UserinfoUse::MissingClaims,
    subject_claim: "sub",
    email_claim: "email",
    email_trust: EmailTrust::IfVerified,
    group_overage: GroupOverage::Refuse,
    role_attribute: "groups",
};

impl OidcProvider {
    /// The settings that go with this make.
    #[must_use]
    pub const fn defaults(self) -> OidcDefaults {
        match self {
            // ID tokens are thin when an access token is issued too: userinfo has the rest.
            Self::Okta => OidcDefaults { scopes: &["profile", "email", "groups"], ..GENERIC },
            // Sends no `email_verified`; the organization's own directory vouches for addresses.
            Self::Onelogin => OidcDefaults {
                scopes: &["profile", "email", "groups"],
                email_trust: EmailTrust::Always,
                ..GENERIC
            },
            // `sub` differs for each application, `oid` is the directory's own name of the person.
            // Addresses are mutable and not verified; `xms_edov` says when a domain is.
            // Its userinfo endpoint has nothing that the ID token lacks.
            // `User.Read` is what Graph wants for `/me/transitiveMemberOf`.
            Self::Entra => OidcDefaults {
                scopes: &[
                    "profile",
                    "email",
                    "offline_access",
                    "https://graph.microsoft.com/User.Read",
                ],
                userinfo: UserinfoUse::Never,
                subject_claim: "oid",
                group_overage: GroupOverage::MicrosoftGraph,
                ..GENERIC
            },
            // The ID token has all there is; refresh tokens would cost a consent at every sign-in.
            Self::Google => OidcDefaults { userinfo: UserinfoUse::Never, ..GENERIC },
            // Roles stand in the ID token when the client has a mapper that puts them there.
            Self::Keycloak => OidcDefaults { role_attribute: "realm_access.roles", ..GENERIC },
            // Ignores `offline_access` where the API does not allow it.
            Self::Auth0 => {
                OidcDefaults { scopes: &["profile", "email", "offline_access"], ..GENERIC }
            }
            // Attributes come from the organization's directory, without `email_verified`.
            Self::Ping => OidcDefaults {
                email_trust: EmailTrust::Always,
                role_attribute: "memberOf",
                ..GENERIC
            },
            // Groups with their ancestors stand in userinfo only.
            Self::Gitlab => OidcDefaults { userinfo: UserinfoUse::Always, ..GENERIC },
            // Group names are in the profile scope; refresh tokens want `offline_access`.
            Self::Authentik => {
                OidcDefaults { scopes: &["profile", "email", "offline_access"], ..GENERIC }
            }
            Self::Generic => GENERIC,
        }
    }
}
