//! Reads one table: takes keys by their type, and notes every mistake instead of stopping.

mod lists;
mod pem;
mod secrets;
mod tables;

use std::cell::RefCell;
use std::collections::BTreeMap;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use toml::{Table, Value};

use super::Problem;
use super::keys::{Key, distance, meant};
use super::stamp::Touched;
use crate::policy::Attribute;

pub(super) use pem::private_key_of;

/// The variables by which a process is told things.
pub(super) type Environment = BTreeMap<String, String>;

/// What reading needs besides the tables, and the mistakes found so far.
pub(super) struct Reader {
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) environment: Arc<Environment>,
    /// Every file that was looked into beside the configuration itself, with the key that names it.
    pub(super) touched: RefCell<Vec<Touched>>,
    pub(super) now: SystemTime,
    /// How a file is tried that will be appended to, when that matters.
    pub(super) attempt: Option<Attempt>,
}

/// Whether a file could be opened for appending; leaves everything as it was.
pub type Attempt = fn(&Path) -> std::io::Result<()>;

/// Where a table stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file, when it is not the main one.
    pub(super) file: Option<Arc<Path>>,
    /// The folder that its paths are relative to.
    pub(super) base: Arc<Path>,
    /// The table's own key; empty for the whole file.
    pub(super) key: String,
}

/// One table of the configuration.
pub(super) struct Section<'r> {
    reader: &'r Reader,
    place: Place,
    table: &'r Table,
    keys: &'static [Key],
}

impl Reader {
    pub(super) fn new(environment: Arc<Environment>, now: SystemTime) -> Self {
        let (problems, touched) = Default::default();
        Self { problems, environment, touched, now, attempt: None }
    }

    /// The files that were looked into since it was asked last.
    pub(super) fn take_touched(&self) -> Vec<Touched> {
        let mut touched = self.touched.take();
        touched.iter_mut().for_each(Touched::settle);
        touched
    }

    pub(super) fn note(&self, place: &Place, key: &str, what: impl Into<String>, remedy: &str) {
        let key = match (place.key.is_empty(), key.is_empty()) {
            (_, true) => place.key.clone(),
            (true, false) => key.to_owned(),
            (false, false) => format!("{}.{key}", place.key),
        };
        let file = place.file.as_deref().map(Path::to_owned);
        let problem = Problem { file, key, what: what.into(), remedy: remedy.to_owned() };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

impl<'r> Section<'r> {
    /// Opens a table and notes the keys in it that are none.
    pub(super) fn open(
        reader: &'r Reader,
        place: Place,
        table: &'r Table,
        keys: &'static [Key],
    ) -> Self {
        for name in table.keys() {
            match keys.iter().find(|key| key.name == name) {
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

    fn value(&self, key: &str) -> Option<&'r Value> {
        debug_assert!(self.keys.iter().any(|known| known.name == key), "{key} is not in keys.rs");
        self.table.get(key)
    }

    /// What `read` makes of the value; notes when it is of another type.
    fn typed<T>(
        &self,
        key: &str,
        remedy: &str,
        read: impl Fn(&'r Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let typed = read(value);
        if typed.is_none() {
            self.wrong_type(key, value, remedy);
        }
        typed
    }

    fn wrong_type(&self, key: &str, value: &Value, remedy: &str) {
        self.note(key, format!("is {}", named_type(value)), remedy);
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        let text = self.typed(key, "write a string in quotes", Value::as_str)?;
        if text.trim() != text {
            self.note(key, "begins or ends with a space", "remove it");
            return None;
        }
        Some(text.to_owned())
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

    /// A path into a profile.
    pub(super) fn attribute(&self, key: &str) -> Option<Attribute> {
        let path = Attribute::parse(&self.text(key)?);
        if let Err(error) = &path {
            let remedy =
                "write a JSONPath such as \"$.groups\", a dotted path or an attribute's name";
            self.note(key, error.to_string(), remedy);
        }
        path.ok()
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
        // In a short word every letter counts: "on" is not nearly "off".
        let near = choices.iter().find(|(word, _)| distance(word, text) <= (word.len() / 3).min(2));
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let remedy = match near {
            Some((word, _)) => format!("did you mean {word:?}?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.note(key, format!("{text:?} is none of {}", words.join(", ")), &remedy);
        None
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.typed(key, "write true or false", Value::as_bool)
    }

    pub(super) fn whole(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        let number = self.typed(key, &remedy, Value::as_integer)?;
        let inside = u64::try_from(number).ok().filter(|number| range.contains(number));
        if inside.is_none() {
            self.note(key, format!("{number} is out of range"), &remedy);
        }
        inside
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&self, key: &str) -> Option<f64> {
        let remedy = "write a number from 0 to 1, such as 0.1";
        #[expect(clippy::cast_precision_loss, reason = "0 and 1 are the only whole ones taken")]
        let read = |value: &Value| value.as_float().or(value.as_integer().map(|n| n as f64));
        let number = self.typed(key, remedy, read)?;
        let inside = (0.0..=1.0).contains(&number);
        if !inside {
            self.note(key, format!("{number} is out of range"), remedy);
        }
        inside.then_some(number)
    }

    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<usize> {
        self.whole(key, range).and_then(|number| usize::try_from(number).ok())
    }

    /// A duration as humantime reads it: `7d`, `1h 30m`.
    pub(super) fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let remedy = "write a duration in quotes, such as \"30s\" or \"7d\"";
        let text = self.typed(key, remedy, Value::as_str)?;
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

    /// A path, relative to the folder of the file that it stands in.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.filled(key).map(|text| self.place.base.join(text))
    }

    fn join(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }
}

/// A duration in one unit; humantime would write 400 days as a year, a month, some hours.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60)];
    let fitting = units.iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    match fitting {
        _ if duration.subsec_nanos() != 0 => humantime::format_duration(duration).to_string(),
        Some((name, unit)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

pub(super) fn named_type(value: &Value) -> &'static str {
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
