//! Answers of our own: refusals in the client's dialect, redirects, pages.

mod banner;
mod carry;
mod device_pages;
mod dialect;
mod pages;
mod recovery_page;
mod refusal;
mod wording;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

pub use banner::banner;
pub use carry::{Carry, carry};
pub use device_pages::{
    DeviceAnswered, DeviceCode, DeviceQuestion, DeviceSignIn, OrganizationLink,
};
pub use dialect::{Dialect, Telling};
pub use pages::{
    Account, AccountProgram, AccountRow, Notice, Page, SignOut, SignedOut, Theme, page,
};
pub use recovery_page::RecoveryPage;
pub use refusal::{Party, Refusal, refuse};

/// An answer of our own, always small.
pub type Answer = Response<Bytes>;

/// An answer with a body of this type, never stored by caches.
#[must_use]
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
    response
}

/// A redirect by GET (303), never stored; a place that is no header value is a fault of ours.
#[must_use]
pub fn see_other(location: &str) -> Answer {
    let Ok(location) = HeaderValue::from_str(location) else {
        return answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "");
    };
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    response.headers_mut().insert(header::LOCATION, location);
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, const { HeaderValue::from_static("no-referrer") });
    response
}

/// A JSON answer.
#[must_use]
pub fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

/// Adds a `Set-Cookie`.
pub fn set_cookie(response: &mut Answer, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
