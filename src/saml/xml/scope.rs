//! The namespace declarations that are in scope while a document is read.

/// Which declaration each prefix stands for at this place of the document.
///
/// A prefix is sought among those that are in scope, which are few, and by halving.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// Every prefix with its innermost declaration, in the order of the prefixes.
    bound: Vec<(&'a str, usize)>,
    /// Where each declaration was bound, and what its prefix stood for before; the outermost
    /// first. Taken back from the last one on, each is still where it was put.
    declared: Vec<(usize, Option<usize>)>,
}

impl<'a> Scope<'a> {
    pub(super) fn find(&self, prefix: &str) -> Option<usize> {
        let place = self.place(prefix).ok()?;
        self.bound.get(place).map(|(_, declaration)| *declaration)
    }

    /// How many declarations stand around this place.
    pub(super) fn len(&self) -> usize {
        self.declared.len()
    }

    /// Declares a prefix, and says what it stood for before.
    pub(super) fn declare(&mut self, prefix: &'a str, declaration: usize) -> Option<usize> {
        let (place, before) = match self.place(prefix) {
            Ok(place) => (place, self.bind(place, declaration)),
            Err(place) => {
                self.bound.insert(place, (prefix, declaration));
                (place, None)
            }
        };
        self.declared.push((place, before));
        before
    }

    /// Leaves an element in front of which there were so many declarations.
    pub(super) fn leave(&mut self, len: usize) {
        while self.declared.len() > len {
            let Some((place, before)) = self.declared.pop() else { return };
            match before {
                Some(before) => drop(self.bind(place, before)),
                None => drop(self.bound.remove(place)),
            }
        }
    }

    fn bind(&mut self, place: usize, declaration: usize) -> Option<usize> {
        let (_, bound) = self.bound.get_mut(place)?;
        Some(std::mem::replace(bound, declaration))
    }

    fn place(&self, prefix: &str) -> Result<usize, usize> {
        self.bound.binary_search_by(|(known, _)| (*known).cmp(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_element_declares_ends_with_it() {
        let mut scope = Scope::default();
        assert_eq!(scope.declare("b", 0), None);
        assert_eq!(scope.declare("a", 1), None);
        let outer = scope.len();
        assert_eq!(scope.declare("b", 2), Some(0));
        assert_eq!(scope.declare("", 3), None);
        let inner = scope.len();
        assert_eq!(scope.declare("b", 4), Some(2));
        let found = |scope: &Scope<'_>| ["", "a", "b", "c"].map(|prefix| scope.find(prefix));
        assert_eq!(found(&scope), [Some(3), Some(1), Some(4), None]);
        scope.leave(inner);
        assert_eq!(found(&scope), [Some(3), Some(1), Some(2), None]);
        scope.leave(outer);
        assert_eq!(found(&scope), [None, Some(1), Some(0), None]);
        scope.leave(0);
        assert_eq!((found(&scope), scope.len()), ([None; 4], 0));
    }
}
