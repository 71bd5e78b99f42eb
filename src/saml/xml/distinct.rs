//! A few different texts, each with a number.

use std::borrow::Cow;

/// Texts that are told from each other once, and by their numbers from then on: of two that are
/// long, a comparison for each time that they are used would be paid by us.
#[derive(Debug, Default)]
pub(super) struct Distinct<'a> {
    texts: Vec<Cow<'a, str>>,
    /// The numbers, in the order of the texts.
    sorted: Vec<usize>,
}

impl<'a> Distinct<'a> {
    pub(super) fn text(&self, number: usize) -> Option<&str> {
        self.texts.get(number).map(|text| &**text)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Gives `text` a number, and says whether it is a new one.
    pub(super) fn number(&mut self, text: Cow<'a, str>) -> (usize, bool) {
        let found = self.sorted.binary_search_by(|known| self.text(*known).cmp(&Some(&*text)));
        match found {
            Ok(place) => (self.sorted.get(place).copied().unwrap_or_default(), false),
            Err(place) => {
                let number = self.texts.len();
                self.texts.push(text);
                self.sorted.insert(place, number);
                (number, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut distinct = Distinct::default();
        let texts = ["b", "", "d", "a", "c", "b", "", "d", "a", "c"];
        let numbers: Vec<_> = texts.iter().map(|text| distinct.number((*text).into())).collect();
        let (first, again) = numbers.split_at(5);
        assert_eq!(first, [(0, true), (1, true), (2, true), (3, true), (4, true)]);
        assert_eq!(again, [(0, false), (1, false), (2, false), (3, false), (4, false)]);
        assert_eq!(distinct.len(), 5);
        assert_eq!(distinct.text(3), Some("a"));
        assert_eq!(distinct.text(5), None);
    }
}
