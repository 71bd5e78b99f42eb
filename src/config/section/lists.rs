//! Takes lists and paths, and looks at what stands there without judging it.

use std::path::{Path, PathBuf};

use toml::Value;

use super::super::stamp::Touched;
use super::Section;

impl Section<'_> {
    /// A list of strings, none of them empty.
    pub(in super::super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let remedy = "write a list of strings, such as [\"one\", \"two\"]";
        let items = self.typed(key, remedy, Value::as_array)?;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = format!("{key}[{index}]");
            match item.as_str() {
                Some(text) if !text.trim().is_empty() => texts.push(text.to_owned()),
                Some(_) => self.note(&at, "is empty", "remove it"),
                None => self.wrong_type(&at, item, "write a string in quotes"),
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// A list of strings, or one string.
    pub(in super::super) fn one_or_more(&self, key: &str) -> Option<Vec<String>> {
        if self.peek(key).is_some() {
            return self.filled(key).map(|text| vec![text]);
        }
        self.texts(key)
    }

    /// A list of which every entry is read by `parse`; the error says what is wrong with it, and
    /// what to do.
    pub(in super::super) fn parsed<T>(
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

    pub(in super::super) fn paths(&self, key: &str) -> Option<Vec<PathBuf>> {
        let texts = self.texts(key)?;
        Some(texts.iter().map(|text| self.place.base.join(text)).collect())
    }

    /// A string as it stands, without noting what is wrong with it.
    pub(in super::super) fn peek(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// The strings of a list as they stand, without noting what is wrong with it.
    pub(in super::super) fn peek_texts(&self, key: &str) -> Option<Vec<&str>> {
        let items = self.value(key)?.as_array()?;
        Some(items.iter().filter_map(Value::as_str).collect())
    }

    /// ` (in orgs.d/acme.toml)`, when the table is not in the main file.
    pub(in super::super) fn file_note(&self) -> String {
        let file = self.place.file.as_ref();
        file.map(|file| format!(" (in {})", file.display())).unwrap_or_default()
    }

    /// Notes that the configuration rests on this file's content: when it changes, the configuration
    /// does.
    pub(in super::super) fn touch(&self, key: &str, path: &Path) {
        let touched = Touched::begin(self.join(key), path, self.reader.now);
        self.reader.touched.borrow_mut().push(touched);
    }

    /// What was read from the file that was touched last.
    pub(super) fn holds(&self, content: &[u8]) {
        if let Some(touched) = self.reader.touched.borrow_mut().last_mut() {
            touched.holds(content);
        }
    }

    /// The text of a file that a key of this table names; a reload looks at it again.
    pub(in super::super) fn file_text(&self, key: &str, path: &Path) -> std::io::Result<String> {
        self.touch(key, path);
        std::fs::read_to_string(path).inspect(|text| self.holds(text.as_bytes()))
    }

    pub(in super::super) fn is_table(&self, key: &str) -> bool {
        self.value(key).is_some_and(Value::is_table)
    }

    /// Notes when a file could not be appended to, if somebody will.
    pub(in super::super) fn attempt(&self, key: &str, path: &Path) {
        let Some(attempt) = self.reader.attempt else { return };
        if let Err(error) = attempt(path) {
            let what = format!("{} cannot be opened: {error}", path.display());
            self.note(key, what, "check the path, the mount and its permissions");
        }
    }

    /// What a file holds; notes when it is not there, cannot be read, or is empty.
    pub(in super::super) fn content(&self, key: &str, path: &Path) -> Option<Vec<u8>> {
        self.touch(key, path);
        let mistake = match std::fs::read(path) {
            Ok(content) if content.is_empty() => "is empty".to_owned(),
            Ok(content) => {
                self.holds(&content);
                return Some(content);
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        let what = format!("{} {mistake}", path.display());
        self.note(key, what, "check the path, the mount and its permissions");
        None
    }
}
