//! Organizations as they were read last: one whose text and files are unchanged is not read again.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use toml::Value;

use super::super::keys::ORGANIZATION;
use super::super::organization::Surroundings;
use super::super::section::{Place, Reader, Section};
use super::super::{OrganizationConfig, Problem};
use super::Origin;
use super::entries::Entry;
use super::merge::Candidate;
use super::stamp::Touched;

/// Every organization's last reading, by the file and the label that it stands under.
#[derive(Debug, Default)]
pub(super) struct Readings(HashMap<(Origin, String), Known>);

#[derive(Debug)]
struct Known {
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
    /// Reads what has changed.
    pub(super) fn read(
        &mut self,
        reader: &Reader,
        entries: &[Entry],
        around: Surroundings,
        now: SystemTime,
    ) -> Organizations {
        let mut found = Organizations::default();
        let mut readings = HashMap::with_capacity(entries.len());
        let others = (reader.problems.take(), reader.touched.take());
        for (index, entry) in entries.iter().enumerate() {
            let place = labelled(entry, index);
            let name = (place.file.clone(), place.key.clone());
            let known = self.0.remove(&name).and_then(|known| known.unchanged(entry, around, now));
            let known = known.unwrap_or_else(|| Known::read(reader, entry, place, around, now));
            match &known.outcome {
                Ok(config) => found.good.push(Candidate {
                    config: Arc::clone(config),
                    origin: entry.place.file.clone(),
                }),
                Err(problems) => {
                    found.broken.extend(problems.iter().cloned());
                    found.broken_in.insert(entry.place.file.clone());
                }
            }
            readings.insert(name, known);
        }
        reader.problems.replace(others.0);
        reader.touched.replace(others.1);
        self.0 = readings;
        found
    }

    /// The files that organizations rest on.
    pub(super) fn touched(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.values().flat_map(|known| known.touched.iter().map(|touched| &touched.path))
    }
}

impl Known {
    /// The reading, if it is still true.
    fn unchanged(mut self, entry: &Entry, around: Surroundings, now: SystemTime) -> Option<Self> {
        let same = (Arc::ptr_eq(&self.value, &entry.value) || self.value == entry.value)
            && self.around == around
            && self.touched.iter_mut().all(|touched| touched.is_unchanged(now));
        if !same {
            return None;
        }
        self.value = Arc::clone(&entry.value);
        Some(self)
    }

    fn read(
        reader: &Reader,
        entry: &Entry,
        place: Place,
        around: Surroundings,
        now: SystemTime,
    ) -> Self {
        let config = open(reader, place, &entry.value)
            .and_then(|section| OrganizationConfig::read(&section, around));
        let problems = reader.problems.take();
        let outcome = match config {
            Some(config) if problems.is_empty() => Ok(Arc::new(config)),
            Some(_) | None => Err(problems),
        };
        let touched = reader.touched.take().into_iter();
        let touched = touched.map(|(key, path)| Touched::new(key, path, now)).collect();
        Self { value: Arc::clone(&entry.value), around, touched, outcome }
    }
}

/// The entries' tables.
pub(super) fn sections<'r>(reader: &'r Reader, entries: &[Entry]) -> Vec<Section<'r>> {
    let open = |(index, entry): (usize, &Entry)| open(reader, labelled(entry, index), &entry.value);
    entries.iter().enumerate().filter_map(open).collect()
}

fn open<'r>(reader: &'r Reader, place: Place, value: &Value) -> Option<Section<'r>> {
    let Some(table) = value.as_table() else {
        reader.note(&place, "", "is no table", "write [[organization]]");
        return None;
    };
    Some(Section::open(reader, place, table.clone(), ORGANIZATION))
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
