//! From whom a provider vouches for to a sign-in: the same for every protocol.

use std::time::SystemTime;

use super::{Error, Login, to};
use crate::directory::Entry;
use crate::fields::Fields;
use crate::links;
use crate::oidc::Tokens;
use crate::policy::{Account, Profile, ReturnTo, SignIn};
use crate::respond::{self, Answer};
use crate::session::{Person, REMEMBERED};

/// A person whom a provider vouches for, after verification.
pub(super) struct Vouched {
    pub(super) profile: Profile,
    /// What the provider is asked with again, if it can be.
    pub(super) tokens: Option<Tokens>,
    /// The provider's session.
    pub(super) idp_session: Option<String>,
    /// What the provider's single logout calls the person.
    pub(super) idp_name: Option<String>,
    /// When the provider's session ends; ours does not last longer.
    pub(super) ends_at: Option<SystemTime>,
    /// A logout that came later than this wins.
    pub(super) begun_at: SystemTime,
}

impl Login {
    /// Makes the sign-in that the organization's rules give, and leads on. Where the hub has
    /// accounts, `account` is the one that this browser uses there: the sign-in is its owner's, or
    /// none. Without one, the two are put together when the hub's cookie comes.
    pub(super) async fn admit(
        &self,
        entry: &Entry,
        vouched: Vouched,
        return_to: &ReturnTo,
        headers: &Fields,
        account: Option<&Account>,
        now: SystemTime,
    ) -> Result<(Answer, SignIn), Error> {
        let organization = &entry.config.policy;
        let membership = organization.membership(&vouched.profile).map_err(|reason| {
            let attribute = organization.role_mapping.attribute.as_str().to_owned();
            Error::Membership { reason, attribute }
        })?;
        let profile = vouched.profile;
        let ours = now + organization.session_timeout;
        let sign_in = SignIn {
            organization: organization.id.clone(),
            issuer: profile.issuer,
            subject: profile.subject,
            email: profile.email.as_ref().map(|email| email.as_str().into()),
            name: profile.name.as_deref().map(Into::into),
            groups: membership.groups.into(),
            role: membership.role,
            idp_session: vouched.idp_session.as_deref().map(Into::into),
            idp_name: vouched.idp_name.as_deref().map(Into::into),
            signed_in_at: now,
            expires_at: vouched.ends_at.map_or(ours, |theirs| theirs.min(ours)),
            ended: None,
        };
        if let Some(account) = account {
            self.links.joined(organization, account, &sign_in, now).await?;
        }
        let previous = self.cookie.key(headers);
        let (session_id, session) = self.sessions.sign_in(
            previous.as_ref(),
            sign_in.clone(),
            vouched.tokens,
            vouched.begun_at,
        )?;
        let over = session.principal.sign_in(&organization.id).is_some_and(|s| s.ended.is_some());
        if over && account.is_some() {
            // The provider has taken its word back while the sign-in was under way.
            let person = Person::of(&sign_in).into_parts();
            self.links.revoked(vec![person], now).await.map_err(links::Refused::from)?;
        }
        let lifetime = (organization.session_timeout + REMEMBERED).as_secs();
        let mut response = to(return_to);
        respond::set_cookie(&mut response, &self.cookie.set("", session_id.expose(), lifetime));
        Ok((response, sign_in))
    }
}
