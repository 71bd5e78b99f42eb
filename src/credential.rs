//! What a request shows: a session, or nothing.

mod refresh;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use crate::clock::Clock;
use crate::config::{self, PublicUrl};
use crate::directory::Directory;
use crate::headers;
use crate::observe::Audit;
use crate::policy::Principal;
use crate::session::{self, Session, SessionKey, Sessions};

pub use refresh::Refreshes;

use refresh::Refreshing;

/// Reads credentials, and keeps them fresh.
#[derive(Debug)]
pub struct Credentials {
    sessions: Arc<Sessions>,
    cookie: SessionCookie,
    refreshing: Arc<Refreshing>,
}

/// What one request showed.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing, or nothing that we know.
    Anonymous,
    /// The cookie of a session.
    Session(Arc<Session>),
}

impl Credential {
    /// Who that is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        const NOBODY: &Principal = &Principal::anonymous();
        match self {
            Self::Anonymous => NOBODY,
            Self::Session(session) => &session.principal,
        }
    }

    /// The session, if there is one.
    #[must_use]
    pub const fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Anonymous => None,
            Self::Session(session) => Some(session),
        }
    }
}

impl Credentials {
    /// Reads from these sessions.
    #[must_use]
    pub fn new(
        sessions: Arc<Sessions>,
        cookie: SessionCookie,
        directory: Arc<Directory>,
        refreshes: Refreshes,
        audit: Audit,
        clock: Clock,
    ) -> Self {
        let refreshing =
            Arc::new(Refreshing::new(Arc::clone(&sessions), directory, refreshes, audit, clock));
        Self { sessions, cookie, refreshing }
    }

    /// The credential of a request.
    ///
    /// A sign-in whose tokens are due is refreshed beside the request: nobody waits for a slow
    /// identity provider.
    ///
    /// # Errors
    /// When the session store cannot say; the request is then refused.
    pub fn read(&self, headers: &HeaderMap, now: SystemTime) -> Result<Credential, session::Error> {
        let Some(cookie) = self.cookie.value(headers) else { return Ok(Credential::Anonymous) };
        let Some(session) = self.sessions.of_cookie(cookie, now)? else {
            return Ok(Credential::Anonymous);
        };
        self.refreshing.if_due(&session, now);
        Ok(Credential::Session(session))
    }
}

/// The session cookie: its name and its attributes.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    name: String,
    attributes: String,
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
        Self {
            name: config.name.clone(),
            attributes: format!("; Path=/; HttpOnly; SameSite={same_site}{secure}"),
        }
    }

    /// Its name; every other cookie of ours begins with it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of the session whose cookie the request carries.
    #[must_use]
    pub fn key(&self, headers: &HeaderMap) -> Option<SessionKey> {
        SessionKey::of(self.value(headers)?)
    }

    /// Its value in a request.
    fn value<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers::cookie(headers, &self.name)
    }

    /// A `Set-Cookie` that holds `value` for `seconds`; zero takes the cookie away.
    #[must_use]
    pub fn set(&self, suffix: &str, value: &str, seconds: u64) -> String {
        format!("{}{suffix}={value}{}; Max-Age={seconds}", self.name, self.attributes)
    }
}
