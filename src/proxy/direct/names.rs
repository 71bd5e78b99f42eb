//! Names of headers that the hub has used lately: it uses the same ones again and again.

use std::cell::RefCell;

use http::header::HeaderName;

const PLACES: usize = 128;

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
        let at = |index: usize| spelling.get(index).copied().map_or(0, usize::from);
        let hash = spelling.len() * 7
            + at(0) * 31
            + at(spelling.len() / 2) * 17
            + at(spelling.len().wrapping_sub(1)) * 5;
        let place = places.get_mut(hash % PLACES)?;
        if let Some((known, name)) = place
            && **known == *spelling
        {
            return Some(name.clone());
        }
        let name = HeaderName::from_bytes(spelling).ok()?;
        *place = Some((spelling.into(), name.clone()));
        Some(name)
    }
}
