//! The only place where signed bytes are made: [`verify`] and nothing else can build a
//! [`Signed`].

use aws_lc_rs::digest;

use super::Refusal;
use super::c14n::canonicalize;
use super::keys::Trust;
use super::limits::{MESSAGE, MESSAGE_BYTES, SIGNED_INFO_BYTES};
use super::names::DS;
use super::signature::{SignatureParts, SignedInfo};
use super::xml::{Document, Element};

/// The very bytes whose digest a configured key has signed.
///
/// Identity is read from these bytes, never from the document that they came from.
#[derive(Debug)]
pub(crate) struct Signed<T>(T);

impl<T: AsRef<[u8]>> Signed<T> {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// The signature of a SAML element stands right behind its issuer (Core §5.4.1, schema).
pub(crate) fn signature_of<'d>(element: Element<'d>) -> Result<Option<Element<'d>>, Refusal> {
    let second = element.elements()?.get(1).copied();
    Ok(second.filter(|second| second.is(DS, "Signature")))
}

/// Verifies the enveloped signature of `element` and returns its canonical form without that
/// signature, which is what was signed (XML Signature §3.2).
///
/// The signature value is checked before anything that it covers is believed, the digest
/// algorithm included.
pub(crate) fn verify(element: Element<'_>, trust: &Trust) -> Result<Signed<Vec<u8>>, Refusal> {
    let signature = signature_of(element)?.ok_or(Refusal::SignatureMissing)?;
    let parts = SignatureParts::parse(signature)?;
    let octets = canonicalize(parts.signed_info, None, &parts.inclusive, SIGNED_INFO_BYTES)?;
    let document = Document::parse_bytes(&octets, &MESSAGE)?;
    let signed_info = SignedInfo::parse(document.root()?, trust.sha1)?;
    trust.verify(signed_info.algorithm, &octets, &parts.value)?;

    // Ids are unique in the document, so this is the one element that the reference can mean; and
    // they are names, so that an empty reference is none of them.
    if element.attribute("ID") != Some(signed_info.reference) {
        return Err(Refusal::SignatureReference);
    }
    let content = canonicalize(element, Some(signature), &signed_info.inclusive, MESSAGE_BYTES)?;
    let found = digest::digest(signed_info.digest, &content);
    if found.as_ref() != signed_info.digest_value.as_slice() {
        return Err(Refusal::DigestMismatch);
    }
    Ok(Signed(content))
}
