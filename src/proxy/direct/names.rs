//! Names of headers that the hub has used lately: it uses the same ones again and again.

use std::cell::RefCell;

use http::header::HeaderName;

const PLACES: usize = 256;

/// One thread's names, each in the place that its spelling hashes to.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Names(RefCell<Vec<Option<Known>>>);

/// How the hub has spelled a name, and the name.
type Known = (Box<[u8]>, HeaderName);

impl Names {
    /// The name that is spelled so; `None` when it is none.
    pub(super) fn of(&self, spelling: &[u8]) -> Option<HeaderName> {
        let mut places = self.0.borrow_mut();
        if places.is_empty() {
            places.resize(PLACES, None);
        }
        // Two places for each: two names that share one do not push each other out.
        let hash =
            spelling.iter().fold(0, |hash: usize, b| hash.wrapping_mul(31) ^ usize::from(*b));
        let (first, second) = (hash % PLACES, (hash / PLACES) % PLACES);
        for place in [first, second] {
            if let Some(Some((known, name))) = places.get(place)
                && **known == *spelling
            {
                return Some(name.clone());
            }
        }
        let name = HeaderName::from_bytes(spelling).ok()?;
        let free = if matches!(places.get(first), Some(None)) { first } else { second };
        *places.get_mut(free)? = Some((spelling.into(), name.clone()));
        Some(name)
    }
}
