//! Names of fields that were used lately: clients and hubs use the same ones again and again.

use std::cell::RefCell;

use http::header::{self, HeaderName};

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// How many places there are for names: as many as a byte has values.
const PLACES: usize = 256;

/// What a message says with a field of some name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something for whoever is at the end.
    Said,
    /// Something for whoever is at the end, that asks for another way of being answered
    /// (`Expect`, `TE`, `Trailer`).
    Asking,
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
            header::EXPECT | header::TE | header::TRAILER => Self::Asking,
            _ if *name == HTTP2_SETTINGS => Self::Asking,
            _ if is_hop_by_hop(name) => Self::Hop,
            _ => Self::Said,
        }
    }
}

/// Whether a field speaks of one connection only, whatever `Connection` says (RFC 9110 §7.6.1).
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::TRANSFER_ENCODING
        | header::UPGRADE
        | header::PROXY_AUTHENTICATE => true,
        _ => *name == KEEP_ALIVE || *name == PROXY_CONNECTION,
    }
}

/// One thread's names, each in one of the two places that its spelling hashes to.
#[derive(Debug, Default)]
pub struct Names(RefCell<Vec<Option<Known>>>);

#[derive(Clone, Debug)]
struct Known {
    spelling: Box<[u8]>,
    name: HeaderName,
    kind: Kind,
}

/// A name's two places. Its length and both of its ends are looked at, which is quick and tells
/// most names apart; it need not withstand anybody, since whoever makes names share their places
/// makes nothing but the reading of names slower, by what it costs to read one anew.
fn places(spelling: &[u8]) -> [usize; 2] {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let ends = match (spelling.first_chunk::<8>(), spelling.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
        }
        _ => spelling.iter().fold(0, |ends, b| ends << 8 | u64::from(*b)),
    };
    let [first, second, ..] = (ends.wrapping_mul(SPREAD) ^ spelling.len() as u64).to_be_bytes();
    [first.into(), second.into()]
}

impl Names {
    /// Takes a name off the beginning of a line, and the colon behind it; `None` when none stands
    /// there. A blank in front of the colon is part of the name, and no name has one
    /// (RFC 9112 §5.1).
    pub fn take<'l>(&self, line: &'l [u8]) -> Option<(HeaderName, Kind, &'l [u8])> {
        let (spelling, rest) = line.split_at_checked(line.iter().position(|b| *b == b':')?)?;
        let (name, kind) = self.of(spelling)?;
        Some((name, kind, rest.get(1..)?))
    }

    fn of(&self, spelling: &[u8]) -> Option<(HeaderName, Kind)> {
        let mut all = self.0.borrow_mut();
        if all.is_empty() {
            all.resize(PLACES, None);
        }
        // Two places for each: two names that share one do not push each other out.
        let [first, second] = places(spelling);
        for place in [first, second] {
            if let Some(Some(known)) = all.get(place)
                && *known.spelling == *spelling
            {
                return Some((known.name.clone(), known.kind));
            }
        }
        let name = HeaderName::from_bytes(spelling).ok()?;
        let kind = Kind::of(&name);
        let free = if matches!(all.get(first), Some(None)) { first } else { second };
        let known = Known { spelling: spelling.into(), name: name.clone(), kind };
        *all.get_mut(free)? = Some(known);
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
