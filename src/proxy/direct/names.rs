//! Names of headers that the hub has used lately: it uses the same ones again and again.

use std::cell::RefCell;

use http::header::{self, HeaderName};
use memchr::memmem::Finder;

use crate::headers::is_hop_by_hop;

/// How many places there are for names.
const PLACES: usize = 256;

/// What an answer says with a header of some name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something for the client.
    Said,
    /// The length of its body.
    Length,
    /// The transfer coding of its body.
    Coding,
    /// What becomes of the connection, and what else speaks of it alone.
    Connection,
    /// Something that speaks of this connection alone.
    Hop,
}

impl Kind {
    fn of(name: &HeaderName) -> Self {
        match *name {
            header::CONTENT_LENGTH => Self::Length,
            header::TRANSFER_ENCODING => Self::Coding,
            header::CONNECTION => Self::Connection,
            _ if is_hop_by_hop(name) => Self::Hop,
            _ => Self::Said,
        }
    }
}

/// One thread's names, each in one of the two places that its spelling hashes to.
#[derive(Debug)]
pub(in crate::proxy) struct Names {
    known: RefCell<Vec<Option<Known>>>,
    /// Finds the end of a head; kept here because it takes a while to make.
    end: Finder<'static>,
}

#[derive(Clone, Debug)]
struct Known {
    spelling: Box<[u8]>,
    name: HeaderName,
    kind: Kind,
}

impl Default for Names {
    fn default() -> Self {
        Self { known: RefCell::default(), end: Finder::new(b"\r\n\r\n") }
    }
}

impl Names {
    /// Where the empty line behind a head begins.
    pub(super) fn find_end(&self, read: &[u8]) -> Option<usize> {
        self.end.find(read)
    }

    /// Takes a name off the beginning of a line, and the colon behind it; `None` when none stands
    /// there. A blank in front of the colon is part of the name, and no name has one
    /// (RFC 9112 §5.1).
    pub(super) fn take<'l>(&self, line: &'l [u8]) -> Option<(HeaderName, Kind, &'l [u8])> {
        // The name is hashed while its end is looked for. The hash need not withstand anybody:
        // whoever makes names collide makes his own answers slower.
        let mut hash = 0_usize;
        let end = line.iter().position(|b| {
            let colon = *b == b':';
            if !colon {
                hash = hash.wrapping_mul(31) ^ usize::from(*b);
            }
            colon
        })?;
        let (spelling, rest) = line.split_at_checked(end)?;
        let (name, kind) = self.of(spelling, hash)?;
        Some((name, kind, rest.get(1..)?))
    }

    fn of(&self, spelling: &[u8], hash: usize) -> Option<(HeaderName, Kind)> {
        let mut places = self.known.borrow_mut();
        if places.is_empty() {
            places.resize(PLACES, None);
        }
        // Two places for each: two names that share one do not push each other out.
        let (first, second) = (hash % PLACES, (hash / PLACES) % PLACES);
        for place in [first, second] {
            if let Some(Some(known)) = places.get(place)
                && *known.spelling == *spelling
            {
                return Some((known.name.clone(), known.kind));
            }
        }
        let name = HeaderName::from_bytes(spelling).ok()?;
        let kind = Kind::of(&name);
        let free = if matches!(places.get(first), Some(None)) { first } else { second };
        let known = Known { spelling: spelling.into(), name: name.clone(), kind };
        *places.get_mut(free)? = Some(known);
        Some((name, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_stands_in_front_of_the_colon_and_nothing_else() {
        let names = Names::default();
        for _ in 0..2 {
            let (name, kind, rest) = names.take(b"Content-Length: 5").unwrap();
            assert_eq!((name, kind, rest), (header::CONTENT_LENGTH, Kind::Length, &b" 5"[..]));
            let (name, kind, rest) = names.take(b"x-a:b:c").unwrap();
            assert_eq!((name.as_str(), kind, rest), ("x-a", Kind::Said, &b"b:c"[..]));
        }
        for none in ["", "x", "x a: b", "x : b", " x: b", ": b", "x\0: b", "x\r: b", "\u{e9}: b"] {
            assert_eq!(names.take(none.as_bytes()), None, "{none:?}");
        }
    }

    #[test]
    fn names_that_share_their_places_are_still_told_apart() {
        let names = Names::default();
        for number in 0..4 * PLACES {
            let line = format!("X-Name-{number}: v");
            let (name, ..) = names.take(line.as_bytes()).unwrap();
            assert_eq!(name.as_str(), format!("x-name-{number}"));
        }
    }
}
