//! Signing what we send: messages in a form, and the query of a redirect.

use aws_lc_rs::digest;

use super::c14n::{EXCLUSIVE, canonicalize};
use super::limits::{MESSAGE, MESSAGE_BYTES, encode_base64};
use super::names::DS;
use super::own_keys::{KeyError, SigningKey};
use super::signature::ENVELOPED;
use super::xml::Document;

/// Text that can stand between tags and between quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An attribute with a space in front; nothing when there is no value.
pub(crate) fn attribute(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name}=\"{}\"", escape(value))).unwrap_or_default()
}

/// Puts an enveloped signature behind the issuer, the first child (Core §5.4).
pub(crate) fn sign_enveloped(xml: &str, key: &SigningKey) -> Result<String, KeyError> {
    let unsigned = |_| KeyError::Signing;
    let document = Document::parse(xml, &MESSAGE).map_err(unsigned)?;
    let root = document.root().map_err(unsigned)?;
    let id = root.attribute("ID").ok_or(KeyError::Signing)?;
    let issuer = root.elements().map_err(unsigned)?.into_iter().next().ok_or(KeyError::Signing)?;
    let (before, after) = xml.split_at_checked(issuer.range().end).ok_or(KeyError::Signing)?;

    let content = canonicalize(root, None, &[], MESSAGE_BYTES).map_err(unsigned)?;
    let digest = digest::digest(&digest::SHA256, &content);
    let signed_info = format!(
        "<ds:SignedInfo xmlns:ds=\"{DS}\">\
         <ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        key.algorithm().uri(),
        escape(id),
        encode_base64(digest.as_ref()),
    );
    let document = Document::parse(&signed_info, &MESSAGE).map_err(unsigned)?;
    let root = document.root().map_err(unsigned)?;
    let octets = canonicalize(root, None, &[], MESSAGE_BYTES).map_err(unsigned)?;
    let value = encode_base64(&key.sign(&octets)?);
    let certificate = key.certificate().to_base64();
    Ok(format!(
        "{before}<ds:Signature xmlns:ds=\"{DS}\">{signed_info}\
         <ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
         </ds:Signature>{after}"
    ))
}
