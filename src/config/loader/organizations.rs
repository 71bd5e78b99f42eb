//! Organizations as they were read last: one whose text and files are unchanged is not read again.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use toml::Value;

use super::super::keys::ORGANIZATION;
use super::super::organization::Surroundings;
use super::super::section::{Place, Reader, Section};
use super::super::stamp::{Looks, Touched};
use super::super::{OrganizationConfig, Problem};
use super::Origin;
use super::entries::Entry;
use super::many::{self, Earlier};
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
        entries: &[Entry],
        around: Surroundings,
    ) -> Organizations {
        let mut earlier = Earlier::new(std::mem::take(&mut self.0), |known| known.name.clone());
        let known = entries.iter().enumerate().map(|(index, entry)| {
            // One that has changed has its name still.
            let is = |known: &Known| {
                Arc::ptr_eq(&known.value, &entry.value) || known.name == name(entry, index)
            };
            let known = earlier.take(is, || name(entry, index));
            known.and_then(|known| known.unchanged(entry, around))
        });
        let known: Vec<Option<Known>> = known.collect();
        let unknown = entries.iter().zip(&known).enumerate();
        let unknown: Vec<(usize, &Entry)> = unknown
            .filter(|(_, (_, known))| known.is_none())
            .map(|(index, (entry, _))| (index, entry))
            .collect();
        let (environment, now) = (&reader.environment, reader.now);
        let read = many::each(&unknown, |(index, entry)| {
            Known::read(&Reader::new(Arc::clone(environment), now), entry, *index, around)
        });
        let mut read = read.into_iter();
        self.0 = known.into_iter().filter_map(|known| known.or_else(|| read.next())).collect();
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

    /// Looks at the files that organizations rest on.
    pub(super) fn look(&mut self, now: SystemTime, seen: &mut impl Hasher) {
        let size = many::share(self.0.len());
        let parts = many::side_by_side(self.0.chunks_mut(size), |part| {
            let (mut looks, mut seen) = (Looks::at(now), DefaultHasher::new());
            for touched in part.iter_mut().flat_map(|known| &mut known.touched) {
                touched.latest = looks.look(&touched.path);
                touched.path.as_os_str().hash(&mut seen);
                touched.latest.hash(&mut seen);
            }
            seen.finish()
        });
        parts.hash(seen);
    }
}

impl Known {
    /// The reading, if it is still true.
    fn unchanged(mut self, entry: &Entry, around: Surroundings) -> Option<Self> {
        let same = (Arc::ptr_eq(&self.value, &entry.value) || self.value == entry.value)
            && self.around == around
            && self.touched.iter_mut().all(Touched::is_unchanged);
        if !same {
            return None;
        }
        self.value = Arc::clone(&entry.value);
        Some(self)
    }

    fn read(reader: &Reader, entry: &Entry, index: usize, around: Surroundings) -> Self {
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
        Self { name, value: Arc::clone(&entry.value), around, touched, outcome }
    }
}

/// The file and the label that an entry stands under.
fn name(entry: &Entry, index: usize) -> (Origin, String) {
    let place = labelled(entry, index);
    (place.file, place.key)
}

/// The entries' tables.
pub(super) fn sections<'r>(reader: &'r Reader, entries: &'r [Entry]) -> Vec<Section<'r>> {
    let open =
        |(index, entry): (usize, &'r Entry)| open(reader, labelled(entry, index), &entry.value);
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
fn labelled(entry: &Entry, index: usize) -> Place {
    let id = entry.value.get("id").and_then(Value::as_str).filter(|id| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !id.is_empty() && id.len() <= 64 && id.bytes().all(plain)
    });
    let key = match id {
        Some(id) => format!("organization[{id}]"),
        None => format!("organization[{index}]"),
    };
    Place { key, ..entry.place.clone() }
}
