//! The organizations' entries, in the main file and in the files that it names; a file that has
//! not changed is not read again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};

use super::super::files::{self, Listing};
use super::super::section::{Place, Reader, named_type};
use super::super::stamp::{Looks, Stamp};
use super::super::{Problem, difference, overrides};
use super::many;

/// One organization's table and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Entry<'f> {
    pub(super) value: Cow<'f, Arc<Value>>,
    pub(super) place: Cow<'f, Place>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Entries<'f> {
    pub(super) list: Vec<Entry<'f>>,
    /// What is wrong with whole files.
    pub(super) broken: Vec<Problem>,
}

/// A file of organizations, and how it stood before anything of it was read.
pub(super) type Found = (Arc<Path>, Stamp);

/// The files as they were read last.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<File>);

#[derive(Debug)]
struct File {
    place: Place,
    path: Arc<Path>,
    stamp: Stamp,
    entries: Vec<Arc<Value>>,
    problems: Vec<Problem>,
}

impl Files {
    /// Takes the organizations out of the main file's table, and reads the files that were found.
    ///
    /// A file that goes away between two looks is no mistake when `vanishing` is allowed.
    pub(super) fn gather<'f>(
        &'f mut self,
        reader: &Reader,
        place: &'f Place,
        table: &mut Table,
        found: Vec<Found>,
        vanishing: bool,
    ) -> Entries<'f> {
        let mut entries = Entries::default();
        match table.remove("organization") {
            None => {}
            Some(Value::Array(values)) => {
                let entry = |value| Entry {
                    value: Cow::Owned(Arc::new(value)),
                    place: Cow::Borrowed(place),
                };
                entries.list.extend(values.into_iter().map(entry));
            }
            Some(_) => {
                let remedy = "write [[organization]] with two brackets";
                reader.note(place, "organization", "is no list of tables", remedy);
            }
        }
        let there = found.into_iter().filter(|(_, stamp)| !vanishing || stamp.is_there());
        self.read(reader, there.collect());
        entries.list.reserve(self.0.len());
        for file in &self.0 {
            let place = &file.place;
            let entry = |value: &'f Arc<Value>| Entry {
                value: Cow::Borrowed(value),
                place: Cow::Borrowed(place),
            };
            entries.list.extend(file.entries.iter().map(entry));
            entries.broken.extend(file.problems.iter().cloned());
        }
        if overrides::reach_organizations(reader) {
            overridden(reader, &mut entries.list);
        }
        entries
    }

    /// Reads those that may hold something else than the last time.
    fn read(&mut self, reader: &Reader, found: Vec<Found>) {
        let still = difference(&self.0, &found, |file, (path, stamp)| {
            let same = Arc::ptr_eq(&file.path, path) || file.path == *path;
            same && stamp.proves(&file.stamp)
        });
        let unknown = found.iter().zip(&still.earlier).filter(|(_, file)| file.is_none());
        let unknown: Vec<&Found> = unknown.map(|(at, _)| at).collect();
        let (environment, now) = (&reader.environment, reader.now);
        let read = many::each(&unknown, |(path, stamp)| {
            File::read(&Reader::new(Arc::clone(environment), now), path, *stamp)
        });
        many::arrange(&mut self.0, &still.earlier, read);
    }
}

impl File {
    fn read(reader: &Reader, path: &Arc<Path>, stamp: Stamp) -> Self {
        let base = path.parent().unwrap_or(Path::new("")).into();
        let place = Place { file: Some(Arc::clone(path)), base, key: String::new() };
        let entries = files::organizations(reader, &place, path);
        let problems = reader.problems.take();
        let (path, entries) = (Arc::clone(path), entries.into_iter().map(Arc::new).collect());
        Self { place, path, stamp, entries, problems }
    }
}

/// The patterns of file names in the main file.
pub(super) fn patterns(reader: &Reader, place: &Place, table: &Table) -> Vec<String> {
    const KEY: &str = "organizations";
    const ONE: &str = "write one such as \"orgs.d/*.toml\"";
    let read = |key: &str, value: &Value| {
        let Some(text) = value.as_str() else {
            reader.note(place, key, format!("is {}", named_type(value)), ONE);
            return None;
        };
        if text.is_empty() {
            reader.note(place, key, "is empty", &format!("{ONE}, or remove the key"));
        } else if text.trim() != text {
            reader.note(place, key, "begins or ends with a space", "remove it");
        } else {
            return Some(text.to_owned());
        }
        None
    };
    match table.get(KEY) {
        None => Vec::new(),
        Some(Value::Array(list)) => {
            let each = list.iter().enumerate();
            each.filter_map(|(index, value)| read(&format!("{KEY}[{index}]"), value)).collect()
        }
        Some(value) => read(KEY, value).into_iter().collect(),
    }
}

/// The files that the patterns name, each once, and how they stand.
pub(super) fn found(
    reader: &Reader,
    place: &Place,
    patterns: &[String],
    listings: &mut Vec<Listing>,
) -> Vec<Found> {
    listings.resize_with(patterns.len(), Listing::default);
    let mut all: Vec<Arc<Path>> = Vec::new();
    for (pattern, listing) in patterns.iter().zip(listings) {
        let matching = files::matching(reader, place, pattern, listing);
        if all.is_empty() {
            all = matching;
        } else {
            let seen: HashSet<Arc<Path>> = all.iter().cloned().collect();
            all.extend(matching.into_iter().filter(|path| !seen.contains(path)));
        }
    }
    let now = reader.now;
    let parts = many::side_by_side(all.chunks(many::share(all.len())), |part| {
        let mut looks = Looks::at(now);
        part.iter().map(|path| looks.look(path)).collect::<Vec<Stamp>>()
    });
    all.into_iter().zip(parts.into_iter().flatten()).collect()
}

/// Writes the environment's overrides into the entries; those that none reaches stay as they are.
fn overridden(reader: &Reader, entries: &mut [Entry<'_>]) {
    let values = entries.iter().map(|entry| Value::clone(&entry.value)).collect();
    let mut table = Table::new();
    table.insert("organization".to_owned(), Value::Array(values));
    overrides::apply(reader, &mut table, |first| first == "organization");
    let Some(Value::Array(values)) = table.remove("organization") else { return };
    for (entry, value) in entries.iter_mut().zip(values) {
        if **entry.value != value {
            entry.value = Cow::Owned(Arc::new(value));
        }
    }
}
