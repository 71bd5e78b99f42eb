//! Identity headers that were made earlier, by organization.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::headers::Identity;
use crate::policy::OrganizationId;

/// Identity headers of one caller; they hold an assertion whose signature is dear.
#[derive(Debug, Default)]
pub struct Prepared(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    organization: Option<OrganizationId>,
    generation: u64,
    identity: Arc<Identity>,
    good_until: SystemTime,
}

impl Prepared {
    /// The identity headers for a target of `organization`, made by `make` when those made earlier
    /// are not good any more, or were made for another generation of the configuration. `make` also
    /// says until when its result is good.
    pub fn find(
        &self,
        organization: Option<&OrganizationId>,
        generation: u64,
        now: SystemTime,
        make: impl FnOnce() -> (Identity, SystemTime),
    ) -> Arc<Identity> {
        let mut prepared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |p: &&Entry| {
            p.organization.as_ref() == organization
                && p.generation == generation
                && now < p.good_until
        };
        if let Some(found) = prepared.iter().find(good) {
            return Arc::clone(&found.identity);
        }
        let (identity, good_until) = make();
        let identity = Arc::new(identity);
        prepared.retain(|p| p.organization.as_ref() != organization);
        prepared.push(Entry {
            organization: organization.cloned(),
            generation,
            identity: Arc::clone(&identity),
            good_until,
        });
        identity
    }
}
