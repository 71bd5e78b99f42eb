//! Break-glass: single-use codes for the day when an organization's provider is down or set up
//! wrongly.

mod code;
mod used;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::StatusCode;

use crate::budget::{Budgets, network};
use crate::config::PublicUrl;
use crate::credential::SessionCookie;
use crate::directory::Entry;
use crate::fields::Fields;
use crate::headers::is_same_site;
use crate::policy::{Machine, MachineName, OrganizationId, Reason, Role, SignIn};
use crate::respond::{self, Answer, RecoveryPage};
use crate::session::{self, REMEMBERED, Sessions};

pub use code::RecoveryCode;
pub use used::UsedCodes;

/// How long a code is in effect.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Break-glass of every organization.
#[derive(Debug)]
pub struct Recovery {
    public_url: PublicUrl,
    cookie: SessionCookie,
    sessions: Arc<Sessions>,
    state: Option<PathBuf>,
    tries: Tries,
}

/// What survives a reload: which codes were used, and how often somebody tried.
#[derive(Clone, Debug)]
pub struct Tries(Arc<Memory>);

#[derive(Debug)]
struct Memory {
    used: UsedCodes,
    /// A code has 125 bits; the budget keeps the log readable.
    tried: Budgets<IpAddr>,
}

impl Default for Tries {
    fn default() -> Self {
        let tried = Budgets::new(5, Duration::from_secs(60));
        Self(Arc::new(Memory { used: UsedCodes::default(), tried }))
    }
}

/// Why a code is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The form came from another site.
    #[error("the form was sent from another site")]
    CrossSite,
    /// No store.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// What was used cannot be written down.
    #[error("the folder of used recovery codes cannot be written")]
    State(#[from] std::io::Error),
}

impl Error {
    /// The stable cause.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::CrossSite => Reason::CrossSite,
            Self::Session(session::Error::Unavailable) | Self::State(_) => Reason::StoreUnavailable,
        }
    }
}

impl Recovery {
    /// Prepares break-glass; `state` is the folder that remembers used codes.
    #[must_use]
    pub const fn new(
        public_url: PublicUrl,
        cookie: SessionCookie,
        sessions: Arc<Sessions>,
        state: Option<PathBuf>,
        tries: Tries,
    ) -> Self {
        Self { public_url, cookie, sessions, state, tries }
    }

    /// Asks for a code.
    #[must_use]
    pub fn page(&self, entry: &Entry) -> Answer {
        shown(entry, StatusCode::OK, None)
    }

    /// Takes a code, once.
    ///
    /// # Errors
    /// When the form came from another site, or what was used cannot be remembered.
    pub fn enter(
        &self,
        entry: &Entry,
        headers: &Fields,
        body: &[u8],
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(Answer, Option<SignIn>), Error> {
        if !is_same_site(headers, self.public_url.origin()) {
            return Err(Error::CrossSite);
        }
        let id = &entry.config.policy.id;
        if !self.tries.0.tried.take(network(client), now) {
            tracing::warn!(
                event = "recovery-codes-tried",
                organization = %id,
                client.address = %client,
                "too many recovery codes were tried"
            );
            let complaint = "Too many codes were tried. Wait a few minutes, then try again.";
            return Ok((shown(entry, StatusCode::TOO_MANY_REQUESTS, Some(complaint)), None));
        }
        let typed = url::form_urlencoded::parse(body).find(|(name, _)| name == "code");
        let code = typed.and_then(|(_, typed)| RecoveryCode::parse(&typed));
        let hash = code.map(|code| code.hash(id)).filter(|hash| is_configured(entry, hash));
        let Some(hash) = hash else { return Ok((refused(entry, client, "unknown"), None)) };
        // Remembered first: whatever fails afterwards, the code is used.
        if !self.tries.0.used.take(&hash, id, self.state.as_deref(), now)? {
            return Ok((refused(entry, client, "used before"), None));
        }
        let sign_in = Self::sign_in(id, &hash, now);
        let previous = self.cookie.key(headers);
        let (session_id, _) =
            self.sessions.sign_in(previous.as_ref(), sign_in.clone(), None, now)?;
        tracing::warn!(
            event = "recovery-code-used",
            organization = %id,
            subject = sign_in.subject.as_str(),
            client.address = %client,
            "a recovery code was used: its bearer is an administrator for 24 hours"
        );
        if self.state.is_none() {
            tracing::warn!(
                event = "recovery-code-unremembered",
                organization = %id,
                hash = crate::config::hash_text(&hash),
                "a used recovery code is good again after a restart: remove its hash from \
                 recovery_codes, or set recovery_state"
            );
        }
        let mut answer = respond::see_other("/-/sso/");
        let lifetime = (LIFETIME + REMEMBERED).as_secs();
        respond::set_cookie(&mut answer, &self.cookie.set("", session_id.expose(), lifetime));
        Ok((answer, Some(sign_in)))
    }

    fn sign_in(id: &OrganizationId, hash: &[u8; 32], now: SystemTime) -> SignIn {
        let name = MachineName::of_hash(hash);
        Machine::Recovery.sign_in(id, &name, Role::Admin, now, Some(now + LIFETIME))
    }
}

/// Compares with every code, in the same time wherever it stands.
fn is_configured(entry: &Entry, hash: &[u8; 32]) -> bool {
    let codes = &entry.config.recovery_codes;
    codes.iter().fold(false, |found, code| found | verify_slices_are_equal(code, hash).is_ok())
}

fn refused(entry: &Entry, client: IpAddr, why: &'static str) -> Answer {
    tracing::warn!(
        event = "recovery-code-refused",
        organization = %entry.config.policy.id,
        client.address = %client,
        cause = why,
        "a recovery code was refused"
    );
    let complaint = "This code is not good here, or it was used before.";
    shown(entry, StatusCode::FORBIDDEN, Some(complaint))
}

fn shown(entry: &Entry, status: StatusCode, complaint: Option<&str>) -> Answer {
    let policy = &entry.config.policy;
    let page = RecoveryPage {
        id: policy.id.to_string(),
        display_name: policy.display_name.clone(),
        complaint: complaint.map(str::to_owned),
    };
    respond::page(status, &page)
}
