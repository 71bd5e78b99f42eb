//! Looks at every file by what the file system says of it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::SystemTime;

use super::super::load::begin;
use super::super::stamp::Stamp;
use super::entries::{self, Found};
use super::{Loader, many};

impl Loader {
    /// A number that changes when any of the files does. Nothing is read but the names of files and
    /// what the file system says of them.
    #[must_use]
    pub fn look(&mut self, now: SystemTime) -> u64 {
        self.look_around(now);
        self.looked
    }

    /// The number of the last look; reading again begins with one.
    #[must_use]
    pub const fn looked(&self) -> u64 {
        self.looked
    }

    /// The organizations' files and how they stand; `None` when they cannot be found.
    pub(super) fn look_around(&mut self, now: SystemTime) -> Option<Vec<Found>> {
        let (reader, place) = begin(&self.path, &self.environment, now);
        let (patterns, listings) = (&self.patterns, &mut self.listings);
        // Two rounds that have nothing to do with each other.
        let (found, changed) = std::thread::scope(|scope| {
            let readings = scope.spawn(|| self.readings.look(now));
            let found = entries::found(&reader, &place, patterns, listings);
            match readings.join() {
                Ok(changed) => (found, changed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        self.differences += u64::from(changed);
        let mut seen = DefaultHasher::new();
        self.differences.hash(&mut seen);
        Stamp::of(&self.path, now).hash(&mut seen);
        let parts = many::side_by_side(found.chunks(many::share(found.len())), |part| {
            let mut seen = DefaultHasher::new();
            for (path, stamp) in part {
                path.as_os_str().hash(&mut seen);
                stamp.hash(&mut seen);
            }
            seen.finish()
        });
        parts.hash(&mut seen);
        for touched in &self.at_work.touched {
            touched.path.as_os_str().hash(&mut seen);
            Stamp::of(&touched.path, now).hash(&mut seen);
        }
        self.looked = seen.finish();
        reader.problems.take().is_empty().then_some(found)
    }
}
