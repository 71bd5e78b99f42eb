//! From verified claims to a profile: which claims count, and which of them is believed.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{EmailTrust, Oidc, OidcProvider};
use crate::jose::{Claims, Invalid};
use crate::policy::{Attribute, EmailAddress, Profile, Selected, Subject};

use super::error::{Error, Token};

/// What userinfo may never say: it is the ID token that was signed for us.
const PROTOCOL: [&str; 21] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "tid",
    "oid",
    "hd",
    "org_id",
    "events",
];
/// The address and what is said about it belong together and come from one place.
const EMAIL: [&str; 3] = ["email", "email_verified", "xms_edov"];
/// The longest display name that is kept.
const MAX_NAME: usize = 200;

/// Whose claims count when both speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    /// The ID token is as fresh as userinfo, and signed.
    IdToken,
    /// The ID token is the sign-in's; a refresh brought no newer one.
    Userinfo,
}

/// The claims of both, each once.
pub(super) fn merge(
    settings: &Oidc,
    id_token: &Claims,
    userinfo: Option<Map<String, Value>>,
    precedence: Precedence,
) -> Map<String, Value> {
    let mut claims = id_token.all().clone();
    let Some(userinfo) = userinfo else { return claims };
    let ours = |name: &str| {
        PROTOCOL.contains(&name)
            || name == settings.subject_claim
            || settings.required_claims.iter().any(|(required, _)| required == name)
    };
    let about_email = |name: &str| EMAIL.contains(&name) || name == settings.email_claim;
    let address = claims.get(&settings.email_claim).cloned();
    let same_address = address.is_some() && address.as_ref() == userinfo.get(&settings.email_claim);
    let wins = precedence == Precedence::Userinfo;
    if wins && userinfo.contains_key(&settings.email_claim) {
        claims.retain(|name, _| !about_email(name));
    }
    for (name, value) in userinfo {
        let admitted = if ours(&name) {
            false
        } else if about_email(&name) {
            wins || address.is_none() || same_address && !claims.contains_key(&name)
        } else {
            wins || claims.get(&name).is_none_or(Value::is_null)
        };
        if admitted {
            claims.insert(name, value);
        }
    }
    claims
}

/// Whether the ID token lacks what userinfo might have.
pub(super) fn is_thin(settings: &Oidc, role: &Attribute, claims: &Map<String, Value>) -> bool {
    let verdict = match settings.email_trust {
        EmailTrust::IfVerified => claims.contains_key(verdict_claim(settings)),
        EmailTrust::Always | EmailTrust::Never => true,
    };
    !verdict
        || !claims.contains_key(&settings.email_claim)
        || role.select(claims) == Selected::Missing
}

/// The claims that the configuration requires, from the ID token alone.
pub(super) fn check_required(settings: &Oidc, id_token: &Claims) -> Result<(), Error> {
    let holds = |(name, value): &(String, String)| match id_token.value(name) {
        Some(Value::String(text)) => text == value,
        Some(Value::Bool(flag)) => flag.to_string() == *value,
        Some(Value::Number(number)) => number.to_string() == *value,
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
    };
    if settings.required_claims.iter().all(holds) {
        Ok(())
    } else {
        Err(Error::Invalid { token: Token::Id, invalid: Invalid::RequiredClaim })
    }
}

/// Who it is: the claim that names the person, from the ID token alone.
pub(super) fn subject(settings: &Oidc, id_token: &Claims) -> Result<Subject, Error> {
    let text = id_token.text(&settings.subject_claim).unwrap_or_default();
    Subject::parse(text)
        .map_err(|_| Error::Invalid { token: Token::Id, invalid: Invalid::Malformed("sub") })
}

/// The profile that the policy reads.
pub(super) fn profile(
    settings: &Oidc,
    issuer: &str,
    subject: Subject,
    claims: Map<String, Value>,
) -> Profile {
    Profile {
        issuer: Arc::from(issuer),
        subject,
        email: email(settings, &claims),
        name: name(&claims),
        claims,
    }
}

/// The address, if the trust rule holds for it.
#[must_use]
pub fn email(settings: &Oidc, claims: &Map<String, Value>) -> Option<EmailAddress> {
    let address = EmailAddress::parse(claims.get(&settings.email_claim)?.as_str()?)?;
    // Providers that write booleans as text exist, and Entra sends a number.
    let says = |name: &str| match claims.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true" || name == "xms_edov" && text == "1",
        Some(Value::Number(number)) => name == "xms_edov" && number.as_u64() == Some(1),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
    };
    let believed = match settings.email_trust {
        EmailTrust::Never => false,
        EmailTrust::Always => true,
        // Either claim speaks of `email` and of no other.
        EmailTrust::IfVerified if settings.email_claim != "email" => false,
        EmailTrust::IfVerified => says(verdict_claim(settings)),
    };
    believed.then_some(address)
}

/// The claim that says whether the provider verified the address; Entra's says that the owner of its
/// domain is the directory's.
fn verdict_claim(settings: &Oidc) -> &'static str {
    if settings.provider == OidcProvider::Entra { "xms_edov" } else { "email_verified" }
}

/// The display name: printable, and not longer than anyone's.
fn name(claims: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let both = format!("{} {}", text("given_name"), text("family_name"));
    let found = [text("name"), both.trim(), text("preferred_username")]
        .into_iter()
        .find(|name| !name.trim().is_empty())?;
    let name: String = found.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    Some(name.trim().to_owned())
}
