//! What a configuration does, without its secrets.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::{
    ClientAuth, Config, Oidc, OrganizationConfig, Provider, Saml, SamlSource, Unclaimed, Warning,
    in_words, metadata_path, slo_path,
};
use crate::directory::callback_path;
use crate::policy::{Missing, Organization};
use crate::saml;

use super::terminal::Sheet;

/// Writes the whole configuration as a person would tell it.
pub(super) fn write(config: &Config, sheet: &mut Sheet) {
    let server = &config.server;
    let listen: Vec<String> = server.listen.iter().map(ToString::to_string).collect();
    let admin = server.admin.map_or_else(|| "nowhere".to_owned(), |admin| admin.to_string());
    let unclaimed = match config.hub.unclaimed {
        Unclaimed::Pass => "pass",
        Unclaimed::Deny => "are refused",
    };
    let duration = in_words(config.session.timeout);
    let headers: Vec<&str> = config.headers.names().map(http::HeaderName::as_str).collect();
    let proxies: Vec<String> = server.trusted_proxies.iter().map(ToString::to_string).collect();
    sheet.blank();
    sheet.row("people see", config.public_url.origin());
    let tls = if server.tls.is_some() { " with TLS" } else { "" };
    sheet.row("listens on", &format!("{}{tls}", listen.join(", ")));
    if let Some(grpc) = server.grpc {
        sheet.row("asked by gRPC", &format!("{grpc}{tls}"));
    }
    sheet.row("health, metrics", &admin);
    sheet.row("trusts", &or(&proxies, "no proxy"));
    let hub = match &config.hub.upstream {
        Some(upstream) => upstream.to_string(),
        None => "behind proxies that ask".to_owned(),
    };
    sheet.row("hub", &format!("{hub}, {} URLs", config.hub.profile.as_str()));
    if !config.hub.rules.is_empty() {
        sheet.row("rules", &config.hub.rules.len().to_string());
    }
    sheet.row("other namespaces", unclaimed);
    let cookie = &config.session.cookie.name;
    sheet.row("sessions", &format!("{duration}, in memory, cookie {cookie}"));
    sheet.row("tells the hub", &headers.join(", "));
    sheet.row("organizations", &config.organizations.len().to_string());
    for organization in config.organizations.iter() {
        sheet.blank();
        one(config, organization, sheet);
    }
}

fn one(config: &Config, organization: &OrganizationConfig, sheet: &mut Sheet) {
    let policy = &organization.policy;
    sheet.heading(&format!("{} ({})", policy.id, policy.display_name));
    sheet.row("namespaces", &namespaces(policy).join(", "));
    sheet.row("sign-on", policy.enforcement.as_str());
    let domains: Vec<&str> = policy.email_domains.iter().collect();
    sheet.row("e-mail", &or(&domains, "any, or none"));
    let public: Vec<String> = policy.public.iter().map(ToString::to_string).collect();
    sheet.row("public", &or(&public, "nothing"));
    let mapping = &policy.role_mapping;
    for (role, values) in mapping.roles.iter().rev() {
        sheet.row(
            &format!("role {role}"),
            &format!("{} has {}", mapping.attribute.as_str(), values.join(" or ")),
        );
    }
    let missing = match mapping.missing {
        Missing::Refuse => format!("; without {} refused", mapping.attribute.as_str()),
        Missing::Default => String::new(),
    };
    sheet.row("otherwise", &format!("{}{missing}", policy.default_role));
    sheet.row("signed in for", &in_words(policy.session_timeout));
    match &organization.provider {
        Provider::Oidc(oidc) => {
            sheet.row(
                "OpenID provider",
                &format!("{}, {}", oidc.provider.as_str(), oidc.issuer.as_str()),
            );
            sheet.row("client", &format!("{}, {}", oidc.client_id, method(oidc)));
            sheet.row("asks for", &format!("openid {}", oidc.scopes.join(" ")));
            sheet.row("redirect URI", &redirect_uri(config, policy, oidc));
        }
        Provider::Saml(saml) => {
            let facts = SamlFacts::of(config, policy, saml);
            sheet.row("SAML provider", &format!("{}, {}", saml.provider_name(), facts.source));
            for (fingerprint, end) in &facts.certificates {
                sheet.row("certificate", &format!("{fingerprint}, until {end}"));
            }
            sheet.row("our entity id", &facts.entity_id);
            sheet.row("ACS", &facts.acs);
            sheet.row("single logout", &facts.slo);
        }
    }
}

/// The list with commas, or a word for an empty one.
fn or<T: AsRef<str>>(list: &[T], nothing: &str) -> String {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    if list.is_empty() { nothing.to_owned() } else { list.join(", ") }
}

fn namespaces(policy: &Organization) -> Vec<&str> {
    policy.namespaces.iter().map(crate::policy::Namespace::as_str).collect()
}

const fn method(oidc: &Oidc) -> &'static str {
    match oidc.client_auth {
        ClientAuth::SecretPost(_) => "client_secret_post",
        ClientAuth::SecretBasic(_) => "client_secret_basic",
        ClientAuth::PrivateKeyJwt { .. } => "private_key_jwt",
        ClientAuth::None => "none (PKCE only)",
    }
}

/// What must be registered at the provider.
fn redirect_uri(config: &Config, policy: &Organization, oidc: &Oidc) -> String {
    let path = oidc.callback_path.clone();
    config.public_url.join(&path.unwrap_or_else(|| callback_path(&policy.id)))
}

/// What an administrator of a SAML identity provider must know, and what is known of it.
struct SamlFacts {
    /// Its entity id, or where that will come from.
    source: String,
    /// Fingerprints, and until when.
    certificates: Vec<(String, String)>,
    entity_id: String,
    acs: String,
    slo: String,
}

impl SamlFacts {
    fn of(config: &Config, policy: &Organization, saml: &Saml) -> Self {
        let join = |path: String| config.public_url.join(&path);
        let (source, certificates) = match &saml.source {
            SamlSource::Url { url, .. } => (url.clone(), Vec::new()),
            SamlSource::Fixed(provider) => {
                let until = |at| {
                    Timestamp::try_from(at).map_or_else(|_| "?".to_owned(), |at| at.to_string())
                };
                let certificates = provider.certificates.iter();
                let shown = certificates.map(|c| (c.fingerprint(), until(c.not_on_or_after())));
                (provider.entity_id.clone(), shown.collect())
            }
        };
        let own = saml.sp_entity_id.clone();
        Self {
            source,
            certificates,
            entity_id: own.unwrap_or_else(|| join(metadata_path(&policy.id))),
            acs: join(saml.acs_path(&policy.id)),
            slo: join(slo_path(&policy.id)),
        }
    }
}

/// What an operator should know of the certificates of SAML identity providers by now.
pub(super) fn certificate_warnings(config: &Config, now: SystemTime) -> Vec<Warning> {
    let of = |organization: &OrganizationConfig| -> Vec<Warning> {
        let Provider::Saml(saml) = &organization.provider else { return Vec::new() };
        let SamlSource::Fixed(provider) = &saml.source else { return Vec::new() };
        let key = format!("organization[{}].saml", organization.policy.id);
        let warning = |found: saml::Warning| Warning { key: key.clone(), what: found.to_string() };
        provider.warnings(now).into_iter().map(warning).collect()
    };
    config.organizations.iter().flat_map(|organization| of(organization)).collect()
}

/// The organizations, for programs.
pub(super) fn organizations(config: &Config) -> Vec<Value> {
    let one = |organization: &OrganizationConfig| {
        let policy = &organization.policy;
        let mut shown = json!({
            "id": policy.id.as_str(),
            "display_name": policy.display_name,
            "namespaces": namespaces(policy),
            "enforcement": policy.enforcement.as_str(),
        });
        let more = match &organization.provider {
            Provider::Oidc(oidc) => json!({
                "protocol": "oidc",
                "provider": oidc.provider.as_str(),
                "issuer": oidc.issuer.as_str(),
                "client_id": oidc.client_id,
                "redirect_uri": redirect_uri(config, policy, oidc),
            }),
            Provider::Saml(saml) => {
                let facts = SamlFacts::of(config, policy, saml);
                let certificate = |(fingerprint, end): &(String, String)| json!({ "sha256": fingerprint, "not_after": end });
                json!({
                    "protocol": "saml",
                    "provider": saml.provider_name(),
                    "issuer": facts.source,
                    "entity_id": facts.entity_id,
                    "acs_url": facts.acs,
                    "slo_url": facts.slo,
                    "certificates": facts.certificates.iter().map(certificate).collect::<Vec<_>>(),
                })
            }
        };
        if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
            shown.extend(more);
        }
        shown
    };
    config.organizations.iter().map(|organization| one(organization)).collect()
}
