//! Which configuration is at work: swapped whole, and looked up once for each request.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use http::StatusCode;

use super::{Gate, Site};
use crate::message::{Answers, Request, Response, Sent};
use crate::observe::Recorder;
use crate::peer::Peer;
use crate::policy::Reason;

/// The configuration at work; every thread sees the same, cheap to clone.
#[derive(Clone, Debug)]
pub struct Current(Arc<ArcSwap<Site>>);

impl Current {
    /// Puts the first configuration to work.
    #[must_use]
    pub fn new(site: Site) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(site)))
    }

    /// The configuration at work.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        self.0.load_full()
    }

    /// Puts another configuration to work, and returns the one that was. Requests that are under way
    /// end as they began.
    pub fn swap(&self, site: Site) -> Arc<Site> {
        self.0.swap(Arc::new(site))
    }
}

/// The gates of one thread: one for each configuration that has requests, of which the latest
/// takes the new ones.
pub struct Gates(RefCell<Latest>);

struct Latest {
    /// Asks whether there is another configuration by one load, without a lock or a shared count.
    cache: Cache<Arc<ArcSwap<Site>>, Arc<Site>>,
    gate: Rc<Gate>,
}

impl std::fmt::Debug for Gates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gates")
    }
}

impl Gates {
    /// The gates of this thread.
    #[must_use]
    pub fn new(current: &Current, recorder: Recorder) -> Self {
        let mut cache = Cache::new(Arc::clone(&current.0));
        let gate = Rc::new(Gate::new(Arc::clone(cache.load()), recorder));
        Self(RefCell::new(Latest { cache, gate }))
    }

    fn gate(&self) -> Rc<Gate> {
        let latest = &mut *self.0.borrow_mut();
        let site = latest.cache.load();
        if !Arc::ptr_eq(site, &latest.gate.site) {
            latest.gate = Rc::new(latest.gate.with(Arc::clone(site)));
        }
        Rc::clone(&latest.gate)
    }
}

/// By the configuration that is at work when a request comes, whatever happens.
impl Answers for Gates {
    fn at_once(&self, sent: Sent<'_>, fields: &mut Vec<u8>) -> Option<usize> {
        self.gate().plainly(sent, fields)
    }

    async fn answer(&self, request: &mut Request, peer: &Peer) -> Response {
        self.gate().serve(request, peer).await
    }

    fn unreadable(&self, status: StatusCode, reason: Reason) -> Response {
        self.gate().unreadable(status, reason)
    }
}
