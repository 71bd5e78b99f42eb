//! Whose each namespace is, and what stays closed when an organization goes.

use std::collections::HashMap;
use std::sync::Arc;

use super::Hub;
use super::names::ByName;
use crate::config::{Identity, OrganizationConfig, difference};
use crate::policy::{Enforcement, Namespace};

/// The organizations by their namespaces; keys are the operator's.
pub(super) type Owners = HashMap<Namespace, Arc<OrganizationConfig>, ByName>;

/// Whose each namespace is after a change of the configuration. Of ten thousand organizations,
/// those that did not change are not looked at.
///
/// What an organization had and nobody claims any more stays closed, where the hub itself would
/// keep nobody out. Otherwise a file that is gone for a mistake would open everything. Whoever
/// wants it open says so first, by `enforcement = "off"`, or starts the gate anew.
pub(super) fn owners(
    identity: Identity,
    organizations: &[Arc<OrganizationConfig>],
    earlier: Option<&Hub>,
) -> Owners {
    // Another identity closes other things: then all begins anew.
    let same = earlier.filter(|earlier| earlier.identity == identity);
    let (mut owners, before) =
        same.map_or_else(Default::default, |hub| (hub.owners.clone(), &*hub.organizations));
    let found = difference(before, organizations, Arc::ptr_eq);
    let mut lost: Vec<(Namespace, Arc<OrganizationConfig>)> = match (same, earlier) {
        (None, Some(other)) => other.owners.clone().into_iter().collect(),
        (Some(_), _) | (None, None) => Vec::new(),
    };
    for organization in found.gone.iter().filter_map(|at| before.get(*at)) {
        for namespace in &organization.policy.namespaces {
            if let Some(had) = owners.remove_entry(namespace) {
                lost.push(had);
            }
        }
    }
    for (organization, _) in organizations.iter().zip(&found.earlier).filter(|(_, at)| at.is_none())
    {
        for namespace in &organization.policy.namespaces {
            owners.insert(namespace.clone(), Arc::clone(organization));
        }
    }
    if identity == Identity::Idp {
        for (namespace, organization) in lost {
            if let Some(closed) = closed(&organization).filter(|_| !owners.contains_key(&namespace))
            {
                owners.insert(namespace, closed);
            }
        }
    }
    owners
}

/// What keeps everybody out of a namespace that the organization had; `None`: nobody was kept out.
fn closed(organization: &Arc<OrganizationConfig>) -> Option<Arc<OrganizationConfig>> {
    match organization.policy.enforcement {
        Enforcement::Off | Enforcement::Optional => None,
        Enforcement::Closed => Some(Arc::clone(organization)),
        Enforcement::Enforced => {
            let mut closed = OrganizationConfig::clone(organization);
            closed.policy.enforcement = Enforcement::Closed;
            Some(Arc::new(closed))
        }
    }
}

impl Hub {
    /// The namespaces that stay closed after a change of the configuration, in order.
    #[must_use]
    pub fn closed(&self) -> Vec<&Namespace> {
        let closed = |organization: &OrganizationConfig| {
            organization.policy.enforcement == Enforcement::Closed
        };
        let all = self.owners.iter().filter(|(_, organization)| closed(organization));
        let mut names: Vec<&Namespace> = all.map(|(name, _)| name).collect();
        names.sort_by_key(|name| name.as_str());
        names
    }
}
