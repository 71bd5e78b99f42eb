//! Names of fields that were used lately: clients and hubs use the same ones again and again.

use std::cell::{RefCell, RefMut};

use http::header::{self, HeaderName};

use super::Text;
use super::lines::end_of_line;

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
    /// What a field of this name says.
    #[must_use]
    pub fn of(name: &HeaderName) -> Self {
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

/// What is kept of names that one thread reads: each stands in one of the two places that its
/// spelling hashes to.
#[derive(Debug)]
pub struct Names<K = (HeaderName, Kind)>(RefCell<Table<K>>);

#[derive(Debug)]
struct Table<K> {
    places: Vec<Option<Known<K>>>,
    /// Where the name stands that a head began with lately.
    first: u8,
}

#[derive(Debug)]
struct Known<K> {
    /// As it was written, with the colon.
    spelling: Box<[u8]>,
    kept: K,
    /// Where the name stands that followed it lately.
    next: u8,
    /// The line in which it stood lately, with its end, where that is worth remembering.
    line: Vec<u8>,
}

/// How long a line is at most that is worth remembering.
const LONGEST: usize = 160;

/// The names of one head, line by line.
#[derive(Debug)]
pub struct Reading<'n, K = (HeaderName, Kind)> {
    table: RefMut<'n, Table<K>>,
    /// Where the last one stands.
    last: Option<u8>,
    /// Where the next one stands, if it is the one that followed the last one lately.
    expected: u8,
}

impl<K> Default for Names<K> {
    fn default() -> Self {
        Self(RefCell::new(Table { places: Vec::new(), first: 0 }))
    }
}

/// A name's two places. Its length and both of its ends are looked at, which is quick and tells
/// most names apart; it need not withstand anybody, since whoever makes names share their places
/// makes nothing but the reading of names slower, by what it costs to read one anew.
fn places(spelling: &[u8]) -> [u8; 2] {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let ends = match (spelling.first_chunk::<8>(), spelling.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
        }
        _ => spelling.iter().fold(0, |ends, b| ends << 8 | u64::from(*b)),
    };
    let [first, second, ..] = (ends.wrapping_mul(SPREAD) ^ spelling.len() as u64).to_be_bytes();
    [first, second]
}

/// Whether a line begins with this. Most names have eight to sixteen bytes, and two looks see both
/// ends of them.
fn begins_with(line: &[u8], spelling: &[u8]) -> bool {
    let Some(line) = line.get(..spelling.len()) else { return false };
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_le_bytes(*bytes));
    let ends = |text: &[u8]| Some((word(text.first_chunk())?, word(text.last_chunk())?));
    match ends(spelling) {
        Some(own) if spelling.len() <= 16 => ends(line) == Some(own),
        Some(_) | None => line == spelling,
    }
}

impl<K> Names<K> {
    /// Begins a head.
    pub fn reading(&self) -> Reading<'_, K> {
        let mut table = self.0.borrow_mut();
        if table.places.is_empty() {
            table.places.resize_with(PLACES, || None);
        }
        let expected = table.first;
        Reading { table, last: None, expected }
    }
}

impl Reading<'_> {
    /// Takes a name off the beginning of the next line, and the colon behind it; `None` when none
    /// stands there.
    pub fn take<'l>(&mut self, line: Text<'l>) -> Option<(&HeaderName, Kind, Text<'l>)> {
        let ((name, kind), value) = self.take_as(line, |name| {
            let kind = Kind::of(&name);
            (name, kind)
        })?;
        Some((name, *kind, value))
    }
}

impl<K> Reading<'_, K> {
    /// The same, and of the name what `keep` keeps of it, which is asked once for each spelling.
    /// A blank in front of the colon is part of the name, and no name has one (RFC 9112 §5.1).
    pub fn take_as<'l>(
        &mut self,
        line: Text<'l>,
        keep: impl FnOnce(HeaderName) -> K,
    ) -> Option<(&K, Text<'l>)> {
        // Names follow each other as they did lately: nothing need be looked for then.
        let place = if self.known(self.expected, line.bytes()).is_some() {
            self.expected
        } else {
            let place = self.find(line.bytes(), keep)?;
            self.expect(place);
            place
        };
        let known = self.table.places.get(usize::from(place))?.as_ref()?;
        (self.last, self.expected) = (Some(place), known.next);
        Some((&known.kept, line.behind(known.spelling.len())?))
    }

    /// Takes the next line off what was read: what is kept of its name, its value, and how long it
    /// is with its end. `None` when its end is not there, or no name begins it.
    ///
    /// A line that stood there lately, letter for letter, is not looked at again. Only those are
    /// remembered that say the same in many heads, by what `is_usual` says of their names.
    pub fn take_line<'l>(
        &mut self,
        read: &'l [u8],
        keep: impl FnOnce(HeaderName) -> K,
        is_usual: impl FnOnce(K) -> bool,
    ) -> Option<(K, Text<'l>, usize)>
    where
        K: Copy,
    {
        let place = self.table.places.get(usize::from(self.expected)).and_then(Option::as_ref);
        if let Some(known) = place
            && !known.line.is_empty()
            && read.starts_with(&known.line)
        {
            let length = known.line.len();
            let value = read.get(known.spelling.len()..length.checked_sub(2)?)?;
            let taken = (known.kept, Text::of(value), length);
            (self.last, self.expected) = (Some(self.expected), known.next);
            return Some(taken);
        }
        let length = end_of_line(read).ok()??;
        let (kept, value) = self.take_as(Text::of(read.get(..length)?), keep)?;
        let kept = *kept;
        if is_usual(kept) && length <= LONGEST {
            let place = usize::from(self.last?);
            let known = self.table.places.get_mut(place)?.as_mut()?;
            known.line.clear();
            known.line.extend_from_slice(read.get(..length + 2)?);
        }
        Some((kept, value, length + 2))
    }

    /// What stands at a place, if the line begins with it.
    fn known(&self, place: u8, line: &[u8]) -> Option<&Known<K>> {
        let known = self.table.places.get(usize::from(place))?.as_ref()?;
        begins_with(line, &known.spelling).then_some(known)
    }

    fn expect(&mut self, place: u8) {
        let table = &mut *self.table;
        match self.last.and_then(|last| table.places.get_mut(usize::from(last))?.as_mut()) {
            Some(last) => last.next = place,
            None => table.first = place,
        }
    }

    /// Where the name of a line stands: one that is new gets a place.
    fn find(&mut self, line: &[u8], keep: impl FnOnce(HeaderName) -> K) -> Option<u8> {
        let colon = line.iter().position(|b| *b == b':')?;
        let spelling = line.get(..colon)?;
        // Two places for each: two names that share one do not push each other out.
        let [first, second] = places(spelling);
        let with_colon = line.get(..=colon)?;
        if let Some(place) = [first, second].into_iter().find(|place| {
            self.known(*place, line).is_some_and(|known| *known.spelling == *with_colon)
        }) {
            return Some(place);
        }
        let name = HeaderName::from_bytes(spelling).ok()?;
        let free = matches!(self.table.places.get(usize::from(first)), Some(None));
        let place = if free { first } else { second };
        let (spelling, kept) = (with_colon.into(), keep(name));
        let known = Known { spelling, kept, next: place, line: Vec::new() };
        *self.table.places.get_mut(usize::from(place))? = Some(known);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line, as it is found in a head.
    fn line(text: &str) -> Text<'_> {
        Text::of(text.as_bytes())
    }

    #[test]
    fn a_name_is_what_stands_in_front_of_the_colon_and_nothing_else() {
        let names = Names::default();
        for _ in 0..2 {
            let mut names = names.reading();
            let (name, kind, rest) = names.take(line("Content-Length: 5")).unwrap();
            assert_eq!((name, kind), (&header::CONTENT_LENGTH, Kind::Length));
            assert_eq!(rest.bytes(), b" 5");
            let (name, kind, rest) = names.take(line("x-a:b:c")).unwrap();
            assert_eq!((name.as_str(), kind, rest.bytes()), ("x-a", Kind::Said, &b"b:c"[..]));
        }
        for none in ["", "x", "x a: b", "x : b", " x: b", ": b", "\u{e9}: b"] {
            assert_eq!(names.reading().take(line(none)), None, "{none:?}");
        }
    }

    #[test]
    fn a_line_begins_with_a_name_of_any_length() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let (name, line) = (&text[..length], text.as_slice());
            assert!(
                begins_with(line, name)
                    && !begins_with(&name[..length.saturating_sub(1)], name) | name.is_empty()
            );
            for at in 0..length {
                let mut other = name.to_vec();
                other[at] ^= 0x20;
                assert!(!begins_with(line, &other), "{length} {at}");
            }
        }
    }

    #[test]
    fn a_line_that_is_remembered_is_the_same_line_to_the_last_letter() {
        let names = Names::default();
        let take = |read: &str, usual: bool| {
            let mut reading = names.reading();
            let taken =
                reading.take_line(read.as_bytes(), |name| name.as_str().len(), |_| usual)?;
            let (kept, value, length) = taken;
            Some((kept, String::from_utf8(value.bytes().to_vec()).unwrap(), length))
        };
        for usual in [true, true, false] {
            for (read, value) in
                [("X-A: b\r\n", " b"), ("X-A: bc\r\nX", " bc"), ("X-A:\r\n\r\n", "")]
            {
                let length = read.find('\n').unwrap() + 1;
                for _ in 0..2 {
                    assert_eq!(take(read, usual), Some((3, value.to_owned(), length)), "{read:?}");
                }
            }
            for none in [
                "X-A: b\n",
                "X-A: b\r",
                "X-A: b\rc\r\n",
                "X-A: b\0\r\n",
                "X-A : b\r\n",
                "X-A\r\n",
                "\r\n",
                "",
            ] {
                assert_eq!(take(none, usual), None, "{none:?}");
            }
        }
    }

    #[test]
    fn names_that_share_their_places_are_still_told_apart() {
        let names = Names::default();
        for number in 0..4 * PLACES {
            let text = format!("X-Name-{number}: v");
            let mut reading = names.reading();
            let (name, ..) = reading.take(line(&text)).unwrap();
            assert_eq!(name.as_str(), format!("x-name-{number}"));
        }
    }

    #[test]
    fn names_in_another_order_than_lately_are_still_the_same_names() {
        let lines = ["Host: h", "X-A: 1", "x-a: 2", "X-Ab: 3", "Accept: 4", "X: 5", "Host: 6"];
        let names = Names::default();
        for turn in 0..lines.len() * 3 {
            let mut reading = names.reading();
            for at in 0..lines.len() {
                let text = lines[(turn + at * (1 + turn % 3)) % lines.len()];
                let (name, _, rest) = reading.take(line(text)).unwrap();
                let (spelling, value) = text.split_once(':').unwrap();
                assert_eq!(*name, HeaderName::from_bytes(spelling.as_bytes()).unwrap());
                assert_eq!(rest.bytes(), value.as_bytes());
            }
        }
    }
}
