//! What "yes" looks like: the request goes on, or whoever asked is told so, and the hub hears who it
//! is.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header;

use super::banner::Banner;
use super::offer::Beside;
use super::{Gate, Mode, Site, Trace};
use crate::body::Lifeline;
use crate::credential::Credential;
use crate::error::Error;
use crate::forward_auth::Contract;
use crate::headers::{Hop, Identity, Told, Upgrade, stable_user};
use crate::jose::{ASSERTION_LIFE, AssertionClaims};
use crate::message::{Request, Response};
use crate::peer::Peer;
use crate::policy::Permit;

impl Gate {
    /// Lets through what was permitted.
    pub(super) async fn admit(
        &self,
        mode: Mode<'_>,
        permit: Permit<'_>,
        credential: &Credential,
        request: &mut Request,
        peer: &Peer,
        trace: &mut Trace,
    ) -> Result<Response, Error> {
        let (site, now) = (&*self.site, trace.at);
        let identity = site.identity(&permit, credential, now);
        let notice = permit.notice().cloned();
        let mut beside = Beside::of(site, &permit, request);
        let mut response = match mode {
            Mode::Proxy(proxy) => {
                if let Some(notice) = &notice {
                    beside = Banner::of(site, notice, request).map(Beside::banner);
                }
                let lifeline = lifeline(&permit, credential, trace.started, now);
                credential.strip(request.headers_mut());
                let (upgrade, told) = self.rewrite(request, identity, peer);
                if let Some(span) = &trace.span {
                    span.tell(request.headers_mut());
                }
                let before = trace.started.elapsed();
                let answer = proxy.forward(permit, request, told, upgrade, lifeline).await;
                let after = trace.started.elapsed();
                let status = answer.as_ref().ok().map(Response::status);
                self.recorder.upstream(status, after - before);
                trace.took = Some(after);
                if let Some(span) = &trace.span {
                    span.asked_hub(before, after - before, status);
                }
                answer?
            }
            Mode::Asked(_) => {
                let (managed, cookie) = (&site.managed, site.cookie.name());
                let asked = request.headers();
                let mut response = Contract::allow(permit, asked, managed, &identity, cookie);
                credential.leave(asked, response.headers_mut());
                response
            }
        };
        if let Some(notice) = notice {
            site.tell(&mut response, &notice);
        }
        Ok(match beside {
            Some(beside) => site.told_beside(response, *beside, credential.principal(), now),
            None => response,
        })
    }

    /// What is forwarded: hop-by-hop headers out, every spelling of ours out; what is to be told
    /// instead comes back, and is written by whoever sends the request.
    fn rewrite(
        &self,
        request: &mut Request,
        identity: Arc<Identity>,
        peer: &Peer,
    ) -> (Option<Upgrade>, Told) {
        let site = &*self.site;
        let headers = request.headers_mut();
        let upgrade = site.managed.clear(headers);
        // Most requests of a thread come the same way: its words are made once.
        let host = headers.get(header::HOST);
        let hop = match self.hop.take() {
            Some(hop) if hop.is(peer.address, peer.tls, host) => hop,
            Some(_) | None => Arc::new(Hop::new(peer.address, peer.tls, host)),
        };
        let untold = site.forwarding.prepare(headers, &hop);
        self.hop.set(Some(Arc::clone(&hop)));
        (upgrade, Told::new(identity, untold.then_some(hop), Arc::clone(site.cookie.name())))
    }
}

impl Site {
    /// The identity headers for a permit; made once for each session and organization, and again
    /// when the assertion in them is half over or a sign-in has ended.
    pub(super) fn identity(
        &self,
        permit: &Permit<'_>,
        credential: &Credential,
        now: SystemTime,
    ) -> Arc<Identity> {
        let organization = permit.organization().map(|organization| &organization.id);
        // A hub with accounts hears of sign-ins that count for its target, and of nothing else.
        if matches!(credential, Credential::Visitor(_)) && permit.caller().is_none() {
            return Arc::new(Identity::anonymous());
        }
        credential.identity(organization, self.generation, now, || {
            let assertion = self.assertion(permit, credential, now);
            let first_end = permit.live().map(|sign_in| sign_in.expires_at).min();
            let half_over = now + ASSERTION_LIFE / 2;
            let good_until = first_end.map_or(half_over, |end| end.min(half_over));
            (self.managed.identity(permit, assertion.as_deref()), good_until)
        })
    }

    /// The signed assertion for a permit (contract, section 7), if there is somebody to speak of.
    fn assertion(
        &self,
        permit: &Permit<'_>,
        credential: &Credential,
        now: SystemTime,
    ) -> Option<String> {
        self.managed.names().assertion.as_ref()?;
        let caller = permit.caller()?;
        let organization = permit.organization().map(|_| caller.organization.as_str());
        let session = credential.session_of(&caller.organization)?;
        let claims = AssertionClaims {
            issuer: self.public_url.origin(),
            audience: &self.managed.names().audience,
            subject: &stable_user(permit, caller),
            organization,
            role: organization.map(|_| caller.role.as_str()),
            email: caller.email.as_deref(),
            groups: if organization.is_some() { &caller.groups } else { &[] },
            session: Some(&session.key.short()),
        };
        self.assertion_keys()
            .sign(&claims, now)
            .inspect_err(|error| {
                tracing::error!(%error, "the upstream assertion could not be signed");
            })
            .ok()
    }
}

/// How long what is forwarded may go on: as long as the sign-in that it rests on. `started` and
/// `now` are the same moment by two clocks.
fn lifeline(
    permit: &Permit<'_>,
    credential: &Credential,
    started: Instant,
    now: SystemTime,
) -> Lifeline {
    let Some(caller) = permit.caller() else { return Lifeline::endless() };
    let Some(session) = credential.session_of(&caller.organization) else {
        return Lifeline::endless();
    };
    let left = caller.expires_at.duration_since(now).unwrap_or(Duration::ZERO);
    let cord = session.life(&caller.organization).cloned();
    Lifeline::new(started.checked_add(left), cord)
}
