//! A caller at a hub that has accounts: the hub's account, and the sign-ins that belong to it.

use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use http::header::HeaderName;

use super::guest::Guest;
use super::known::{Acquaintances, Known, Unknown};
use super::refresh::Refreshing;
use crate::body::Cord;
use crate::directory::Directory;
use crate::fields::Fields;
use crate::headers::Identity;
use crate::hub::{Carrier, Said, Shown, Whoami};
use crate::links::{Link, Links};
use crate::policy::{Account, Machine, OrganizationId, Principal, Showing, SignIn};
use crate::session::{self, Person, Prepared, Session, Sessions};

/// A caller at a hub that has accounts.
#[derive(Debug)]
pub struct Visitor {
    principal: Principal,
    /// The browsers whose sign-ins these are.
    sessions: Vec<Arc<Session>>,
    links: u64,
    prepared: Prepared,
}

/// Puts accounts and sign-ins together.
#[derive(Debug)]
pub struct Reception {
    sessions: Arc<Sessions>,
    refreshing: Arc<Refreshing>,
    /// Whose rules hold for a link.
    directory: Arc<Directory>,
    links: Arc<Links>,
    acquaintances: Arc<Acquaintances>,
}

/// Why it cannot be said who is asking.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub's word.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The store.
    #[error(transparent)]
    Session(#[from] session::Error),
}

impl Visitor {
    /// Who that is.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the streams of that organization's sign-in hang on.
    #[must_use]
    pub fn life(&self, organization: &OrganizationId) -> Option<&Arc<Cord>> {
        self.session(organization)?.life(organization)
    }

    /// The browser in which that organization's sign-in was made.
    #[must_use]
    pub fn session(&self, organization: &OrganizationId) -> Option<&Arc<Session>> {
        let own = self.principal.sign_in(organization)?;
        self.sessions.iter().find(|session| {
            session.principal.sign_in(organization).is_some_and(|sign_in| {
                sign_in.signed_in_at == own.signed_in_at && sign_in.subject == own.subject
            })
        })
    }

    /// The identity headers for a target of `organization`; as [`Session::identity`].
    pub fn identity(
        &self,
        organization: Option<&OrganizationId>,
        generation: u64,
        now: SystemTime,
        make: impl FnOnce() -> (Identity, SystemTime),
    ) -> Arc<Identity> {
        self.prepared.find(organization, generation, now, make)
    }
}

impl Reception {
    pub(super) const fn new(
        sessions: Arc<Sessions>,
        refreshing: Arc<Refreshing>,
        directory: Arc<Directory>,
        links: Arc<Links>,
        acquaintances: Arc<Acquaintances>,
    ) -> Self {
        Self { sessions, refreshing, directory, links, acquaintances }
    }

    /// What is known of the hub's credentials.
    #[must_use]
    pub const fn acquaintances(&self) -> &Arc<Acquaintances> {
        &self.acquaintances
    }

    /// Who is asking, by the hub's word and by the browser's session. `ask` asks the hub.
    ///
    /// # Errors
    /// When credentials contradict each other, or the hub or the session store cannot say.
    pub async fn welcome<F>(
        &self,
        headers: &Fields,
        session: Option<Arc<Session>>,
        now: SystemTime,
        ask: impl Fn(Arc<Whoami>, Shown) -> F,
    ) -> Result<Arc<Visitor>, Error>
    where
        F: Future<Output = Result<Said, Unknown>> + 'static,
    {
        let shown = self.acquaintances.whoami().shown(headers).map_err(Unknown::from)?;
        let mut known = Vec::with_capacity(shown.len());
        for shown in shown {
            let word = self.acquaintances.find(&shown, now, &ask).await?;
            known.push((shown, word));
        }
        let guest = Guest::of(&known).map_err(Unknown::from)?;
        Ok(self.receive(guest, session, now).await?)
    }

    /// Whether a request shows the hub a credential beside `own`, the header of a token of ours:
    /// the gate would go by one of them and the hub by the other.
    ///
    /// # Errors
    /// When what is shown has two readings.
    pub fn shows_another(&self, headers: &Fields, own: &HeaderName) -> Result<bool, Error> {
        let shown = self.acquaintances.whoami().shown(headers).map_err(Unknown::from)?;
        Ok(shown.iter().any(|shown| match &shown.carrier {
            Carrier::Cookie => true,
            Carrier::Header(name) => name != own,
        }))
    }

    /// The account that a request shows to the hub, if it shows exactly one.
    ///
    /// # Errors
    /// As [`Self::welcome`].
    pub async fn account<F>(
        &self,
        headers: &Fields,
        now: SystemTime,
        ask: impl Fn(Arc<Whoami>, Shown) -> F,
    ) -> Result<Option<Arc<Account>>, Error>
    where
        F: Future<Output = Result<Said, Unknown>> + 'static,
    {
        let visitor = self.welcome(headers, None, now, ask).await?;
        Ok(visitor.principal.showing().account().cloned())
    }

    /// Somebody whose account the hub could not tell, where nothing rests on it.
    #[must_use]
    pub fn somebody(&self, session: Option<Arc<Session>>) -> Arc<Visitor> {
        alone(Showing::Unidentified, session)
    }

    /// The caller that a request's credentials and session make.
    ///
    /// # Errors
    /// When the session store cannot say.
    pub(super) async fn receive(
        &self,
        guest: Guest,
        session: Option<Arc<Session>>,
        now: SystemTime,
    ) -> Result<Arc<Visitor>, session::Error> {
        let (account, known, token) = match guest {
            Guest::Nobody => return Ok(alone(Showing::Nothing, session)),
            Guest::Unidentified => return Ok(alone(Showing::Unidentified, session)),
            Guest::SomeBrowser => return Ok(alone(Showing::SomeBrowser, session)),
            Guest::Browser(account, known) => (account, known, false),
            Guest::Token(account, known) => (account, known, true),
        };
        let sessions =
            if token { self.sessions_of(&account, now)? } else { session.into_iter().collect() };
        if let Some(visitor) = met(&known, &sessions, self.links.generation()) {
            return Ok(visitor);
        }
        let mut sign_ins: Vec<SignIn> = Vec::new();
        for session in &sessions {
            for sign_in in session.principal.sign_ins() {
                // Break-glass names no person whom an account could be linked to: it holds for
                // whoever uses the hub in the browser that it was entered in.
                let mine = if Machine::Recovery.made(sign_in) {
                    !token
                } else {
                    // In a box: a link is made once, and the future is part of every request's.
                    Box::pin(self.belongs(&account, sign_in, now)).await
                        && (!token || sign_in.is_live(now))
                };
                if mine {
                    sign_ins.push(sign_in.clone());
                }
            }
        }
        sign_ins.sort_by_key(|sign_in| sign_in.signed_in_at);
        // A link may have been made just now.
        let links = self.links.generation();
        let past = self.links.past(&account.id, |link| {
            let entry = self.directory.find(&link.organization);
            entry.is_some_and(|entry| entry.may_have_vouched(&link.issuer))
        });
        let showing = if token { Showing::Token(account) } else { Showing::Browser(account) };
        let principal = sign_ins.into_iter().fold(Principal::anonymous(), Principal::with);
        let visitor = Arc::new(Visitor {
            principal: principal.at_hub(showing, past),
            sessions,
            links,
            prepared: Prepared::default(),
        });
        let mut memo = known.visitor.lock().unwrap_or_else(PoisonError::into_inner);
        *memo = Some(Arc::clone(&visitor));
        drop(memo);
        Ok(visitor)
    }

    /// The sessions of the account's browsers in which a sign-in still holds.
    fn sessions_of(
        &self,
        account: &Account,
        now: SystemTime,
    ) -> Result<Vec<Arc<Session>>, session::Error> {
        let mut sessions: Vec<Arc<Session>> = Vec::new();
        for link in self.links.people(&account.id) {
            let Link { organization, issuer, subject, .. } = link;
            let person = Person { organization, issuer, subject };
            for session in self.sessions.of_person(&person)? {
                let sign_in = session.principal.sign_in(&person.organization);
                if sign_in.is_some_and(|sign_in| sign_in.is_live(now))
                    && sessions.iter().all(|other| other.key != session.key)
                {
                    // A token's requests keep its owner's sign-in fresh as the browser's do.
                    self.refreshing.if_due(&session, now);
                    sessions.push(session);
                }
            }
        }
        Ok(sessions)
    }

    /// Whether a sign-in is the account's: linked to it, or linked now.
    async fn belongs(&self, account: &Account, sign_in: &SignIn, now: SystemTime) -> bool {
        if self.links.joins(&account.id, sign_in) {
            return true;
        }
        let entry = self.directory.find(&sign_in.organization);
        let Some(entry) = entry.filter(|_| sign_in.is_live(now)) else { return false };
        self.links.joined(&entry.config.policy, account, sign_in, now).await.is_ok()
    }
}

/// The caller that the account was with the last request, if nothing has changed since.
fn met(known: &Known, sessions: &[Arc<Session>], links: u64) -> Option<Arc<Visitor>> {
    let memo = known.visitor.lock().unwrap_or_else(PoisonError::into_inner);
    memo.as_ref()
        .filter(|visitor| {
            visitor.links == links
                && visitor.sessions.len() == sessions.len()
                && visitor.sessions.iter().zip(sessions).all(|(old, new)| Arc::ptr_eq(old, new))
        })
        .cloned()
}

/// Somebody without an account: sign-ins that have ended still tell a member's browser.
fn alone(showing: Showing, session: Option<Arc<Session>>) -> Arc<Visitor> {
    let principal = session.as_ref().map_or_else(Principal::anonymous, |s| s.principal.clone());
    Arc::new(Visitor {
        principal: principal.at_hub(showing, Vec::new()),
        sessions: session.into_iter().collect(),
        links: 0,
        prepared: Prepared::default(),
    })
}
