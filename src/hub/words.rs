//! What it means that a path begins with a certain word.

use std::collections::HashMap;

use super::names::ByName;
use super::table::{Part, Profile, Row};
use crate::config::HubProfile;

/// The rows of a profile by the words that paths begin with.
#[derive(Debug, Default)]
pub(super) struct Words {
    known: HashMap<&'static str, Word, ByName>,
    /// The rows that begin with the namespace.
    open: Vec<&'static Row>,
}

/// A word that a path may begin with.
#[derive(Debug, Default)]
struct Word {
    /// The rows that begin with it.
    rows: Vec<&'static Row>,
    /// Whether no namespace is called so.
    reserved: bool,
}

impl Words {
    /// The words of a hub of this kind.
    pub(super) fn of(kind: HubProfile, profile: &'static Profile) -> Self {
        let mut words = Self::default();
        for word in kind.reserved() {
            words.known.entry(word).or_default().reserved = true;
        }
        for row in profile.rows {
            match row.path.first() {
                Some(Part::Is(word)) => words.known.entry(word).or_default().rows.push(row),
                Some(Part::Type) => {
                    for kind in profile.types {
                        words.known.entry(kind).or_default().rows.push(row);
                    }
                }
                Some(Part::Any | Part::Org | Part::Repo) | None => words.open.push(row),
            }
        }
        words
    }

    /// The rows that may speak of a path that begins with this word, in lower case; those that
    /// begin with a namespace do not where none is called so.
    pub(super) fn rows(&self, word: Option<&str>) -> impl Iterator<Item = &'static Row> {
        let word = word.and_then(|word| self.known.get(word));
        let known = word.map_or([].as_slice(), |word| word.rows.as_slice());
        let reserved = word.is_some_and(|word| word.reserved);
        let open = if reserved { [].as_slice() } else { self.open.as_slice() };
        known.iter().chain(open).copied()
    }

    /// Every word.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &'static str> {
        self.known.keys().copied()
    }
}
