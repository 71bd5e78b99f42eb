//! Organizations as they were read last: one whose text and files are unchanged is not read again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use toml::Value;

use super::super::keys::ORGANIZATION;
use super::super::organization::Surroundings;
use super::super::section::{Place, Reader, Section};
use super::super::stamp::{Looks, Touched};
use super::super::{OrganizationConfig, Problem, difference};
use super::Origin;
use super::entries::Entry;
use super::many;
use super::merge::Candidate;

/// Every organization's last reading, in the order of the entries.
#[derive(Debug, Default)]
pub(super) struct Readings(Vec<Known>);

#[derive(Debug)]
struct Known {
    /// The file and the label that it stands under.
    name: (Origin, String),
    value: Arc<Value>,
    around: Surroundings,
    touched: Vec<Touched>,
    /// Whether the last look has proved that those files are what they were.
    proved: bool,
    outcome: Result<Arc<OrganizationConfig>, Vec<Problem>>,
}

/// What became of the entries.
#[derive(Debug, Default)]
pub(super) struct Organizations {
    pub(super) good: Vec<Candidate>,
    pub(super) broken: Vec<Problem>,
    /// Where something is broken.
    pub(super) broken_in: HashSet<Origin>,
}

impl Readings {
    /// Reads what has changed; the files that organizations rest on are as they were at the last
    /// look.
    pub(super) fn read(
        &mut self,
        reader: &Reader,
        entries: &[Entry<'_>],
        around: Surroundings,
    ) -> Organizations {
        let mut found = difference(&self.0, entries, |known, entry| known.is_still(entry, around));
        // What seems to have changed is looked at more closely, by its name.
        let gone = found.gone.iter().filter_map(|at| Some((self.0.get(*at)?.name.clone(), *at)));
        let mut gone: HashMap<(Origin, String), usize> = gone.collect();
        let mut unknown: Vec<(usize, &Entry<'_>)> = Vec::new();
        for (index, (entry, earlier)) in entries.iter().zip(&mut found.earlier).enumerate() {
            if earlier.is_none() {
                let at = gone.remove(&name(entry, index));
                let known = at.and_then(|at| self.0.get_mut(at));
                if known.is_some_and(|known| known.is_unchanged(entry, around)) {
                    *earlier = at;
                } else {
                    unknown.push((index, entry));
                }
            }
        }
        let (environment, now) = (&reader.environment, reader.now);
        let read = many::each(&unknown, |(index, entry)| {
            Known::read(&Reader::new(Arc::clone(environment), now), entry, *index, around)
        });
        many::arrange(&mut self.0, &found.earlier, read);
        let mut found = Organizations::default();
        found.good.reserve(self.0.len());
        for Known { name: (origin, _), outcome, .. } in &self.0 {
            match outcome {
                Ok(config) => found
                    .good
                    .push(Candidate { config: Arc::clone(config), origin: origin.clone() }),
                Err(problems) => {
                    found.broken.extend(problems.iter().cloned());
                    found.broken_in.insert(origin.clone());
                }
            }
        }
        found
    }

    /// Looks at the files that organizations rest on; says whether any is not what it was at the
    /// last look.
    pub(super) fn look(&mut self, now: SystemTime) -> bool {
        let size = many::share(self.0.len());
        let parts = many::side_by_side(self.0.chunks_mut(size), |part| {
            let mut looks = Looks::at(now);
            let mut changed = false;
            for known in part {
                known.proved = true;
                for touched in &mut known.touched {
                    changed |= touched.look(&mut looks);
                    known.proved &= touched.is_proved();
                }
            }
            changed
        });
        parts.contains(&true)
    }
}

impl Known {
    /// Whether the reading is surely true of the entry.
    fn is_still(&self, entry: &Entry<'_>, around: Surroundings) -> bool {
        self.proved && Arc::ptr_eq(&self.value, &entry.value) && self.around == around
    }

    /// Whether the reading is true of the entry; looks into files that leave a doubt.
    fn is_unchanged(&mut self, entry: &Entry<'_>, around: Surroundings) -> bool {
        let same = (Arc::ptr_eq(&self.value, &entry.value) || self.value == *entry.value)
            && self.around == around
            && self.touched.iter_mut().all(Touched::is_unchanged);
        if same {
            self.value = Arc::clone(&entry.value);
        }
        same
    }

    fn read(reader: &Reader, entry: &Entry<'_>, index: usize, around: Surroundings) -> Self {
        let place = labelled(entry, index);
        let name = (place.file.clone(), place.key.clone());
        let config = open(reader, place, &entry.value)
            .and_then(|section| OrganizationConfig::read(&section, around));
        let problems = reader.problems.take();
        let outcome = match config {
            Some(config) if problems.is_empty() => Ok(Arc::new(config)),
            Some(_) | None => Err(problems),
        };
        let touched = reader.take_touched();
        let value = Arc::clone(&entry.value);
        Self { name, value, around, touched, proved: false, outcome }
    }
}

/// The file and the label that an entry stands under.
fn name(entry: &Entry<'_>, index: usize) -> (Origin, String) {
    let place = labelled(entry, index);
    (place.file, place.key)
}

/// The entries' tables.
pub(super) fn sections<'r>(reader: &'r Reader, entries: &'r [Entry<'_>]) -> Vec<Section<'r>> {
    let open =
        |(index, entry): (usize, &'r Entry<'_>)| open(reader, labelled(entry, index), &entry.value);
    entries.iter().enumerate().filter_map(open).collect()
}

fn open<'r>(reader: &'r Reader, place: Place, value: &'r Value) -> Option<Section<'r>> {
    let Some(table) = value.as_table() else {
        reader.note(&place, "", "is no table", "write [[organization]]");
        return None;
    };
    Some(Section::open(reader, place, table, ORGANIZATION))
}

/// Where an organization stands, under a label that people recognize: its id, else its place in
/// the list.
fn labelled(entry: &Entry<'_>, index: usize) -> Place {
    let id = entry.value.get("id").and_then(Value::as_str).filter(|id| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !id.is_empty() && id.len() <= 64 && id.bytes().all(plain)
    });
    let key = match id {
        Some(id) => format!("organization[{id}]"),
        None => format!("organization[{index}]"),
    };
    let place = Place::clone(&entry.place);
    Place { key, ..place }
}
