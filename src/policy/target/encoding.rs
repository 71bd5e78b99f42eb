//! What is percent-encoded in a path (RFC 3986 §2.1), read strictly and as the laxest server would.

use std::borrow::Cow;

use super::Ambiguity;

/// Percent-decodes one segment once; `None` when there is nothing to decode.
pub(super) fn decode(text: &str) -> Result<Option<Box<str>>, Ambiguity> {
    if !text.contains('%') {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (Some(high), Some(low)) =
            (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit))
        else {
            return Err(Ambiguity::BadEscape);
        };
        match high << 4 | low {
            0..0x20 | 0x7f | b'\\' => return Err(Ambiguity::EncodedByte),
            // Overlong forms of ASCII, which some decoders still accept (RFC 3629 §10).
            0x80..0xc0 if matches!(bytes.last(), Some(0xc0 | 0xc1)) => {
                return Err(Ambiguity::EncodedByte);
            }
            decoded => bytes.push(decoded),
        }
    }
    let text = match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into_boxed_str(),
    };
    Ok(Some(text))
}

/// Percent-decodes until nothing is encoded; an incomplete encoding stays as it is.
///
/// Each byte is pushed once and each encoding taken back once: `%252525…` costs no more than its
/// length. The order does not matter, since no encoding overlaps another.
#[must_use]
pub fn fully_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        bytes.push(byte);
        while let [rest @ .., b'%', high, low] = bytes.as_slice()
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            bytes.truncate(rest.len());
            bytes.push(high << 4 | low);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of a hexadecimal digit.
fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Splits at every kind of slash, and cuts off what servers take for parameters, query or fragment.
pub(super) fn lax_parts(decoded: &str) -> impl Iterator<Item = &str> {
    decoded
        .split(['/', '\\'])
        .map(|part| part.split([';', '?', '#']).next().unwrap_or_default().trim_ascii())
}

/// Whether any server would see `.` or `..` in this decoded segment.
pub(super) fn holds_dot_segment(decoded: &str) -> bool {
    // Most segments hold neither an encoding nor a slash, and do not begin with a dot.
    if !decoded.starts_with(['.', ' ']) && !decoded.contains(['%', '/']) {
        return false;
    }
    lax_parts(&fully_decoded(decoded)).any(|part| matches!(part, "." | ".."))
}
