//! Organizations that change one by one must still fit together.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::super::{OrganizationConfig, Problem, difference};
use super::{Changes, Origin};
use crate::policy::{Namespace, OrganizationId};

/// An organization that was read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) config: Arc<OrganizationConfig>,
    pub(super) origin: Origin,
}

/// The organizations that are at work; no two of them have an id or a namespace in common.
#[derive(Debug, Default)]
pub(super) struct AtWork {
    /// In their order.
    list: Vec<Candidate>,
    by_id: HashMap<OrganizationId, Candidate>,
    owners: HashMap<Namespace, OrganizationId>,
}

/// How organizations differ from those at work.
pub(super) struct Unlike<'c> {
    /// Those that come, are new, or have moved in the list.
    coming: Vec<&'c Candidate>,
    /// Where those stand at work that go, are changed, or have moved in the list.
    going: Vec<usize>,
}

impl AtWork {
    pub(super) fn get(&self, id: &OrganizationId) -> Option<&Candidate> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.list.iter()
    }

    /// Compares in one walk.
    pub(super) fn unlike<'c>(&self, candidates: &'c [Candidate]) -> Unlike<'c> {
        let found = difference(&self.list, candidates, |old, new| {
            Arc::ptr_eq(&old.config, &new.config) && old.origin == new.origin
        });
        let coming = candidates.iter().zip(&found.earlier).filter(|(_, at)| at.is_none());
        Unlike { coming: coming.map(|(one, _)| one).collect(), going: found.gone }
    }

    fn going<'s>(&'s self, unlike: &Unlike<'_>) -> impl Iterator<Item = &'s Candidate> {
        unlike.going.iter().filter_map(|at| self.list.get(*at))
    }

    /// Says what it means for those at work that others take their place.
    pub(super) fn compare(&self, candidates: &[Candidate], changes: &mut Changes) {
        let unlike = self.unlike(candidates);
        let mut come = HashSet::new();
        for one in &unlike.coming {
            let id = &one.config.policy.id;
            come.insert(id);
            match self.get(id) {
                None => changes.added.push(id.clone()),
                Some(earlier) if Arc::ptr_eq(&earlier.config, &one.config) => {}
                Some(_) => changes.changed.push(id.clone()),
            }
        }
        let gone = self.going(&unlike).map(|one| &one.config.policy.id);
        changes.removed = gone.filter(|id| !come.contains(id)).cloned().collect();
        changes.removed.sort_unstable();
    }

    /// Puts others in their place.
    pub(super) fn replace(&mut self, candidates: Vec<Candidate>) {
        let Unlike { coming, going } = self.unlike(&candidates);
        for one in going.into_iter().filter_map(|at| self.list.get(at)) {
            self.by_id.remove(&one.config.policy.id);
            for namespace in &one.config.policy.namespaces {
                self.owners.remove(namespace);
            }
        }
        for one in coming {
            let id = &one.config.policy.id;
            self.by_id.insert(id.clone(), one.clone());
            let namespaces = one.config.policy.namespaces.iter();
            self.owners.extend(namespaces.map(|namespace| (namespace.clone(), id.clone())));
        }
        self.list = candidates;
    }

    /// Whether those that come fit together, and with those that stay.
    fn fit(&self, candidates: &[Candidate]) -> bool {
        let unlike = self.unlike(candidates);
        let going: HashSet<&OrganizationId> =
            self.going(&unlike).map(|one| &one.config.policy.id).collect();
        let mut new = Owners::default();
        unlike.coming.iter().all(|one| {
            let policy = &one.config.policy;
            let stays = |id: &OrganizationId| !going.contains(id);
            let others = policy.namespaces.iter().filter_map(|name| self.owners.get(name));
            let taken = self.get(&policy.id).is_some_and(|_| stays(&policy.id))
                || others.into_iter().any(stays)
                || new.clash(&one.config).is_some();
            new.take(&one.config);
            !taken
        })
    }
}

/// Lets what is new join what is at work. Of two organizations that cannot both be, the one that
/// did not change wins; one that cannot join stays as it was, and is reported.
pub(super) fn merge(
    candidates: Vec<Candidate>,
    stay: Vec<Candidate>,
    at_work: &AtWork,
    broken: &mut Vec<Problem>,
) -> Vec<Candidate> {
    // Mostly, one of thousands has changed and fits.
    if stay.is_empty() && at_work.fit(&candidates) {
        return candidates;
    }
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
