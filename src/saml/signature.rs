//! What a `ds:Signature` of SAML may look like, and nothing else (Core §5.4).

use aws_lc_rs::digest;

use super::Refusal;
use super::c14n::EXCLUSIVE;
use super::keys::SignatureAlgorithm;
use super::limits::{PREFIXES, decode_base64};
use super::names::DS;
use super::xml::Element;

/// The enveloped signature transform (XML Signature §6.6.4).
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// The three parts of a signature. `KeyInfo` may stand there and is never read.
pub(crate) struct SignatureParts<'d> {
    pub(crate) signed_info: Element<'d>,
    pub(crate) value: Vec<u8>,
    /// How `SignedInfo` is canonicalized: the prefixes that are treated inclusively.
    pub(crate) inclusive: Vec<&'d str>,
}

impl<'d> SignatureParts<'d> {
    pub(crate) fn parse(signature: Element<'d>) -> Result<Self, Refusal> {
        let children = elements(signature)?;
        let (signed_info, value) = match children.as_slice() {
            [info, value] => (info, value),
            [info, value, key_info] if key_info.is(DS, "KeyInfo") => (info, value),
            _ => return Err(Refusal::SignatureShape),
        };
        expect(*signed_info, "SignedInfo")?;
        expect(*value, "SignatureValue")?;
        let method = elements(*signed_info)?.first().copied().ok_or(Refusal::SignatureShape)?;
        Ok(Self {
            signed_info: *signed_info,
            value: decode(*value)?,
            inclusive: exclusive_c14n(method, "CanonicalizationMethod")?,
        })
    }
}

/// What a `SignedInfo` says; read from the bytes that were signed.
pub(crate) struct SignedInfo<'d> {
    pub(crate) algorithm: SignatureAlgorithm,
    /// The ID of the element that is signed.
    pub(crate) reference: &'d str,
    /// How it is canonicalized: the prefixes that are treated inclusively.
    pub(crate) inclusive: Vec<&'d str>,
    pub(crate) digest: &'static digest::Algorithm,
    pub(crate) digest_value: Vec<u8>,
}

impl<'d> SignedInfo<'d> {
    pub(crate) fn parse(signed_info: Element<'d>, sha1: bool) -> Result<Self, Refusal> {
        expect(signed_info, "SignedInfo")?;
        let children = elements(signed_info)?;
        let [canonicalization, method, reference] = children.as_slice() else {
            return Err(Refusal::SignatureShape);
        };
        exclusive_c14n(*canonicalization, "CanonicalizationMethod")?;
        let algorithm = SignatureAlgorithm::parse(leaf(*method, "SignatureMethod")?, sha1)?;

        expect(*reference, "Reference")?;
        let uri = reference.attribute("URI").ok_or(Refusal::SignatureReference)?;
        let children = elements(*reference)?;
        let [transforms, method, value] = children.as_slice() else {
            return Err(Refusal::SignatureShape);
        };
        expect(*transforms, "Transforms")?;
        let children = elements(*transforms)?;
        let [enveloped, canonical] = children.as_slice() else {
            return Err(Refusal::SignatureAlgorithm);
        };
        if leaf(*enveloped, "Transform")? != ENVELOPED {
            return Err(Refusal::SignatureAlgorithm);
        }
        expect(*value, "DigestValue")?;
        Ok(Self {
            algorithm,
            reference: uri.strip_prefix('#').ok_or(Refusal::SignatureReference)?,
            inclusive: exclusive_c14n(*canonical, "Transform")?,
            digest: digest_algorithm(leaf(*method, "DigestMethod")?, sha1)?,
            digest_value: decode(*value)?,
        })
    }
}

fn digest_algorithm(uri: &str, sha1: bool) -> Result<&'static digest::Algorithm, Refusal> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(&digest::SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(&digest::SHA384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(&digest::SHA512),
        "http://www.w3.org/2000/09/xmldsig#sha1" if sha1 => Ok(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        "http://www.w3.org/2000/09/xmldsig#sha1" => Err(Refusal::SignatureSha1),
        _ => Err(Refusal::SignatureAlgorithm),
    }
}

/// The prefix list of an exclusive canonicalization; any other method is refused.
fn exclusive_c14n<'d>(method: Element<'d>, name: &str) -> Result<Vec<&'d str>, Refusal> {
    expect(method, name)?;
    if method.attribute("Algorithm") != Some(EXCLUSIVE) {
        return Err(Refusal::SignatureAlgorithm);
    }
    match elements(method)?.as_slice() {
        [] => Ok(Vec::new()),
        [namespaces]
            if namespaces.is(EXCLUSIVE, "InclusiveNamespaces")
                && elements(*namespaces)?.is_empty() =>
        {
            let list = namespaces.attribute("PrefixList").unwrap_or_default();
            let prefixes: Vec<_> = list.split_ascii_whitespace().take(PREFIXES + 1).collect();
            if prefixes.len() > PREFIXES { Err(Refusal::TooLarge) } else { Ok(prefixes) }
        }
        _ => Err(Refusal::SignatureShape),
    }
}

/// The algorithm of an element that holds nothing: no HMAC length, no XPath, no stylesheet.
fn leaf<'d>(element: Element<'d>, name: &str) -> Result<&'d str, Refusal> {
    expect(element, name)?;
    if !elements(element)?.is_empty() {
        return Err(Refusal::SignatureAlgorithm);
    }
    element.attribute("Algorithm").ok_or(Refusal::SignatureShape)
}

fn expect(element: Element<'_>, name: &str) -> Result<(), Refusal> {
    if element.is(DS, name) { Ok(()) } else { Err(Refusal::SignatureShape) }
}

fn elements<'d>(element: Element<'d>) -> Result<Vec<Element<'d>>, Refusal> {
    element.elements().map_err(|_| Refusal::SignatureShape)
}

fn decode(element: Element<'_>) -> Result<Vec<u8>, Refusal> {
    let text = element.text().map_err(|_| Refusal::SignatureShape)?;
    decode_base64(text, 2048).map_err(|_| Refusal::SignatureShape)
}
