//! One row of the decision's table for one organization (contract, section 6).

use std::time::SystemTime;

use super::{
    Accounts, Challenge, Claim, Enforcement, HubTokens, Need, Notice, Organization, OrganizationId,
    Principal, Reason, Showing, SignIn, Standing,
};

/// How one claim is answered.
pub(super) enum Verdict<'r> {
    Allow(Option<&'r SignIn>),
    /// A stranger, whom the hub's own access list answers.
    Offer,
    Notice(Notice),
    Challenge(Challenge),
    Deny(Reason, &'r OrganizationId),
}

/// One row of the contract's table (section 6).
pub(super) fn judge<'r>(
    claim: Claim<'r>,
    principal: &'r Principal,
    now: SystemTime,
) -> Verdict<'r> {
    let organization = claim.organization;
    let standing = principal.standing(&organization.id, now);
    if organization.enforcement == Enforcement::Off {
        let own = |sign_in: &&SignIn| sign_in.organization == organization.id;
        return Verdict::Allow(principal.live(now).find(own));
    }
    let reason = match &organization.accounts {
        None => by_idp(claim, standing),
        Some(accounts) => by_hub(claim, accounts, principal, standing),
    };
    let reason = match reason {
        Ok(verdict) => return verdict,
        Err(reason) => reason,
    };
    let organization_id = organization.id.clone();
    match (organization.enforcement, reason) {
        (Enforcement::Optional, _) => {
            Verdict::Notice(Notice { organization: organization_id, reason })
        }
        // No sign-in would tell whose the credential is.
        (Enforcement::Enforced | Enforcement::Off, Reason::CredentialUnidentified) => {
            Verdict::Deny(reason, &organization.id)
        }
        (Enforcement::Enforced | Enforcement::Off, _) => {
            Verdict::Challenge(Challenge { organization: organization_id, reason })
        }
    }
}

/// Where the provider's word is the identity; the error is why a sign-in is asked for.
fn by_idp<'r>(claim: Claim<'r>, standing: Standing<'r>) -> Result<Verdict<'r>, Reason> {
    let readable = claim.public && claim.need == Need::Read;
    match standing {
        Standing::Live(sign_in) if readable || sign_in.role.suffices(claim.need) => {
            Ok(Verdict::Allow(Some(sign_in)))
        }
        Standing::Live(_) => Ok(Verdict::Deny(Reason::RoleTooLow, &claim.organization.id)),
        Standing::Unknown if readable => Ok(Verdict::Allow(None)),
        Standing::Unknown => Err(Reason::SignInRequired),
        Standing::Expired(_) => Err(Reason::SessionExpired),
        Standing::Revoked(_) => Err(Reason::SessionRevoked),
    }
}

/// Where the hub has accounts: members must sign in, everybody else is the hub's business.
fn by_hub<'r>(
    claim: Claim<'r>,
    accounts: &Accounts,
    principal: &'r Principal,
    standing: Standing<'r>,
) -> Result<Verdict<'r>, Reason> {
    let organization = claim.organization;
    if principal.bears_own_token() {
        return by_own_token(claim, standing);
    }
    let account = match principal.showing() {
        Showing::Unidentified => return Err(Reason::CredentialUnidentified),
        Showing::Nothing => {
            return match standing {
                Standing::Unknown => Ok(Verdict::Offer),
                // Signed in here, and not at the hub: it is the hub that asks for the rest.
                Standing::Live(_) => Ok(Verdict::Allow(None)),
                Standing::Expired(_) => Err(Reason::SessionExpired),
                Standing::Revoked(_) => Err(Reason::SessionRevoked),
            };
        }
        Showing::Browser(account) | Showing::Token(account) => account,
    };
    let token = matches!(principal.showing(), Showing::Token(_));
    let past = principal.past(&organization.id);
    if let Standing::Live(sign_in) = standing {
        if sign_in.role.suffices(claim.need) {
            return Ok(Verdict::Allow(Some(sign_in)));
        }
        if !(token && accounts.tokens == HubTokens::Exempt) {
            return Ok(Verdict::Deny(Reason::RoleTooLow, &organization.id));
        }
    }
    if accounts.collaborators.holds(account) {
        return Ok(Verdict::Allow(None));
    }
    if token {
        match (accounts.tokens, past) {
            (HubTokens::Exempt, _) => return Ok(Verdict::Allow(None)),
            (HubTokens::AuthorizedOnce, Some(past)) if past.role.suffices(claim.need) => {
                return Ok(Verdict::Allow(None));
            }
            (HubTokens::AuthorizedOnce, Some(_)) => {
                return Ok(Verdict::Deny(Reason::RoleTooLow, &organization.id));
            }
            (HubTokens::LiveSession | HubTokens::AuthorizedOnce, _) => {}
        }
    }
    match standing {
        Standing::Expired(_) => Err(Reason::SessionExpired),
        Standing::Revoked(_) => Err(Reason::SessionRevoked),
        Standing::Live(_) | Standing::Unknown if token && past.is_some() => {
            Err(Reason::SessionExpired)
        }
        Standing::Live(_) | Standing::Unknown => {
            if past.is_some() || organization.counts_as_member(account) {
                Err(Reason::SignInRequired)
            } else {
                Ok(Verdict::Allow(None))
            }
        }
    }
}

/// A machine that the gate itself knows: its role counts, and elsewhere it is a stranger.
fn by_own_token<'r>(claim: Claim<'r>, standing: Standing<'r>) -> Result<Verdict<'r>, Reason> {
    match standing {
        Standing::Live(sign_in) if sign_in.role.suffices(claim.need) => {
            Ok(Verdict::Allow(Some(sign_in)))
        }
        Standing::Live(_) => Ok(Verdict::Deny(Reason::RoleTooLow, &claim.organization.id)),
        Standing::Unknown => Ok(Verdict::Allow(None)),
        Standing::Expired(_) => Err(Reason::SessionExpired),
        Standing::Revoked(_) => Err(Reason::SessionRevoked),
    }
}

/// Whose members' content a list may hold that the caller has not signed in for: a member by the
/// hub's word, or by a sign-in of the past, whose organization asks for more (contract, section 8).
pub fn lacking<'r>(
    principal: &'r Principal,
    organizations: impl Iterator<Item = &'r Organization>,
    now: SystemTime,
) -> impl Iterator<Item = &'r Organization> {
    organizations.filter(move |organization| {
        let claim = Claim { organization, need: Need::Read, public: false };
        principal.showing().account().is_some()
            && matches!(judge(claim, principal, now), Verdict::Challenge(_) | Verdict::Notice(_))
    })
}
