//! What people have allowed their programs: tokens that act as a browser's sign-ins do, and end
//! with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;

use super::grant::{Grant, Program};
use super::pledge::{Pledge, Refused};
use super::token::{Hash, Kind, Token};
use crate::observe::{AuditEvent, Happening};
use crate::policy::Reason;
use crate::session::{self, BrowserId, Session, Sessions};

/// How many programs one browser's sign-ins may be lent to; the oldest one goes first.
const MOST_GRANTS: usize = 50;
/// How many access tokens of one grant are good at once: programs that run beside each other each
/// have the one that was newest when they began.
const MOST_ACCESS: usize = 16;
/// More grants and tokens than people have.
const CAPACITY: u64 = 1_000_000;

/// Tokens as their owner gets them, once.
pub struct Issued {
    /// To be shown with requests.
    pub access: Token,
    /// To be exchanged for the next two.
    pub refresh: Token,
    /// How long the first one is good.
    pub good_for: Duration,
}

#[derive(Clone, Debug)]
struct Access {
    grant: Arc<Grant>,
    expires_at: SystemTime,
}

/// Every grant of this gate.
#[derive(Debug)]
pub struct Grants {
    access: Cache<Hash, Access>,
    /// By every refresh token that was ever given out: one that was used is known again.
    refresh: Cache<Hash, Arc<Grant>>,
    browsers: Cache<BrowserId, Vec<Arc<Grant>>>,
}

impl Grants {
    /// None yet; they are remembered for as long as a session may be, `longest`.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        fn kept<K, V>(longest: Duration) -> Cache<K, V>
        where
            K: std::hash::Hash + Eq + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            Cache::builder().max_capacity(CAPACITY).time_to_live(longest).build()
        }
        Self { access: kept(longest), refresh: kept(longest), browsers: kept(longest) }
    }

    /// How many programs may have tokens that are still good.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.browsers.iter().flat_map(|(_, all)| all).filter(|grant| !grant.state().over).count()
            as u64
    }

    /// Lets a program act as was pledged.
    ///
    /// # Errors
    /// Says why it may not any more; or that the store cannot say.
    pub fn give(
        &self,
        pledge: Pledge,
        program: Program,
        sessions: &Sessions,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Result<(Arc<Grant>, Issued), Refused>, session::Error> {
        let session = match pledge.session(sessions, now)? {
            Ok(session) => session,
            Err(refused) => return Ok(Err(refused)),
        };
        let refresh = Token::random(Kind::Refresh)?;
        let grant = Arc::new(Grant::new(pledge, program, refresh.hash(), now));
        self.refresh.insert(refresh.hash(), Arc::clone(&grant));
        let mut dropped = Vec::new();
        self.browsers.entry(session.browser).and_upsert_with(|earlier| {
            let mut all = earlier.map(|entry| entry.into_value()).unwrap_or_default();
            all.retain(|grant| !grant.state().over);
            all.push(Arc::clone(&grant));
            while all.len() > MOST_GRANTS {
                dropped.push(all.remove(0));
            }
            all
        });
        for old in dropped {
            old.end();
        }
        let issued = self.issue(&grant, refresh, &session, lifetime, now)?;
        Ok(Ok((grant, issued)))
    }

    fn issue(
        &self,
        grant: &Arc<Grant>,
        refresh: Token,
        session: &Session,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Issued, session::Error> {
        let access = Token::random(Kind::Access)?;
        let last = session.principal.live(now).map(|sign_in| sign_in.expires_at).max();
        let left = last.and_then(|end| end.duration_since(now).ok()).unwrap_or_default();
        let good_for = lifetime.min(left);
        let mut state = grant.state();
        state.access.push_back(access.hash());
        if state.access.len() > MOST_ACCESS
            && let Some(oldest) = state.access.pop_front()
        {
            self.access.invalidate(&oldest);
        }
        let entry = Access { grant: Arc::clone(grant), expires_at: now + good_for };
        self.access.insert(access.hash(), entry);
        Ok(Issued { access, refresh, good_for })
    }

    /// The session as which the bearer of an access token acts.
    ///
    /// # Errors
    /// Says why the token opens nothing; or that the store cannot say.
    pub fn find(
        &self,
        token: Hash,
        sessions: &Sessions,
        now: SystemTime,
    ) -> Result<Result<Arc<Session>, Refused>, session::Error> {
        let Some(Access { grant, expires_at }) = self.access.get(&token) else {
            return Ok(Err(Refused::of(Reason::TokenUnknown)));
        };
        let found = self.session_of(&grant, sessions, now)?;
        if found.is_ok() && now >= expires_at {
            return Ok(Err(Refused::resting(Reason::TokenExpired, &grant.pledge)));
        }
        if found.is_ok() {
            grant.used(now);
        }
        Ok(found)
    }

    /// New tokens for a refresh token, which is used up by that.
    ///
    /// One that was used before is in two hands, and nobody can say in whose: the grant ends, with
    /// every token of it (RFC 9700 §4.14.2).
    ///
    /// # Errors
    /// Says why there are none; or that the store cannot say.
    pub fn refresh(
        &self,
        token: Hash,
        sessions: &Sessions,
        lifetime: Duration,
        now: SystemTime,
        notes: &mut Vec<Happening>,
    ) -> Result<Result<(Arc<Grant>, Issued), Refused>, session::Error> {
        let Some(grant) = self.refresh.get(&token) else {
            return Ok(Err(Refused::of(Reason::TokenUnknown)));
        };
        let session = match self.session_of(&grant, sessions, now)? {
            Ok(session) => session,
            Err(refused) => return Ok(Err(refused)),
        };
        let next = Token::random(Kind::Refresh)?;
        let replayed = {
            let mut state = grant.state();
            let replayed = state.refresh != token;
            if !replayed {
                state.refresh = next.hash();
            }
            replayed
        };
        if replayed {
            tracing::warn!(
                event = "token-replayed",
                grant = grant.id,
                organization = grant.organizations(),
                "a refresh token was used twice; its grant has ended"
            );
            grant.end();
            let event = AuditEvent::TokenReplayed { grant: grant.id.clone() };
            notes.extend(grant.happened(&event));
            return Ok(Err(Refused::of(Reason::TokenRevoked)));
        }
        self.refresh.insert(next.hash(), Arc::clone(&grant));
        grant.used(now);
        let issued = self.issue(&grant, next, &session, lifetime, now)?;
        notes.extend(grant.happened(&AuditEvent::TokenRefreshed { grant: grant.id.clone() }));
        Ok(Ok((grant, issued)))
    }

    /// What a browser's sign-ins are lent to, newest first.
    ///
    /// # Errors
    /// When the store cannot say.
    pub fn of_session(
        &self,
        session: &Session,
        sessions: &Sessions,
        now: SystemTime,
    ) -> Result<Vec<Arc<Grant>>, session::Error> {
        let mut held = Vec::new();
        for grant in self.browsers.get(&session.browser).unwrap_or_default() {
            if self.session_of(&grant, sessions, now)?.is_ok() {
                held.insert(0, grant);
            }
        }
        Ok(held)
    }

    /// Ends one of a session's grants; `None` if it has none of that name.
    pub fn revoke(&self, session: &Session, id: &str) -> Option<Arc<Grant>> {
        let all = self.browsers.get(&session.browser).unwrap_or_default();
        let found = all.into_iter().find(|grant| grant.id == id)?;
        found.end();
        Some(found)
    }

    /// Ends the grant that this refresh token was given with.
    pub fn take_back(&self, refresh: Hash, notes: &mut Vec<Happening>) {
        if let Some(grant) = self.refresh.get(&refresh) {
            tracing::warn!(
                event = "token-replayed",
                grant = grant.id,
                organization = grant.organizations(),
                "a device code was used twice; its grant has ended"
            );
            grant.end();
            let event = AuditEvent::TokenReplayed { grant: grant.id.clone() };
            notes.extend(grant.happened(&event));
        }
    }

    /// The session on which a grant rests, while it does.
    fn session_of(
        &self,
        grant: &Grant,
        sessions: &Sessions,
        now: SystemTime,
    ) -> Result<Result<Arc<Session>, Refused>, session::Error> {
        if grant.state().over {
            return Ok(Err(Refused::resting(Reason::TokenRevoked, &grant.pledge)));
        }
        let found = grant.pledge.session(sessions, now)?;
        if found.as_ref().is_err_and(|refused| refused.reason == Reason::TokenRevoked) {
            grant.end();
        }
        Ok(found)
    }
}
