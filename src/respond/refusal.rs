//! How a refusal looks, in the dialect of whoever is refused (contract, section 8).

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{Answer, Dialect, Notice, answer, page, see_other};
use crate::policy::Reason;

/// The organization whose sign-in is asked for, or whose rule it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its stable name.
    pub id: String,
    /// What people read.
    pub display_name: String,
    /// The absolute address of its sign-in.
    pub url: String,
}

/// Everything that a client is told of a refusal.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// What the status is where the dialect has no opinion.
    pub status: StatusCode,
    /// The stable cause.
    pub reason: Reason,
    /// Whether signing in would help: then a page load is redirected.
    pub challenge: bool,
    /// Whose rule it was.
    pub party: Option<&'a Party>,
    /// Where a page load goes to sign in: a path on this site that keeps the deep link.
    pub sign_in: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// The request's id, for those who look into the log.
    pub request_id: &'a str,
}

const X_HUB_SSO: HeaderName = HeaderName::from_static("x-hub-sso");
const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");
const LFS_AUTHENTICATE: HeaderName = HeaderName::from_static("lfs-authenticate");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"hub\"");

/// Writes the refusal.
#[must_use]
pub fn refuse(dialect: Dialect, refusal: &Refusal<'_>) -> Answer {
    let mut response = match dialect {
        Dialect::Page => match (&refusal.sign_in, refusal.challenge) {
            (Some(sign_in), true) => see_other(sign_in),
            _ => as_page(refusal),
        },
        Dialect::Frame | Dialect::Form => as_page(refusal),
        Dialect::Script => as_json(refusal, challenged(refusal, StatusCode::UNAUTHORIZED)),
        Dialect::Git { credentials } => as_git(refusal, credentials),
        Dialect::Lfs { credentials } => as_lfs(refusal, credentials),
        Dialect::Tool => as_json(refusal, challenged(refusal, StatusCode::FORBIDDEN)),
    };
    decorate(response.headers_mut(), refusal);
    response
}

/// A challenge's status in this dialect; other refusals keep their own.
fn challenged(refusal: &Refusal<'_>, status: StatusCode) -> StatusCode {
    if refusal.challenge { status } else { refusal.status }
}

fn as_page(refusal: &Refusal<'_>) -> Answer {
    let status = challenged(refusal, StatusCode::FORBIDDEN);
    page(
        status,
        &Notice {
            title: title(refusal),
            sentence: refusal.reason.sentence().to_owned(),
            way_out: way_out(refusal),
            link: refusal
                .sign_in
                .clone()
                .filter(|_| refusal.challenge || retries(refusal.reason))
                .map(|path| {
                    let label = refusal.party.map_or_else(
                        || "Try again".to_owned(),
                        |party| format!("Sign in with {}", party.display_name),
                    );
                    (path, label)
                }),
            reason: refusal.reason,
            request_id: refusal.request_id.to_owned(),
        },
    )
}

fn title(refusal: &Refusal<'_>) -> String {
    match (refusal.party, refusal.challenge) {
        (Some(party), true) => format!("{} requires single sign-on", party.display_name),
        (Some(party), false) => format!("No access to {}", party.display_name),
        (None, _) if refusal.status.is_server_error() => "This is not working right now".to_owned(),
        (None, _) => "This request was refused".to_owned(),
    }
}

/// What the person can do about it.
fn way_out(refusal: &Refusal<'_>) -> String {
    let name = refusal.party.map_or("your organization", |party| party.display_name.as_str());
    match refusal.reason {
        Reason::SignInRequired | Reason::SessionExpired | Reason::SessionRevoked => {
            format!("Sign in with {name}'s identity provider to go on. What a form held is not sent again.")
        }
        Reason::RoleTooLow => {
            format!("Ask an administrator of {name} for a higher role, then sign in again.")
        }
        Reason::EmailDomain | Reason::NotAMember | Reason::RoleAttributeMissing => {
            format!("Ask an administrator of {name} to check your account, then sign in again.")
        }
        Reason::IdpUnreachable => {
            format!("The identity provider of {name} does not answer. Try again in a moment; who is signed in already is not affected.")
        }
        Reason::IdpRefused | Reason::IdpInvalid | Reason::StateUnknown | Reason::TooManyAttempts => {
            "Begin the sign-in again. If it fails again, give an administrator the request id below.".to_owned()
        }
        Reason::UpstreamUnreachable | Reason::UpstreamTimeout | Reason::UpstreamInvalid
        | Reason::WhoamiUnavailable | Reason::StoreUnavailable | Reason::Internal => {
            "Try again in a moment.".to_owned()
        }
        Reason::AmbiguousPath | Reason::AmbiguousBody | Reason::AmbiguousHeaders
        | Reason::BodyTooLarge | Reason::UnclaimedNamespace | Reason::NoSuchPage
        | Reason::MethodNotAllowed | Reason::UnknownOrganization | Reason::CrossSite
        | Reason::BadParameters | Reason::UntrustedProxy | Reason::UnsupportedRequest => {
            "Check the address, or go back to where you came from.".to_owned()
        }
    }
}

/// Whether beginning again can help.
const fn retries(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::IdpUnreachable
            | Reason::IdpRefused
            | Reason::IdpInvalid
            | Reason::StateUnknown
            | Reason::EmailDomain
            | Reason::NotAMember
            | Reason::RoleAttributeMissing
            | Reason::RoleTooLow
    )
}

fn as_json(refusal: &Refusal<'_>, status: StatusCode) -> Answer {
    let mut body = json!({
        "error": sentence(refusal),
        "reason": refusal.reason.as_str(),
        "request_id": refusal.request_id,
    });
    if let (Some(party), Some(body)) = (refusal.party, body.as_object_mut()) {
        body.insert("organization".to_owned(), json!(party.id));
        body.insert("url".to_owned(), json!(party.url));
    }
    let mut response = answer(status, "application/json", body.to_string());
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 §15.5.2: a 401 names a scheme; this one makes no browser ask for a password.
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            const {
                HeaderValue::from_static(
                    "Bearer realm=\"hub\", error=\"insufficient_user_authentication\"",
                )
            },
        );
    }
    response
}

fn as_git(refusal: &Refusal<'_>, credentials: bool) -> Answer {
    let ask = refusal.challenge && !credentials;
    let status =
        if ask { StatusCode::UNAUTHORIZED } else { challenged(refusal, StatusCode::FORBIDDEN) };
    let mut response =
        answer(status, "text/plain; charset=utf-8", format!("{}\n", sentence(refusal)));
    if ask {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
    }
    response
}

fn as_lfs(refusal: &Refusal<'_>, credentials: bool) -> Answer {
    let ask = refusal.challenge && !credentials;
    let status =
        if ask { StatusCode::UNAUTHORIZED } else { challenged(refusal, StatusCode::FORBIDDEN) };
    let mut body = json!({ "message": sentence(refusal), "request_id": refusal.request_id });
    if let (Some(party), Some(body)) = (refusal.party, body.as_object_mut()) {
        body.insert("documentation_url".to_owned(), json!(party.url));
    }
    let mut response = answer(status, "application/vnd.git-lfs+json", body.to_string());
    if ask {
        response.headers_mut().insert(LFS_AUTHENTICATE, BASIC);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
    }
    response
}

/// One sentence with the address, for a terminal.
fn sentence(refusal: &Refusal<'_>) -> String {
    match refusal.party {
        Some(party) if refusal.challenge => format!(
            "{} Sign in to {} at {}",
            refusal.reason.sentence(),
            party.display_name,
            party.url
        ),
        Some(party) => {
            format!("{} ({}; see {})", refusal.reason.sentence(), party.display_name, party.url)
        }
        None => refusal.reason.sentence().to_owned(),
    }
}

/// What every refusal carries.
fn decorate(headers: &mut HeaderMap, refusal: &Refusal<'_>) {
    if let Ok(id) = HeaderValue::from_str(refusal.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(
        header::VARY,
        const {
            HeaderValue::from_static(
                "Cookie, Authorization, Accept, Sec-Fetch-Mode, Sec-Fetch-Dest",
            )
        },
    );
    if let Some(party) = refusal.party {
        let text = format!("required; organization={}; url={}", party.id, party.url);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(X_HUB_SSO, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&one_line(&sentence(refusal))) {
        headers.insert(X_ERROR_MESSAGE, value);
    }
    headers.insert(
        HeaderName::from_static("x-hub-sso-reason"),
        HeaderValue::from_static(refusal.reason.as_str()),
    );
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// ASCII, one line, at most 512 bytes: what `hf` prints.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(511).collect()
}
