//! Names: of organizations, of namespaces, of people.

use std::fmt;
use std::sync::Arc;

/// Why a name cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is no name.
    #[error("is empty")]
    Empty,
    /// Longer than any hub allows.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// Outside the characters that names are made of.
    #[error("may hold only {0}")]
    Characters(&'static str),
    /// A path segment that the hub, or hubgate, uses itself.
    #[error("is a reserved path of the hub")]
    Reserved,
    /// Like the subjects that hubgate gives to machines.
    #[error("is like the subject of a machine")]
    Machine,
}

/// The stable name of an organization: in URLs, cookies, stored sessions and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId(Arc<str>);

impl OrganizationId {
    /// Parses an id: 1 to 64 of `a-z`, `0-9`, `-`, `_`, the first one a letter or digit.
    ///
    /// # Errors
    /// Says what is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some(&first) = text.as_bytes().first() else { return Err(NameError::Empty) };
        if text.len() > 64 {
            return Err(NameError::TooLong(64));
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !plain(first) || !text.bytes().all(|b| plain(b) || b == b'-' || b == b'_') {
            return Err(NameError::Characters(
                "a-z, 0-9, '-' and '_', and begins with a letter or digit",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The owner part of a path, in lower case: namespaces compare without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Parses a namespace: 1 to 96 of `A-Z a-z 0-9 . _ -`, and folds its case.
    ///
    /// # Errors
    /// Says what is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > 96 {
            return Err(NameError::TooLong(96));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            || text.bytes().all(|b| b == b'.')
        {
            return Err(NameError::Characters("letters, digits, '.', '_' and '-'"));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The namespace in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Namespace {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The identity provider's stable name for someone: never empty, at most 255 bytes, and without
/// control characters, so that it can be written into a header or a log line.
///
/// OIDC Core §2 limits `sub` to 255 ASCII characters; other scripts occur in SAML and are written
/// percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// Parses a subject.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.trim().is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > 255 {
            return Err(NameError::TooLong(255));
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::Characters("printable characters"));
        }
        if super::Machine::is_like(text) {
            return Err(NameError::Machine);
        }
        Ok(Self(text.into()))
    }

    /// One that is made here, of good parts.
    pub(super) fn made(text: String) -> Self {
        Self(text.into())
    }

    /// The subject as the provider wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_id_is_a_plain_lower_case_word() {
        for good in ["acme", "a", "acme-labs", "9lives", "a_b"] {
            assert!(OrganizationId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-acme", "a/b", "a.b", "é", "a b", &"a".repeat(65)] {
            assert!(OrganizationId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_namespace_folds_its_case_and_nothing_else() {
        assert_eq!(Namespace::parse("AcMe.Labs").unwrap().as_str(), "acme.labs");
        for bad in ["", "..", ".", "a/b", "a%2fb", "\u{212a}", "a b"] {
            assert!(Namespace::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subject_cannot_break_a_header_or_a_log_line() {
        assert!(Subject::parse("00u1|alice@acme.com").is_ok());
        for bad in ["", "  ", "a\r\nb", "a\0", &"a".repeat(256)] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
        }
    }
}
