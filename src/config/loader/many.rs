//! Thousands of things that are much the same as the last time: worked on by all cores, and found
//! again without a search.

use std::collections::HashMap;
use std::hash::Hash;

/// So few are done sooner by one thread than others begin.
const FEW: usize = 256;

/// Does the same for each item, by all cores where there are many; the results are in their order.
pub(super) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let parts = side_by_side(items.chunks(share(items.len())), |part| {
        part.iter().map(&act).collect::<Vec<R>>()
    });
    parts.into_iter().flatten().collect()
}

/// How many of so many items each core gets.
pub(super) fn share(count: usize) -> usize {
    if count < FEW {
        return FEW;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    count.div_ceil(cores)
}

/// Does the same with each part, one of them in this thread; the results are in their order.
pub(super) fn side_by_side<P: Send, R: Send>(
    parts: impl Iterator<Item = P>,
    act: impl Fn(P) -> R + Sync,
) -> Vec<R> {
    let mut parts = parts;
    let Some(first) = parts.next() else { return Vec::new() };
    let act = &act;
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || act(part))).collect();
        let mut results = vec![act(first)];
        results.extend(threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }));
        results
    })
}

/// What was there the last time, in its order; mostly, it is asked for in that order again.
pub(super) struct Earlier<T, K, F> {
    items: Vec<Option<T>>,
    next: usize,
    key: F,
    places: Option<HashMap<K, usize>>,
}

impl<T, K: Eq + Hash, F: Fn(&T) -> K> Earlier<T, K, F> {
    /// `key` tells them apart.
    pub(super) fn new(items: Vec<T>, key: F) -> Self {
        Self { items: items.into_iter().map(Some).collect(), next: 0, key, places: None }
    }

    /// Takes the next one, if it `is` the wanted one; else the one with that key.
    pub(super) fn take(&mut self, is: impl Fn(&T) -> bool, key: impl FnOnce() -> K) -> Option<T> {
        let next = self.items.get_mut(self.next);
        if let Some(item) = next.and_then(|item| item.take_if(|item| is(item))) {
            self.next += 1;
            return Some(item);
        }
        // Where one is not there any more, the one behind it is next.
        let after = self.items.get_mut(self.next + 1);
        if let Some(item) = after.and_then(|item| item.take_if(|item| is(item))) {
            self.next += 2;
            return Some(item);
        }
        let places = self.places.get_or_insert_with(|| {
            let left = self.items.iter().enumerate();
            left.filter_map(|(place, item)| Some(((self.key)(item.as_ref()?), place))).collect()
        });
        let place = *places.get(&key())?;
        self.next = place + 1;
        self.items.get_mut(place)?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_done_in_their_order() {
        for count in [0, 1, FEW - 1, FEW, 3 * FEW + 1] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(each(&items, |item| item + 1), (1..=count).collect::<Vec<_>>());
            let parts = side_by_side(items.chunks(7), <[usize]>::to_vec);
            assert_eq!(parts.concat(), items);
        }
    }

    #[test]
    fn what_was_there_is_found_in_any_order_and_once() {
        let mut earlier = Earlier::new(vec!["a", "b", "c", "d"], |item: &&str| *item);
        let mut take = |wanted| earlier.take(|item| *item == wanted, || wanted);
        assert_eq!(take("a"), Some("a"));
        assert_eq!(take("new"), None);
        assert_eq!(take("c"), Some("c"));
        assert_eq!(take("d"), Some("d"));
        assert_eq!(take("b"), Some("b"));
        assert_eq!(take("b"), None);
        assert_eq!(take("a"), None);
    }
}
