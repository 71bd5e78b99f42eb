//! Organizations that change one by one must still fit together.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::super::{OrganizationConfig, Problem};
use super::Origin;
use crate::policy::{Namespace, OrganizationId};

/// An organization that was read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) config: Arc<OrganizationConfig>,
    pub(super) origin: Origin,
}

/// Organizations by id, as they are at work.
pub(super) type AtWork = HashMap<OrganizationId, Candidate>;

/// Lets what is new join what is at work. Of two organizations that cannot both be, the one that
/// did not change wins; one that cannot join stays as it was, and is reported.
pub(super) fn merge(
    candidates: Vec<Candidate>,
    stay: Vec<Candidate>,
    at_work: &AtWork,
    broken: &mut Vec<Problem>,
) -> Vec<Candidate> {
    let unchanged = |candidate: &Candidate| {
        at_work
            .get(&candidate.config.policy.id)
            .is_some_and(|earlier| Arc::ptr_eq(&earlier.config, &candidate.config))
    };
    let unchanged: Vec<bool> = candidates.iter().map(unchanged).collect();
    let mut rejected: HashSet<usize> = HashSet::new();
    let mut kept = stay;
    loop {
        let mut owners = Owners::default();
        for candidate in &kept {
            owners.take(&candidate.config);
        }
        let standing = |index: &usize| !rejected.contains(index);
        let mut wrong = None;
        // First those that did not change, then the others in their order.
        for changed in [false, true] {
            let some = candidates
                .iter()
                .enumerate()
                .zip(&unchanged)
                .filter(|((i, _), unchanged)| standing(i) && **unchanged != changed)
                .map(|(one, _)| one);
            for (index, candidate) in some {
                if let Some(why) = owners.clash(&candidate.config) {
                    wrong = Some((index, candidate, why));
                    break;
                }
                owners.take(&candidate.config);
            }
            if wrong.is_some() {
                break;
            }
        }
        let Some((index, candidate, why)) = wrong else {
            let standing: Vec<Candidate> = candidates
                .iter()
                .enumerate()
                .filter(|(index, _)| !rejected.contains(index))
                .map(|(_, candidate)| candidate.clone())
                .collect();
            return standing.into_iter().chain(kept).collect();
        };
        broken.push(why.problem(candidate));
        rejected.insert(index);
        let id = &candidate.config.policy.id;
        let elsewhere = candidates
            .iter()
            .enumerate()
            .any(|(i, c)| !rejected.contains(&i) && c.config.policy.id == *id)
            || kept.iter().any(|c| c.config.policy.id == *id);
        // What it was is at work and fits everything else that is.
        if !elsewhere && let Some(earlier) = at_work.get(id) {
            kept.push(earlier.clone());
        }
    }
}

/// Who has which id and which namespace.
#[derive(Default)]
struct Owners<'c> {
    ids: HashSet<&'c OrganizationId>,
    namespaces: HashMap<&'c Namespace, &'c OrganizationId>,
}

enum Clash {
    Id,
    Namespace { name: String, owner: String },
}

impl<'c> Owners<'c> {
    fn take(&mut self, config: &'c OrganizationConfig) {
        self.ids.insert(&config.policy.id);
        for namespace in &config.policy.namespaces {
            self.namespaces.insert(namespace, &config.policy.id);
        }
    }

    fn clash(&self, config: &OrganizationConfig) -> Option<Clash> {
        if self.ids.contains(&config.policy.id) {
            return Some(Clash::Id);
        }
        config.policy.namespaces.iter().find_map(|namespace| {
            let owner = self.namespaces.get(namespace)?;
            Some(Clash::Namespace { name: namespace.as_str().to_owned(), owner: owner.to_string() })
        })
    }
}

impl Clash {
    fn problem(&self, candidate: &Candidate) -> Problem {
        let id = &candidate.config.policy.id;
        let (key, what, remedy) = match self {
            Self::Id => {
                let what = format!("{:?} is the id of another organization too", id.as_str());
                ("id", what, "give each its own id")
            }
            Self::Namespace { name, owner } => {
                let what = format!("{name} belongs to the organization {owner:?} already");
                ("namespaces", what, "remove it from one of them")
            }
        };
        Problem {
            file: candidate.origin.as_deref().map(Path::to_owned),
            key: format!("organization[{id}].{key}"),
            what,
            remedy: remedy.to_owned(),
        }
    }
}
