//! How a refusal looks, in the dialect of whoever is refused (contract, section 8).

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{Answer, Dialect, Notice, answer, page, see_other, wording};
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
    /// Whether programs can sign in by themselves.
    pub command_line: bool,
    /// Whether the client showed a credential: then it has one stored, and must be told to replace it.
    pub credential: bool,
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
            (Some(_) | None, _) => as_page(refusal, dialect),
        },
        Dialect::Frame | Dialect::Form => as_page(refusal, dialect),
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

fn as_page(refusal: &Refusal<'_>, dialect: Dialect) -> Answer {
    let status = challenged(refusal, StatusCode::FORBIDDEN);
    page(
        status,
        &Notice {
            title: wording::title(refusal),
            sentence: refusal.reason.sentence().to_owned(),
            way_out: wording::way_out(refusal, dialect == Dialect::Form),
            link: wording::link(refusal),
            reason: refusal.reason,
            request_id: refusal.request_id.to_owned(),
            framed: dialect == Dialect::Frame,
        },
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
            "{} Sign in to {} at {}{}",
            refusal.reason.sentence(),
            party.display_name,
            party.url,
            match (refusal.command_line, refusal.credential) {
                (false, _) => " and try again",
                (true, false) => ", or run: hf auth login",
                (true, true) => ", or run: hf auth login --force",
            }
        ),
        Some(party) if refusal.reason == Reason::RoleTooLow => format!(
            "{} {} See {}",
            refusal.reason.sentence(),
            wording::way_out(refusal, false),
            party.url
        ),
        Some(party) => {
            format!("{} ({}; see {})", refusal.reason.sentence(), party.display_name, party.url)
        }
        None if refusal.command_line && is_of_a_token(refusal.reason) => {
            format!("{} Run: hf auth login --force", refusal.reason.sentence())
        }
        None => refusal.reason.sentence().to_owned(),
    }
}

/// Whether a new token helps.
const fn is_of_a_token(reason: Reason) -> bool {
    matches!(reason, Reason::TokenUnknown | Reason::TokenExpired | Reason::TokenRevoked)
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
                "Cookie, Authorization, Accept, Sec-Fetch-Mode, Sec-Fetch-Dest, Sec-Fetch-Site",
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

/// ASCII, one line, at most 512 bytes: what `hf` prints, and ends with a full stop of its own.
fn one_line(text: &str) -> String {
    text.trim_end_matches('.')
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .take(511)
        .collect()
}
