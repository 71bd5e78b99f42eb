//! A page that takes a message along: its form sends itself, or is sent by a button where scripts
//! are off (SAML Bindings §3.5.4).

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use http::header::{self, HeaderValue};

use super::pages::{Page, Theme, page};
use super::{Answer, answer};

/// The whole script; the page's policy names its digest, so no other runs.
const SUBMIT: &str = "document.forms[0].submit()";

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Carry {
    /// What it is about.
    pub title: String,
    /// Where the form leads.
    pub action: String,
    /// What it holds.
    pub fields: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "carry.html", config = "src/respond/askama.toml")]
struct Written<'c> {
    title: &'c str,
    action: &'c str,
    fields: &'c [(String, String)],
    script: &'static str,
}

impl Page for Carry {
    fn title(&self) -> &str {
        &self.title
    }
    fn theme(&self) -> Theme {
        Theme::Forms
    }
    fn main(&self) -> Result<String, askama::Error> {
        let Self { title, action, fields } = self;
        Written { title, action, fields, script: SUBMIT }.render()
    }
}

/// Shows the page.
///
/// The form may lead anywhere by https: identity providers redirect between hosts of theirs, and
/// browsers apply `form-action` to those redirects too. What it leads to is written by us.
#[must_use]
pub fn carry(message: &Carry) -> Answer {
    let mut response = page(StatusCode::OK, message);
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, SUBMIT.as_bytes()));
    let headers = response.headers_mut();
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|p| p.to_str().ok());
    let policy = policy.map(|policy| format!("{policy}; script-src 'sha256-{hash}'"));
    let Some(policy) = policy.and_then(|policy| HeaderValue::try_from(policy).ok()) else {
        return answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "");
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    // The form that comes back to us must say that it is ours, by its Origin.
    headers.insert(header::REFERRER_POLICY, const { HeaderValue::from_static("same-origin") });
    response
}
