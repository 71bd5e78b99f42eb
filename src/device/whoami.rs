//! `GET /api/whoami-v2`: who the bearer of a credential is, in the words of the Hugging Face Hub.

use std::time::SystemTime;

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::directory::Directory;
use crate::headers::stable_subject;
use crate::policy::{Need, Principal, SignIn};
use crate::respond::{self, Answer};

const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// The answer for somebody with a sign-in that holds; [`stranger`] for everybody else.
#[must_use]
pub fn whoami(principal: &Principal, directory: &Directory, now: SystemTime) -> Answer {
    let mut live = principal.live(now);
    let Some(first) = live.next() else { return stranger() };
    let organization = |sign_in: &SignIn| -> Value {
        let id = &sign_in.organization;
        let display_name = directory
            .find(id)
            .map_or_else(|| id.to_string(), |entry| entry.config.policy.display_name.clone());
        json!({
            "type": "org", "id": id.as_str(), "name": id.as_str(), "fullname": display_name,
            "email": null, "canPay": false, "periodEnd": null, "plan": "enterprise",
            "avatarUrl": "", "isEnterprise": true, "roleInOrg": sign_in.role.as_str(),
        })
    };
    let organizations: Vec<Value> = std::iter::once(first).chain(live).map(organization).collect();
    let name = short_name(first);
    // Versions of the clients before 1.0 read what a token may do, and stop without it.
    let writes = principal.live(now).any(|sign_in| sign_in.role.suffices(Need::Write));
    let access = json!({
        "displayName": format!("oauth-{name}"),
        "role": if writes { "write" } else { "read" },
    });
    let until = principal.live(now).map(|sign_in| sign_in.expires_at).max();
    let expires_at = until.and_then(|at| Timestamp::try_from(at).ok()).map(|at| at.to_string());
    respond::json(
        StatusCode::OK,
        &json!({
            "type": "user",
            "id": stable_subject(first),
            "name": name,
            "fullname": first.name.as_deref().unwrap_or(&name),
            "email": first.email.as_deref(),
            "emailVerified": first.email.is_some(),
            "canPay": false, "isPro": false, "periodEnd": null, "avatarUrl": "",
            "orgs": organizations,
            "auth": { "type": "oauth", "expiresAt": expires_at, "accessToken": access },
        }),
    )
}

/// The answer for nobody: what makes clients say that the token is not valid.
#[must_use]
pub fn stranger() -> Answer {
    let text = "Invalid username or password.";
    let mut answer = respond::json(StatusCode::UNAUTHORIZED, &json!({ "error": text }));
    let headers = answer.headers_mut();
    headers.insert(X_ERROR_MESSAGE, HeaderValue::from_static(text));
    headers.insert(
        header::WWW_AUTHENTICATE,
        const { HeaderValue::from_static("Bearer realm=\"hub\"") },
    );
    answer
}

/// A name as the hub's accounts have them: letters, digits, `-`, `_` and `.`.
fn short_name(sign_in: &SignIn) -> String {
    let email = sign_in.email.as_deref();
    let text = email.and_then(|email| email.split('@').next()).unwrap_or(sign_in.subject.as_str());
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = text.chars().map(|c| if good(c) { c } else { '-' }).take(42).collect();
    name.trim_matches(['-', '.']).to_owned()
}
