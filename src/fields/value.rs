//! The value of a header field.

use bytes::Bytes;
use http::HeaderValue;

use super::Text;
use crate::lanes;

/// A value (RFC 9110 §5.5): no control character but a tab, so no line end. It shares the bytes that
/// it was read from.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldValue(Bytes);

/// It holds what cannot stand in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a control character cannot stand in the value of a header field")]
pub struct InvalidValue;

impl FieldValue {
    /// A text of the program's own.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        let mut rest = bytes;
        while let [byte, others @ ..] = rest {
            assert!(is_text(*byte), "a control character in a field value");
            rest = others;
        }
        Self(Bytes::from_static(bytes))
    }

    /// A value of these bytes.
    ///
    /// # Errors
    /// When one of them cannot stand there.
    pub fn from_shared(bytes: Bytes) -> Result<Self, InvalidValue> {
        if are_text(&bytes) { Ok(Self(bytes)) } else { Err(InvalidValue) }
    }

    /// A value that is a part of the bytes in which this text was found.
    ///
    /// # Panics
    /// When it is no part of them.
    #[must_use]
    pub fn part_of(whole: &Bytes, text: Text<'_>) -> Self {
        Self(whole.slice_ref(text.bytes()))
    }

    /// A value of a copy of these bytes.
    ///
    /// # Errors
    /// When one of them cannot stand there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidValue> {
        if are_text(bytes) { Ok(Self(Bytes::copy_from_slice(bytes))) } else { Err(InvalidValue) }
    }

    /// A value of a copy of this text.
    ///
    /// # Errors
    /// When a control character stands in it.
    #[expect(clippy::should_implement_trait, reason = "as the type of the same use is made")]
    pub fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::from_bytes(text.as_bytes())
    }

    /// The same in bytes of its own, to be kept: a value that was read holds on to all of what was
    /// read with it.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, where it is printable ASCII and tabs.
    ///
    /// # Errors
    /// When it is not.
    pub fn to_str(&self) -> Result<&str, InvalidValue> {
        if self.0.is_ascii() {
            str::from_utf8(&self.0).map_err(|_| InvalidValue)
        } else {
            Err(InvalidValue)
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As other libraries take it.
    ///
    /// # Errors
    /// None in truth: they take the same values.
    pub fn to_http(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        HeaderValue::from_maybe_shared(self.0.clone())
    }
}

/// Whether a byte can stand in a value: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5).
const fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

fn are_text(bytes: &[u8]) -> bool {
    // A tab is a control character: only where one is found must every byte be looked at.
    lanes::first_control(bytes).is_none() || bytes.iter().all(|byte| is_text(*byte))
}

impl std::fmt::Debug for FieldValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl From<HeaderValue> for FieldValue {
    fn from(value: HeaderValue) -> Self {
        Self::from(&value)
    }
}

impl From<&HeaderValue> for FieldValue {
    fn from(value: &HeaderValue) -> Self {
        Self(Bytes::copy_from_slice(value.as_bytes()))
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl AsRef<[u8]> for FieldValue {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for FieldValue {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for FieldValue {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_holds_what_other_libraries_take_and_nothing_else() {
        for byte in 0..=u8::MAX {
            let bytes = [b'a', byte, b'z'];
            let theirs = HeaderValue::from_bytes(&bytes);
            let ours = FieldValue::from_bytes(&bytes);
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{byte}");
            let shared = FieldValue::from_shared(Bytes::copy_from_slice(&bytes));
            assert_eq!(shared.is_ok(), theirs.is_ok(), "{byte}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours.to_str().ok(), theirs.to_str().ok(), "{byte}");
                assert_eq!(ours.to_http().unwrap(), theirs);
                assert_eq!(FieldValue::from(theirs), ours);
            }
        }
    }
}
