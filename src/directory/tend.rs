//! What is known of identity providers, kept fresh beside requests.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinSet;

use super::{Directory, Provider};
use crate::observe::Metrics;

/// How many identity providers are asked at the same time.
const AT_ONCE: usize = 8;

impl Directory {
    /// Asks identity providers anew for what is old, and those that have not answered whether they
    /// do again, a few at once; tells the metrics how it stands with them.
    pub async fn tend(&self, now: SystemTime, metrics: &Metrics) {
        let mut fetching = JoinSet::new();
        for entry in self.iter() {
            let idle = match &entry.provider {
                Provider::Oidc(party) => party.up().is_none(),
                Provider::Saml(_) => false,
            };
            if idle {
                continue;
            }
            if fetching.len() >= AT_ONCE {
                fetching.join_next().await;
            }
            let entry = Arc::clone(entry);
            fetching.spawn(async move {
                match &entry.provider {
                    Provider::Oidc(party) => party.tend(now).await,
                    Provider::Saml(provider) => provider.tend(now).await,
                }
            });
        }
        fetching.join_all().await;
        self.iter().for_each(|entry| entry.tell(metrics));
        let down = self.iter().filter(|entry| entry.up() == Some(false)).count();
        metrics.identity_providers_down(down);
    }
}
