//! The header fields of a message, in the order in which they came.
//!
//! A list and no table: messages have a dozen fields, and looking through those costs less than
//! hashing each. Whoever takes several out does so in one pass ([`Fields::retain`]), so that many
//! fields are no way to make the gate work.

mod lines;
mod names;
mod value;

use http::header::{HeaderMap, HeaderName};

pub use lines::{LARGEST, LineFlaw, Lines, Text};
pub use names::{Kind, Names, Reading, is_hop_by_hop};
pub use value::{FieldValue, InvalidValue};

/// Names and values, in order; a name may stand there several times.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(HeaderName, FieldValue)>);

/// What a field can be looked up by: its name, or a text that is one in lower case.
pub trait ByName {
    /// Whether it is this one.
    fn is(&self, name: &HeaderName) -> bool;
}

impl ByName for HeaderName {
    fn is(&self, name: &HeaderName) -> bool {
        self == name
    }
}

impl ByName for &HeaderName {
    fn is(&self, name: &HeaderName) -> bool {
        *self == name
    }
}

impl ByName for &str {
    fn is(&self, name: &HeaderName) -> bool {
        name.as_str().eq_ignore_ascii_case(self)
    }
}

/// What a field can be called.
pub trait IntoName {
    /// As a name.
    fn into_name(self) -> HeaderName;
}

impl IntoName for HeaderName {
    fn into_name(self) -> HeaderName {
        self
    }
}

impl IntoName for &HeaderName {
    fn into_name(self) -> HeaderName {
        self.clone()
    }
}

impl IntoName for &'static str {
    /// A text of the program's own; in upper case, it is a mistake that every test would see.
    fn into_name(self) -> HeaderName {
        HeaderName::from_static(self)
    }
}

impl Fields {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// None yet, and room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// A copy, and room for some more.
    #[must_use]
    pub fn with_room(&self) -> Self {
        let mut copy = Vec::with_capacity(self.0.len() + 8);
        copy.extend_from_slice(&self.0);
        Self(copy)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all of them; the room that they stood in is kept.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The first value of that name.
    #[must_use]
    pub fn get(&self, name: impl ByName) -> Option<&FieldValue> {
        self.0.iter().find(|(own, _)| name.is(own)).map(|(_, value)| value)
    }

    /// Every value of that name, in order.
    pub fn get_all(&self, name: impl ByName) -> impl DoubleEndedIterator<Item = &FieldValue> {
        self.0.iter().filter(move |(own, _)| name.is(own)).map(|(_, value)| value)
    }

    /// The value of that name where there is exactly one.
    #[must_use]
    pub fn only(&self, name: impl ByName) -> Option<&FieldValue> {
        let mut values = self.get_all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn contains_key(&self, name: impl ByName) -> bool {
        self.0.iter().any(|(own, _)| name.is(own))
    }

    /// Puts a value in the place of all others of that name.
    pub fn insert(&mut self, name: impl IntoName, value: impl Into<FieldValue>) {
        let (name, value) = (name.into_name(), value.into());
        let Some(first) = self.0.iter().position(|(own, _)| *own == name) else {
            return self.0.push((name, value));
        };
        let mut at = 0;
        self.0.retain(|(own, _)| {
            at += 1;
            at - 1 <= first || *own != name
        });
        if let Some((_, own)) = self.0.get_mut(first) {
            *own = value;
        }
    }

    /// Adds a value behind all others.
    pub fn append(&mut self, name: impl IntoName, value: impl Into<FieldValue>) {
        self.0.push((name.into_name(), value.into()));
    }

    /// Adds a value where there is none of that name.
    pub fn insert_if_missing(&mut self, name: &HeaderName, value: impl FnOnce() -> FieldValue) {
        if !self.contains_key(name) {
            self.0.push((name.clone(), value()));
        }
    }

    /// Takes out every value of that name; the first one is returned.
    pub fn remove(&mut self, name: impl ByName) -> Option<FieldValue> {
        let first = self.0.iter().position(|(own, _)| name.is(own))?;
        let (_, value) = self.0.remove(first);
        if self.0.get(first..).is_some_and(|rest| rest.iter().any(|(own, _)| name.is(own))) {
            self.0.retain(|(own, _)| !name.is(own));
        }
        Some(value)
    }

    /// Takes out every field that is not to stay; whether there was one.
    pub fn retain(&mut self, mut stays: impl FnMut(&HeaderName, &FieldValue) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|(name, value)| stays(name, value));
        self.0.len() < before
    }

    /// The same where a value may be changed.
    pub fn retain_mut(&mut self, mut stays: impl FnMut(&HeaderName, &mut FieldValue) -> bool) {
        self.0.retain_mut(|(name, value)| stays(name, value));
    }

    /// The names, in order, each as often as it stands there.
    pub fn keys(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// As the table that other libraries take.
    ///
    /// # Errors
    /// When there are more than such a table holds.
    pub fn to_map(&self) -> Result<HeaderMap, http::Error> {
        let mut map = HeaderMap::try_with_capacity(self.len())?;
        for (name, value) in self.iter() {
            map.try_append(name, value.to_http()?)?;
        }
        Ok(map)
    }
}

impl From<&HeaderMap> for Fields {
    fn from(map: &HeaderMap) -> Self {
        Self(map.iter().map(|(name, value)| (name.clone(), value.into())).collect())
    }
}

impl<'f> IntoIterator for &'f Fields {
    type Item = (&'f HeaderName, &'f FieldValue);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'f, (HeaderName, FieldValue)>,
        fn(&'f (HeaderName, FieldValue)) -> (&'f HeaderName, &'f FieldValue),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl std::ops::Index<&str> for Fields {
    type Output = FieldValue;

    /// The first value of that name; nothing, where there is none.
    fn index(&self, name: &str) -> &FieldValue {
        static NOTHING: FieldValue = FieldValue::from_static("");
        self.get(name).unwrap_or(&NOTHING)
    }
}

/// The same values for each name, in the same order; names may stand in another order (RFC 9110
/// §5.3).
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.keys().all(|name| self.get_all(name).eq(other.get_all(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in pairs {
            fields.append(*name, FieldValue::from_static(value));
        }
        fields
    }

    fn pairs(fields: &Fields) -> Vec<(&str, &str)> {
        fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn a_value_takes_the_place_of_all_others_of_its_name() {
        let mut own = fields(&[("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("a", "5")]);
        own.insert("a", FieldValue::from_static("6"));
        assert_eq!(pairs(&own), [("a", "6"), ("b", "2"), ("c", "4")]);
        own.insert("d", FieldValue::from_static("7"));
        assert_eq!(pairs(&own), [("a", "6"), ("b", "2"), ("c", "4"), ("d", "7")]);
    }

    #[test]
    fn a_name_goes_with_all_of_its_values() {
        let mut own = fields(&[("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(own.remove("A").unwrap(), "1");
        assert_eq!(pairs(&own), [("b", "2")]);
        assert_eq!(own.remove("a"), None);
        assert_eq!(own.remove(HeaderName::from_static("b")).unwrap(), "2");
        assert!(own.is_empty());
    }

    #[test]
    fn a_field_is_found_by_its_name_in_any_case() {
        let own = fields(&[("x-a", "1"), ("x-a", "2"), ("host", "h")]);
        assert_eq!(own.get("X-A").unwrap(), "1");
        assert_eq!(own.get_all("x-a").count(), 2);
        assert_eq!(own.only("x-a"), None);
        assert_eq!(own.only(http::header::HOST).unwrap(), "h");
        assert!(!own.contains_key("x"));
    }

    #[test]
    fn fields_are_equal_in_whatever_order_their_names_stand() {
        let own = fields(&[("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(own, fields(&[("a", "1"), ("a", "3"), ("b", "2")]));
        assert_ne!(own, fields(&[("a", "3"), ("a", "1"), ("b", "2")]));
        assert_ne!(own, fields(&[("a", "1"), ("b", "2"), ("b", "3")]));
        assert_ne!(own, fields(&[("a", "1"), ("b", "2")]));
    }

    #[test]
    fn a_table_and_back_says_the_same() {
        let own = fields(&[("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(Fields::from(&own.to_map().unwrap()), own);
    }
}
