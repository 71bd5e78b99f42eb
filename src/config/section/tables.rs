//! Opens the tables inside a table.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::super::keys::{Kind, SECRET};
use super::{Place, Section};

/// A table that is not there.
static EMPTY: LazyLock<Table> = LazyLock::new(Table::new);

impl<'r> Section<'r> {
    /// A table from somebody else's words to strings, in the order of the words.
    pub(in super::super) fn pairs(&self, key: &str) -> Option<Vec<(String, String)>> {
        let remedy = "write a table, such as { name = \"value\" }";
        let table = self.typed(key, remedy, Value::as_table)?;
        let mut pairs = Vec::with_capacity(table.len());
        for (name, value) in table {
            match value.as_str() {
                Some(text) => pairs.push((name.clone(), text.to_owned())),
                None => {
                    self.wrong_type(&format!("{key}.{name}"), value, "write a string in quotes");
                }
            }
        }
        (pairs.len() == table.len()).then_some(pairs)
    }

    /// A table inside this one.
    pub(in super::super) fn section(&self, key: &str) -> Option<Section<'r>> {
        let remedy = format!("write a table, [{}]", self.join(key));
        let table = self.typed(key, &remedy, Value::as_table)?;
        self.labelled(key, key, table)
    }

    /// A table inside this one, empty when it is not there.
    pub(in super::super) fn section_or_empty(&self, key: &str) -> Option<Section<'r>> {
        if self.has(key) { self.section(key) } else { self.labelled(key, key, &EMPTY) }
    }

    /// A list of tables inside this one, labelled by their index.
    pub(in super::super) fn sections(&self, key: &str) -> Vec<Section<'r>> {
        let remedy = format!("write [[{}]] with two brackets", self.join(key));
        let Some(items) = self.typed(key, &remedy, Value::as_array) else { return Vec::new() };
        let mut sections = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = format!("{key}[{index}]");
            match item.as_table() {
                Some(table) => sections.extend(self.labelled(key, &at, table)),
                None => self.wrong_type(&at, item, "write a table"),
            }
        }
        sections
    }

    fn labelled(&self, key: &str, label: &str, table: &'r Table) -> Option<Section<'r>> {
        let keys = match self.keys.iter().find(|known| known.name == key)?.kind {
            Kind::Section(keys) | Kind::Sections(keys) => keys,
            Kind::Secret => SECRET,
            Kind::Text | Kind::List | Kind::Value | Kind::Names(_) => return None,
        };
        let place = Place { key: self.join(label), ..self.place.clone() };
        Some(Section::open(self.reader, place, table, keys))
    }
}
