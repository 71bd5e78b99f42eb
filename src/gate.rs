//! The life of a request: target, credential, decision, then admit, challenge or deny.

mod admit;
mod asker;
mod banner;
mod call;
mod current;
mod endpoint;
mod in_body;
mod kept;
mod mode;
mod noted;
mod offer;
mod own;
mod plain;
mod refuse;
mod request_id;
mod site;
mod spans;
mod target;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::clock::stopwatch;
use crate::error::Error;
use crate::forward_auth::Marks;
use crate::headers::Hop;
use crate::hub::Found;
use crate::message::{Request, Response};
use crate::observe::{Access, Happening, Outcome, Recorder, RequestSpan, Said, within};
use crate::peer::{Door, Peer};
use crate::policy::{Decision, OrganizationId, Reason, Subject, Target, decide};
use crate::proxy::Proxy;

use endpoint::Endpoint;
use mode::Mode;
use request_id::RequestIds;

pub use current::{Current, Gates};
pub use kept::Kept;
pub use site::{SetupError, Site};

/// The gate of one thread for one configuration: the site is shared, connections to the hub are not.
struct Gate {
    site: Arc<Site>,
    proxy: Option<Proxy>,
    recorder: Recorder,
    ids: RequestIds,
    /// The way that the last request came.
    hop: Cell<Option<Arc<Hop>>>,
    /// What the names of questions' fields mean.
    marks: Marks,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

/// What is noted on a request's way, for its line in the access log.
#[derive(Debug)]
struct Trace {
    outcome: Outcome,
    reason: Option<Reason>,
    organization: Option<OrganizationId>,
    subject: Option<Subject>,
    /// What stands in the audit log, where it is more than a refusal.
    notes: Vec<Happening>,
    /// Since when it is being answered, by both clocks, and how long that took where the hub did it.
    at: SystemTime,
    started: Instant,
    took: Option<Duration>,
    span: Option<Box<RequestSpan>>,
    route: Option<Cow<'static, str>>,
}

impl Gate {
    /// A gate for this thread; without a way to the hub it answers the questions of others' proxies,
    /// and serves its own pages.
    fn new(site: Arc<Site>, recorder: Recorder) -> Self {
        let connector = site.connector.as_ref();
        let proxy = connector.map(|at| Proxy::new(at, site.managed(), recorder.clone()));
        Self::of(site, proxy, recorder)
    }

    fn of(site: Arc<Site>, proxy: Option<Proxy>, recorder: Recorder) -> Self {
        let (ids, hop, marks) = (RequestIds::new(), Cell::new(None), Marks::default());
        Self { site, proxy, recorder, ids, hop, marks }
    }

    /// A gate for this thread and another configuration; connections to the hub are handed on,
    /// where they lead to the same one.
    fn with(&self, site: Arc<Site>) -> Self {
        let recorder = self.recorder.clone();
        let proxy = site.connector.as_ref().map(|at| match &self.proxy {
            Some(proxy) => proxy.with(at, site.managed()),
            None => Proxy::new(at, site.managed(), recorder.clone()),
        });
        Self::of(site, proxy, recorder)
    }

    /// Answers whatever comes in. The request is lent: it stands in one place all the while, and is
    /// not moved from one future into the next.
    async fn serve(&self, request: &mut Request, peer: &Peer) -> Response {
        match peer.door {
            Door::Web | Door::Asked => {
                let mode = self.mode(request, peer.door);
                self.respond(request, mode, peer).await
            }
            Door::Grpc => Box::pin(self.called(request, peer)).await,
        }
    }

    /// Answers a request, whatever happens, and notes it.
    async fn respond(
        &self,
        request: &mut Request,
        mode: Option<Mode<'_>>,
        peer: &Peer,
    ) -> Response {
        let started = stopwatch();
        let request_id = self.ids.of(request, &self.site.forwarding, peer);
        let opened = self.open(mode, request, peer);
        let about = refuse::About::of(request, &self.site.forwarding, peer);
        let mut trace = Trace {
            outcome: Outcome::Allow,
            reason: None,
            organization: None,
            subject: None,
            notes: Vec::new(),
            at: self.site.clock.now(),
            started,
            took: None,
            span: self.begin_span(request.headers(), peer),
            route: None,
        };
        request_id.write(request.headers_mut());
        let answered = match opened {
            Ok(()) => self.answer(mode, request, peer, &mut trace).await,
            Err(error) => Err(error),
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => self.refuse(mode, &error, &about, request_id.as_str(), &mut trace),
        };
        request_id.write_if_missing(response.headers_mut());
        let host = about.host();
        let duration = trace.took.unwrap_or_else(|| started.elapsed());
        self.audit(&trace, &about, request_id.as_str());
        self.recorder.access(&Access {
            at: trace.at,
            request_id: request_id.as_str(),
            client: about.client(),
            method: &about.method,
            host: Said::Any(&host),
            path: Said::Any(about.path()),
            status: response.status(),
            outcome: trace.outcome,
            reason: trace.reason,
            organization: trace.organization.as_ref(),
            subject: trace.subject.as_ref(),
            duration,
            bytes: http_body::Body::size_hint(response.body()).exact(),
            trace: trace.span.as_ref().map(|span| span.trace()),
        });
        if let Some(span) = &trace.span {
            self.end_span(
                span,
                &trace,
                &about,
                &response,
                (trace.at, duration),
                request_id.as_str(),
            );
        }
        response
    }

    /// Our page that the target names.
    fn endpoint(&self, target: &Target) -> Option<Result<Endpoint, Reason>> {
        Endpoint::of(target, self.site.profile, self.site.cli_sign_in)
    }

    /// The whole product in one function.
    async fn answer(
        &self,
        mode: Option<Mode<'_>>,
        request: &mut Request,
        peer: &Peer,
        trace: &mut Trace,
    ) -> Result<Response, Error> {
        let (site, now) = (&*self.site, trace.at);
        let target = target::parse(request, &site.public_url)?;
        if let Some(endpoint) = self.endpoint(&target) {
            trace.outcome = Outcome::Own;
            let endpoint = endpoint.map_err(Error::Page)?;
            // In a box: a sign-in's state is large, and would be moved about with every request.
            let place = trace.span.as_ref().map(|span| span.within());
            let page = Box::pin(self.own_page(mode, endpoint, request, &target, peer, trace));
            return match place {
                Some(_) => Box::pin(within(place, page)).await,
                None => page.await,
            };
        }
        let Some(mode) = mode else { return Err(Error::Elsewhere) };
        if trace.span.is_some() {
            trace.route = Some(site.hub.route(&target));
        }
        let claimed = match site.hub.find(&target)? {
            Found::Claimed(claimed) => claimed,
            Found::InBody(rule) => Box::pin(in_body::read(mode, &rule, request)).await?,
        };
        let credential = self.credential(request.headers(), &claimed, peer, now).await?;
        let client = || site.forwarding.client(request.headers(), peer.address).address;
        self.machine(&credential, client, trace);
        match decide(&claimed, credential.principal(), now) {
            Decision::Allow(permit) => {
                // Of whoever should sign in, what is known of the last time.
                let lapsed = || permit.remembered(&permit.notice()?.organization);
                trace.subject = permit.caller().or_else(lapsed).map(|s| s.subject.clone());
                // A reason stands beside the organization whose reason it is.
                trace.reason = permit.notice().map(|notice| notice.reason);
                let noticed = permit.notice().map(|notice| notice.organization.clone());
                let own = || permit.organization().map(|o| o.id.clone());
                trace.organization = noticed.or_else(own);
                self.admit(mode, permit, &credential, request, peer, trace).await
            }
            Decision::Challenge(challenge) => Err(Error::Challenge(challenge)),
            Decision::Deny { reason, organization } => Err(Error::Deny { reason, organization }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The future of a request is moved from hand to hand; what it weighs is paid for each time.
    #[test]
    fn a_request_does_not_weigh_much() {
        fn weight<'g, F: Future>(
            _: impl FnOnce(&'g Gate, &'g mut Request, &'g Peer) -> F,
        ) -> usize {
            std::mem::size_of::<F>()
        }
        let weight = weight(|gate, request, peer| gate.serve(request, peer));
        assert!(weight <= 4608, "{weight} bytes");
    }
}
