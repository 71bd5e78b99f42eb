//! What differs between two lists that are mostly the same, such as the organizations before and
//! after a reload.

/// What became of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// For each item that is there now, where it stood before; `None` for those that come. One that
    /// has moved may be among them, and among those that go.
    pub earlier: Vec<Option<usize>>,
    /// Where those stood that are gone.
    pub gone: Vec<usize>,
}

/// Compares two lists in one walk, and from their ends: `same` says whether two items are the same
/// thing.
pub fn difference<A, B>(before: &[A], after: &[B], same: impl Fn(&A, &B) -> bool) -> Difference {
    let ends = before.iter().rev().zip(after.iter().rev());
    let end = ends.take_while(|(old, new)| same(old, new)).count();
    let (old_end, new_end) = (before.len() - end, after.len() - end);
    let is = |at: usize, new: Option<&B>| {
        let old = before.get(at).filter(|_| at < old_end);
        old.zip(new).is_some_and(|(old, new)| same(old, new))
    };
    let mut earlier = Vec::with_capacity(after.len());
    let mut gone = Vec::new();
    let mut at = 0;
    let mut rest = after.iter().take(new_end).peekable();
    while let Some(new) = rest.next() {
        if !is(at, Some(new)) && is(at + 1, Some(new)) {
            // The one in between is gone.
            gone.push(at);
            at += 1;
        }
        if is(at, Some(new)) {
            earlier.push(Some(at));
            at += 1;
            continue;
        }
        earlier.push(None);
        // Unless it was put in between, it takes a place.
        if at < old_end && !is(at, rest.peek().copied()) {
            gone.push(at);
            at += 1;
        }
    }
    gone.extend(at..old_end);
    earlier.extend((old_end..before.len()).map(Some));
    Difference { earlier, gone }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter is an item; capitals are those that come and those that go.
    #[track_caller]
    fn check(before: &str, after: &str) {
        let items = |text: &str| text.chars().collect::<Vec<char>>();
        let (before, after) = (items(before), items(after));
        let found = difference(&before, &after, |old, new| old == new);
        let coming: Vec<bool> = found.earlier.iter().map(Option::is_none).collect();
        let capital: Vec<bool> = after.iter().map(|item| item.is_ascii_uppercase()).collect();
        assert_eq!(coming, capital, "{after:?}");
        for (new, old) in after.iter().zip(&found.earlier) {
            assert!(old.is_none_or(|at| before[at] == *new), "{new}");
        }
        let gone: Vec<usize> =
            (0..before.len()).filter(|at| before[*at].is_ascii_uppercase()).collect();
        assert_eq!(found.gone, gone, "{before:?}");
    }

    #[test]
    fn what_comes_and_what_goes_is_found_wherever_it_stands() {
        check("", "");
        check("", "AB");
        check("AB", "");
        check("abc", "abc");
        check("aBcDe", "aXcYe");
        check("Bcd", "Xcd");
        check("abC", "abX");
        check("abc", "aXbYc");
        check("abc", "Xabc");
        check("abc", "abcX");
        check("aBcDe", "ace");
        check("AbcD", "bc");
        check("abC", "ab");
        check("aBcd", "acXd");
        check("abc", "aXYZbc");
        check("aBCDe", "ae");
        check("aBCd", "aXYd");
    }

    #[test]
    fn every_item_is_accounted_for_whatever_has_moved() {
        let lists =
            ["", "a", "ab", "ba", "abc", "cab", "bca", "abcd", "dcba", "badc", "acbd", "xay"];
        for before in lists {
            for after in lists {
                let (old, new) = (before.as_bytes(), after.as_bytes());
                let found = difference(old, new, |old, new| old == new);
                assert_eq!(found.earlier.len(), new.len());
                let stay: Vec<usize> = found.earlier.iter().copied().flatten().collect();
                assert!(stay.is_sorted_by(|a, b| a < b), "{before} {after}");
                for (item, at) in new.iter().zip(&found.earlier) {
                    assert!(at.is_none_or(|at| old[at] == *item), "{before} {after}");
                }
                let mut all: Vec<usize> = stay.into_iter().chain(found.gone).collect();
                all.sort_unstable();
                assert_eq!(all, (0..old.len()).collect::<Vec<_>>(), "{before} {after}");
            }
        }
    }
}
