//! The assertion consumer service: a SAML answer becomes a session, once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::header;

use super::admit::Vouched;
use super::pending::{Asked, Pending, fingerprint, is_handle};
use super::{Error, Failure, Finished, Login, path, to};
use crate::directory::{Entry, Provider};
use crate::fields::Fields;
use crate::observe::BegunBy;
use crate::policy::{ReturnTo, SignIn};
use crate::respond::{self, Answer, Carry};
use crate::saml::UnverifiedForm;
use crate::service_provider::{self, Acs, Person, ServiceProvider};

/// Who sent an answer.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'r> {
    /// The browser's cookies, and what it says of where it was.
    pub headers: &'r Fields,
    /// Who takes a turn at having the answer verified.
    pub client: IpAddr,
}

impl Login {
    /// The provider's answer by POST (Profiles §4.1.4.5).
    ///
    /// A POST from another site carries none of our cookies, since they are `SameSite=Lax`, and
    /// without them nobody can tell whether this browser asked. So an answer that comes from
    /// elsewhere without the cookie of its sign-in is not looked at: it goes back to the browser
    /// in a page of ours, whose form sends it once more, from this site and with the cookies.
    /// Nothing is kept on the server, and no cookie needs a weaker attribute.
    ///
    /// # Errors
    /// When it is not the answer to a sign-in of this browser, does not verify, or gives no
    /// membership.
    pub async fn acs(
        &self,
        entry: &Entry,
        arrival: (Acs, &str),
        form: &[u8],
        from: Sender<'_>,
        now: SystemTime,
    ) -> Result<Finished, Failure> {
        let headers = from.headers;
        let Provider::Saml(provider) = &entry.provider else { return Err(Error::Protocol.into()) };
        let form = UnverifiedForm::parse(form).map_err(refused)?;
        let response = form.response().map_err(refused)?;
        let id = &entry.config.policy.id;
        let handle = form.relay_state.as_deref().filter(|handle| is_handle(handle));
        let pending = handle.and_then(|handle| self.recall(id, handle, headers, now));
        let Some((handle, pending)) = handle.zip(pending) else {
            let initiated = provider.config().idp_initiated;
            if self.is_from_elsewhere(headers) && (handle.is_some() || initiated) {
                let answer = again(entry, arrival.1, response, form.relay_state.as_deref());
                return Ok(Finished { answer, sign_in: None, begun_by: BegunBy::Us });
            }
            if initiated && handle.is_none() {
                return self.unsolicited(entry, provider, arrival.0, &form, from, now).await;
            }
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
        if !self.consumed.0.entry(fingerprint(handle)).or_insert(()).is_fresh() {
            let place = if self.is_signed_in(id, headers, now) {
                to(&return_to)
            } else {
                respond::see_other(&path(id, Some(&return_to)))
            };
            return Ok(Finished { answer: place, sign_in: None, begun_by: BegunBy::Us });
        }
        let clear = self.forget(handle);
        match self.solicited(entry, provider, arrival.0, response, &pending, from, now).await {
            Ok((mut answer, sign_in)) => {
                respond::set_cookie(&mut answer, &clear);
                Ok(Finished { answer, sign_in: Some(sign_in), begun_by: BegunBy::Us })
            }
            Err(error) => Err(Failure { error, return_to: Some(return_to), clear: Some(clear) }),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is read once, by the lines below")]
    async fn solicited(
        &self,
        entry: &Entry,
        provider: &Arc<ServiceProvider>,
        acs: Acs,
        response: &str,
        pending: &Pending,
        from: Sender<'_>,
        now: SystemTime,
    ) -> Result<(Answer, SignIn), Error> {
        let Asked::Saml { request_id, .. } = &pending.asked else { return Err(Error::Protocol) };
        let person = provider.finish(acs, response, Some(request_id), from.client, now).await?;
        let vouched = vouched(person, pending.begun_at);
        self.admit(entry, vouched, &pending.return_to(), from.headers, None, now).await
    }

    /// A sign-in that the provider began (Profiles §4.1.5), where the organization allows it: it
    /// lands on the account page, or where RelayState says, if that is a path on this site.
    async fn unsolicited(
        &self,
        entry: &Entry,
        provider: &Arc<ServiceProvider>,
        acs: Acs,
        form: &UnverifiedForm,
        from: Sender<'_>,
        now: SystemTime,
    ) -> Result<Finished, Failure> {
        let response = form.response().map_err(refused)?;
        let relay_state = form.relay_state.as_deref();
        let return_to =
            relay_state.and_then(ReturnTo::parse).unwrap_or_else(ReturnTo::account_page);
        let finished =
            provider.finish(acs, response, None, from.client, now).await.map_err(Error::from);
        let admitted = match finished {
            Ok(person) => {
                let begun_at = person.authenticated_at.min(now);
                let vouched = vouched(person, begun_at);
                self.admit(entry, vouched, &return_to, from.headers, None, now).await
            }
            Err(error) => Err(error),
        };
        match admitted {
            Ok((answer, sign_in)) => {
                Ok(Finished { answer, sign_in: Some(sign_in), begun_by: BegunBy::Provider })
            }
            Err(error) => Err(Failure { error, return_to: Some(return_to), clear: None }),
        }
    }

    /// Whether a POST was sent by a page of another site: by what the browser itself says of it.
    fn is_from_elsewhere(&self, headers: &Fields) -> bool {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
            (Some(site), _) => site != "same-origin",
            (None, Some(origin)) => origin != self.public_url.origin(),
            (None, None) => false,
        }
    }
}

/// What a person's assertion makes of them.
fn vouched(person: Person, begun_at: SystemTime) -> Vouched {
    Vouched {
        profile: person.profile,
        tokens: None,
        idp_session: person.session_index,
        // Four texts: writing them cannot fail.
        idp_name: serde_json::to_string(&person.name_id).ok(),
        ends_at: person.session_not_on_or_after,
        begun_at,
    }
}

/// A page that sends the answer once more, from this site.
fn again(entry: &Entry, own_path: &str, response: &str, relay_state: Option<&str>) -> Answer {
    let mut fields = vec![("SAMLResponse".to_owned(), response.to_owned())];
    fields.extend(relay_state.map(|state| ("RelayState".to_owned(), state.to_owned())));
    respond::carry(&Carry {
        title: format!("Sign in to {}", entry.config.policy.display_name),
        action: own_path.to_owned(),
        fields,
    })
}

fn refused(refusal: crate::saml::Refusal) -> Error {
    Error::Saml(service_provider::Error::Refused(refusal))
}
