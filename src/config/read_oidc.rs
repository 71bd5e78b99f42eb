//! Reads `[organization.oidc]`, over the defaults of the provider's make.

mod client_auth;

use std::time::Duration;

use url::Url;

use super::oidc::GOOGLE;
use super::section::Section;
use super::{
    ClientAuth, EmailTrust, GroupOverage, Issuer, IssuerError, Oidc, OidcProvider, ResponseMode,
    SigningAlgorithm, UserinfoUse, is_loopback,
};

const PROVIDERS: [(&str, OidcProvider); 10] = [
    ("okta", OidcProvider::Okta),
    ("onelogin", OidcProvider::Onelogin),
    ("entra", OidcProvider::Entra),
    ("google", OidcProvider::Google),
    ("keycloak", OidcProvider::Keycloak),
    ("auth0", OidcProvider::Auth0),
    ("ping", OidcProvider::Ping),
    ("gitlab", OidcProvider::Gitlab),
    ("authentik", OidcProvider::Authentik),
    ("generic", OidcProvider::Generic),
];

const ALGORITHMS: [(&str, SigningAlgorithm); 9] = [
    ("RS256", SigningAlgorithm::RS256),
    ("RS384", SigningAlgorithm::RS384),
    ("RS512", SigningAlgorithm::RS512),
    ("PS256", SigningAlgorithm::PS256),
    ("PS384", SigningAlgorithm::PS384),
    ("PS512", SigningAlgorithm::PS512),
    ("ES256", SigningAlgorithm::ES256),
    ("ES384", SigningAlgorithm::ES384),
    ("EdDSA", SigningAlgorithm::EdDSA),
];

/// What the gate itself writes into requests, or what would change what comes back.
const OWN_PARAMETERS: [&str; 19] = [
    "acr_values",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "max_age",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

impl OidcProvider {
    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        PROVIDERS.iter().find(|(_, provider)| *provider == self).map_or("", |(name, _)| name)
    }
}

impl Oidc {
    /// Reads `[organization.oidc]`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let provider = section.choice("provider", &PROVIDERS).unwrap_or(OidcProvider::Generic);
        let defaults = provider.defaults();
        let own = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let own_pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let userinfo = [
            ("always", UserinfoUse::Always),
            ("missing-claims", UserinfoUse::MissingClaims),
            ("never", UserinfoUse::Never),
        ];
        let email_trust = [
            ("never", EmailTrust::Never),
            ("if-verified", EmailTrust::IfVerified),
            ("always", EmailTrust::Always),
        ];
        let group_overage =
            [("refuse", GroupOverage::Refuse), ("microsoft-graph", GroupOverage::MicrosoftGraph)];
        let response_mode = [("query", ResponseMode::Query), ("form_post", ResponseMode::FormPost)];

        section.missing("client_id", "write the id that the provider gave to the application");
        let client_auth = ClientAuth::read(section, provider);
        let ca_certificates = section.authorities("ca_certificates");
        let issuer = issuer(section, provider);
        let client_id = section.filled("client_id");
        let read = Self {
            provider,
            issuer: issuer.clone().unwrap_or_else(|| Issuer::Exact(String::new())),
            discovery_url: discovery_url(section),
            client_id: client_id.clone().unwrap_or_default(),
            callback_path: section.filled("callback_path"),
            client_auth: client_auth.clone().unwrap_or(ClientAuth::None),
            scopes: scopes(section).unwrap_or_else(|| own(defaults.scopes)),
            algorithms: algorithms(section),
            response_mode: section
                .choice("response_mode", &response_mode)
                .unwrap_or(ResponseMode::Query),
            extra_parameters: extra_parameters(section)
                .unwrap_or_else(|| own_pairs(defaults.extra_parameters)),
            userinfo: section.choice("userinfo", &userinfo).unwrap_or(defaults.userinfo),
            subject_claim: section
                .filled("subject_claim")
                .unwrap_or_else(|| defaults.subject_claim.to_owned()),
            email_claim: section
                .filled("email_claim")
                .unwrap_or_else(|| defaults.email_claim.to_owned()),
            email_trust: section
                .choice("email_trust", &email_trust)
                .unwrap_or(defaults.email_trust),
            required_claims: section.pairs("required_claims").unwrap_or_default(),
            require_iss_parameter: section.flag("require_iss_parameter").unwrap_or(false),
            group_overage: section
                .choice("group_overage", &group_overage)
                .unwrap_or(defaults.group_overage),
            pushed_requests: section.flag("pushed_requests").unwrap_or(true),
            acr_values: section.texts("acr_values").unwrap_or_default(),
            max_age: section
                .duration("max_age", Duration::ZERO..=Duration::from_secs(400 * 24 * 60 * 60)),
            ca_certificates,
        };
        // Read to the end first, so that every mistake is seen.
        (issuer.is_some() && client_id.is_some() && client_auth.is_some()).then_some(read)
    }
}

fn issuer(section: &Section<'_>, provider: OidcProvider) -> Option<Issuer> {
    let tenants = section.texts("tenants");
    let text = match section.filled("issuer") {
        Some(text) => text,
        None if provider == OidcProvider::Google && !section.has("issuer") => GOOGLE.to_owned(),
        None => {
            let remedy = "write the issuer, such as \"https://acme.okta.com\", or the address of its metadata";
            section.missing("issuer", remedy);
            return None;
        }
    };
    match Issuer::parse(&text, provider) {
        Ok(Issuer::Exact(issuer)) => {
            if section.has("tenants") {
                let what = "is for Entra's issuers that serve many tenants";
                section.note("tenants", what, "remove it");
            }
            Some(Issuer::Exact(issuer))
        }
        Ok(many @ Issuer::EntraTenants { .. }) => {
            if tenants.is_none() && section.has("tenants") {
                return None;
            }
            let many = many.with_tenants(&tenants.unwrap_or_default());
            if let Err(error) = &many {
                note_issuer(section, "tenants", *error);
            }
            many.ok()
        }
        Err(error) => {
            note_issuer(section, "issuer", error);
            None
        }
    }
}

pub(super) fn note_issuer(section: &Section<'_>, key: &str, error: IssuerError) {
    let (what, remedy) = match error {
        IssuerError::NotAUrl => ("is no URL", "write one such as \"https://acme.okta.com\""),
        IssuerError::NotHttps => {
            ("is not https; http is for loopback addresses only", "write https://")
        }
        IssuerError::NotPlain => ("has a user name, a query or a fragment", "remove it"),
        IssuerError::Tenants => (
            "does not name the tenants of an issuer that serves many",
            "write their GUIDs in a list, or the issuer of one tenant",
        ),
    };
    section.note(key, what, remedy);
}

fn discovery_url(section: &Section<'_>) -> Option<Url> {
    let url = Url::parse(&section.filled("discovery_url")?);
    let good = |url: &Url| {
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
        safe && url.username().is_empty() && url.password().is_none()
    };
    let url = url.ok().filter(good);
    if url.is_none() {
        let remedy = "write the address of the metadata; http is for loopback addresses only";
        section.note("discovery_url", "is no https address", remedy);
    }
    url
}

/// The scopes without `openid`, which is always asked for.
fn scopes(section: &Section<'_>) -> Option<Vec<String>> {
    let texts = section.texts("scopes")?;
    // RFC 6749 §3.3
    let token = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    let scopes = section.parsed("scopes", &texts, |text| {
        text.bytes().all(token).then(|| text.to_owned()).ok_or_else(|| {
            (format!("{text:?} is no scope"), "write each scope as a string of its own".to_owned())
        })
    })?;
    Some(scopes.into_iter().filter(|scope| scope != "openid").collect())
}

pub(super) fn algorithms(section: &Section<'_>) -> Vec<SigningAlgorithm> {
    // The one that every provider must have (OpenID Connect Core §15.1).
    const DEFAULT: SigningAlgorithm = SigningAlgorithm::RS256;
    let Some(texts) = section.texts("algorithms") else { return vec![DEFAULT] };
    if texts.is_empty() {
        section.note("algorithms", "is empty", "write one such as \"RS256\", or remove the key");
    }
    let read = |(index, text): (usize, &String)| {
        section.chosen(&format!("algorithms[{index}]"), text, &ALGORITHMS)
    };
    texts.iter().enumerate().filter_map(read).collect()
}

fn extra_parameters(section: &Section<'_>) -> Option<Vec<(String, String)>> {
    let pairs = section.pairs("extra_parameters")?;
    for (name, _) in &pairs {
        let own = OWN_PARAMETERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if own {
            let what = "is a parameter of the protocol, which the gate writes itself";
            section.note(&format!("extra_parameters.{name}"), what, "remove it");
        }
    }
    Some(pairs)
}
