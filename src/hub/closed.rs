//! What stays closed when an organization goes.

use std::sync::Arc;

use super::Hub;
use crate::config::{Identity, OrganizationConfig};
use crate::policy::{Enforcement, Namespace};

impl Hub {
    /// The same hub after a change of the configuration: what an organization had and nobody claims
    /// any more stays closed, where the hub itself would keep nobody out. Otherwise a file that is
    /// gone for a mistake would open everything. Whoever wants it open says so first, by
    /// `enforcement = "off"`, or starts the gate anew.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier.filter(|_| self.identity == Identity::Idp) else { return self };
        for (namespace, organization) in &earlier.organizations {
            if self.organizations.contains_key(namespace) {
                continue;
            }
            let closed = match organization.policy.enforcement {
                // Nobody was kept out.
                Enforcement::Off | Enforcement::Optional => continue,
                Enforcement::Closed => Arc::clone(organization),
                Enforcement::Enforced => {
                    let mut closed = OrganizationConfig::clone(organization);
                    closed.policy.enforcement = Enforcement::Closed;
                    Arc::new(closed)
                }
            };
            self.organizations.insert(namespace.clone(), closed);
        }
        self
    }

    /// The namespaces that stay closed after a change of the configuration, in order.
    #[must_use]
    pub fn closed(&self) -> Vec<&Namespace> {
        let closed = |organization: &OrganizationConfig| {
            organization.policy.enforcement == Enforcement::Closed
        };
        let all = self.organizations.iter().filter(|(_, organization)| closed(organization));
        let mut names: Vec<&Namespace> = all.map(|(name, _)| name).collect();
        names.sort_by_key(|name| name.as_str());
        names
    }
}
