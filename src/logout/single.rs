//! Single logout by SAML (Profiles §4.4), begun on either side.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Error, Logout, Visit};
use crate::directory::{Entry, Provider};
use crate::respond::{self, Answer, Carry};
use crate::saml::{Delivery, LogoutOutcome, UnverifiedForm, VerifiedLogout, VerifiedLogoutRequest};
use crate::service_provider::{self, Arrived, Known, ServiceProvider};
use crate::session::Selector;

/// The parameter that comes back as it was sent.
const RELAY_STATE: &str = "RelayState";

impl Logout {
    /// Asks a SAML provider to sign the person out; `None` when it cannot be asked.
    pub(super) async fn ask_to_sign_out(
        &self,
        provider: &Arc<ServiceProvider>,
        visit: &Visit,
        handle: &str,
        now: SystemTime,
    ) -> Option<(String, Answer)> {
        let name_id = visit.name_id.as_ref()?;
        // Whoever cannot be reached cannot be asked; here, the person is signed out by now.
        let known = provider.known(now).await.ok()?;
        let begun = known.begin_logout(name_id, visit.session_index.as_deref(), handle, now)?;
        Some((begun.request_id, deliver(begun.delivery)))
    }

    /// A message to the single logout service by GET (Bindings §3.4).
    ///
    /// # Errors
    /// When it does not verify.
    pub async fn slo_redirect(
        &self,
        entry: &Entry,
        query: &str,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let handle = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == RELAY_STATE)
            .map(|(_, value)| value.into_owned());
        self.single(entry, Arrived::Redirect(query.to_owned()), handle, now).await
    }

    /// A message to the single logout service by POST (Bindings §3.5).
    ///
    /// # Errors
    /// When it does not verify.
    pub async fn slo_post(
        &self,
        entry: &Entry,
        form: &[u8],
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let form = UnverifiedForm::parse(form).map_err(service_provider::Error::Refused)?;
        let handle = form.relay_state.clone();
        self.single(entry, Arrived::Post(form), handle, now).await
    }

    async fn single(
        &self,
        entry: &Entry,
        arrived: Arrived,
        handle: Option<String>,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let Provider::Saml(provider) = &entry.provider else { return Err(Error::Protocol) };
        let id = &entry.config.policy.id;
        // A sign-out under way at this organization's provider, and at no other's.
        let under_way = handle.as_deref().and_then(|handle| self.under_way.0.get(handle));
        let under_way = under_way
            .filter(|rest| rest.awaited.as_ref().is_some_and(|(awaited, _)| awaited == id));
        let awaited = under_way.as_ref().and_then(|rest| rest.awaited.as_ref());
        let request_id = awaited.map(|(_, request_id)| request_id.as_str());
        match provider.receive_logout(arrived, request_id, now).await? {
            (VerifiedLogout::Request(request), known) => {
                self.end_named(entry, &request, &known, now).await
            }
            (VerifiedLogout::Response(response), _) => {
                let Some(handle) = handle else { return Err(Error::Parameters) };
                let Some(rest) = self.under_way.0.remove(&handle) else {
                    return Err(Error::Parameters);
                };
                let mut rest = (*rest).clone();
                match response.outcome {
                    LogoutOutcome::Complete => {}
                    LogoutOutcome::Partial | LogoutOutcome::Failed => {
                        rest.partial.push(entry.config.policy.display_name.clone());
                    }
                }
                Ok(self.next(rest, now).await)
            }
        }
    }

    /// Ends every session that a verified request names, and answers it (Profiles §4.4.3.2).
    async fn end_named(
        &self,
        entry: &Entry,
        request: &VerifiedLogoutRequest,
        known: &Known,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let selector = |idp_session: Option<String>| Selector {
            organization: entry.config.policy.id.clone(),
            issuer: known.entity_id().into(),
            subject: None,
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
        Ok(answer.map_or_else(|| self.signed_out(Vec::new()), deliver))
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
