//! Verification beside the reactor, bounded: a flood of garbage holds no request of somebody else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;

use super::turns::{Client, Turns};
use super::{Acs, Error, Known, Person, ServiceProvider};
use crate::budget::network;
use crate::policy::OrganizationId;
use crate::saml::{Refusal, UnverifiedForm, UnverifiedLogout, VerifiedLogout};

/// How urgent verification is (setpriority(2)): as little as can be.
const PRIORITY: i32 = 19;

/// Where messages are verified: at most so many at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifying(Turns);

impl Default for Verifying {
    fn default() -> Self {
        // Half of the machine is left to everybody else.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self(Turns::new((cores / 2).max(1)))
    }
}

impl Verifying {
    /// Runs `work` on a thread of its own when it is the client's turn at the organization. The
    /// threads that answer requests go first: whatever is verified, they do not wait for a core.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        organization: &OrganizationId,
        client: Client,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.0.place(organization, client).await.ok_or(Error::Busy)?;
        let (tell, told) = oneshot::channel();
        let thread = std::thread::Builder::new().name("verify".to_owned());
        let started = thread.spawn(move || {
            // Where this is not allowed, it is as urgent as everything else.
            let _ = setpriority_process(None, PRIORITY);
            // Held until the work is done, even if nobody waits for it any more.
            let _place = place;
            // Whoever asked may have left.
            let _ = tell.send(work());
        });
        started.map_err(|_| Error::Busy)?;
        told.await.map_err(|_| Error::Busy)
    }
}

/// A logout message as it arrived.
#[derive(Clone, Debug)]
pub enum Arrived {
    /// The raw query of a GET.
    Redirect(String),
    /// A posted form.
    Post(UnverifiedForm),
}

impl Arrived {
    /// Whether it says that it answers a request of ours.
    #[must_use]
    pub fn is_response(&self) -> bool {
        match self {
            Self::Redirect(query) => url::form_urlencoded::parse(query.as_bytes())
                .any(|(name, _)| name == "SAMLResponse"),
            Self::Post(form) => form.saml_response.is_some(),
        }
    }
}

impl ServiceProvider {
    /// Verifies an answer that `client` sent to one of our addresses. A signature of a key that is
    /// not known makes us look whether the provider has published another one.
    ///
    /// # Errors
    /// The check that the answer does not pass.
    pub async fn finish(
        self: &Arc<Self>,
        acs: Acs,
        response: &str,
        request_id: Option<&str>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Person, Error> {
        let known = self.known(now).await?;
        let verified = match self.verified(&known, acs, response, request_id, client, now).await {
            Err(Error::Refused(refusal)) if is_unknown_key(refusal) => {
                let Some(again) = self.asked_again(&known, now).await else {
                    return Err(Error::Refused(refusal));
                };
                self.verified(&again, acs, response, request_id, client, now).await
            }
            other => other,
        };
        Person::of(verified?, self.config())
    }

    async fn verified(
        &self,
        known: &Known,
        acs: Acs,
        response: &str,
        request_id: Option<&str>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<crate::saml::VerifiedAssertion, Error> {
        let core = Arc::clone(known.core(acs));
        let (response, request_id) = (response.to_owned(), request_id.map(str::to_owned));
        let work = move || core.finish(&response, request_id.as_deref(), now);
        self.beside(client, work).await?.map_err(Error::Refused)
    }

    async fn beside<T: Send + 'static>(
        &self,
        client: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.verifying.run(&self.organization, Some(network(client)), work).await
    }

    /// Verifies a message to the single logout service; `request_id` is that of the request that
    /// it may answer.
    ///
    /// # Errors
    /// The check that the message does not pass.
    pub async fn receive_logout(
        self: &Arc<Self>,
        arrived: Arrived,
        request_id: Option<&str>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<(VerifiedLogout, Arc<Known>), Error> {
        let known = self.known(now).await?;
        match self.received(&known, arrived.clone(), request_id, client, now).await {
            Err(Error::Refused(refusal)) if is_unknown_key(refusal) => {
                let Some(again) = self.asked_again(&known, now).await else {
                    return Err(Error::Refused(refusal));
                };
                let message = self.received(&again, arrived, request_id, client, now).await?;
                Ok((message, again))
            }
            other => Ok((other?, known)),
        }
    }

    async fn received(
        &self,
        known: &Known,
        arrived: Arrived,
        request_id: Option<&str>,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<VerifiedLogout, Error> {
        let core = Arc::clone(&known.own);
        let request_id = request_id.map(str::to_owned);
        let work = move || {
            let message = match &arrived {
                Arrived::Redirect(query) => UnverifiedLogout::Redirect(query),
                Arrived::Post(form) => UnverifiedLogout::Post(form),
            };
            core.receive_logout(message, request_id.as_deref(), now)
        };
        self.beside(client, work).await?.map_err(Error::Refused)
    }
}

/// Whether the message was signed with a key that is not known.
fn is_unknown_key(refusal: Refusal) -> bool {
    refusal == Refusal::SignatureInvalid || refusal == Refusal::SignatureKey
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn requests_go_before_verification() {
        let organization = OrganizationId::parse("globex").unwrap();
        let before = getpriority_process(None).unwrap();
        let verifying = Verifying::default();
        let urgency = verifying.run(&organization, None, || getpriority_process(None)).await;
        assert_eq!(urgency.unwrap().unwrap(), PRIORITY);
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    #[tokio::test]
    async fn work_keeps_its_place_when_whoever_asked_has_left() {
        let [globex, acme] = ["globex", "acme"].map(|id| OrganizationId::parse(id).unwrap());
        let verifying = Verifying(Turns::new(1));
        let (begun, begins) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let work = move || begun.send(()).map(|()| ends.recv());
        let mut cx = Context::from_waker(Waker::noop());
        let mut asked = Box::pin(verifying.run(&globex, None, work));
        assert!(asked.as_mut().poll(&mut cx).is_pending());
        begins.recv().unwrap();
        drop(asked);
        let mut next = Box::pin(verifying.0.place(&acme, None));
        assert!(next.as_mut().poll(&mut cx).is_pending());
        drop(end);
        assert!(next.await.is_some());
    }

    /// Whoever has an IPv6 address has a network of them.
    #[tokio::test]
    async fn a_network_fills_its_own_line_and_no_other() {
        let provider = crate::service_provider::tests::provider("");
        let places = std::thread::available_parallelism().unwrap().get();
        let mut taken = Vec::new();
        for number in 0..(places / 2).max(1) {
            let acme = OrganizationId::parse(&format!("acme-{number}")).unwrap();
            taken.push(provider.verifying.0.place(&acme, None).await.unwrap());
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut asked = Vec::new();
        let mut is_refused = |client: &str| {
            let mut work = Box::pin(provider.beside(client.parse().unwrap(), || ()));
            let polled = work.as_mut().poll(&mut cx);
            asked.push(work);
            polled.is_ready()
        };
        let refused = (1..=17).filter(|host| is_refused(&format!("2001:db8::{host:x}")));
        assert_eq!(refused.collect::<Vec<_>>(), [17]);
        assert!(!is_refused("2001:db8:0:1::1"));
    }

    #[tokio::test]
    async fn work_that_never_ends_well_gives_its_place_back() {
        let organization = OrganizationId::parse("globex").unwrap();
        let verifying = Verifying::default();
        let places = std::thread::available_parallelism().unwrap().get();
        for _ in 0..places {
            let failed = verifying.run(&organization, None, || panic!("a fault of ours"));
            assert!(matches!(failed.await, Err::<(), _>(Error::Busy)));
        }
        assert_eq!(verifying.run(&organization, None, || 1).await.unwrap(), 1);
    }
}
