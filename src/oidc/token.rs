//! What we keep of a sign-in to renew it and to end it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::Secret;
use crate::jose::Claims;

use super::raw_tokens::RawTokens;

/// How long an access token is taken to live whose answer does not say it.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// The least time between two refreshes.
const LEAST_WAIT: Duration = Duration::from_secs(60);
/// More than any provider means; keeps sums in range.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The tokens of one sign-in, and what a renewal must agree with. The access token is not kept.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) refresh: Option<Secret>,
    id_token: Secret,
    refresh_at: Option<SystemTime>,
    /// Of the last ID token.
    pub(super) claims: Arc<Claims>,
    /// Of the sign-in: later ID tokens may leave it out.
    pub(super) nonce: Option<String>,
    /// Of the last ID token that said it.
    pub(super) authenticated_at: Option<SystemTime>,
}

impl Tokens {
    /// From an answer of the token endpoint and the ID token in it, as verified.
    pub(super) fn new(raw: &RawTokens, id_token: &str, claims: Claims, now: SystemTime) -> Self {
        Self {
            refresh: raw.refresh().map(|token| Secret::new(token.to_owned())),
            id_token: Secret::new(id_token.to_owned()),
            refresh_at: raw.refresh().map(|_| refresh_at(raw, now)),
            nonce: claims.text("nonce").map(str::to_owned),
            authenticated_at: claims.time("auth_time").ok().flatten(),
            claims: Arc::new(claims),
        }
    }

    /// The same after a refresh: what came takes the place of what was there.
    pub(super) fn renewed(&self, raw: &RawTokens, claims: Option<Claims>, now: SystemTime) -> Self {
        let mut tokens = self.clone();
        if let Some(token) = raw.refresh() {
            tokens.refresh = Some(Secret::new(token.to_owned()));
        }
        tokens.refresh_at = tokens.refresh.as_ref().map(|_| refresh_at(raw, now));
        if let (Some(token), Some(claims)) = (raw.raw_id_token(), claims) {
            tokens.id_token = Secret::new(token.to_owned());
            tokens.authenticated_at =
                claims.time("auth_time").ok().flatten().or(tokens.authenticated_at);
            tokens.claims = Arc::new(claims);
        }
        tokens
    }

    /// When the claims should be read again: at 80 % of the access token's life, and not within a
    /// minute. `None` when there is no refresh token: the sign-in lasts until it must be renewed.
    #[must_use]
    pub const fn refresh_at(&self) -> Option<SystemTime> {
        self.refresh_at
    }

    /// The last ID token, for `id_token_hint` (RP-Initiated Logout §2).
    #[must_use]
    pub const fn id_token(&self) -> &Secret {
        &self.id_token
    }
}

fn refresh_at(raw: &RawTokens, now: SystemTime) -> SystemTime {
    let life = raw.life().unwrap_or(DEFAULT_LIFE).min(LONGEST_LIFE);
    now + (life * 4 / 5).max(LEAST_WAIT)
}
