//! The decision: the only place where permission is made.

use std::time::SystemTime;

use super::verdict::{Verdict, judge};
use super::{Account, Claim, Claims, Organization, OrganizationId, Principal, Reason, SignIn};

/// Whose content a target is.
#[derive(Clone, Debug)]
pub enum Claimed<'c> {
    /// No organization's; whether such targets are served at all.
    Unclaimed {
        /// `hub.unclaimed = "pass"`.
        pass: bool,
    },
    /// Whoever's it is, a rule of the operator's closes it to everybody.
    Denied,
    /// One organization's, or several at once (a move between two, a path with two readings).
    By(Claims<'c>),
    /// These organizations', and perhaps others', named in a body that was not there to be read:
    /// whoever asks must be signed in to some organization.
    Unread(Claims<'c>),
}

impl<'c> Claimed<'c> {
    /// Whose content it is, as far as that is known.
    pub fn organizations(&self) -> impl Iterator<Item = &'c Organization> {
        self.claims().map(|claim| claim.organization)
    }

    fn claims(&self) -> impl Iterator<Item = &Claim<'c>> {
        let claims = match self {
            Self::Unclaimed { .. } | Self::Denied => None,
            Self::By(claims) | Self::Unread(claims) => Some(claims),
        };
        claims.into_iter().flat_map(Claims::iter)
    }
}

/// Proof that [`decide`] allowed a request.
///
/// Only this file can make one, and forwarding takes one by value: a request that was not allowed
/// cannot be forwarded, because it does not compile.
#[derive(Debug)]
#[must_use]
pub struct Permit<'r> {
    organization: Option<&'r Organization>,
    caller: Option<&'r SignIn>,
    principal: &'r Principal,
    notice: Option<Notice>,
    offer: Option<&'r Organization>,
    at: SystemTime,
}

/// What a caller who was let through should be told: sign-in is offered, not yet required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose sign-in.
    pub organization: OrganizationId,
    /// Why it would be asked for.
    pub reason: Reason,
}

/// Who must sign in where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose sign-in is asked for.
    pub organization: OrganizationId,
    /// Why.
    pub reason: Reason,
}

/// The answer to a request.
#[derive(Debug)]
#[must_use]
pub enum Decision<'r> {
    /// Let it through.
    Allow(Permit<'r>),
    /// Ask for a sign-in.
    Challenge(Challenge),
    /// Refuse; the organization whose rule it was, if it was one's.
    Deny {
        /// Why.
        reason: Reason,
        /// Whose rule.
        organization: Option<OrganizationId>,
    },
}

/// Decides. Every claim on the target must allow it; a denial weighs more than a challenge, since
/// signing in elsewhere would not help.
pub fn decide<'r>(
    claimed: &Claimed<'r>,
    principal: &'r Principal,
    now: SystemTime,
) -> Decision<'r> {
    let closed = match claimed {
        Claimed::Unclaimed { pass: false } => Some(Reason::UnclaimedNamespace),
        Claimed::Denied => Some(Reason::DeniedByRule),
        Claimed::Unclaimed { pass: true } | Claimed::By(_) | Claimed::Unread(_) => None,
    };
    if let Some(reason) = closed {
        return Decision::Deny { reason, organization: None };
    }
    let mut permit = Permit {
        organization: claimed.organizations().next(),
        caller: None,
        principal,
        notice: None,
        offer: None,
        at: now,
    };
    let mut challenge = None;
    for (index, claim) in claimed.claims().enumerate() {
        match judge(*claim, principal, now) {
            Verdict::Allow(caller) => {
                if index == 0 {
                    permit.caller = caller;
                }
            }
            Verdict::Offer => permit.offer = permit.offer.or(Some(claim.organization)),
            Verdict::Notice(notice) => permit.notice = permit.notice.or(Some(notice)),
            Verdict::Challenge(asked) => challenge = challenge.or(Some(asked)),
            Verdict::Deny(reason, organization) => {
                return Decision::Deny { reason, organization: Some(organization.clone()) };
            }
        }
    }
    if permit.organization.is_none() {
        // A page of no organization: the hub may know people by their earliest sign-in.
        permit.caller = principal.live(now).next();
    }
    if let Some(challenge) = challenge {
        return Decision::Challenge(challenge);
    }
    if matches!(claimed, Claimed::Unread(_)) && permit.live().next().is_none() {
        return Decision::Deny { reason: Reason::BodyUnread, organization: None };
    }
    Decision::Allow(permit)
}

impl<'r> Permit<'r> {
    /// The organization whose content it is, if it is one's.
    #[must_use]
    pub const fn organization(&self) -> Option<&'r Organization> {
        self.organization
    }

    /// The sign-in that counts for this target: the organization's own; on a page of no
    /// organization, the earliest.
    #[must_use]
    pub const fn caller(&self) -> Option<&'r SignIn> {
        self.caller
    }

    /// Every sign-in that holds, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &'r SignIn> + use<'r> {
        self.principal.live(self.at)
    }

    /// The organization's sign-in, whatever has become of it.
    #[must_use]
    pub fn remembered(&self, organization: &OrganizationId) -> Option<&'r SignIn> {
        self.principal.sign_in(organization)
    }

    /// What the caller should be told beside the upstream's answer.
    #[must_use]
    pub const fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The hub's account that asks, where the hub has accounts.
    #[must_use]
    pub fn account(&self) -> Option<&'r Account> {
        self.principal.showing().account().map(AsRef::as_ref)
    }

    /// The organization whose sign-in is offered should the hub refuse: nobody knows who asks.
    #[must_use]
    pub const fn offer(&self) -> Option<&'r Organization> {
        self.offer
    }

    /// When the permission ends: with the sign-in that it rests on.
    #[must_use]
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.caller.map(|sign_in| sign_in.expires_at)
    }
}
