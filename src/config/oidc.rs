//! `[organization.oidc]`: what a relying party is told of its provider.

mod fits;
mod issuer;
mod preset;

pub(super) use fits::GOOGLE;

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Secret;

pub use issuer::IssuerError;
pub use preset::OidcDefaults;

/// A registration at an OpenID provider, with the provider's particularities filled in.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// The provider's make.
    pub provider: OidcProvider,
    /// Who vouches.
    pub issuer: Issuer,
    /// Where the metadata is, when it is not at the issuer's well-known place.
    pub discovery_url: Option<Url>,
    /// Our name there.
    pub client_id: String,
    /// The path of the redirect URI, when it is not `/-/sso/{org}/oidc/callback`.
    pub callback_path: Option<String>,
    /// How we prove that we are that client.
    pub client_auth: ClientAuth,
    /// What we ask for; always with `openid`.
    pub scopes: Vec<String>,
    /// The algorithms that ID tokens may be signed with; pinned here, never learned from metadata.
    pub algorithms: Vec<SigningAlgorithm>,
    /// How the provider's answer comes back.
    pub response_mode: ResponseMode,
    /// Further parameters of the authorization request; never one of ours.
    pub extra_parameters: Vec<(String, String)>,
    /// When the userinfo endpoint is asked.
    pub userinfo: UserinfoUse,
    /// The claim that names the person; `sub` where nothing else is said.
    pub subject_claim: String,
    /// The claim that holds the e-mail address.
    pub email_claim: String,
    /// When that address is believed.
    pub email_trust: EmailTrust,
    /// Claims that must have exactly this value, such as Google's `hd`.
    pub required_claims: Vec<(String, String)>,
    /// Whether the answer must carry `iss` (RFC 9207) even if the metadata does not promise it.
    pub require_iss_parameter: bool,
    /// What to do when the groups are too many for the token.
    pub group_overage: GroupOverage,
    /// Whether pushed authorization requests (RFC 9126) are used when they are offered.
    pub pushed_requests: bool,
    /// `acr_values` to ask for; the answer must then carry one of them.
    pub acr_values: Vec<String>,
    /// The most time since the person proved who they are (`max_age`).
    pub max_age: Option<Duration>,
    /// PEM files of authorities that its certificate may come from, beside the machine's.
    pub ca_certificates: Vec<PathBuf>,
}

/// The make of a provider: decides the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OidcProvider {
    /// Okta.
    Okta,
    /// OneLogin.
    Onelogin,
    /// Microsoft Entra ID.
    Entra,
    /// Google Workspace.
    Google,
    /// Keycloak.
    Keycloak,
    /// Auth0.
    Auth0,
    /// PingFederate and PingOne.
    Ping,
    /// GitLab.
    Gitlab,
    /// authentik.
    Authentik,
    /// Any other that follows the standards.
    Generic,
}

/// Who vouches, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// One issuer.
    Exact(String),
    /// Entra's `common` and `organizations`: `{tenantid}` stands for the token's `tid`, which must
    /// be one of these tenants.
    EntraTenants {
        /// `https://login.microsoftonline.com/common/v2.0`: where the metadata is.
        authority: String,
        /// GUIDs in lower case.
        tenants: Vec<String>,
    },
}

/// How we prove that we are the client (OIDC Core §9).
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// `client_secret_post`.
    SecretPost(Secret),
    /// `client_secret_basic`.
    SecretBasic(Secret),
    /// `private_key_jwt` (RFC 7523).
    PrivateKeyJwt {
        /// PEM of an EC P-256 or RSA private key.
        key: Secret,
        /// The `kid` of the header; the thumbprint of the key where nothing else is said.
        key_id: Option<String>,
        /// PEM of the certificate whose thumbprint Entra wants in `x5t#S256`.
        certificate: Option<PathBuf>,
        /// What the assertion's `aud` is.
        audience: ClientAssertionAudience,
    },
    /// `none`: PKCE only.
    None,
}

/// What the client assertion's `aud` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAssertionAudience {
    /// The issuer, as rfc7523bis asks.
    Issuer,
    /// The token endpoint, as Entra asks.
    TokenEndpoint,
}

/// Signature algorithms for ID tokens (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum SigningAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// How the provider's answer comes back (OAuth 2.0 Multiple Response Types, Form Post).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of a GET.
    Query,
    /// In the body of a POST.
    FormPost,
}

/// When the userinfo endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoUse {
    /// Always, when the provider has one.
    Always,
    /// When the ID token lacks the e-mail address or the role attribute.
    MissingClaims,
    /// Never.
    Never,
}

/// When an e-mail address is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailTrust {
    /// Never.
    Never,
    /// When `email_verified` is true (for Entra: `xms_edov`).
    IfVerified,
    /// Always: the organization's own directory vouches for it.
    Always,
}

/// What to do when the groups are too many for the token (distributed claims, OIDC Core §5.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOverage {
    /// Refuse the sign-in.
    Refuse,
    /// Ask Microsoft Graph, and refuse when it does not answer.
    MicrosoftGraph,
}
