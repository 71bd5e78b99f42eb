//! Who is asking, by the gate's headers or by the hub's own accounts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::repositories::Repository;
use super::{Access, Refusal};
use crate::demo::people::Account;

/// Who is asking.
pub(super) enum Caller {
    /// What a gate said, or nothing, at a hub that trusts it.
    Told(Told),
    /// An account of the hub.
    Account(Account),
    /// Nobody, at a hub that has accounts; or somebody with a token that is none.
    Anonymous,
}

/// The identity headers of one request.
pub(super) struct Told {
    pub(super) user: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    /// `("acme", "write")`, from `X-Auth-Orgs`.
    pub(super) organizations: Vec<(String, String)>,
}

impl Caller {
    pub(super) fn of<B>(request: &Request<B>, access: &Access) -> Caller {
        let headers = request.headers();
        match access {
            Access::TrustHeaders => Caller::Told(Told {
                user: header(headers, "x-auth-user"),
                email: header(headers, "x-auth-email"),
                name: header(headers, "x-auth-name"),
                organizations: header(headers, "x-auth-orgs")
                    .unwrap_or_default()
                    .split(',')
                    .filter_map(|one| one.trim().split_once(':'))
                    .map(|(organization, role)| (organization.to_owned(), role.to_owned()))
                    .collect(),
            }),
            Access::Accounts(accounts) => {
                let token = token(headers);
                let known = accounts.iter().find(|own| Some(&own.token) == token.as_ref());
                known.cloned().map_or(Caller::Anonymous, Caller::Account)
            }
        }
    }

    pub(super) fn organizations(&self) -> &[(String, String)] {
        match self {
            Caller::Told(told) => &told.organizations,
            Caller::Account(account) => &account.organizations,
            Caller::Anonymous => &[],
        }
    }

    fn is_member(&self, namespace: &str) -> bool {
        let same = |(own, _): &(String, String)| own.eq_ignore_ascii_case(namespace);
        self.organizations().iter().any(same)
    }

    /// Whether the caller may open the repository.
    pub(super) fn may_read(&self, repository: &Repository) -> bool {
        match self {
            Caller::Told(_) => true,
            Caller::Account(_) | Caller::Anonymous => self.may_list(repository),
        }
    }

    /// Whether lists show the repository to the caller.
    pub(super) fn may_list(&self, repository: &Repository) -> bool {
        !repository.private || self.is_member(&repository.namespace)
    }

    /// Whether the caller may change what is in a namespace.
    pub(super) fn may_write(&self, namespace: &str) -> bool {
        match self {
            Caller::Told(_) => true,
            Caller::Account(account) => account.organizations.iter().any(|(own, role)| {
                own.eq_ignore_ascii_case(namespace) && matches!(role.as_str(), "write" | "admin")
            }),
            Caller::Anonymous => false,
        }
    }

    /// How a repository is refused that is private, or not there: the same for both.
    pub(super) fn blindness(&self) -> Refusal {
        match self {
            Caller::Anonymous => Refusal::SignIn,
            Caller::Told(_) | Caller::Account(_) => Refusal::NoSuchRepository,
        }
    }

    /// The answer of `/api/whoami-v2`, unless nobody is asking.
    pub(super) fn whoami(&self) -> Option<Value> {
        let (id, name, full_name, email, verified) = match self {
            Caller::Told(Told { user: Some(user), email, name, .. }) => {
                let email = email.clone().unwrap_or_default();
                let short = email.split('@').next().filter(|short| !short.is_empty());
                let short = short.unwrap_or(user).to_owned();
                (user.clone(), short, name.clone(), email, true)
            }
            Caller::Account(account) => {
                let Account { id, name, email, email_verified, .. } = account.clone();
                (id, name, None, email, email_verified)
            }
            Caller::Told(Told { user: None, .. }) | Caller::Anonymous => return None,
        };
        let organization = |(name, role): &(String, String)| {
            json!({ "type": "org", "id": format!("org-{name}"), "name": name, "fullname": name,
                    "email": null, "canPay": false, "periodEnd": null, "plan": "team",
                    "avatarUrl": "", "isEnterprise": false, "roleInOrg": role })
        };
        let organizations: Vec<Value> = self.organizations().iter().map(organization).collect();
        Some(json!({
            "type": "user", "id": id, "fullname": full_name.unwrap_or_else(|| name.clone()),
            "name": name, "email": email, "emailVerified": verified, "canPay": false,
            "isPro": false, "periodEnd": null, "avatarUrl": "", "orgs": organizations,
            "auth": { "type": "access_token", "accessToken": { "displayName": "demo", "role": "write" } },
        }))
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
    (!value.is_empty()).then_some(value)
}

/// The token, from wherever the Hub's clients put it.
fn token(headers: &HeaderMap) -> Option<String> {
    for name in ["authorization", "x-hf-authorization"] {
        let Some(value) = header(headers, name) else { continue };
        let (scheme, rest) = value.split_once(' ').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.trim().to_owned());
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            return pair.split_once(':').map(|(_, password)| password.to_owned());
        }
    }
    let cookies = header(headers, "cookie")?;
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "token").map(|(_, value)| value.to_owned())
}
