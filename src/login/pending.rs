//! What is remembered of a sign-in under way: sealed, in a cookie of its own for each.

use std::time::SystemTime;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Error, Login, PATIENCE};
use crate::clock::is_younger;
use crate::fields::Fields;
use crate::headers;
use crate::oidc::Transaction;
use crate::policy::{OrganizationId, ReturnTo};
use crate::session::SealerError;

/// Sign-ins under way in one browser; more push out the oldest, so that headers never overflow.
const PARALLEL: usize = 7;

/// A sign-in under way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// What the provider's answer is checked against.
    pub(super) asked: Asked,
    /// Where the person wanted to go.
    pub(super) return_to: String,
    /// When it was begun, as precisely as a logout is dated.
    pub(super) begun_at: SystemTime,
}

/// What was asked, and what the answer must name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Asked {
    /// By OpenID Connect.
    Oidc(Transaction),
    /// By SAML.
    Saml {
        /// What the answer brings along (RelayState).
        handle: String,
        /// The request that it must name (InResponseTo).
        request_id: String,
    },
}

impl Asked {
    /// What finds the cookie again.
    pub(super) fn state(&self) -> &str {
        match self {
            Self::Oidc(transaction) => transaction.state(),
            Self::Saml { handle, .. } => handle,
        }
    }
}

impl Pending {
    /// Where the person wanted to go, checked again at use.
    pub(super) fn return_to(&self) -> ReturnTo {
        ReturnTo::parse(&self.return_to).unwrap_or_else(ReturnTo::account_page)
    }
}

/// A name for a sign-in that nobody can guess: 192 random bits.
pub(super) fn fresh_handle() -> Result<String, Error> {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).map_err(|_| SealerError::NoRandom)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a text could be such a name.
pub(super) fn is_handle(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The digest of a state: names its cookie and marks it as used.
pub(super) fn fingerprint(state: &str) -> [u8; 32] {
    digest::digest(&digest::SHA256, state.as_bytes()).as_ref().try_into().unwrap_or([0; 32])
}

/// The cookie's name after the session cookie's.
pub(super) fn suffix(fingerprint: &[u8; 32]) -> String {
    let short: String = fingerprint.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("-login-{short}")
}

/// What a sealed state is good for: one organization's sign-in.
fn purpose(organization: &OrganizationId) -> String {
    format!("login:{organization}")
}

impl Login {
    /// The `Set-Cookie`s that remember a sign-in, and take away the oldest ones beyond the limit.
    pub(super) fn remember(
        &self,
        organization: &OrganizationId,
        pending: &Pending,
        headers: &Fields,
    ) -> Result<Vec<String>, Error> {
        let plain = serde_json::to_vec(pending).map_err(|_| Error::Parameters)?;
        let sealed = self.sealer.seal(&purpose(organization), &plain)?;
        let name = suffix(&fingerprint(pending.asked.state()));
        let mut cookies = self.surplus(headers);
        cookies.push(self.cookie.set(&name, &sealed, PATIENCE.as_secs()));
        Ok(cookies)
    }

    /// Takes away what is too much. Browsers send older cookies first (RFC 6265bis §5.8.3).
    fn surplus(&self, headers: &Fields) -> Vec<String> {
        let prefix = format!("{}-login-", self.cookie.name());
        let names: Vec<&str> = headers::pairs(headers)
            .filter_map(|(name, _)| name.strip_prefix(&prefix))
            .filter(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
            .collect();
        let surplus = (names.len() + 1).saturating_sub(PARALLEL);
        names
            .iter()
            .take(surplus)
            .map(|rest| self.cookie.set(&format!("-login-{rest}"), "", 0))
            .collect()
    }

    /// The sign-in under way that `state` names, if this browser began it for this organization.
    pub(super) fn recall(
        &self,
        organization: &OrganizationId,
        state: &str,
        headers: &Fields,
        now: SystemTime,
    ) -> Option<Pending> {
        let name = format!("{}{}", self.cookie.name(), suffix(&fingerprint(state)));
        let plain = self.sealer.open(&purpose(organization), headers::cookie(headers, &name)?)?;
        let pending: Pending = serde_json::from_slice(&plain).ok()?;
        let in_time = is_younger(pending.begun_at, now, PATIENCE);
        (pending.asked.state() == state && in_time).then_some(pending)
    }

    /// The `Set-Cookie` that takes a sign-in's cookie away.
    pub(super) fn forget(&self, state: &str) -> String {
        self.cookie.set(&suffix(&fingerprint(state)), "", 0)
    }
}
