//! Opens the tables inside a table.

use toml::{Table, Value};

use super::super::keys::{Kind, SECRET};
use super::{Place, Section};

impl<'r> Section<'r> {
    /// A table from somebody else's words to strings, in the order of the words.
    pub(in super::super) fn pairs(&self, key: &str) -> Option<Vec<(String, String)>> {
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

    /// A table inside this one.
    pub(in super::super) fn section(&self, key: &str) -> Option<Section<'r>> {
        match self.value(key)? {
            Value::Table(table) => self.inner(key, table.clone()),
            other => {
                self.wrong_type(key, other, &format!("write a table, [{}]", self.join(key)));
                None
            }
        }
    }

    /// A table inside this one, empty when it is not there.
    pub(in super::super) fn section_or_empty(&self, key: &str) -> Option<Section<'r>> {
        if self.has(key) { self.section(key) } else { self.inner(key, Table::new()) }
    }

    /// A list of tables inside this one, labelled by their index.
    pub(in super::super) fn sections(&self, key: &str) -> Vec<Section<'r>> {
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
}
