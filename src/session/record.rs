//! One session: immutable, and replaced whole when something changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{SessionKey, with_ended};
use crate::body::Cord;
use crate::headers::Identity;
use crate::oidc::Tokens;
use crate::policy::{OrganizationId, Principal, SignIn};

/// The sign-ins of one browser, and what belongs to each.
#[derive(Debug)]
pub struct Session {
    /// What the store knows it by.
    pub key: SessionKey,
    /// Who it is.
    pub principal: Principal,
    attachments: Vec<Attachment>,
    /// Identity headers made earlier, by organization.
    prepared: Mutex<Vec<Prepared>>,
}

/// What belongs to one sign-in and is nobody else's business.
#[derive(Clone, Debug)]
struct Attachment {
    organization: OrganizationId,
    tokens: Option<Tokens>,
    refresh_at: Option<SystemTime>,
    life: Arc<Cord>,
}

#[derive(Clone, Debug)]
struct Prepared {
    organization: Option<OrganizationId>,
    generation: u64,
    identity: Arc<Identity>,
    good_until: SystemTime,
}

impl Session {
    /// A session that holds `sign_in` and the sign-ins of `base` for other organizations.
    pub(super) fn merged(
        key: SessionKey,
        base: Option<&Self>,
        sign_in: SignIn,
        tokens: Option<Tokens>,
    ) -> Self {
        let attachment = Attachment {
            organization: sign_in.organization.clone(),
            refresh_at: tokens.as_ref().and_then(Tokens::refresh_at),
            tokens,
            life: Arc::default(),
        };
        let (principal, mut attachments) = base.map_or_else(
            || (Principal::anonymous(), Vec::new()),
            |base| (base.principal.clone(), base.attachments.clone()),
        );
        attachments.retain(|other| {
            let replaced = other.organization == attachment.organization;
            if replaced {
                other.life.cut();
            }
            !replaced
        });
        attachments.push(attachment);
        Self::new(key, principal.with(sign_in), attachments)
    }

    fn new(key: SessionKey, principal: Principal, attachments: Vec<Attachment>) -> Self {
        Self { key, principal, attachments, prepared: Mutex::default() }
    }

    /// The same session with a refreshed sign-in.
    pub(super) fn refreshed(&self, sign_in: SignIn, tokens: Option<Tokens>) -> Self {
        let attachments = self.changed(&sign_in.organization, |attachment| {
            attachment.refresh_at = tokens.as_ref().and_then(Tokens::refresh_at);
            attachment.tokens.clone_from(&tokens);
        });
        // Order of sign-ins is order of signing in: a refresh does not move one to the end.
        let principal = self
            .principal
            .sign_ins()
            .iter()
            .map(|old| if old.organization == sign_in.organization { &sign_in } else { old })
            .fold(Principal::anonymous(), |all, one| all.with(one.clone()));
        Self::new(self.key, principal, attachments)
    }

    /// The same session, to be refreshed at another time.
    pub(super) fn refresh_at(&self, organization: &OrganizationId, at: SystemTime) -> Option<Self> {
        self.tokens(organization)?;
        let attachments = self.changed(organization, |attachment| attachment.refresh_at = Some(at));
        Some(Self::new(self.key, self.principal.clone(), attachments))
    }

    /// The same session with that sign-in ended; its streams are told.
    pub(super) fn ended(&self, organization: &OrganizationId) -> Self {
        self.end_life(organization);
        let attachments = self.changed(organization, |attachment| {
            attachment.tokens = None;
            attachment.refresh_at = None;
        });
        Self::new(self.key, with_ended(&self.principal, organization), attachments)
    }

    /// The same session without that sign-in; its streams are told.
    pub(super) fn without(&self, organization: &OrganizationId) -> Self {
        self.end_life(organization);
        let mut attachments = self.attachments.clone();
        attachments.retain(|a| a.organization != *organization);
        Self::new(self.key, self.principal.clone().without(organization), attachments)
    }

    /// The longest time that any of its sign-ins lasts.
    pub(super) fn longest(&self) -> Duration {
        let lasts = |s: &SignIn| s.expires_at.duration_since(s.signed_in_at).unwrap_or_default();
        self.principal.sign_ins().iter().map(lasts).max().unwrap_or_default()
    }

    /// Tells every stream of this session that it is over.
    pub(super) fn end_all(&self) {
        for attachment in &self.attachments {
            attachment.life.cut();
        }
    }

    fn end_life(&self, organization: &OrganizationId) {
        if let Some(attachment) = self.attachment(organization) {
            attachment.life.cut();
        }
    }

    fn changed(
        &self,
        organization: &OrganizationId,
        change: impl Fn(&mut Attachment),
    ) -> Vec<Attachment> {
        let mut attachments = self.attachments.clone();
        attachments.iter_mut().filter(|a| a.organization == *organization).for_each(change);
        attachments
    }

    fn attachment(&self, organization: &OrganizationId) -> Option<&Attachment> {
        self.attachments.iter().find(|a| a.organization == *organization)
    }

    /// What the provider gave with that organization's sign-in.
    #[must_use]
    pub fn tokens(&self, organization: &OrganizationId) -> Option<&Tokens> {
        self.attachment(organization)?.tokens.as_ref()
    }

    /// When that organization's provider is to be asked again.
    #[must_use]
    pub fn refreshes_at(&self, organization: &OrganizationId) -> Option<SystemTime> {
        self.attachment(organization)?.refresh_at
    }

    /// What the streams of that organization's sign-in hang on.
    #[must_use]
    pub fn life(&self, organization: &OrganizationId) -> Option<&Arc<Cord>> {
        self.attachment(organization).map(|a| &a.life)
    }

    /// The identity headers for a target of `organization`, made by `make` when those made earlier
    /// are not good any more, or were made for another generation of the configuration. `make` also
    /// says until when its result is good.
    pub fn identity(
        &self,
        organization: Option<&OrganizationId>,
        generation: u64,
        now: SystemTime,
        make: impl FnOnce() -> (Identity, SystemTime),
    ) -> Arc<Identity> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |p: &&Prepared| {
            p.organization.as_ref() == organization
                && p.generation == generation
                && now < p.good_until
        };
        if let Some(found) = prepared.iter().find(good) {
            return Arc::clone(&found.identity);
        }
        let (identity, good_until) = make();
        let identity = Arc::new(identity);
        prepared.retain(|p| p.organization.as_ref() != organization);
        prepared.push(Prepared {
            organization: organization.cloned(),
            generation,
            identity: Arc::clone(&identity),
            good_until,
        });
        identity
    }
}
