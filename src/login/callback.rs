//! Finishes a sign-in: the provider's answer becomes a session, once.

use std::time::SystemTime;

use http::HeaderMap;

use super::pending::{Pending, fingerprint};
use super::{Error, Failure, Finished, Login, path, to};
use crate::directory::{Entry, Provider};
use crate::oidc::{CallbackParameters, Verified};
use crate::policy::{OrganizationId, ReturnTo, SignIn};
use crate::respond::{self, Answer};
use crate::session::REMEMBERED;

impl Login {
    /// The provider's answer by POST (Form Post Response Mode): led to the same address by GET.
    ///
    /// A POST from another site carries no `SameSite=Lax` cookie, a redirect that follows it does;
    /// so the sign-in's cookie needs no weaker attribute.
    ///
    /// # Errors
    /// When the form is no plain form.
    pub fn form_post(&self, own_path: &str, form: &[u8]) -> Result<Answer, Failure> {
        let plain =
            |b: &u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'<' | b'>' | b'"' | b'\\');
        let form = std::str::from_utf8(form).ok().filter(|form| form.bytes().all(|b| plain(&b)));
        let form = form.ok_or(Error::Parameters)?;
        CallbackParameters::parse(form).map_err(Error::from)?;
        Ok(respond::see_other(&format!("{own_path}?{form}")))
    }

    /// The provider's answer by GET.
    ///
    /// # Errors
    /// When it is not the answer to a sign-in of this browser, does not verify, or gives no
    /// membership.
    pub async fn callback(
        &self,
        entry: &Entry,
        query: &str,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Finished, Failure> {
        let id = &entry.config.policy.id;
        let answer = CallbackParameters::parse(query).map_err(Error::from)?;
        let state = answer.state().to_owned();
        let Some(pending) = self.recall(id, &state, headers, now) else {
            // A second tab, or the way back through the history: whoever is signed in goes on.
            return if self.is_signed_in(id, headers, now) {
                Ok(Finished { answer: to(&ReturnTo::account_page()), sign_in: None })
            } else {
                Err(Error::StateUnknown.into())
            };
        };
        let return_to = pending.return_to();
        if !self.consumed.0.entry(fingerprint(&state)).or_insert(()).is_fresh() {
            let place = if self.is_signed_in(id, headers, now) {
                to(&return_to)
            } else {
                respond::see_other(&path(id, Some(&return_to)))
            };
            return Ok(Finished { answer: place, sign_in: None });
        }
        let clear = self.forget(&state);
        match self.finish(entry, &pending, answer, headers, now).await {
            Ok((mut answer, sign_in)) => {
                respond::set_cookie(&mut answer, &clear);
                Ok(Finished { answer, sign_in: Some(sign_in) })
            }
            Err(error) => Err(Failure { error, return_to: Some(return_to), clear: Some(clear) }),
        }
    }

    async fn finish(
        &self,
        entry: &Entry,
        pending: &Pending,
        answer: CallbackParameters,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<(Answer, SignIn), Error> {
        let Provider::Oidc(party) = &entry.provider;
        let verified = party.finish(&pending.transaction, answer, now).await?;
        let organization = &entry.config.policy;
        let membership = organization.membership(&verified.profile).map_err(Error::Membership)?;
        let Verified { profile, tokens, idp_session } = verified;
        let sign_in = SignIn {
            organization: organization.id.clone(),
            issuer: profile.issuer,
            subject: profile.subject,
            email: profile.email.as_ref().map(|email| email.as_str().into()),
            name: profile.name.as_deref().map(Into::into),
            groups: membership.groups.into(),
            role: membership.role,
            idp_session: idp_session.as_deref().map(Into::into),
            signed_in_at: now,
            expires_at: now + organization.session_timeout,
            ended: None,
        };
        let previous = self.cookie.key(headers);
        let (session_id, _) = self.sessions.sign_in(
            previous.as_ref(),
            sign_in.clone(),
            Some(tokens),
            pending.transaction.created(),
        )?;
        let lifetime = (organization.session_timeout + REMEMBERED).as_secs();
        let mut response = to(&pending.return_to());
        respond::set_cookie(&mut response, &self.cookie.set("", session_id.expose(), lifetime));
        Ok((response, sign_in))
    }

    fn is_signed_in(&self, id: &OrganizationId, headers: &HeaderMap, now: SystemTime) -> bool {
        self.cookie
            .key(headers)
            .and_then(|key| self.sessions.find(&key).ok().flatten())
            .and_then(|session| session.principal.sign_in(id).map(|sign_in| sign_in.is_live(now)))
            .unwrap_or(false)
    }
}
