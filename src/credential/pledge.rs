//! As whom a program may act, and until when.

use std::sync::Arc;
use std::time::SystemTime;

use crate::policy::{OrganizationId, Reason, SignIn, Standing, Subject};
use crate::session::{self, BrowserId, Session, Sessions, Spell};

/// As whom a program may act: whoever was signed in with this browser when it was allowed.
#[derive(Clone, Debug)]
pub struct Pledge {
    browser: BrowserId,
    accounts: Vec<Account>,
}

/// One account that was signed in when the program was allowed.
#[derive(Clone, Debug)]
struct Account {
    organization: OrganizationId,
    issuer: Arc<str>,
    subject: Subject,
    spell: Spell,
}

/// Why a token opens nothing, and whose sign-in would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// Whose.
    pub organization: Option<OrganizationId>,
    /// Whose token it is, where that is known; for the logs alone.
    pub whose: Option<Box<(OrganizationId, Subject)>>,
}

impl Refused {
    pub(super) const fn of(reason: Reason) -> Self {
        Self { reason, organization: None, whose: None }
    }

    /// The same, of a token that rested on these sign-ins: the next one begins with one of them.
    pub(super) fn resting(reason: Reason, pledge: &Pledge) -> Self {
        let organization = pledge.accounts.first().map(|account| account.organization.clone());
        Self { reason, organization, whose: None }
    }
}

impl Pledge {
    /// Pledges the sign-ins that this session has now.
    #[must_use]
    pub fn of(session: &Session, now: SystemTime) -> Self {
        let account = |sign_in: &SignIn| {
            Some(Account {
                organization: sign_in.organization.clone(),
                issuer: Arc::clone(&sign_in.issuer),
                subject: sign_in.subject.clone(),
                spell: session.spell(&sign_in.organization)?,
            })
        };
        let accounts = session.principal.live(now).filter_map(account).collect();
        Self { browser: session.browser, accounts }
    }

    /// The session, while one of the sign-ins goes on without a break and nobody else has signed
    /// in with the browser.
    pub(super) fn session(
        &self,
        sessions: &Sessions,
        now: SystemTime,
    ) -> Result<Result<Arc<Session>, Refused>, session::Error> {
        let over = || Ok(Err(Refused::resting(Reason::TokenRevoked, self)));
        let Some(session) = sessions.of_browser(&self.browser)? else { return over() };
        // Somebody else signed in with this browser: it is not the one who allowed the program.
        let stranger = |account: &Account| {
            let sign_in = session.principal.sign_in(&account.organization);
            sign_in.is_some_and(|s| s.issuer != account.issuer || s.subject != account.subject)
        };
        if self.accounts.iter().any(stranger) {
            return over();
        }
        let mut refused = Refused::resting(Reason::TokenRevoked, self);
        for Account { organization, spell, .. } in &self.accounts {
            if session.spell(organization) != Some(*spell) {
                continue;
            }
            let reason = match session.principal.standing(organization, now) {
                Standing::Live(_) => return Ok(Ok(session)),
                Standing::Expired(_) => Reason::SessionExpired,
                Standing::Revoked(_) => Reason::SessionRevoked,
                Standing::Unknown => continue,
            };
            refused = Refused { organization: Some(organization.clone()), ..Refused::of(reason) };
        }
        Ok(Err(refused))
    }

    /// Each of those whose sign-in was pledged.
    pub(super) fn people(&self) -> impl Iterator<Item = (&OrganizationId, &Subject)> {
        self.accounts.iter().map(|account| (&account.organization, &account.subject))
    }

    /// The organizations in which it began, for the log.
    pub(super) fn organizations(&self) -> String {
        let ids: Vec<&str> = self.accounts.iter().map(|a| a.organization.as_str()).collect();
        ids.join(",")
    }
}
