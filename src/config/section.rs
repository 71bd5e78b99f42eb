//! Reads one table: takes keys by their type, and notes every mistake instead of stopping.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

use super::keys::{Key, Kind, SECRET, distance, meant};
use super::{Problem, Secret};

/// What reading needs besides the tables, and the mistakes found so far.
pub(super) struct Reader {
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) environment: BTreeMap<String, String>,
}

/// Where a table stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file, when it is not the main one.
    pub(super) file: Option<PathBuf>,
    /// The folder that its paths are relative to.
    pub(super) base: PathBuf,
    /// The table's own key; empty for the whole file.
    pub(super) key: String,
}

/// One table of the configuration.
pub(super) struct Section<'r> {
    reader: &'r Reader,
    place: Place,
    table: Table,
    keys: &'static [Key],
}

/// More than any key, certificate or client secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

impl Reader {
    pub(super) fn note(&self, place: &Place, key: &str, what: impl Into<String>, remedy: &str) {
        let key = match (place.key.is_empty(), key.is_empty()) {
            (_, true) => place.key.clone(),
            (true, false) => key.to_owned(),
            (false, false) => format!("{}.{key}", place.key),
        };
        let file = place.file.clone();
        let problem = Problem { file, key, what: what.into(), remedy: remedy.to_owned() };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

impl<'r> Section<'r> {
    /// Takes a table over and notes the keys in it that are none.
    pub(super) fn open(
        reader: &'r Reader,
        place: Place,
        table: Table,
        keys: &'static [Key],
    ) -> Self {
        for name in table.keys() {
            match keys.iter().find(|key| key.name == name) {
                Some(Key { kind: Kind::Later, .. }) => {
                    reader.note(&place, name, "is not available in this version", "remove it");
                }
                Some(_) => {}
                None => {
                    let remedy = match meant(name, keys) {
                        Some(other) => format!("did you mean {other}?"),
                        None => "remove it".to_owned(),
                    };
                    reader.note(&place, name, "is no known key", &remedy);
                }
            }
        }
        Self { reader, place, table, keys }
    }

    /// Notes a mistake at a key of this table; an empty key is the table itself.
    pub(super) fn note(&self, key: &str, what: impl Into<String>, remedy: &str) {
        self.reader.note(&self.place, key, what, remedy);
    }

    /// Notes that a key must be there.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        if !self.has(key) {
            self.note(key, "is missing", remedy);
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&Value> {
        debug_assert!(self.keys.iter().any(|known| known.name == key), "{key} is not in keys.rs");
        self.table.get(key)
    }

    fn wrong_type(&self, key: &str, value: &Value, remedy: &str) {
        self.note(key, format!("is {}", named_type(value)), remedy);
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) if text.trim() == text => Some(text.clone()),
            Value::String(_) => {
                self.note(key, "begins or ends with a space", "remove it");
                None
            }
            other => {
                self.wrong_type(key, other, "write a string in quotes");
                None
            }
        }
    }

    /// A string that is not empty.
    pub(super) fn filled(&self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.note(key, "is empty", "write a value or remove the key");
            return None;
        }
        Some(text)
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.chosen(key, &text, choices)
    }

    /// The meaning of one word.
    pub(super) fn chosen<T: Copy>(
        &self,
        key: &str,
        text: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let near = choices.iter().find(|(word, _)| distance(word, text) <= 2);
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let remedy = match near {
            Some((word, _)) => format!("did you mean {word:?}?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.note(key, format!("{text:?} is none of {}", words.join(", ")), &remedy);
        None
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(flag) => Some(*flag),
            other => {
                self.wrong_type(key, other, "write true or false");
                None
            }
        }
    }

    pub(super) fn whole(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        match self.value(key)? {
            Value::Integer(number) => {
                let inside = u64::try_from(*number).ok().filter(|n| range.contains(n));
                if inside.is_none() {
                    self.note(key, format!("{number} is out of range"), &remedy);
                }
                inside
            }
            other => {
                self.wrong_type(key, other, &remedy);
                None
            }
        }
    }

    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<usize> {
        self.whole(key, range).and_then(|number| usize::try_from(number).ok())
    }

    /// A duration as humantime reads it: `7d`, `1h 30m`.
    pub(super) fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = match self.value(key)? {
            Value::String(text) => text,
            other => {
                self.wrong_type(
                    key,
                    other,
                    "write a duration in quotes, such as \"30s\" or \"7d\"",
                );
                return None;
            }
        };
        let Ok(duration) = humantime::parse_duration(text) else {
            let what = format!("{text:?} is no duration");
            self.note(key, what, "write one such as \"30s\", \"12h\" or \"7d\"");
            return None;
        };
        if !range.contains(&duration) {
            let what = format!("{text:?} is out of range");
            let (from, to) = (in_words(*range.start()), in_words(*range.end()));
            self.note(key, what, &format!("write a duration from {from} to {to}"));
            return None;
        }
        Some(duration)
    }

    /// A list of strings, none of them empty.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        match self.value(key)? {
            Value::Array(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Value::String(text) if !text.trim().is_empty() => texts.push(text.clone()),
                        Value::String(_) => {
                            self.note(&format!("{key}[{index}]"), "is empty", "remove it");
                        }
                        other => {
                            let at = format!("{key}[{index}]");
                            self.wrong_type(&at, other, "write a string in quotes");
                        }
                    }
                }
                (texts.len() == items.len()).then_some(texts)
            }
            other => {
                self.wrong_type(key, other, "write a list of strings, such as [\"one\", \"two\"]");
                None
            }
        }
    }

    /// A list of strings, or one string.
    pub(super) fn one_or_more(&self, key: &str) -> Option<Vec<String>> {
        match self.value(key)? {
            Value::String(_) => self.filled(key).map(|text| vec![text]),
            _ => self.texts(key),
        }
    }

    /// A list of which every entry is read by `parse`; the error says what is wrong with it, and
    /// what to do.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, (String, String)>,
    ) -> Option<Vec<T>> {
        let mut values = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(value) => values.push(value),
                Err((what, remedy)) => self.note(&format!("{key}[{index}]"), what, &remedy),
            }
        }
        (values.len() == texts.len()).then_some(values)
    }

    /// A table from somebody else's words to strings, in the order of the words.
    pub(super) fn pairs(&self, key: &str) -> Option<Vec<(String, String)>> {
        match self.value(key)? {
            Value::Table(table) => {
                let mut pairs = Vec::with_capacity(table.len());
                for (name, value) in table {
                    match value {
                        Value::String(text) => pairs.push((name.clone(), text.clone())),
                        other => {
                            let at = format!("{key}.{name}");
                            self.wrong_type(&at, other, "write a string in quotes");
                        }
                    }
                }
                (pairs.len() == table.len()).then_some(pairs)
            }
            other => {
                self.wrong_type(key, other, "write a table, such as { name = \"value\" }");
                None
            }
        }
    }

    /// A path, relative to the folder of the file that it stands in.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.filled(key).map(|text| self.place.base.join(text))
    }

    pub(super) fn paths(&self, key: &str) -> Option<Vec<PathBuf>> {
        let texts = self.texts(key)?;
        Some(texts.iter().map(|text| self.place.base.join(text)).collect())
    }

    /// A string as it stands, without noting what is wrong with it.
    pub(super) fn peek(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// The strings of a list as they stand, without noting what is wrong with it.
    pub(super) fn peek_texts(&self, key: &str) -> Option<Vec<&str>> {
        let items = self.value(key)?.as_array()?;
        Some(items.iter().filter_map(Value::as_str).collect())
    }

    /// ` (in orgs.d/acme.toml)`, when the table is not in the main file.
    pub(super) fn file_note(&self) -> String {
        let file = self.place.file.as_ref();
        file.map(|file| format!(" (in {})", file.display())).unwrap_or_default()
    }

    pub(super) fn is_table(&self, key: &str) -> bool {
        self.value(key).is_some_and(Value::is_table)
    }

    /// Notes when a file is not there, cannot be read, or is empty.
    pub(super) fn readable(&self, key: &str, path: &Path) {
        let mistake = match std::fs::File::open(path).and_then(|mut file| file.read(&mut [0])) {
            Ok(0) => "is empty".to_owned(),
            Ok(_) => return,
            Err(error) => format!("cannot be read: {error}"),
        };
        let what = format!("{} {mistake}", path.display());
        self.note(key, what, "check the path, the mount and its permissions");
    }

    /// A table inside this one.
    pub(super) fn section(&self, key: &str) -> Option<Section<'r>> {
        match self.value(key)? {
            Value::Table(table) => self.inner(key, table.clone()),
            other => {
                self.wrong_type(key, other, &format!("write a table, [{}]", self.join(key)));
                None
            }
        }
    }

    /// A table inside this one, empty when it is not there.
    pub(super) fn section_or_empty(&self, key: &str) -> Option<Section<'r>> {
        if self.has(key) { self.section(key) } else { self.inner(key, Table::new()) }
    }

    /// A list of tables inside this one, labelled by their index.
    pub(super) fn sections(&self, key: &str) -> Vec<Section<'r>> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let mut sections = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let at = format!("{key}[{index}]");
                    match item {
                        Value::Table(table) => sections.extend(self.labelled(key, &at, table)),
                        other => self.wrong_type(&at, other, "write a table"),
                    }
                }
                sections
            }
            Some(other) => {
                let remedy = format!("write [[{}]] with two brackets", self.join(key));
                self.wrong_type(key, other, &remedy);
                Vec::new()
            }
        }
    }

    fn inner(&self, key: &str, table: Table) -> Option<Section<'r>> {
        self.labelled(key, key, &table)
    }

    fn labelled(&self, key: &str, label: &str, table: &Table) -> Option<Section<'r>> {
        let keys = match self.keys.iter().find(|known| known.name == key)?.kind {
            Kind::Section(keys) | Kind::Sections(keys) => keys,
            Kind::Secret => SECRET,
            Kind::Text | Kind::List | Kind::Value | Kind::Names(_) | Kind::Later => return None,
        };
        let place = Place { key: self.join(label), ..self.place.clone() };
        Some(Section::open(self.reader, place, table.clone(), keys))
    }

    fn join(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }

    /// `{ file = "…" }` or `{ env = "…" }`.
    pub(super) fn secret(&self, key: &str) -> Option<Secret> {
        let value = self.value(key)?.clone();
        self.secret_at(key, &value)
    }

    /// A list of secrets.
    pub(super) fn secrets(&self, key: &str) -> Option<Vec<Secret>> {
        match self.value(key)? {
            Value::Array(items) => {
                let read = |(index, item)| self.secret_at(&format!("{key}[{index}]"), item);
                let secrets: Vec<_> = items.iter().enumerate().filter_map(read).collect();
                (secrets.len() == items.len()).then_some(secrets)
            }
            other => {
                let remedy = "write a list, such as [{ file = \"/run/secrets/key\" }]";
                self.wrong_type(key, other, remedy);
                None
            }
        }
    }

    fn secret_at(&self, key: &str, value: &Value) -> Option<Secret> {
        const REMEDY: &str = "write { file = \"…\" } or { env = \"…\" }";
        let Value::Table(table) = value else {
            let what = match value {
                Value::String(_) => "is a literal secret; a configuration file must not hold any",
                _ => "is no reference to a secret",
            };
            self.note(key, what, REMEDY);
            return None;
        };
        let place = Place { key: self.join(key), ..self.place.clone() };
        let section = Section::open(self.reader, place, table.clone(), SECRET);
        match (section.has("file"), section.has("env")) {
            (true, false) => section.secret_file(),
            (false, true) => section.secret_variable(),
            (true, true) => {
                section.note("", "names both a file and a variable", "remove one of them");
                None
            }
            (false, false) => {
                section.note("", "names neither a file nor a variable", REMEDY);
                None
            }
        }
    }

    fn secret_file(&self) -> Option<Secret> {
        let path = self.path("file")?;
        match read_secret(&path) {
            Ok(text) => self.secret_text("file", text),
            Err(error) => {
                let what = format!("{} cannot be read: {error}", path.display());
                self.note("file", what, "check the path, the mount and its permissions");
                None
            }
        }
    }

    fn secret_variable(&self) -> Option<Secret> {
        let name = self.filled("env")?;
        let Some(text) = self.reader.environment.get(&name) else {
            // The name is not shown: whoever mistakes `env` for the value has written a secret here.
            let what = "names a variable that is not in the environment";
            self.note("env", what, "set it, and write its name here, not its value");
            return None;
        };
        self.secret_text("env", text.clone())
    }

    fn secret_text(&self, key: &str, mut text: String) -> Option<Secret> {
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() {
            self.note(key, "holds nothing", "write the secret there");
            return None;
        }
        Some(Secret::new(text))
    }
}

fn read_secret(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_SECRET_BYTES) {
        return Err(std::io::Error::other(format!("it is larger than {MAX_SECRET_BYTES} bytes")));
    }
    Ok(text)
}

/// A duration in one unit; humantime would write 400 days as a year, a month, some hours.
pub(super) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60)];
    let fitting = units.iter().find(|(_, unit)| seconds >= *unit && seconds % unit == 0);
    match fitting {
        _ if duration.subsec_nanos() != 0 => humantime::format_duration(duration).to_string(),
        Some((name, unit)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

fn named_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "a truth value",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
