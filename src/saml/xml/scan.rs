//! Characters, names and references (XML 1.0 §2.2, §2.3, §4.1).

use std::borrow::Cow;

use crate::saml::Refusal;
use crate::saml::xml::Name;

/// A place in the text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

/// Where a piece of character data stands, which decides how white space is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between tags: line ends become `\n` (XML 1.0 §2.11).
    Text,
    /// In an attribute: white space becomes a space (XML 1.0 §3.3.3).
    Attribute,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// From the start of a document, where a byte order mark is allowed and says nothing in UTF-8.
    pub(super) fn of_document(text: &'a str) -> Self {
        let position = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, position }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(super) fn at_end(&self) -> bool {
        self.position >= self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    /// Steps over `text` if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }

    /// Steps over `text`, which must stand here.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), Refusal> {
        if self.take(text) { Ok(()) } else { Err(Refusal::Malformed) }
    }

    /// Steps over white space and says whether there was any.
    pub(super) fn space(&mut self) -> bool {
        let start = self.position;
        while self.peek().is_some_and(is_space) {
            self.position += 1;
        }
        self.position > start
    }

    /// Everything in front of `mark`, which is stepped over.
    pub(super) fn until(&mut self, mark: &str) -> Result<&'a str, Refusal> {
        let (found, _) = self.rest().split_once(mark).ok_or(Refusal::Malformed)?;
        self.position += found.len() + mark.len();
        Ok(found)
    }

    /// Everything in front of the next tag, or up to the end.
    pub(super) fn text(&mut self) -> &'a str {
        let rest = self.rest();
        let found = rest.split_once('<').map_or(rest, |(found, _)| found);
        self.position += found.len();
        found
    }

    /// A value in quotes, without them.
    pub(super) fn quoted(&mut self) -> Result<&'a str, Refusal> {
        let quote = if self.take("\"") {
            '"'
        } else {
            self.expect("'")?;
            '\''
        };
        let (found, _) = self.rest().split_once(quote).ok_or(Refusal::Malformed)?;
        self.position += found.len() + 1;
        Ok(found)
    }

    /// A name with or without a prefix (Namespaces in XML 1.0 §4), in ASCII: no name of SAML
    /// needs more.
    pub(super) fn name(&mut self) -> Result<Name<'a>, Refusal> {
        let first = self.part()?;
        if self.take(":") {
            Ok(Name { prefix: first, local: self.part()? })
        } else {
            Ok(Name { prefix: "", local: first })
        }
    }

    fn part(&mut self) -> Result<&'a str, Refusal> {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !is_name_byte(byte)).unwrap_or(rest.len());
        let part = rest.get(..end).unwrap_or_default();
        if !is_name(part) {
            return Err(Refusal::Malformed);
        }
        self.position += end;
        Ok(part)
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether `text` is a name without a colon, as `xs:ID` wants it.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(is_name_byte)
}

/// XML 1.0 §2.2, production 2.
fn is_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => c >= ' ',
    }
}

/// Resolves references, line ends and white space of character data.
pub(super) fn expand(raw: &str, place: Place) -> Result<Cow<'_, str>, Refusal> {
    // Only the control characters and two characters at the very end of the plane are not allowed.
    let plain = raw.bytes().all(|byte| byte >= b' ' || is_space(byte));
    if !plain || (!raw.is_ascii() && !raw.chars().all(is_char)) {
        return Err(Refusal::Malformed);
    }
    match place {
        Place::Text if raw.contains("]]>") => return Err(Refusal::Malformed),
        Place::Attribute if raw.contains('<') => return Err(Refusal::Malformed),
        Place::Text | Place::Attribute => {}
    }
    let special = |byte: u8| match byte {
        b'&' | b'\r' => true,
        b'\n' | b'\t' => place == Place::Attribute,
        _ => false,
    };
    if !raw.bytes().any(special) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut expanded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match (c, place) {
            ('&', _) => {
                let (name, after) = rest.split_once(';').ok_or(Refusal::Malformed)?;
                expanded.push(resolve(name)?);
                rest = after;
            }
            ('\r', _) => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                expanded.push(if place == Place::Text { '\n' } else { ' ' });
            }
            ('\n' | '\t', Place::Attribute) => expanded.push(' '),
            (c, _) => expanded.push(c),
        }
    }
    Ok(Cow::Owned(expanded))
}

/// The character that `&name;` stands for (XML 1.0 §4.1, §4.6).
fn resolve(name: &str) -> Result<char, Refusal> {
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hex), _) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(hex, 16)
            }
            (None, Some(decimal)) if decimal.bytes().all(|byte| byte.is_ascii_digit()) => {
                decimal.parse()
            }
            (Some(_) | None, _) => return Err(Refusal::Malformed),
        },
    };
    code.ok().and_then(char::from_u32).filter(|c| is_char(*c)).ok_or(Refusal::Malformed)
}
