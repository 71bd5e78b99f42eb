//! JSON that every server reads in one way.
//!
//! Servers differ: the last of two equal keys counts or the first, keys compare with or without
//! case. A text in which that matters is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// How keys compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    /// As Go's decoder does it.
    Folded,
}

/// What of a JSON text can name something.
pub(super) enum Json {
    Null,
    Text(String),
    Scalar,
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A value is not what stands in this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongType;

impl Json {
    /// Whether it is an object.
    pub(super) const fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Calls `name` with every text at `path`, where `[]` stands for every item of a list; what is
    /// absent or null names nothing.
    ///
    /// # Errors
    /// When something else stands there.
    pub(super) fn select<'j>(
        &'j self,
        path: &[&str],
        case: Case,
        name: &mut impl FnMut(&'j str),
    ) -> Result<(), WrongType> {
        match (path, self) {
            (_, Self::Null) => Ok(()),
            ([], Self::Text(text)) => {
                name(text);
                Ok(())
            }
            (["[]", rest @ ..], Self::List(items)) => {
                items.iter().try_for_each(|item| item.select(rest, case, name))
            }
            ([key, rest @ ..], Self::Object(fields)) if *key != "[]" => fields
                .iter()
                .filter(|(other, _)| match case {
                    Case::Exact => other == key,
                    Case::Folded => other.eq_ignore_ascii_case(key),
                })
                .try_for_each(|(_, value)| value.select(rest, case, name)),
            (_, Self::Text(_) | Self::Scalar | Self::List(_) | Self::Object(_)) => Err(WrongType),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without doubled keys")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Scalar)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut seen = HashSet::new();
        let mut fields = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, Json>()? {
            // Go's decoder folds case, and beyond ASCII: `namespace` also matches with a long s.
            if !key.is_ascii() || !seen.insert(key.to_ascii_lowercase()) {
                return Err(A::Error::custom("a key is doubled or not ASCII"));
            }
            fields.push((key, value));
        }
        Ok(Json::Object(fields))
    }
}
