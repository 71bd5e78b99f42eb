//! The one verifier: what is asked of a token before a word of it is believed.

use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::config::{Issuer, SigningAlgorithm};

use super::Invalid;
use super::claims::{Claims, optional_text, required_text, time};
use super::key_set::{KeySet, names};
use super::purpose::Use;
use super::token::UnverifiedToken;

/// How far two clocks may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);
/// How old a logout token may be that says no `exp` (Back-Channel Logout §2.4 made it a
/// requirement only late).
const LOGOUT_AGE: Duration = Duration::from_secs(300);
/// How old a logout token may be at all: its `jti` is remembered no longer.
const LOGOUT_AGE_LIMIT: Duration = Duration::from_secs(3600);
/// The event of a logout token (Back-Channel Logout §2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What the configuration says of the provider's tokens.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// Who vouches.
    pub issuer: &'e Issuer,
    /// Our client id.
    pub audience: &'e str,
    /// The algorithms that tokens may be signed with.
    pub algorithms: &'e [SigningAlgorithm],
}

/// A token that passed every check but the signature's: nothing can be read from it yet.
#[derive(Debug)]
pub struct Checked<'t> {
    signed: &'t str,
    signature: &'t str,
    claims: Map<String, Value>,
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    issuer: String,
}

/// Checks a token's form, its header and its claims.
///
/// The signature comes after, in [`Checked::verify`], so that a token that would be refused anyway
/// never sends anyone to look for its key.
///
/// # Errors
/// The first check that it does not pass.
pub fn check<'t>(
    raw: &'t str,
    purpose: Use<'_>,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<Checked<'t>, Invalid> {
    let UnverifiedToken { signed, signature, header, claims } = UnverifiedToken::parse(raw)?;
    let algorithm = check_header(&header, purpose, expected.algorithms)?;
    let issuer = check_claims(&claims, purpose, expected, now)?;
    match purpose {
        Use::IdToken { nonce, access_token, code } => {
            if !equal(required_text(&claims, "nonce")?, nonce) {
                return Err(Invalid::Nonce);
            }
            check_hash(&claims, "at_hash", algorithm, access_token)?;
            check_hash(&claims, "c_hash", algorithm, code)?;
        }
        Use::RefreshedIdToken { nonce, access_token } => {
            let present = optional_text(&claims, "nonce")?;
            if present.is_some_and(|present| nonce.is_none_or(|ours| !equal(present, ours))) {
                return Err(Invalid::Nonce);
            }
            check_hash(&claims, "at_hash", algorithm, access_token)?;
        }
        Use::LogoutToken => check_logout(&claims, now)?,
        Use::Userinfo | Use::Workload { .. } => {}
    }
    let key_id = optional_text(&header, "kid")?.map(str::to_owned);
    Ok(Checked { signed, signature, claims, algorithm, key_id, issuer })
}

impl Checked<'_> {
    /// Verifies the signature with the issuer's keys.
    ///
    /// # Errors
    /// [`Invalid::UnknownKey`] when the issuer publishes no key that fits; newer keys may help.
    pub fn verify(&self, keys: &KeySet) -> Result<Claims, Invalid> {
        let id = self.key_id.as_deref();
        keys.verify(id, self.algorithm, &self.issuer, self.signed, self.signature)?;
        Ok(Claims::new(self.claims.clone(), self.issuer.clone()))
    }
}

/// The header says nothing that we do not understand, and names an algorithm that is pinned.
/// Keys in it (`jwk`, `jku`, `x5u`, `x5c`) are never looked at.
fn check_header(
    header: &Map<String, Value>,
    purpose: Use<'_>,
    algorithms: &[SigningAlgorithm],
) -> Result<SigningAlgorithm, Invalid> {
    for name in ["crit", "zip", "enc", "cty", "b64"] {
        if header.contains_key(name) {
            return Err(Invalid::Header(name));
        }
    }
    if let Some(kind) = optional_text(header, "typ")? {
        let kind = kind.to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        let fits = match purpose {
            Use::LogoutToken => matches!(kind, "jwt" | "logout+jwt"),
            Use::IdToken { .. }
            | Use::RefreshedIdToken { .. }
            | Use::Userinfo
            | Use::Workload { .. } => kind == "jwt",
        };
        if !fits {
            return Err(Invalid::Type);
        }
    }
    let named = required_text(header, "alg")?;
    let pinned = algorithms.iter().find(|algorithm| names(**algorithm).contains(&named));
    pinned.copied().ok_or(Invalid::Algorithm)
}

/// What is asked of every use; returns the issuer.
fn check_claims(
    claims: &Map<String, Value>,
    purpose: Use<'_>,
    expected: Expected<'_>,
    now: SystemTime,
) -> Result<String, Invalid> {
    let tenant = claims.get("tid").and_then(Value::as_str);
    let issuer = expected.issuer.of_token(tenant).ok_or(Invalid::Issuer)?;
    if required_text(claims, "iss")? != issuer {
        return Err(Invalid::Issuer);
    }
    check_audience(claims, expected.audience, matches!(purpose, Use::Workload { .. }))?;
    let expiry = time(claims, "exp")?;
    let issued = time(claims, "iat")?;
    match purpose {
        Use::IdToken { .. } | Use::RefreshedIdToken { .. } => {
            required_text(claims, "sub")?;
            expiry.ok_or(Invalid::Missing("exp"))?;
            issued.ok_or(Invalid::Missing("iat"))?;
            no_events(claims)?;
        }
        Use::Userinfo => {
            required_text(claims, "sub")?;
            no_events(claims)?;
        }
        Use::LogoutToken => {
            issued.ok_or(Invalid::Missing("iat"))?;
        }
        Use::Workload { longest } => {
            required_text(claims, "sub")?;
            let expiry = expiry.ok_or(Invalid::Missing("exp"))?;
            let issued = issued.ok_or(Invalid::Missing("iat"))?;
            if expiry > issued + longest {
                return Err(Invalid::TooLong);
            }
            if claims.contains_key("nonce") {
                return Err(Invalid::Nonce);
            }
            no_events(claims)?;
        }
    }
    if expiry.is_some_and(|expiry| now >= expiry + LEEWAY) {
        return Err(Invalid::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|start| start > now + LEEWAY) {
        return Err(Invalid::NotYet);
    }
    if issued.is_some_and(|issued| issued > now + LEEWAY) {
        return Err(Invalid::Future);
    }
    Ok(issuer.into_owned())
}

/// For us and for us alone: other audiences are strangers, which OIDC Core §3.1.3.7, step 3 tells
/// us to refuse unless we trust them, and we trust none.
///
/// `azp` is an account's number in some workloads' tokens (Google's), and says nothing there.
fn check_audience(
    claims: &Map<String, Value>,
    client_id: &str,
    workload: bool,
) -> Result<(), Invalid> {
    let only = match claims.get("aud").ok_or(Invalid::Missing("aud"))? {
        Value::String(one) => Some(one.as_str()),
        Value::Array(list) => match list.as_slice() {
            [Value::String(one)] => Some(one.as_str()),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(Invalid::Malformed("aud"));
        }
    };
    if only != Some(client_id) {
        return Err(Invalid::Audience);
    }
    match optional_text(claims, "azp")? {
        Some(party) if party != client_id && !workload => Err(Invalid::AuthorizedParty),
        Some(_) | None => Ok(()),
    }
}

/// A token with events is a security event, not an identity (RFC 8417 §4.6).
fn no_events(claims: &Map<String, Value>) -> Result<(), Invalid> {
    if claims.contains_key("events") { Err(Invalid::Events) } else { Ok(()) }
}

/// Back-Channel Logout §2.6, steps 5 to 8; age and replay are the caller's.
fn check_logout(claims: &Map<String, Value>, now: SystemTime) -> Result<(), Invalid> {
    let event = claims.get("events").ok_or(Invalid::Missing("events"))?.get(LOGOUT_EVENT);
    if !event.is_some_and(Value::is_object) {
        return Err(Invalid::Events);
    }
    if claims.contains_key("nonce") {
        return Err(Invalid::Nonce);
    }
    let subject = optional_text(claims, "sub")?;
    let session = optional_text(claims, "sid")?;
    if subject.is_none() && session.is_none() {
        return Err(Invalid::Missing("sub"));
    }
    if required_text(claims, "jti")?.len() > 255 {
        return Err(Invalid::Malformed("jti"));
    }
    let issued = time(claims, "iat")?.ok_or(Invalid::Missing("iat"))?;
    let limit = if claims.contains_key("exp") { LOGOUT_AGE_LIMIT } else { LOGOUT_AGE };
    if now >= issued + limit + LEEWAY { Err(Invalid::TooOld) } else { Ok(()) }
}

/// The left half of the hash that goes with the algorithm (OIDC Core §3.1.3.6).
fn check_hash(
    claims: &Map<String, Value>,
    name: &'static str,
    algorithm: SigningAlgorithm,
    of: &str,
) -> Result<(), Invalid> {
    let Some(present) = optional_text(claims, name)? else { return Ok(()) };
    let hash = digest::digest(hash_of(algorithm), of.as_bytes());
    let half = hash.as_ref().get(..hash.as_ref().len() / 2).unwrap_or_default();
    if equal(present, &URL_SAFE_NO_PAD.encode(half)) {
        Ok(())
    } else if name == "at_hash" {
        Err(Invalid::AccessTokenHash)
    } else {
        Err(Invalid::CodeHash)
    }
}

const fn hash_of(algorithm: SigningAlgorithm) -> &'static digest::Algorithm {
    match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => {
            &digest::SHA256
        }
        SigningAlgorithm::RS384 | SigningAlgorithm::PS384 | SigningAlgorithm::ES384 => {
            &digest::SHA384
        }
        // Ed25519 hashes with SHA-512 inside (RFC 8032 §5.1), and providers do the same here.
        SigningAlgorithm::RS512 | SigningAlgorithm::PS512 | SigningAlgorithm::EdDSA => {
            &digest::SHA512
        }
    }
}

fn equal(a: &str, b: &str) -> bool {
    verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}
