//! Our own pages: what each of them calls.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

use super::{Endpoint, Gate, Mode, Trace};
use crate::body::{Body, ReadError, Within};
use crate::credential::{self, Reading, Refused};
use crate::device;
use crate::directory::{Entry, Provider};
use crate::error::Error;
use crate::login::{self, Failure};
use crate::message::{Request, Response};
use crate::observe::{AuditEvent, Protocol, SignInResult, SignedOutBy};
use crate::peer::Peer;
use crate::policy::{OrganizationId, Reason, Target};
use crate::respond::{self, Answer};

/// The largest form that is read.
const FORM_LIMIT: usize = 64 * 1024;
/// The largest form that holds a SAML message.
const SAML_FORM_LIMIT: usize = 512 * 1024;

impl Gate {
    pub(super) async fn own_page(
        &self,
        mode: Option<Mode<'_>>,
        endpoint: Endpoint,
        request: &mut Request,
        target: &Target,
        peer: &Peer,
        trace: &mut Trace,
    ) -> Result<Response, Error> {
        let (site, now) = (&*self.site, trace.at);
        if let Some(Mode::Asked(_)) = mode {
            // They are had from us, and not by asking: nothing under our prefix is the hub's.
            return Err(Error::Page(Reason::NoSuchPage));
        }
        if trace.span.is_some() {
            trace.route = Some(endpoint.route().into());
        }
        let (headers, body) = request.parts();
        let client = || site.forwarding.client(headers, peer.address).address;
        let query = target.query().unwrap_or_default();
        if let Some(id) = endpoint.organization() {
            trace.organization =
                site.directory.find(id).map(|entry| entry.config.policy.id.clone());
        }
        let answer = match endpoint {
            Endpoint::Account => {
                site.account.page(headers, None, site.logout.unfinished(headers), now)?
            }
            Endpoint::Find => site.account.find(query, headers, now)?,
            Endpoint::Session => site.account.json(headers, now)?,
            Endpoint::Jwks => jwks(site.assertion_keys().jwks()),
            Endpoint::ConfirmLogout => site.logout.confirm(headers)?,
            Endpoint::Logout => {
                let form = form(body, FORM_LIMIT).await?;
                let (answer, ended) = site.logout.leave(headers, &form, now).await?;
                for sign_in in ended {
                    trace.note(AuditEvent::SignOut, &sign_in);
                }
                answer
            }
            Endpoint::SignedOut => site.logout.returned(query, headers, now).await,
            Endpoint::DevicePage => site.device.page(query, headers, client(), now)?,
            Endpoint::DeviceAnswer => {
                let form = form(body, FORM_LIMIT).await?;
                site.device.answer(headers, &form, client(), now, &mut trace.notes)?
            }
            Endpoint::DeviceBegin => {
                let form = form(body, FORM_LIMIT).await?;
                site.device.begin(headers, &form, client(), now)?
            }
            Endpoint::DeviceToken => {
                let form = form(body, FORM_LIMIT).await?;
                site.device.token(&form, now, &mut trace.notes)?
            }
            Endpoint::RevokeToken => {
                let form = form(body, FORM_LIMIT).await?;
                site.device.revoke(headers, &form, &mut trace.notes)?
            }
            Endpoint::Whoami => {
                let read = match site.credentials.read(headers, peer, now) {
                    Ok(Reading::Asking(asking)) => asking.await,
                    Ok(Reading::Read(credential)) => Ok(credential),
                    Err(error) => Err(error),
                };
                match read {
                    Ok(credential) => device::whoami(credential.principal(), &site.directory, now),
                    // Clients know what to say of a token that is not valid; but not where to sign in
                    // when one has ended.
                    Err(credential::Error::Refused(Refused { organization: None, .. })) => {
                        device::stranger()
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Endpoint::Login(id) => {
                let entry = self.entry(&id)?;
                site.login.begin(entry, query, headers, now).await.map_err(|f| failed(id, f))?
            }
            Endpoint::RecoveryPage(id) => site.recovery.page(self.recoverable(&id)?),
            Endpoint::Recovery(id) => {
                let entry = self.recoverable(&id)?;
                let form = form(body, FORM_LIMIT).await?;
                let entered = site.recovery.enter(entry, headers, &form, client(), now);
                match entered.as_ref().ok().and_then(|(_, sign_in)| sign_in.as_ref()) {
                    Some(sign_in) => {
                        trace.note(AuditEvent::BreakGlass, sign_in);
                        trace.subject = Some(sign_in.subject.clone());
                    }
                    None => trace.happened(AuditEvent::BreakGlassRefused),
                }
                entered?.0
            }
            Endpoint::CallbackForm(id) => {
                self.entry(&id)?;
                let form = form(body, FORM_LIMIT).await?;
                site.login.form_post(target.path(), &form).map_err(|f| failed(id, f))?
            }
            Endpoint::Callback(id) => {
                let entry = self.entry(&id)?;
                let account = self.account(headers, now).await;
                let finished =
                    site.login.callback(entry, query, headers, account.as_deref(), now).await;
                self.finished(&id, finished, trace)?
            }
            Endpoint::BackChannelLogout(id) => {
                let entry = self.entry(&id)?;
                let form = form(body, FORM_LIMIT).await?;
                let answer = site.logout.back_channel(entry, &form, now).await;
                trace.by_provider(SignedOutBy::BackChannel, answer.map(|(a, n)| (a, Some(n))))?
            }
            Endpoint::FrontChannelLogout(id) => {
                let answer = site.logout.front_channel(self.entry(&id)?, query);
                trace.by_provider(SignedOutBy::FrontChannel, answer.map(|(a, n)| (a, Some(n))))?
            }
            Endpoint::SamlMetadata(id) => match &self.entry(&id)?.provider {
                Provider::Saml(provider) => {
                    let kind = "application/samlmetadata+xml";
                    respond::answer(StatusCode::OK, kind, provider.metadata(now))
                }
                Provider::Oidc(_) => return Err(Error::Page(Reason::NoSuchPage)),
            },
            Endpoint::Acs(id, acs) => {
                let entry = self.entry(&id)?;
                let form = form(body, SAML_FORM_LIMIT).await?;
                let arrival = (acs, target.path());
                let from = login::Sender { headers, client: client() };
                let finished = site.login.acs(entry, arrival, &form, from, now).await;
                self.finished(&id, finished, trace)?
            }
            Endpoint::Slo(id) => {
                let entry = self.entry(&id)?;
                let answer = site.logout.slo_redirect(entry, query, client(), now).await;
                trace.by_provider(SignedOutBy::Saml, answer)?
            }
            Endpoint::SloForm(id) => {
                let entry = self.entry(&id)?;
                let form = form(body, SAML_FORM_LIMIT).await?;
                let answer = site.logout.slo_post(entry, &form, client(), now).await;
                trace.by_provider(SignedOutBy::Saml, answer)?
            }
        };
        Ok(answer.into())
    }

    fn entry(&self, id: &OrganizationId) -> Result<&Arc<Entry>, Error> {
        self.site.directory.find(id).ok_or(Error::Page(Reason::UnknownOrganization))
    }

    /// The organization, if it has recovery codes.
    fn recoverable(&self, id: &OrganizationId) -> Result<&Arc<Entry>, Error> {
        let entry = self.entry(id)?;
        if entry.config.recovery_codes.is_empty() {
            return Err(Error::Page(Reason::NoSuchPage));
        }
        Ok(entry)
    }

    fn protocol(&self, id: &OrganizationId) -> Protocol {
        match self.site.directory.find(id).map(|entry| &entry.provider) {
            Some(Provider::Saml(_)) => Protocol::Saml,
            Some(Provider::Oidc(_)) | None => Protocol::Oidc,
        }
    }

    /// Notes how a sign-in ended.
    fn finished(
        &self,
        id: &OrganizationId,
        finished: Result<login::Finished, Failure>,
        trace: &mut Trace,
    ) -> Result<Answer, Error> {
        let metrics = self.recorder.metrics();
        let protocol = self.protocol(id);
        if let Some(entry) = self.site.directory.find(id) {
            entry.tell(metrics);
        }
        match finished {
            Ok(finished) => {
                if let Some(sign_in) = finished.sign_in {
                    metrics.signed_in(id, protocol, SignInResult::Ok);
                    tracing::info!(
                        organization = %id,
                        subject = sign_in.subject.as_str(),
                        role = %sign_in.role,
                        "signed in"
                    );
                    let (role, begun_by) = (sign_in.role, finished.begun_by);
                    trace.note(AuditEvent::SignIn { role, protocol, begun_by }, &sign_in);
                    trace.subject = Some(sign_in.subject);
                }
                Ok(finished.answer)
            }
            Err(failure) => {
                let failing = matches!(
                    failure.error.reason(),
                    Reason::IdpUnreachable
                        | Reason::StoreUnavailable
                        | Reason::Busy
                        | Reason::Internal
                );
                let result = if failing { SignInResult::Failed } else { SignInResult::Refused };
                metrics.signed_in(id, protocol, result);
                trace.happened(AuditEvent::SignInRefused { protocol });
                Err(failed(id.clone(), failure))
            }
        }
    }
}

fn failed(organization: OrganizationId, failure: Failure) -> Error {
    Error::Login { organization, failure: Box::new(failure) }
}

/// A form that was posted; what is left of one that is too large stays with the request.
async fn form(body: &mut Body, limit: usize) -> Result<Bytes, ReadError> {
    match std::mem::take(body).read_within(limit).await? {
        Within::Whole(bytes, _) => Ok(bytes),
        Within::Longer(rest) => {
            *body = rest;
            Err(ReadError::TooLarge(limit))
        }
    }
}

/// The keys of the upstream assertion (RFC 7517 §5); caches may keep them for five minutes.
fn jwks(keys: String) -> Answer {
    let mut response = respond::answer(StatusCode::OK, "application/jwk-set+json", keys);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, const { HeaderValue::from_static("public, max-age=300") });
    response
}
