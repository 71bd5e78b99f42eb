//! The organizations' entries, in the main file and in the files that it names; a file that has
//! not changed is not read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use toml::{Table, Value};

use super::super::section::{Place, Reader};
use super::super::{Problem, files, overrides};
use super::stamp::Stamp;

/// One organization's table and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Arc<Value>,
    pub(super) place: Place,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    /// What is wrong with whole files.
    pub(super) broken: Vec<Problem>,
}

/// The files as they were read last.
#[derive(Debug, Default)]
pub(super) struct Files(HashMap<PathBuf, File>);

#[derive(Clone, Debug)]
struct File {
    stamp: Stamp,
    entries: Vec<Arc<Value>>,
    problems: Vec<Problem>,
}

impl Files {
    /// Takes the organizations out of the main file's table, and reads the files of `patterns`.
    ///
    /// A file that goes away between two looks is no mistake when `vanishing` is allowed.
    pub(super) fn gather(
        &mut self,
        reader: &Reader,
        place: &Place,
        table: &mut Table,
        patterns: &[String],
        vanishing: bool,
        now: SystemTime,
    ) -> Entries {
        let mut entries = Entries::default();
        match table.remove("organization") {
            None => {}
            Some(Value::Array(values)) => {
                let entry = |value| Entry { value: Arc::new(value), place: place.clone() };
                entries.list.extend(values.into_iter().map(entry));
            }
            Some(_) => {
                let remedy = "write [[organization]] with two brackets";
                reader.note(place, "organization", "is no list of tables", remedy);
            }
        }
        let mut seen = HashMap::with_capacity(self.0.len());
        for path in paths(reader, place, patterns) {
            let stamp = Stamp::of(&path, now);
            if vanishing && !stamp.is_there() {
                continue;
            }
            let place = place_of(&path);
            let file = match self.0.remove(&path) {
                Some(file) if stamp.proves(&file.stamp) => file,
                Some(_) | None => File::read(reader, &place, &path, stamp),
            };
            let entry =
                |value: &Arc<Value>| Entry { value: Arc::clone(value), place: place.clone() };
            entries.list.extend(file.entries.iter().map(entry));
            entries.broken.extend(file.problems.iter().cloned());
            seen.insert(path, file);
        }
        self.0 = seen;
        if overrides::reach_organizations(reader) {
            overridden(reader, &mut entries.list);
        }
        entries
    }
}

impl File {
    fn read(reader: &Reader, place: &Place, path: &Path, stamp: Stamp) -> Self {
        let others = reader.problems.take();
        let entries = files::organizations(reader, place, path);
        let problems = reader.problems.replace(others);
        Self { stamp, entries: entries.into_iter().map(Arc::new).collect(), problems }
    }
}

/// The patterns of file names in the main file.
pub(super) fn patterns(reader: &Reader, place: &Place, table: &Table) -> Vec<String> {
    match table.get("organizations") {
        None => Vec::new(),
        Some(Value::String(pattern)) => vec![pattern.clone()],
        Some(Value::Array(patterns)) if patterns.iter().all(Value::is_str) => {
            patterns.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => {
            let remedy = "write one such as \"orgs.d/*.toml\"";
            reader.note(place, "organizations", "is no pattern of file names", remedy);
            Vec::new()
        }
    }
}

/// The files that the patterns name, each once.
pub(super) fn paths(reader: &Reader, place: &Place, patterns: &[String]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let matching = files::matching(reader, place, pattern);
        if all.is_empty() {
            all = matching;
        } else {
            all.extend(matching.into_iter().filter(|path| !all.contains(path)).collect::<Vec<_>>());
        }
    }
    all
}

/// Where the keys of an organizations' file stand.
fn place_of(path: &Path) -> Place {
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    Place { file: Some(path.to_owned()), base, key: String::new() }
}

/// Writes the environment's overrides into the entries; those that none reaches stay as they are.
fn overridden(reader: &Reader, entries: &mut [Entry]) {
    let values = entries.iter().map(|entry| Value::clone(&entry.value)).collect();
    let mut table = Table::new();
    table.insert("organization".to_owned(), Value::Array(values));
    overrides::apply(reader, &mut table, |first| first == "organization");
    let Some(Value::Array(values)) = table.remove("organization") else { return };
    for (entry, value) in entries.iter_mut().zip(values) {
        if *entry.value != value {
            entry.value = Arc::new(value);
        }
    }
}
