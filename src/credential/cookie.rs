//! The cookie that a session is known by.

use std::sync::Arc;

use crate::config::{self, PublicUrl};
use crate::fields::Fields;
use crate::headers;
use crate::session::SessionKey;

/// The session cookie: its name and its attributes.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    name: Arc<str>,
    attributes: String,
    lax: String,
}

impl SessionCookie {
    /// The cookie of a configuration.
    #[must_use]
    pub fn new(config: &config::Cookie, public_url: &PublicUrl) -> Self {
        let same_site = match config.same_site {
            config::SameSite::Lax => "Lax",
            config::SameSite::Strict => "Strict",
            config::SameSite::None => "None",
        };
        let secure = if public_url.is_secure() { "; Secure" } else { "" };
        let attributes = |same_site| format!("; Path=/; HttpOnly; SameSite={same_site}{secure}");
        Self {
            name: config.name.as_str().into(),
            attributes: attributes(same_site),
            lax: attributes("Lax"),
        }
    }

    /// Its name; every other cookie of ours begins with it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The key of the session whose cookie the request carries.
    #[must_use]
    pub fn key(&self, headers: &Fields) -> Option<SessionKey> {
        SessionKey::of(self.value(headers)?)
    }

    /// Its value in a request.
    pub(super) fn value<'h>(&self, headers: &'h Fields) -> Option<&'h [u8]> {
        headers::cookie_bytes(headers, &self.name)
    }

    /// A `Set-Cookie` that holds `value` for `seconds`; zero takes the cookie away.
    #[must_use]
    pub fn set(&self, suffix: &str, value: &str, seconds: u64) -> String {
        format!("{}{suffix}={value}{}; Max-Age={seconds}", self.name, self.attributes)
    }

    /// The same, for a cookie that also comes along when another site leads here, whatever is
    /// configured for the session's: it must be worth nothing to whoever arranges that.
    #[must_use]
    pub fn set_lax(&self, suffix: &str, value: &str, seconds: u64) -> String {
        format!("{}{suffix}={value}{}; Max-Age={seconds}", self.name, self.lax)
    }
}
