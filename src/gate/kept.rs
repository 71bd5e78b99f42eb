//! What survives a reload: everything that a sign-in or a provider has left with us.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::noted::Noted;
use super::{SetupError, Site};
use crate::clock::Clock;
use crate::config::{Config, LONGEST_SESSION};
use crate::credential::{Grants, Refreshes};
use crate::device::Programs;
use crate::http_client::HttpClient;
use crate::jose::AssertionKeys;
use crate::links::Links;
use crate::login::ConsumedStates;
use crate::logout::SignOuts;
use crate::observe::{Audit, Calls, Held, Metrics, Observer};
use crate::policy::OrganizationId;
use crate::recovery::Tries;
use crate::session::{self, Sealer, Sessions};

/// What one configuration leaves to the next. It is made once for each process; a [`Site`] borrows
/// from it whatever must not be forgotten when the configuration changes.
///
/// What belongs to one organization's provider (metadata, keys, used logout tokens) is handed on
/// by the [`Directory`](crate::directory::Directory), and connections to the hub by the
/// [`Connector`](crate::proxy::Connector): they survive as long as what they rest on is unchanged.
///
/// [`Site`]: super::Site
#[derive(Debug)]
pub struct Kept {
    pub(super) clock: Clock,
    /// The one way out, with the machine's trust anchors.
    pub(super) http: HttpClient,
    pub(super) sessions: Arc<Sessions>,
    /// What programs have been allowed.
    pub(super) grants: Arc<Grants>,
    /// Programs that wait to be allowed.
    pub(super) programs: Programs,
    /// Recovery codes that were used.
    pub(super) recovery_tries: Tries,
    /// Sign-in states that were used.
    pub(super) consumed: ConsumedStates,
    /// Sign-outs that are on their way through the providers.
    pub(super) sign_outs: SignOuts,
    /// Refreshes that are under way.
    pub(super) refreshes: Refreshes,
    pub(super) assertion_keys: AssertionKeys,
    /// Seals sign-in state where the configuration names no key.
    pub(super) own_sealer: Arc<Sealer>,
    /// Which account of the hub is which person.
    pub(super) links: Arc<Links>,
    /// Whether proxies ask at a port of its own; ports are bound once.
    pub(super) asked_apart: bool,
    /// Notes what happens beside requests.
    pub(super) audit: Audit,
    pub(super) noted: Noted,
    pub(super) metrics: Arc<Metrics>,
    /// Where what is asked of others becomes spans.
    pub(super) calls: Calls,
    generations: AtomicU64,
}

impl Kept {
    /// Begins with nothing to remember.
    ///
    /// # Errors
    /// When the machine cannot make keys, or has no usable trust store.
    pub fn new(config: &Config, clock: Clock, observer: &Observer) -> Result<Self, SetupError> {
        let audit = observer.audit().clone();
        let sessions = Arc::new(Sessions::open(&config.session));
        let grants = Arc::new(Grants::new(LONGEST_SESSION));
        let links = Arc::new(Links::open(config.hub.links.clone())?.audited(audit.clone()));
        observer.metrics().watch({
            let held = (Arc::clone(&sessions), Arc::clone(&grants), Arc::clone(&links));
            move || {
                let (sessions, grants, links) = &held;
                Held {
                    sessions: sessions.count(),
                    evicted: sessions.evicted(),
                    grants: grants.count(),
                    links: links.count(),
                }
            }
        });
        Ok(Self {
            http: HttpClient::new()?.counting(observer.calls()),
            sessions,
            grants,
            programs: Programs::new()?,
            recovery_tries: Tries::default(),
            consumed: ConsumedStates::default(),
            sign_outs: SignOuts::default(),
            refreshes: Refreshes::default(),
            assertion_keys: AssertionKeys::generate(clock.now())?,
            own_sealer: Arc::new(Sealer::new(&[])?),
            links,
            asked_apart: config.server.forward_auth.is_some(),
            metrics: Arc::clone(observer.metrics()),
            calls: observer.calls(),
            audit,
            noted: Noted::default(),
            generations: AtomicU64::new(0),
            clock,
        })
    }

    /// Reads the links again, if another process has changed them.
    pub fn read_links(&self) {
        match self.links.read_again(self.clock.now()) {
            Ok(true) => tracing::info!("the links of accounts were read again"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the links stay as they were"),
        }
    }

    /// The keys of the upstream assertion, for whoever rotates them.
    #[must_use]
    pub const fn assertion_keys(&self) -> &AssertionKeys {
        &self.assertion_keys
    }

    /// Ends the sign-ins of organizations that `after` does not have, or for which another identity
    /// provider vouches than in `before`; says how many there were.
    ///
    /// # Errors
    /// When the session store cannot say.
    pub fn end_sign_ins(
        &self,
        before: &Site,
        after: &Site,
        organizations: &[OrganizationId],
    ) -> Result<usize, session::Error> {
        let mut ended = 0;
        for id in organizations {
            let entry = after.directory.find(id);
            let earlier = before.directory.find(id);
            if entry.zip(earlier).is_some_and(|(entry, old)| entry.has_the_issuer_of(old)) {
                continue;
            }
            let vouched = |issuer: &str| entry.is_some_and(|entry| entry.vouches(issuer));
            let now = self.clock.now();
            ended += self.sessions.end_organization(id, vouched, now)?;
            if let Err(error) = self.links.revoke_organization(id, vouched, now) {
                tracing::error!(organization = %id, %error, "ended sign-ins are not remembered");
            }
        }
        Ok(ended)
    }

    /// A number that no other configuration of this process has.
    pub(super) fn generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }
}
