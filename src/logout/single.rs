//! Single logout by SAML (Profiles §4.4), begun on either side.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Error, Logout, Named, Visit};
use crate::directory::{Entry, Provider};
use crate::policy::Reason;
use crate::respond::{self, Answer, Carry};
use crate::saml::{Delivery, LogoutOutcome, UnverifiedForm, VerifiedLogout, VerifiedLogoutRequest};
use crate::service_provider::{self, Arrived, Known, ServiceProvider};
use crate::session::Selector;

/// The parameter that comes back as it was sent.
const RELAY_STATE: &str = "RelayState";

impl Logout {
    /// Asks a SAML provider to sign the person out; `None` when it does not do that.
    pub(super) async fn ask_to_sign_out(
        &self,
        provider: &Arc<ServiceProvider>,
        visit: &Visit,
        handle: &str,
        now: SystemTime,
    ) -> Result<Option<(String, Answer)>, service_provider::Error> {
        let Some(name_id) = &visit.name_id else { return Ok(None) };
        let known = provider.known(now).await?;
        let begun = known.begin_logout(name_id, visit.session_index.as_deref(), handle, now)?;
        Ok(begun.map(|begun| (begun.request_id, deliver(begun.delivery))))
    }

    /// A message to the single logout service by GET (Bindings §3.4).
    ///
    /// # Errors
    /// When it does not verify.
    pub async fn slo_redirect(
        &self,
        entry: &Entry,
        query: &str,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(Answer, Option<Named>), Error> {
        let handle = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == RELAY_STATE)
            .map(|(_, value)| value.into_owned());
        self.single(entry, Arrived::Redirect(query.to_owned()), handle, client, now).await
    }

    /// A message to the single logout service by POST (Bindings §3.5).
    ///
    /// # Errors
    /// When it does not verify.
    pub async fn slo_post(
        &self,
        entry: &Entry,
        form: &[u8],
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(Answer, Option<Named>), Error> {
        let form = UnverifiedForm::parse(form).map_err(service_provider::Error::Refused)?;
        let handle = form.relay_state.clone();
        self.single(entry, Arrived::Post(form), handle, client, now).await
    }

    async fn single(
        &self,
        entry: &Entry,
        arrived: Arrived,
        handle: Option<String>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(Answer, Option<Named>), Error> {
        let Provider::Saml(provider) = &entry.provider else { return Err(Error::Protocol) };
        let id = &entry.config.policy.id;
        // A sign-out under way at this organization's provider, and at no other's.
        let under_way = handle.as_deref().and_then(|handle| self.under_way.0.get(handle));
        let under_way = under_way.filter(|rest| rest.at.as_ref() == Some(id));
        let request_id = under_way.as_ref().and_then(|rest| rest.request_id.as_deref());
        let answers = arrived.is_response();
        match provider.receive_logout(arrived, request_id, client, now).await {
            Ok((VerifiedLogout::Request(request), known)) => {
                self.end_named(entry, provider, &request, &known, now).await
            }
            Ok((VerifiedLogout::Response(response), _)) => {
                let rest = handle.and_then(|handle| self.under_way.0.remove(&handle));
                let Some(rest) = rest else { return Err(Error::Parameters) };
                match response.outcome {
                    LogoutOutcome::Complete => Ok((self.next((*rest).clone(), now).await, None)),
                    LogoutOutcome::Partial | LogoutOutcome::Failed => {
                        Ok((self.without(&rest, now).await, None))
                    }
                }
            }
            Err(error) => {
                // An answer that does not verify says nothing; the others are visited all the same.
                let stuck = under_way.filter(|_| answers && error.reason() != Reason::Busy);
                let rest =
                    stuck.zip(handle).and_then(|(_, handle)| self.under_way.0.remove(&handle));
                let Some(rest) = rest else { return Err(error.into()) };
                tracing::warn!(
                    organization = %id,
                    cause = %error,
                    "the identity provider's answer about a sign-out does not verify"
                );
                Ok((self.without(&rest, now).await, None))
            }
        }
    }

    /// Ends every session that a verified request names, and answers it (Profiles §4.4.3.2).
    async fn end_named(
        &self,
        entry: &Entry,
        provider: &ServiceProvider,
        request: &VerifiedLogoutRequest,
        known: &Known,
        now: SystemTime,
    ) -> Result<(Answer, Option<Named>), Error> {
        // Unless an attribute names people, the name id does, whether or not they are here.
        let named = provider.config().subject.is_none();
        let subject = named.then(|| request.subject.value.clone());
        let selector = |idp_session: Option<String>| Selector {
            organization: entry.config.policy.id.clone(),
            issuer: known.entity_id().into(),
            subject: subject.clone(),
            idp_session,
            idp_name: Some(request.subject.clone()),
            until: now,
        };
        let selectors: Vec<Selector> = match request.session_indexes.as_slice() {
            // No session is named: all of the person's are meant (Core §3.7.1).
            [] => vec![selector(None)],
            indexes => indexes.iter().map(|index| selector(Some(index.clone()))).collect(),
        };
        let ended = self.end(&selectors, now).await?;
        let id = &entry.config.policy.id;
        tracing::info!(organization = %id, sessions = ended, "signed out by the identity provider");
        let answer = known.answer_logout(request, LogoutOutcome::Complete, now);
        let answer = answer.map_or_else(|| self.lead_to_end(Vec::new()), deliver);
        Ok((answer, Some(Named { subject: None, sessions: ended })))
    }
}

/// A message on its way to the provider: by redirect, or by a form that sends itself.
fn deliver(delivery: Delivery) -> Answer {
    match delivery {
        Delivery::Redirect { url } => respond::see_other(&url),
        Delivery::Post { action, fields } => respond::carry(&Carry {
            title: "Sign out".to_owned(),
            action,
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }),
    }
}
