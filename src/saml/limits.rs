//! How much of a message is read, and the decoding of what arrives as text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Refusal;

/// The largest message, after base64. Assertions with a thousand groups stay below 200 KiB.
pub(crate) const MESSAGE_BYTES: usize = 256 * 1024;
/// The largest `SignedInfo` in its canonical form: one reference needs less than two kilobytes.
pub(crate) const SIGNED_INFO_BYTES: usize = 16 * 1024;
/// The most prefixes of an `InclusiveNamespaces PrefixList`: every declaration is sought in it.
pub(crate) const PREFIXES: usize = 32;
/// The largest message of the Redirect binding, inflated: URLs of browsers end long before.
pub(crate) const INFLATED_BYTES: usize = 64 * 1024;
/// The largest metadata document; federations' aggregates are larger and must be cut down first.
pub(crate) const METADATA_BYTES: usize = 4 * 1024 * 1024;
/// The longest name id (Core §8.3.7 asks for at most 256 characters).
pub(crate) const NAME_ID_BYTES: usize = 512;
/// The longest RelayState that we send ourselves (Bindings §3.4.3).
pub(crate) const RELAY_STATE_BYTES: usize = 80;
/// The longest RelayState of an identity provider that is sent back to it.
pub(crate) const FOREIGN_RELAY_STATE_BYTES: usize = 1024;

/// What one XML document may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the document.
    pub(crate) bytes: usize,
    /// Elements and pieces of text. Of messages that fit, those that are long for other reasons
    /// than to have many of them have a third: a group takes two or three, and a hundred bytes.
    pub(crate) nodes: usize,
    /// Elements in elements.
    pub(crate) depth: usize,
    /// Attributes and namespace declarations of one element; all elements together may have as
    /// many attributes as there may be nodes.
    pub(crate) attributes: usize,
    /// Namespace declarations from an element up to the root.
    pub(crate) namespaces: usize,
    /// Namespace declarations of all elements: some providers make two for each value.
    pub(crate) declarations: usize,
    /// Different namespaces of the whole document, and different ids: a provider has a dozen.
    pub(crate) names: usize,
    /// Whether comments and processing instructions may stand between elements, as they do in
    /// files that people keep.
    pub(crate) comments: bool,
    /// Whether every attribute that could be taken for an id must be a name, unique, and in no
    /// namespace.
    pub(crate) ids: bool,
}

/// The limits of a message that came through a browser.
pub(crate) const MESSAGE: Limits = Limits {
    bytes: MESSAGE_BYTES,
    nodes: 8_192,
    depth: 64,
    attributes: 32,
    namespaces: 64,
    declarations: 4_096,
    names: 256,
    comments: false,
    ids: true,
};

/// The limits of a metadata document that the operator chose.
pub(crate) const METADATA: Limits = Limits {
    bytes: METADATA_BYTES,
    nodes: 262_144,
    depth: 64,
    attributes: 64,
    namespaces: 128,
    declarations: 131_072,
    names: 1024,
    comments: true,
    ids: false,
};

/// Decodes base64 that may be wrapped in lines, as some identity providers send it.
pub(crate) fn decode_base64(text: &str, bytes: usize) -> Result<Vec<u8>, Refusal> {
    // Four characters are three bytes; a fifth more is room for line ends.
    if text.len() > bytes / 3 * 4 + bytes / 5 + 4 {
        return Err(Refusal::TooLarge);
    }
    let packed: Cow<'_, str> = if text.contains(|c: char| c.is_ascii_whitespace()) {
        text.split_ascii_whitespace().collect()
    } else {
        Cow::Borrowed(text)
    };
    let decoded = STANDARD.decode(packed.as_bytes()).map_err(|_| Refusal::NotBase64)?;
    if decoded.len() > bytes { Err(Refusal::TooLarge) } else { Ok(decoded) }
}

/// Encodes base64 in one line.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes a base64 message of at most [`MESSAGE_BYTES`] into text.
pub(crate) fn decode_message(text: &str) -> Result<String, Refusal> {
    String::from_utf8(decode_base64(text, MESSAGE_BYTES)?).map_err(|_| Refusal::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_be_wrapped_but_not_wrong() {
        assert_eq!(decode_base64("aGVs\r\nbG8=\n", 16), Ok(b"hello".to_vec()));
        assert_eq!(decode_base64("aGVsbG8", 16), Err(Refusal::NotBase64));
        assert_eq!(decode_base64("aGVs-G8=", 16), Err(Refusal::NotBase64));
        assert_eq!(decode_base64("aGVsbG9oZWxsb2hlbGxvaGVsbG8=", 16), Err(Refusal::TooLarge));
        assert_eq!(decode_base64(&" ".repeat(400_000), MESSAGE_BYTES), Ok(Vec::new()));
        assert_eq!(decode_base64(&" ".repeat(500_000), MESSAGE_BYTES), Err(Refusal::TooLarge));
    }
}
