//! What the hub is told beside what the client said.
//!
//! It is written behind the client's headers, out of which everything that could be mistaken for it
//! was taken before.

use std::sync::Arc;

use http::header::{self, HeaderName};

use crate::fields::{FieldValue, Fields};

use super::cookies;
use super::{Hop, Identity};

/// What is written into a request on its way to the hub, and our cookies, which are not.
#[derive(Clone, Debug)]
pub struct Told {
    identity: Arc<Identity>,
    hop: Option<Arc<Hop>>,
    cookies: Arc<str>,
}

/// Headers as they stand in a head.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(pub(super) Vec<u8>);

impl Lines {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn of<'h>(
        headers: impl IntoIterator<Item = (&'h HeaderName, &'h FieldValue)>,
    ) -> Self {
        let mut lines = Vec::new();
        for (name, value) in headers {
            write_line(name, value.as_bytes(), &mut lines);
        }
        Self(lines)
    }
}

/// Writes one line of a head.
pub fn write_line(name: &HeaderName, value: &[u8], head: &mut Vec<u8>) {
    let name = name.as_str().as_bytes();
    head.reserve(name.len() + value.len() + 4);
    head.extend_from_slice(name);
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

impl Told {
    /// Nothing: what the client said goes on.
    #[must_use]
    pub fn nothing() -> Self {
        Self { identity: Arc::new(Identity::anonymous()), hop: None, cookies: "".into() }
    }

    /// Who asks and, if it is not in the headers already, which way the request has come; cookies
    /// whose names begin with `cookies` are ours.
    #[must_use]
    pub fn new(identity: Arc<Identity>, hop: Option<Arc<Hop>>, cookies: Arc<str>) -> Self {
        Self { identity, hop, cookies }
    }

    /// Writes one header of the client's into a head.
    pub fn write_said(&self, name: &HeaderName, value: &FieldValue, head: &mut Vec<u8>) {
        if *name == header::COOKIE && !self.cookies.is_empty() {
            cookies::write_others_if_any(value.as_bytes(), &self.cookies, head);
        } else {
            write_line(name, value.as_bytes(), head);
        }
    }

    /// Writes what the hub is told into a head.
    pub fn write(&self, head: &mut Vec<u8>) {
        head.extend_from_slice(&self.identity.lines.0);
        if let Some(hop) = &self.hop {
            head.extend_from_slice(&hop.lines.0);
        }
    }

    /// The same for headers that somebody else writes.
    pub fn insert(&self, headers: &mut Fields) {
        if !self.cookies.is_empty() {
            cookies::without_ours(headers, &self.cookies);
        }
        for (name, value) in self.identity.iter() {
            headers.insert(name, value.clone());
        }
        for (name, value) in self.hop.iter().flat_map(|hop| hop.headers()) {
            headers.insert(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways say the same, in whatever order.
    #[track_caller]
    fn check(told: &Told, said: &[(&str, &str)]) {
        let mut headers = Fields::new();
        for (name, value) in said {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, FieldValue::from_str(value).unwrap());
        }
        let mut head = Vec::new();
        for (name, value) in &headers {
            told.write_said(name, value, &mut head);
        }
        told.write(&mut head);
        told.insert(&mut headers);
        let mut expected = Vec::new();
        for (name, value) in &headers {
            write_line(name, value.as_bytes(), &mut expected);
        }
        let sorted = |text: &[u8]| {
            let mut lines: Vec<String> =
                String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&head), sorted(&expected));
    }

    #[test]
    fn what_is_written_is_what_is_inserted() {
        let user = HeaderName::from_static("x-auth-user");
        let identity = Identity::from_pairs([(user, FieldValue::from_static("acme:alice"))]);
        let host = FieldValue::from_static("hub.example.com");
        let hop = Hop::new("192.0.2.1:80".parse().unwrap(), true, Some(&host));
        let told = Told::new(Arc::new(identity), Some(Arc::new(hop)), "__Host-hubgate".into());
        check(&told, &[("host", "hub.example.com"), ("accept", "*/*")]);
        check(&told, &[("cookie", "a=1; __Host-hubgate=x; b=2"), ("cookie", "__HOST-hubgate-1=y")]);
        check(&told, &[("cookie", "a=1;  b=\"q; z=3"), ("cookie", "c=3")]);
        check(&told, &[("cookie", "__Host-hubgate=x;;  ; a=1;")]);
        check(&told, &[("cookie", "__Host-hubgate=x")]);
        check(&Told::nothing(), &[("cookie", "__Host-hubgate=x"), ("x", "1")]);
    }
}
