//! `HUBGATE__SECTION__KEY`: the environment's word goes before the file's.

use toml::{Table, Value};

use super::keys::{Key, Kind, ROOT, SECRET};
use super::section::{Place, Reader};

/// What every override begins with; `HUBGATE_CONFIG` has one underscore and is none.
pub(super) const PREFIX: &str = "HUBGATE__";

/// Writes the overrides that `wanted` picks by their first word into the file's table.
pub(super) fn apply(reader: &Reader, root: &mut Table, wanted: impl Fn(&str) -> bool) {
    for (variable, text) in &*reader.environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path = path.to_ascii_lowercase();
        let steps: Vec<&str> = path.split("__").collect();
        if !wanted(steps.first().copied().unwrap_or_default()) {
            continue;
        }
        if let Err((what, remedy)) = write(root, ROOT, &steps, text) {
            let base = std::path::Path::new("").into();
            let place = Place { file: None, base, key: variable.clone() };
            reader.note(&place, "", what, &remedy);
        }
    }
}

/// Whether any override reaches into an organization.
pub(super) fn reach_organizations(reader: &Reader) -> bool {
    let reaches = |variable: &String| {
        let path = variable.strip_prefix(PREFIX).unwrap_or_default().to_ascii_lowercase();
        path.split("__").next() == Some("organization")
    };
    reader.environment.keys().any(reaches)
}

/// What is wrong with an override, and what to do.
type Mistake = (String, String);

fn write(table: &mut Table, keys: &[Key], steps: &[&str], text: &str) -> Result<(), Mistake> {
    let Some((&step, rest)) = steps.split_first() else { return Ok(()) };
    let Some(key) = keys.iter().find(|key| key.name == step) else {
        let remedy = match super::keys::meant(step, keys) {
            Some(other) => format!("did you mean {other}?"),
            None => "unset it".to_owned(),
        };
        return Err((format!("{step:?} names no known key"), remedy));
    };
    match key.kind {
        Kind::Section(inner) if !rest.is_empty() => write(inside(table, step)?, inner, rest, text),
        Kind::Secret if !rest.is_empty() => {
            let mut reference = Table::new();
            write(&mut reference, SECRET, rest, text)?;
            table.insert(step.to_owned(), Value::Table(reference));
            Ok(())
        }
        Kind::Sections(inner) => {
            let (entry, rest) = entry(table, step, rest)?;
            write(entry, inner, rest, text)
        }
        Kind::Names(kind) if !rest.is_empty() => {
            // One underscore at most stands in such a name, so the rest is one word.
            let name = rest.join("__");
            inside(table, step)?.insert(name, value(kind, text));
            Ok(())
        }
        Kind::Text | Kind::List | Kind::Value if !rest.is_empty() => {
            let what = format!("{step:?} has no keys inside");
            Err((what, format!("write everything after {step:?} into the value")))
        }
        Kind::Text
        | Kind::List
        | Kind::Value
        | Kind::Secret
        | Kind::Section(_)
        | Kind::Names(_) => {
            table.insert(step.to_owned(), value(&key.kind, text));
            Ok(())
        }
    }
}

/// The table behind a key, made when it is not there.
fn inside<'t>(table: &'t mut Table, step: &str) -> Result<&'t mut Table, Mistake> {
    let value = table.entry(step.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    value.as_table_mut().ok_or_else(|| {
        (format!("{step:?} is no table in the file"), "correct the file first".to_owned())
    })
}

/// One entry of a list of tables, by its id or its index.
fn entry<'t, 's>(
    table: &'t mut Table,
    step: &str,
    rest: &'s [&'s str],
) -> Result<(&'t mut Table, &'s [&'s str]), Mistake> {
    let list = step.to_ascii_uppercase();
    let remedy = || format!("write {PREFIX}{list}__ID__KEY, or an index in the place of ID");
    let Some((&which, rest)) = rest.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(("does not say which entry and key is meant".to_owned(), remedy()));
    };
    let entries = table
        .get_mut(step)
        .and_then(Value::as_array_mut)
        .map(Vec::as_mut_slice)
        .unwrap_or_default();
    let named = |value: &Value| {
        let id = value.get("id").and_then(Value::as_str);
        id.is_some_and(|id| id.to_ascii_lowercase().replace('-', "_") == which.replace('-', "_"))
    };
    let mut matching = entries.iter().enumerate().filter(|(_, value)| named(value));
    let index = match (matching.next(), matching.next()) {
        (Some((index, _)), None) => Some(index),
        (Some(_), Some(_)) => {
            return Err((format!("{which:?} fits several entries"), remedy()));
        }
        (None, _) => which.parse::<usize>().ok(),
    };
    let entry = index.and_then(|index| entries.get_mut(index)).and_then(Value::as_table_mut);
    entry
        .map(|entry| (entry, rest))
        .ok_or_else(|| (format!("there is no {step} {which:?}"), remedy()))
}

/// A value as TOML, else as text.
fn value(kind: &Kind, text: &str) -> Value {
    let parsed = parse(text);
    match (kind, parsed) {
        // A client id may be all digits, and a table stands where the contract has one.
        (Kind::Text, Some(value @ (Value::String(_) | Value::Table(_)))) => value,
        (Kind::Text, _) => Value::String(text.to_owned()),
        (Kind::List, Some(value @ (Value::Array(_) | Value::Table(_)))) => value,
        (Kind::List, Some(value @ Value::String(_))) => Value::Array(vec![value]),
        (Kind::List, _) => Value::Array(vec![Value::String(text.to_owned())]),
        (
            Kind::Value | Kind::Secret | Kind::Section(_) | Kind::Sections(_) | Kind::Names(_),
            parsed,
        ) => parsed.unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn parse(text: &str) -> Option<Value> {
    // A value with lines behind it that bring further keys is no value.
    let mut table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.remove("value").filter(|_| table.is_empty())
}
