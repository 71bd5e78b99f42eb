//! Finishes a sign-in: the provider's answer becomes a session, once.

use std::time::SystemTime;

use super::admit::Vouched;
use super::pending::{Asked, Pending, fingerprint};
use super::{Error, Failure, Finished, Login, path, to};
use crate::directory::{Entry, Provider};
use crate::fields::Fields;
use crate::observe::BegunBy;
use crate::oidc::{CallbackParameters, Verified};
use crate::policy::{Account, OrganizationId, ReturnTo, SignIn};
use crate::respond::{self, Answer};

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

    /// The provider's answer by GET. Where the hub has accounts, `account` is the one that this
    /// browser uses there: the sign-in is its owner's, or none.
    ///
    /// # Errors
    /// When it is not the answer to a sign-in of this browser, does not verify, or gives no
    /// membership.
    pub async fn callback(
        &self,
        entry: &Entry,
        query: &str,
        headers: &Fields,
        account: Option<&Account>,
        now: SystemTime,
    ) -> Result<Finished, Failure> {
        let id = &entry.config.policy.id;
        let answer = CallbackParameters::parse(query).map_err(Error::from)?;
        let state = answer.state().to_owned();
        let Some(pending) = self.recall(id, &state, headers, now) else {
            // A second tab, or the way back through the history: whoever is signed in goes on.
            return if self.is_signed_in(id, headers, now) {
                Ok(Finished {
                    answer: to(&ReturnTo::account_page()),
                    sign_in: None,
                    begun_by: BegunBy::Us,
                })
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
            return Ok(Finished { answer: place, sign_in: None, begun_by: BegunBy::Us });
        }
        let clear = self.forget(&state);
        match self.finish(entry, &pending, answer, headers, account, now).await {
            Ok((mut answer, sign_in)) => {
                respond::set_cookie(&mut answer, &clear);
                Ok(Finished { answer, sign_in: Some(sign_in), begun_by: BegunBy::Us })
            }
            Err(error) => Err(Failure { error, return_to: Some(return_to), clear: Some(clear) }),
        }
    }

    async fn finish(
        &self,
        entry: &Entry,
        pending: &Pending,
        answer: CallbackParameters,
        headers: &Fields,
        account: Option<&Account>,
        now: SystemTime,
    ) -> Result<(Answer, SignIn), Error> {
        let (Provider::Oidc(party), Asked::Oidc(transaction)) = (&entry.provider, &pending.asked)
        else {
            return Err(Error::Protocol);
        };
        let verified = party.finish(transaction, answer, now).await?;
        let Verified { profile, tokens, idp_session } = verified;
        let vouched = Vouched {
            profile,
            tokens: Some(tokens),
            idp_session,
            idp_name: None,
            ends_at: None,
            begun_at: transaction.created(),
        };
        self.admit(entry, vouched, &pending.return_to(), headers, account, now).await
    }

    pub(super) fn is_signed_in(
        &self,
        id: &OrganizationId,
        headers: &Fields,
        now: SystemTime,
    ) -> bool {
        self.cookie
            .key(headers)
            .and_then(|key| self.sessions.find(&key).ok().flatten())
            .and_then(|session| session.principal.sign_in(id).map(|sign_in| sign_in.is_live(now)))
            .unwrap_or(false)
    }
}
