//! One session: immutable, and replaced whole when something changes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;

use super::{BrowserId, Prepared, SessionKey, Spell, with_ended};
use crate::body::Cord;
use crate::headers::Identity;
use crate::oidc::Tokens;
use crate::policy::{OrganizationId, Principal, SignIn};

/// The sign-ins of one browser, and what belongs to each.
#[derive(Debug)]
pub struct Session {
    /// What the store knows it by.
    pub key: SessionKey,
    /// Whose browser it is, across the ids of its sessions.
    pub browser: BrowserId,
    /// Who it is.
    pub principal: Principal,
    attachments: Vec<Attachment>,
    /// Identity headers made earlier, by organization.
    prepared: Prepared,
}

/// What belongs to one sign-in and is nobody else's business.
#[derive(Clone, Debug)]
struct Attachment {
    organization: OrganizationId,
    spell: Spell,
    tokens: Option<Tokens>,
    refresh_at: Option<SystemTime>,
    life: Arc<Cord>,
}

impl SessionKey {
    /// The key of a session that is in no store: hashed again, so that it is no store's key.
    fn made(name: [u8; 32]) -> Self {
        let digest = digest::digest(&digest::SHA256, &name);
        Self(digest.as_ref().try_into().unwrap_or_default())
    }
}

impl Session {
    /// A session that holds `sign_in` and the sign-ins of `base` for other organizations.
    ///
    /// Without a base it is a `fresh` browser's; and the sign-in begins a `fresh` spell unless the
    /// same account was still signed in.
    pub(super) fn merged(
        key: SessionKey,
        base: Option<&Self>,
        fresh: (BrowserId, Spell),
        sign_in: SignIn,
        tokens: Option<Tokens>,
    ) -> Self {
        let browser = base.map_or(fresh.0, |base| base.browser);
        let attachment = Attachment {
            organization: sign_in.organization.clone(),
            spell: base.and_then(|base| base.unbroken(&sign_in)).unwrap_or(fresh.1),
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
        Self {
            key,
            browser,
            principal: principal.with(sign_in),
            attachments,
            prepared: Prepared::default(),
        }
    }

    /// A session that no browser holds and no store knows: of a caller that is no person. `name`
    /// is what the log knows it by.
    #[must_use]
    pub fn standing(principal: Principal, name: [u8; 32]) -> Self {
        let attachment = |sign_in: &SignIn| Attachment {
            organization: sign_in.organization.clone(),
            spell: Spell::NONE,
            tokens: None,
            refresh_at: None,
            life: Arc::default(),
        };
        let attachments = principal.sign_ins().iter().map(attachment).collect();
        let (key, browser) = (SessionKey::made(name), BrowserId::NONE);
        Self { key, browser, principal, attachments, prepared: Prepared::default() }
    }

    /// The spell of the sign-in that `next` takes the place of, if it was the same account's and
    /// had not ended when `next` began.
    fn unbroken(&self, next: &SignIn) -> Option<Spell> {
        let before = self.principal.sign_in(&next.organization)?;
        let same = before.issuer == next.issuer && before.subject == next.subject;
        let spell = self.spell(&next.organization)?;
        (same && before.is_live(next.signed_in_at)).then_some(spell)
    }

    fn with(&self, principal: Principal, attachments: Vec<Attachment>) -> Self {
        let (key, browser) = (self.key, self.browser);
        Self { key, browser, principal, attachments, prepared: Prepared::default() }
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
        self.with(principal, attachments)
    }

    /// The same session, to be refreshed at another time.
    pub(super) fn refresh_at(&self, organization: &OrganizationId, at: SystemTime) -> Option<Self> {
        self.tokens(organization)?;
        let attachments = self.changed(organization, |attachment| attachment.refresh_at = Some(at));
        Some(self.with(self.principal.clone(), attachments))
    }

    /// The same session with that sign-in ended; its streams are told.
    pub(super) fn ended(&self, organization: &OrganizationId) -> Self {
        self.end_life(organization);
        let attachments = self.changed(organization, |attachment| {
            attachment.tokens = None;
            attachment.refresh_at = None;
        });
        self.with(with_ended(&self.principal, organization), attachments)
    }

    /// The same session without that sign-in; its streams are told.
    pub(super) fn without(&self, organization: &OrganizationId) -> Self {
        self.end_life(organization);
        let mut attachments = self.attachments.clone();
        attachments.retain(|a| a.organization != *organization);
        self.with(self.principal.clone().without(organization), attachments)
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

    /// Since when, without a break, the account is signed in to that organization.
    #[must_use]
    pub fn spell(&self, organization: &OrganizationId) -> Option<Spell> {
        self.attachment(organization).map(|a| a.spell)
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
        self.prepared.find(organization, generation, now, make)
    }
}
