//! Reads references to secrets; the secrets themselves are never shown.

use std::io::Read as _;
use std::path::Path;

use toml::Value;

use super::super::Secret;
use super::super::keys::SECRET;
use super::{Place, Section};

/// More than any key, certificate or client secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

impl<'r> Section<'r> {
    /// `{ file = "…" }` or `{ env = "…" }`.
    pub(in super::super) fn secret(&self, key: &str) -> Option<Secret> {
        self.secret_at(key, self.value(key)?)
    }

    /// A list of secrets.
    pub(in super::super) fn secrets(&self, key: &str) -> Option<Vec<Secret>> {
        let remedy = "write a list, such as [{ file = \"/run/secrets/key\" }]";
        let items = self.typed(key, remedy, Value::as_array)?;
        let read = |(index, item)| self.secret_at(&format!("{key}[{index}]"), item);
        let secrets: Vec<_> = items.iter().enumerate().filter_map(read).collect();
        (secrets.len() == items.len()).then_some(secrets)
    }

    /// A table from somebody else's words to secrets.
    pub(in super::super) fn secrets_by_name(&self, key: &str) -> Vec<(String, Secret)> {
        let remedy = "write a table, such as { authorization = { file = \"/run/secrets/key\" } }";
        let Some(table) = self.typed(key, remedy, Value::as_table) else { return Vec::new() };
        let read = |(name, value): (&'r String, &'r Value)| {
            Some((name.clone(), self.secret_at(&format!("{key}.{name}"), value)?))
        };
        table.iter().filter_map(read).collect()
    }

    fn secret_at(&self, key: &str, value: &'r Value) -> Option<Secret> {
        const REMEDY: &str = "write { file = \"…\" } or { env = \"…\" }";
        let Some(table) = value.as_table() else {
            let what = if value.is_str() {
                "is a literal secret; a configuration file must not hold any"
            } else {
                "is no reference to a secret"
            };
            self.note(key, what, REMEDY);
            return None;
        };
        let place = Place { key: self.join(key), ..self.place.clone() };
        let section = Section::open(self.reader, place, table, SECRET);
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
        self.touch("file", &path);
        match read_secret(&path) {
            Ok(text) => {
                self.holds(text.as_bytes());
                self.secret_text("file", text)
            }
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
