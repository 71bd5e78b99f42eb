//! How names of the tables and of the configuration are looked up.

use std::hash::{BuildHasher, Hasher};

/// Hashes names by FNV-1a, which is short names' cheapest.
///
/// It has no key, and needs none: whoever sends a request chooses what is looked up, and never what
/// is there, so nobody can make names share a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByName;

/// One name's hash, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fnv(u64);

impl BuildHasher for ByName {
    type Hasher = Fnv;

    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_by_fnv_1a() {
        // Test vectors of draft-eastlake-fnv.
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            let mut hasher = ByName.build_hasher();
            hasher.write(text.as_bytes());
            assert_eq!(hasher.finish(), expected, "{text:?}");
        }
    }
}
