//! Finds and reads the files: TOML syntax, and the pattern that names organizations' files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;
use toml::{Table, Value};

use super::section::{Place, Reader};

/// Reads TOML; notes each mistake by line and column, without the line, which may hold a secret.
pub(super) fn syntax(reader: &Reader, place: &Place, text: &str) -> Option<Table> {
    // Most files are whole; only one that is not is read a second time, for all of its mistakes.
    if let Ok(table) = toml::from_str(text) {
        return Some(table);
    }
    let (_, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let what = format!("line {line}, column {column}: {}", error.message());
        reader.note(place, "", what, "correct the TOML there (https://toml.io/en/v1.0.0)");
    }
    if errors.is_empty() {
        // What `parse_recoverable` does not see: numbers that do not fit.
        reader.note(place, "", "holds a value that is out of range", "correct the TOML");
    }
    None
}

/// What a folder held the last time.
#[derive(Debug, Default)]
pub(super) struct Listing {
    whole: PathBuf,
    /// The names that fit, in the folder's own order.
    names: Vec<OsString>,
    files: Vec<Arc<Path>>,
}

/// The files that a pattern names, in the order of their names; `*` stands for any run of
/// characters in the last part, and not for a leading dot.
///
/// Names that are those of the last time are not sorted and written out again.
pub(super) fn matching(
    reader: &Reader,
    place: &Place,
    pattern: &str,
    listing: &mut Listing,
) -> Vec<Arc<Path>> {
    let whole = place.base.join(pattern);
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name().and_then(|n| n.to_str()))
    else {
        reader.note(place, "organizations", "names no file", "write one such as \"orgs.d/*.toml\"");
        return Vec::new();
    };
    if folder.to_string_lossy().contains('*') {
        let what = "has * in the name of a folder";
        reader.note(place, "organizations", what, "write * in the last part only");
        return Vec::new();
    }
    if !name.contains('*') {
        if whole.is_dir() {
            let what = format!("{} is a folder", whole.display());
            let remedy = "write which of its files, such as \"orgs.d/*.toml\"";
            reader.note(place, "organizations", what, remedy);
            return Vec::new();
        }
        return vec![whole.into()];
    }
    // A folder of which a part cannot be read says nothing about what is not in the rest.
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let what = format!("{} cannot be read: {error}", folder.display());
            reader.note(place, "organizations", what, "make the folder, or correct the path");
            return Vec::new();
        }
    };
    let names = entries.into_iter().filter_map(|entry| {
        let file = entry.file_name();
        let fits = file.to_str().is_some_and(|file| fits(name, file));
        // One question to the file system less for each file that is no link.
        let is_file = || match entry.file_type() {
            Ok(kind) if kind.is_symlink() => !entry.path().is_dir(),
            Ok(kind) => !kind.is_dir(),
            Err(_) => true,
        };
        (fits && is_file()).then_some(file)
    });
    let names: Vec<OsString> = names.collect();
    if listing.whole != whole || listing.names != names {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        let files = sorted.iter().map(|name| folder.join(name).into()).collect();
        *listing = Listing { whole: whole.clone(), names, files };
    }
    listing.files.clone()
}

/// The organizations in one file: its own keys, or `[[organization]]`.
pub(super) fn organizations(reader: &Reader, place: &Place, path: &Path) -> Vec<Value> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("is named by organizations and cannot be read: {error}");
            reader.note(place, "", what, "check the path and its permissions");
            return Vec::new();
        }
    };
    let Some(mut table) = syntax(reader, place, &text) else { return Vec::new() };
    match table.remove("organization") {
        None => vec![Value::Table(table)],
        Some(Value::Array(entries)) => {
            for key in table.keys() {
                let remedy = "write it inside [[organization]], or in the main file";
                reader.note(place, key, "is no key of such a file", remedy);
            }
            entries
        }
        Some(_) => {
            let remedy = "write [[organization]] with two brackets, or its keys alone";
            reader.note(place, "organization", "is no list of tables", remedy);
            Vec::new()
        }
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }

    #[test]
    fn a_pattern_names_whole_file_names() {
        check("*.toml", "acme.toml", true);
        check("*.toml", "acme.toml~", false);
        check("*.toml", ".acme.toml.swp", false);
        check("*.toml", ".hidden.toml", false);
        check("org-*.toml", "org-acme.toml", true);
        check("org-*.toml", "acme.toml", false);
        check("acme.toml", "acme.toml", true);
        check("acme.toml", "acme.toml2", false);
    }
}
