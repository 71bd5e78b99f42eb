//! Sign-ins are refreshed beside the requests that use them, one at a time for each.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::directory::{Directory, Entry, Provider};
use crate::links::Links;
use crate::observe::{Audit, AuditEvent, Happening, InRequest};
use crate::oidc::{self, RefreshError, RelyingParty, Tokens};
use crate::policy::{OrganizationId, SignIn};
use crate::session::{Person, Session, SessionKey, Sessions};

/// How long to wait after a provider did not answer.
const BACK_OFF: Duration = Duration::from_secs(30);

/// Which refreshes are under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Refreshes(Arc<Mutex<HashSet<(SessionKey, OrganizationId)>>>);

/// Refreshes, by the providers of one configuration.
#[derive(Debug)]
pub struct Refreshing {
    sessions: Arc<Sessions>,
    directory: Arc<Directory>,
    links: Arc<Links>,
    clock: Clock,
    under_way: Refreshes,
    audit: Audit,
}

impl Refreshes {
    fn begin(&self, place: &(SessionKey, OrganizationId)) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone())
    }

    fn end(&self, place: &(SessionKey, OrganizationId)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }
}

impl Refreshing {
    /// Keeps these sessions fresh by the providers of this directory. `under_way` outlives a
    /// configuration; a sign-in that ends takes its person's links with it, and is noted in `audit`.
    #[must_use]
    pub const fn new(
        sessions: Arc<Sessions>,
        directory: Arc<Directory>,
        links: Arc<Links>,
        under_way: Refreshes,
        audit: Audit,
        clock: Clock,
    ) -> Self {
        Self { sessions, directory, links, clock, under_way, audit }
    }

    /// The sessions that are kept fresh.
    pub(super) fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions)
    }

    /// Begins a refresh for every live sign-in whose time has come and that nobody refreshes yet.
    pub(super) fn if_due(self: &Arc<Self>, session: &Arc<Session>, now: SystemTime) {
        for sign_in in session.principal.sign_ins() {
            let organization = &sign_in.organization;
            let due = session.refreshes_at(organization).is_some_and(|at| at <= now);
            if !due || !sign_in.is_live(now) {
                continue;
            }
            let Some(entry) = self.directory.find(organization) else { continue };
            let place = (session.key, organization.clone());
            if !self.under_way.begin(&place) {
                continue;
            }
            let refreshing = Arc::clone(self);
            let entry = Arc::clone(entry);
            let session = Arc::clone(session);
            tokio::task::spawn_local(async move {
                refreshing.refresh(&entry, &session).await;
                refreshing.under_way.end(&place);
            });
        }
    }

    fn note(&self, happening: &Happening) {
        self.audit.note(self.clock.now(), happening, &InRequest::default());
    }

    async fn refresh(&self, entry: &Entry, session: &Session) {
        let id = &entry.config.policy.id;
        // What the request found may be older than the last refresh, whose token is spent.
        let Ok(Some(session)) = self.sessions.find(&session.key) else { return };
        if session.refreshes_at(id).is_none_or(|at| at > self.clock.now()) {
            return;
        }
        let (Some(sign_in), Some(tokens)) = (session.principal.sign_in(id), session.tokens(id))
        else {
            return;
        };
        // SAML has no refresh: a sign-in lasts until its time is over, or until a logout.
        let Provider::Oidc(party) = &entry.provider else { return };
        let outcome = renewed(entry, party, sign_in, tokens, self.clock.now()).await;
        let stored = match outcome {
            Ok((sign_in, tokens)) => {
                let before = session.principal.sign_in(id).map(|old| old.role);
                if let Some(was) = before.filter(|was| *was != sign_in.role) {
                    tracing::info!(organization = %id, role = %sign_in.role, "role changed at refresh");
                    let event = AuditEvent::RoleChange { was, is: sign_in.role };
                    self.note(&Happening::to(event, &sign_in));
                }
                self.sessions.refreshed(&session.key, &sign_in, Some(&tokens))
            }
            Err(Outcome::Over(why)) => {
                tracing::info!(organization = %id, reason = why, "sign-in ended at refresh");
                let note = Happening::to(AuditEvent::SignInEnded, sign_in);
                self.note(&Happening { reason: Some(why), ..note });
                let ended = self.sessions.end(&session.key, id);
                // Whatever else rests on the provider's word ends with it.
                let person = Person::of(sign_in).into_parts();
                if let Err(error) = self.links.revoked(vec![person], self.clock.now()).await {
                    tracing::error!(organization = %id, %error, "an ended sign-in is not remembered");
                }
                ended
            }
            Err(Outcome::Later(error, tokens)) => {
                tracing::warn!(organization = %id, error = %error, "refresh did not come through");
                let later = self.clock.now() + BACK_OFF;
                tokens
                    .map_or(Ok(()), |new| {
                        self.sessions.refreshed(&session.key, sign_in, Some(&new))
                    })
                    .and_then(|()| self.sessions.refresh_later(&session.key, id, later))
            }
        };
        if let Err(error) = stored {
            tracing::error!(organization = %id, error = %error, "refresh could not be stored");
        }
    }
}

/// Why there is no renewed sign-in.
enum Outcome {
    /// The provider, or the organization's rules, say no.
    Over(&'static str),
    /// The provider does not answer: live sign-ins are unaffected. With the tokens to try again
    /// with, if there are new ones.
    Later(oidc::Error, Option<Box<Tokens>>),
}

/// Asks the provider again, and evaluates what it says as at a sign-in.
async fn renewed(
    entry: &Entry,
    party: &RelyingParty,
    sign_in: &SignIn,
    tokens: &Tokens,
    now: SystemTime,
) -> Result<(SignIn, Tokens), Outcome> {
    let verified = match party.refresh(tokens, &sign_in.subject, now).await {
        Ok(verified) => verified,
        Err(RefreshError::Ended(_)) => return Err(Outcome::Over("refresh-refused")),
        Err(RefreshError::Unavailable { source, tokens }) => {
            return Err(Outcome::Later(source, tokens));
        }
    };
    if verified.profile.issuer != sign_in.issuer {
        return Err(Outcome::Over("another-issuer"));
    }
    let membership = entry
        .config
        .policy
        .membership(&verified.profile)
        .map_err(|reason| Outcome::Over(reason.as_str()))?;
    let sign_in = SignIn {
        email: verified.profile.email.as_ref().map(|email| email.as_str().into()),
        name: verified.profile.name.as_deref().map(Into::into),
        groups: membership.groups.into(),
        role: membership.role,
        ..sign_in.clone()
    };
    Ok((sign_in, verified.tokens))
}
