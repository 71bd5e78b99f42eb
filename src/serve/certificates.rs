//! Certificates that end soon: said at the start, after a change, and once a day.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use crate::gate::Site;
use crate::observe::{CertificateOf, Metrics};

/// From when on an end is near.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often it is said.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How many certificates are named at once.
const NAMED: usize = 20;

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    about: Option<(Weak<Site>, Option<SystemTime>)>,
    at: Option<SystemTime>,
}

impl Watch {
    /// Looks at every certificate, and says which ones end soon where that was not said lately.
    pub(super) fn look(&mut self, site: &Arc<Site>, metrics: &Metrics, now: SystemTime) {
        let tls = metrics.certificate_ends_at();
        let same =
            self.about.as_ref().is_some_and(|(s, t)| s.as_ptr() == Arc::as_ptr(site) && *t == tls);
        let lately = self.at.is_some_and(|at| now < at + AGAIN);
        let say = !(same && lately);
        let soon = now.checked_add(SOON).unwrap_or(now);
        let mut seen: [(Option<SystemTime>, usize); 3] = Default::default();
        let mut note = |kind: CertificateOf, ends_at: SystemTime| {
            let Some((first, expiring)) = seen.get_mut(kind as usize) else { return false };
            *first = Some(first.map_or(ends_at, |earlier| earlier.min(ends_at)));
            *expiring += usize::from(ends_at <= soon);
            ends_at <= soon
        };
        let mut named = 0;
        let mut expiring = 0;
        if let Some(ends_at) = tls
            && note(CertificateOf::Tls, ends_at)
            && say
        {
            warn(CertificateOf::Tls, "", ends_at, now);
        }
        for entry in site.directory().iter() {
            for (kind, ends_at) in entry.certificates() {
                if !note(kind, ends_at) {
                    continue;
                }
                expiring += 1;
                if say && named < NAMED {
                    named += 1;
                    warn(kind, entry.config.policy.id.as_str(), ends_at, now);
                }
            }
        }
        if say && expiring > named {
            tracing::warn!(more = expiring - named, "further certificates end soon");
        }
        for kind in CertificateOf::ALL {
            if let Some((first, expiring)) = seen.get(kind as usize) {
                metrics.certificates(kind, *first, *expiring);
            }
        }
        if say {
            (self.about, self.at) = (Some((Arc::downgrade(site), tls)), Some(now));
        }
    }
}

fn warn(kind: CertificateOf, organization: &str, ends_at: SystemTime, now: SystemTime) {
    let (kind, ends) = (kind.as_str(), jiff::Timestamp::try_from(ends_at).unwrap_or_default());
    match ends_at.duration_since(now) {
        Ok(left) => {
            let days = left.as_secs() / (24 * 60 * 60);
            tracing::warn!(kind, organization, %ends, days, "a certificate ends soon");
        }
        Err(_) => tracing::warn!(kind, organization, %ends, "a certificate has ended"),
    }
}
