//! `[[organization]]`: who is guarded, how strictly, and by whose word.

use std::time::Duration;

use crate::policy::{
    AccountList, Accounts, Attribute, EmailDomains, Enforcement, HubTokens, LinkBy, Missing,
    Namespace, Organization, OrganizationId, PublicPattern, Role, RoleMapping,
};

use super::machines::{self, ServiceAccount, Workload};
use super::section::Section;
use super::session::{LONGEST, SHORTEST};
use super::{HubProfile, Identity, Oidc, Saml};

/// One organization: its policy, and its identity provider.
#[derive(Clone, Debug)]
pub struct OrganizationConfig {
    /// What the decision reads.
    pub policy: Organization,
    /// Who vouches for its members.
    pub provider: Provider,
    /// A key that speaks of the other kind of hub, and does nothing here.
    pub idle: Option<&'static str>,
    /// Machines with a token.
    pub service_accounts: Vec<ServiceAccount>,
    /// Machines for which somebody else vouches.
    pub workloads: Vec<Workload>,
    /// SHA-256 of codes for the day when the provider is down.
    pub recovery_codes: Vec<[u8; 32]>,
}

/// Who vouches for an organization's members.
#[derive(Clone, Debug)]
pub enum Provider {
    /// OpenID Connect.
    Oidc(Box<Oidc>),
    /// SAML 2.0.
    Saml(Box<Saml>),
}

/// What an organization takes from the rest of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) session_timeout: Duration,
    pub(super) profile: HubProfile,
    pub(super) identity: Identity,
}

/// The word in the addresses of forward-auth; people are kept away from them.
const ASKED: &str = "authz";

impl OrganizationConfig {
    /// Reads one `[[organization]]`.
    pub(super) fn read(section: &Section<'_>, around: Surroundings) -> Option<Self> {
        section.missing("id", "write a short name in lower case; it stands in URLs and sessions");
        let id = section.text("id").and_then(|text| {
            let id = OrganizationId::parse(&text);
            if let Err(error) = &id {
                section.note("id", format!("{text:?} {error}"), "choose another id");
            }
            if text == ASKED {
                let what = format!("{text:?} stands where proxies ask (/-/sso/{text}/…)");
                section.note("id", what, "choose another id");
            }
            id.ok()
        });
        let namespaces = namespaces(section, id.as_ref(), around.profile);
        let levels = [Enforcement::Off, Enforcement::Optional, Enforcement::Enforced]
            .map(|level| (level.as_str(), level));
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let public = section.texts("public").unwrap_or_default();
        let public = section.parsed("public", &public, |text| {
            PublicPattern::parse(text).ok_or_else(|| {
                let remedy = "write one such as \"demo\", \"datasets/open-*\" or \"*/*\"";
                (format!("{text:?} is no pattern"), remedy.to_owned())
            })
        });
        let provider = provider(section, id.as_ref());
        let role_mapping = role_mapping(section, provider.as_ref());
        let display_name = section.filled("display_name");
        if display_name.as_ref().is_some_and(|name| name.chars().any(char::is_control)) {
            section.note("display_name", "holds a control character", "remove it");
        }
        let enforcement = section.choice("enforcement", &levels).unwrap_or(Enforcement::Enforced);
        let default_role = section.choice("default_role", &roles).unwrap_or(Role::Read);
        let session_timeout = section.duration("session_timeout", SHORTEST..=LONGEST);
        let email_domains = email_domains(section);
        let collaborators = section.texts("external_collaborators").unwrap_or_default();
        let collaborators = listed(section, "external_collaborators", &collaborators);
        let members = members(section);
        let tokens = [
            ("live-session", HubTokens::LiveSession),
            ("authorized-once", HubTokens::AuthorizedOnce),
            ("exempt", HubTokens::Exempt),
        ];
        let tokens = section.choice("tokens", &tokens).unwrap_or(HubTokens::LiveSession);
        let keys: &[&'static str] = match around.identity {
            Identity::Idp => &["external_collaborators", "members", "tokens", "link_by"],
            Identity::Hub => &["public"],
        };
        let idle = keys.iter().copied().find(|key| section.has(key));
        let words = [("email", LinkBy::Email), ("membership", LinkBy::Membership)];
        let link_by = section.choice("link_by", &words).unwrap_or_default();
        let accounts = Accounts { collaborators, members, tokens, link_by };
        let with_tokens = section.sections("service_account");
        let service_accounts: Vec<_> =
            with_tokens.iter().filter_map(ServiceAccount::read).collect();
        let vouched = section.sections("workload");
        let workloads: Vec<_> = vouched.iter().filter_map(Workload::read).collect();
        machines::distinct(section, &service_accounts, &workloads);
        let recovery_codes = machines::recovery_codes(section);
        let id = id?;
        let policy = Organization {
            display_name: display_name.unwrap_or_else(|| id.as_str().to_owned()),
            id,
            namespaces: namespaces?,
            enforcement,
            public: public?,
            email_domains: email_domains?,
            role_mapping: role_mapping?,
            default_role,
            session_timeout: session_timeout.unwrap_or(around.session_timeout),
            accounts: (around.identity == Identity::Hub).then_some(accounts),
        };
        let mut provider = provider?;
        match &mut provider {
            Provider::Oidc(oidc) => {
                oidc.keep_to_workspace(&policy);
                oidc.fits(section, &policy, around.profile);
            }
            Provider::Saml(saml) => saml.fits(section, &policy, around.profile),
        }
        Some(Self {
            policy,
            provider,
            idle,
            service_accounts,
            workloads,
            recovery_codes: recovery_codes?,
        })
    }
}

fn namespaces(
    section: &Section<'_>,
    id: Option<&OrganizationId>,
    profile: HubProfile,
) -> Option<Vec<Namespace>> {
    let given = section.texts("namespaces");
    if given.as_ref().is_some_and(Vec::is_empty) {
        section.note("namespaces", "is empty", "write at least one, or remove the key");
    }
    let texts = match given {
        Some(texts) => texts,
        None if section.has("namespaces") => return None,
        None => vec![id?.as_str().to_owned()],
    };
    let namespaces = section.parsed("namespaces", &texts, |text| {
        let namespace = Namespace::parse(text)
            .map_err(|error| (format!("{text:?} {error}"), "choose another name".to_owned()))?;
        if profile.reserved().contains(&namespace.as_str()) {
            let remedy = "choose another name; no repository can live there";
            return Err((format!("{text:?} is a reserved path of the hub"), remedy.to_owned()));
        }
        Ok(namespace)
    })?;
    for (index, namespace) in namespaces.iter().enumerate() {
        if namespaces.iter().take(index).any(|other| other == namespace) {
            let what = format!("{} is there twice", namespace.as_str());
            section.note(&format!("namespaces[{index}]"), what, "remove one of them");
        }
    }
    Some(namespaces)
}

/// Accounts by name, `id:` or address.
fn listed(section: &Section<'_>, key: &str, texts: &[String]) -> AccountList {
    let mut list = AccountList::default();
    for (index, text) in texts.iter().enumerate() {
        if !list.add(text) {
            let what = format!("{text:?} is no account");
            let remedy = "write a user name, an e-mail address, or id: and the hub's id";
            section.note(&format!("{key}[{index}]"), what, remedy);
        }
    }
    list
}

/// The members file: an account on each line, `#` begins a remark.
fn members(section: &Section<'_>) -> AccountList {
    let mut list = AccountList::default();
    let Some(path) = section.path("members") else { return list };
    let text = match section.file_text("members", &path) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("{} cannot be read: {error}", path.display());
            section.note("members", what, "check the path, the mount and its permissions");
            return list;
        }
    };
    for (index, line) in text.lines().enumerate() {
        let entry = line.split_once('#').map_or(line, |(entry, _)| entry).trim();
        if !entry.is_empty() && !list.add(entry) {
            let what = format!("{}:{}: {entry:?} is no account", path.display(), index + 1);
            let remedy = "write a user name, an e-mail address, or id: and the hub's id";
            section.note("members", what, remedy);
        }
    }
    list
}

fn email_domains(section: &Section<'_>) -> Option<EmailDomains> {
    let texts = section.texts("email_domains").unwrap_or_default();
    section.parsed("email_domains", &texts, |text| {
        EmailDomains::parse([text]).map(|_| ()).map_err(|_| {
            let remedy = "write one such as \"acme.com\", without @ and without *";
            (format!("{text:?} is no domain"), remedy.to_owned())
        })
    })?;
    EmailDomains::parse(texts.iter().map(String::as_str)).ok()
}

/// Without a mapping, everyone who signs in has the default role.
fn role_mapping(section: &Section<'_>, provider: Option<&Provider>) -> Option<RoleMapping> {
    let usual = match provider {
        Some(Provider::Oidc(oidc)) => oidc.provider.defaults().role_attribute,
        // Whatever the make calls them: they stand under this name in every profile.
        Some(Provider::Saml(_)) | None => "groups",
    };
    let usual = Attribute::parse(usual).ok()?;
    if !section.has("role_mapping") {
        let attribute = usual;
        return Some(RoleMapping { attribute, roles: Vec::new(), missing: Missing::Default });
    }
    let section = section.section("role_mapping")?;
    let attribute = section.attribute("attribute").unwrap_or(usual);
    let missing = [("refuse", Missing::Refuse), ("default", Missing::Default)];
    let missing = section.choice("missing", &missing).unwrap_or(Missing::Refuse);
    const ADMIN: &str = "write at least one value, such as roles = { admin = [\"hub-admins\"] }; \
                         without it nobody could administer the organization";
    let Some(names) = section.section("roles") else {
        section.missing("roles", ADMIN);
        return None;
    };
    let mut roles = Vec::new();
    for role in Role::ALL {
        let values = names.texts(role.as_str());
        if role == Role::Admin && values.as_ref().is_none_or(Vec::is_empty) {
            names.note(role.as_str(), "maps no value to the role admin", ADMIN);
        }
        roles.extend(values.filter(|values| !values.is_empty()).map(|values| (role, values)));
    }
    Some(RoleMapping { attribute, roles, missing })
}

/// Exactly one of `oidc` and `saml`.
fn provider(section: &Section<'_>, id: Option<&OrganizationId>) -> Option<Provider> {
    match (section.has("oidc"), section.has("saml")) {
        (true, true) => {
            section.note("", "has both oidc and saml", "remove one of them");
            // Read all the same, so that their mistakes are seen.
            section.section("oidc").and_then(|oidc| Oidc::read(&oidc));
            section.section("saml").and_then(|saml| Saml::read(&saml));
            None
        }
        (false, false) => {
            let name = id.map_or("it", OrganizationId::as_str);
            let what = format!("names no identity provider, so nobody could sign in for {name}");
            section.note("", what, "write [organization.oidc] or [organization.saml]");
            None
        }
        (true, false) => {
            Oidc::read(&section.section("oidc")?).map(|oidc| Provider::Oidc(Box::new(oidc)))
        }
        (false, true) => {
            Saml::read(&section.section("saml")?).map(|saml| Provider::Saml(Box::new(saml)))
        }
    }
}
