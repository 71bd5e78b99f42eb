//! Thousands of things that are much the same as the last time: worked on by all cores, and moved
//! only where something has changed.

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

/// Puts what was there before into another order: `earlier` says for each place where it stood, or
/// that the next one of `new` comes there.
pub(super) fn arrange<T>(items: &mut Vec<T>, earlier: &[Option<usize>], new: Vec<T>) {
    let mut new = new.into_iter();
    let mut stays = earlier.iter().enumerate();
    if items.len() == earlier.len() && stays.all(|(at, old)| old.is_none_or(|old| old == at)) {
        for (item, _) in items.iter_mut().zip(earlier).filter(|(_, old)| old.is_none()) {
            if let Some(new) = new.next() {
                *item = new;
            }
        }
        return;
    }
    let mut old: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(earlier.iter().filter_map(|at| match at {
        Some(at) => old.get_mut(*at).and_then(Option::take),
        None => new.next(),
    }));
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
    fn what_was_there_is_put_into_any_order_and_what_comes_in_between() {
        let check = |earlier: &[Option<usize>], expected: &str| {
            let mut items = vec!['a', 'b', 'c'];
            arrange(&mut items, earlier, vec!['X', 'Y', 'Z']);
            assert_eq!(items.into_iter().collect::<String>(), expected);
        };
        check(&[Some(0), Some(1), Some(2)], "abc");
        check(&[Some(0), None, Some(2)], "aXc");
        check(&[Some(0), None, Some(1), None], "aXbY");
        check(&[Some(2), Some(0)], "ca");
        check(&[Some(1), None, Some(0)], "bXa");
        check(&[None, None, None], "XYZ");
        check(&[], "");
    }
}
