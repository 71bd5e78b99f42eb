//! What pages say of a refusal, and the way out that they offer.

use super::{Party, Refusal};
use crate::policy::Reason;

/// The heading.
pub(super) fn title(refusal: &Refusal<'_>) -> String {
    let failed = matches!(
        refusal.reason,
        Reason::IdpRefused
            | Reason::IdpInvalid
            | Reason::StateUnknown
            | Reason::BadParameters
            | Reason::TooManyAttempts
            | Reason::AccountLinked
            | Reason::AccountUnmatched
    );
    if let Some(Party { display_name, .. }) = refusal.party {
        if refusal.reason == Reason::IdpUnreachable {
            return format!("{display_name}'s identity provider does not answer");
        }
        if failed {
            return format!("The sign-in to {display_name} did not work");
        }
    }
    match (refusal.party, refusal.challenge) {
        (Some(party), true) => format!("{} requires single sign-on", party.display_name),
        (Some(party), false) => format!("No access to {}", party.display_name),
        (None, _) if refusal.status.is_server_error() => "This is not working right now".to_owned(),
        (None, _) => "This request was refused".to_owned(),
    }
}

/// What the person can do about it.
pub(super) fn way_out(refusal: &Refusal<'_>, form: bool) -> String {
    let name = refusal.party.map_or("your organization", |party| party.display_name.as_str());
    match refusal.reason {
        Reason::SignInRequired | Reason::SessionExpired | Reason::SessionRevoked => {
            let lost = if form { " What the form held is not sent again." } else { "" };
            format!("Sign in with {name}'s identity provider to go on.{lost}")
        }
        Reason::TokenUnknown | Reason::TokenExpired | Reason::TokenRevoked => {
            "Sign in again with the program that holds the token.".to_owned()
        }
        Reason::ServiceAccountExpired | Reason::NetworkNotAllowed | Reason::WorkloadRefused => {
            "Ask whoever set this machine up.".to_owned()
        }
        Reason::RoleTooLow => {
            format!("Ask an administrator of {name} for a higher role, then sign in again.")
        }
        Reason::EmailDomain | Reason::NotAMember | Reason::RoleAttributeMissing => {
            format!("Ask an administrator of {name} to check your account, then sign in again.")
        }
        Reason::AccountLinked => {
            format!("Use the account that you signed in to {name} with before. If that account is gone, an administrator of the hub can allow the change.")
        }
        Reason::AccountUnmatched => {
            format!("Sign in to the hub with the account that has your address at {name}, then try again; or ask an administrator of the hub to link the two.")
        }
        Reason::CredentialUnidentified => {
            "Use a token that may read its owner's account.".to_owned()
        }
        Reason::IdpUnreachable => {
            format!("The identity provider of {name} does not answer. Try again in a moment; who is signed in already is not affected.")
        }
        Reason::IdpRefused | Reason::IdpInvalid | Reason::StateUnknown | Reason::TooManyAttempts => {
            "Begin the sign-in again. If it fails again, give an administrator the request id below.".to_owned()
        }
        Reason::UpstreamUnreachable | Reason::UpstreamTimeout | Reason::UpstreamInvalid
        | Reason::WhoamiUnavailable | Reason::StoreUnavailable | Reason::Busy | Reason::Internal => {
            "Try again in a moment.".to_owned()
        }
        Reason::AmbiguousPath | Reason::AmbiguousBody | Reason::AmbiguousHeaders
        | Reason::BodyTooLarge | Reason::UnclaimedNamespace | Reason::DeniedByRule | Reason::NoSuchPage
        | Reason::MethodNotAllowed | Reason::UnknownOrganization | Reason::CrossSite
        | Reason::MixedCredentials | Reason::BadParameters | Reason::UntrustedProxy | Reason::ForwardAuthFields
        | Reason::ForeignHost | Reason::ForwardAuthOnly | Reason::BodyUnread
        | Reason::UnsupportedRequest => {
            "Check the address, or go back to where you came from.".to_owned()
        }
    }
}

/// Where to begin again, and what the link says; `None` when that cannot help.
pub(super) fn link(refusal: &Refusal<'_>) -> Option<(String, String)> {
    let again = refusal.challenge || retries(refusal.reason);
    let path = refusal.sign_in.clone().filter(|_| again)?;
    let name = refusal.party.map(|party| party.display_name.as_str());
    Some(match name {
        Some(name) if refusal.challenge => (path, format!("Sign in with {name}")),
        Some(name) if wrong_account(refusal.reason) => {
            // Without it, the provider would sign the same account in again without asking.
            let mark = if path.contains('?') { '&' } else { '?' };
            (format!("{path}{mark}again=1"), format!("Sign in to {name} with another account"))
        }
        Some(_) | None => (path, "Try again".to_owned()),
    })
}

/// Whether another account at the provider could be the one that was meant.
const fn wrong_account(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::EmailDomain
            | Reason::NotAMember
            | Reason::RoleAttributeMissing
            | Reason::RoleTooLow
            | Reason::AccountLinked
            | Reason::AccountUnmatched
    )
}

/// Whether beginning again can help.
const fn retries(reason: Reason) -> bool {
    wrong_account(reason)
        || matches!(
            reason,
            Reason::IdpUnreachable | Reason::IdpRefused | Reason::IdpInvalid | Reason::StateUnknown
        )
}
