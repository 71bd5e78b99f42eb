//! What a request shows to a hub with accounts; two readings of it are none.

use http::header;
use memchr::memmem;

use super::whoami::{Carrier, Shown, Whoami};
use crate::fields::{FieldValue, Fields};
use crate::headers::{folded, pairs};

/// Credentials that contradict each other, or that a hub could read where we do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub &'static str);

impl Whoami {
    /// Every credential of the request, the browser's cookie first.
    ///
    /// # Errors
    /// When one is doubled, or spelled so that some servers would read it and others not.
    pub fn shown(&self, headers: &Fields) -> Result<Vec<Shown>, Contradiction> {
        let mut all = Vec::new();
        if headers.contains_key(header::COOKIE)
            && let Some(value) = self.cookies(headers)?
        {
            all.push(Shown { carrier: Carrier::Cookie, value });
        }
        let own = self.config().headers.iter();
        for name in std::iter::once(&header::AUTHORIZATION).chain(own) {
            let mut values = headers.get_all(name);
            if let Some(value) = values.next() {
                if values.next().is_some() {
                    return Err(Contradiction("a credential's header stands there twice"));
                }
                let carrier = Carrier::Header(name.clone());
                all.push(Shown { carrier, value: value.clone() });
            }
        }
        // CGI and WSGI servers take `X_HF_Authorization` for the same header.
        let other_spelling = |name: &http::HeaderName| {
            let same = |own: &http::HeaderName| {
                own != name
                    && own.as_str().len() == name.as_str().len()
                    && folded(own.as_str()) == folded(name.as_str())
            };
            self.config().headers.iter().any(same)
        };
        if headers.keys().any(other_spelling) {
            return Err(Contradiction("a credential's header is spelled in another way"));
        }
        Ok(all)
    }

    /// The hub's cookies among the request's, as they stand.
    fn cookies(&self, headers: &Fields) -> Result<Option<FieldValue>, Contradiction> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for (name, value) in pairs(headers) {
            if !self.config().cookies.iter().any(|own| own == name) {
                continue;
            }
            match found.iter().find(|(earlier, _)| *earlier == name) {
                Some((_, earlier)) if *earlier != value => {
                    return Err(Contradiction("two cookies of the hub have one name"));
                }
                Some(_) => {}
                None => found.push((name, value)),
            }
        }
        for value in headers.get_all(header::COOKIE) {
            for own in &self.config().cookies {
                if is_hidden(value.as_bytes(), own) {
                    return Err(Contradiction("a cookie of the hub can be read in two ways"));
                }
            }
        }
        let text = match found.as_slice() {
            [] => return Ok(None),
            [(name, value)] => format!("{name}={value}"),
            all => {
                let texts: Vec<String> =
                    all.iter().map(|(name, value)| format!("{name}={value}")).collect();
                texts.join("; ")
            }
        };
        let value = FieldValue::from_str(&text);
        value.map(Some).map_err(|_| Contradiction("a cookie of the hub cannot be passed on"))
    }
}

/// Whether some parser finds a cookie of that name where ours does not: behind a blank or a comma
/// inside a value, with blanks before the `=`, or with an encoded name.
fn is_hidden(text: &[u8], name: &str) -> bool {
    let part_of_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~%".contains(&b);
    for at in memmem::find_iter(text, name.as_bytes()) {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + name.len()..).unwrap_or_default();
        if before.last().is_some_and(|b| part_of_name(*b)) {
            continue; // another cookie's name ends like ours
        }
        let blanks = after.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if after.get(blanks) != Some(&b'=') {
            continue;
        }
        let front = before.trim_ascii_end();
        let proper = blanks == 0 && (front.is_empty() || front.last() == Some(&b';'));
        let value = after.split(|b| *b == b';').next().unwrap_or_default();
        // What is no text is no cookie to us, and may be one to the hub.
        if !proper || !value.is_ascii() {
            return true;
        }
    }
    if !text.contains(&b'%') {
        return false;
    }
    text.split(|b| *b == b';').any(|pair| {
        let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let raw = pair.get(..end).unwrap_or_default().trim_ascii();
        let decoded: Vec<u8> = percent_encoding::percent_decode(raw).collect();
        raw != name.as_bytes() && decoded == name.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_hidden(text.as_bytes(), "token"), expected, "{text}");
    }

    #[test]
    fn a_cookie_that_some_parsers_find_and_others_do_not_is_no_cookie() {
        check("token=x", false);
        check("a=1; token=x", false);
        check("a=1;token=x;b=2", false);
        check("csrf-token=x; mytoken=y; tokens=z", false);
        check("a=token", false);
        check("token =x", true);
        check("a=1; token\t=x", true);
        check("a=1 token=x", true);
        check("a=1, token=x", true);
        check("a=\"1; token=x\"", false); // found by those that know no quotes, as by us
        check("a=\"token=x\"", true);
        check("tok%65n=x", true);
        check("%74oken=x; a=1", true);
        check("a=%74oken", false);
        assert!(is_hidden(b"token=x\xff", "token"));
        assert!(!is_hidden(b"a=\xff; token=x", "token"));
    }
}
