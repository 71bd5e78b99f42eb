//! The shape of a Response, and which of its bytes may be believed.

use super::Refusal;
use super::dsig::{Signed, signature_of, verify};
use super::encryption::Decryption;
use super::keys::Trust;
use super::limits::MESSAGE;
use super::message::{Header, Sequence, Status};
use super::names::{DS, SAML, SAMLP};
use super::xml::{Document, Element};

/// Which signatures an identity provider must make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SignaturePolicy {
    /// The assertion's.
    Assertion,
    /// The response's.
    Response,
    /// Both.
    Both,
    /// At least one of them.
    #[default]
    Either,
}

impl SignaturePolicy {
    fn is_met(self, response: bool, assertion: bool) -> bool {
        match self {
            Self::Assertion => assertion,
            Self::Response => response,
            Self::Both => response && assertion,
            Self::Either => response || assertion,
        }
    }
}

/// The bytes that an identity is read from, and what vouches for them.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// An assertion that is signed itself.
    Assertion(Signed<Vec<u8>>),
    /// A signed response with an assertion in it.
    InResponse(Signed<Vec<u8>>),
    /// An assertion that was decrypted from a signed response.
    Decrypted(Decrypted),
}

/// The plain text of an assertion that was encrypted in a signed response.
///
/// Only [`decrypt_within`] makes it, from the bytes that were signed.
#[derive(Debug)]
pub(crate) struct Decrypted(Vec<u8>);

/// A response whose signatures have been verified.
#[derive(Debug)]
pub(crate) struct Verified {
    /// From the signed response if it is signed; then, and only then, it can be believed.
    pub(crate) header: Header,
    pub(crate) evidence: Evidence,
}

/// The places of a response.
struct Shape<'d> {
    root: Element<'d>,
    signature: Option<Element<'d>>,
    status: Status,
    assertion: Option<Place<'d>>,
}

#[derive(Clone, Copy)]
enum Place<'d> {
    Plain(Element<'d>),
    Encrypted(Element<'d>),
}

/// Verifies the signatures of a response and chooses the bytes to read.
pub(crate) fn open(
    text: &str,
    trust: &Trust,
    decryption: &Decryption<'_>,
    policy: SignaturePolicy,
) -> Result<Verified, Refusal> {
    let document = Document::parse(text, &MESSAGE)?;
    let shape = Shape::read(&document)?;
    // A failure carries no assertion and is often not signed; it can only be refused.
    match shape.status {
        Status::Success => {}
        Status::PartialLogout => return Err(Refusal::StatusOther),
        Status::Failure(refusal) => return Err(refusal),
    }
    let assertion = shape.assertion.ok_or(Refusal::AssertionMissing)?;
    let response = match shape.signature {
        Some(_) => Some(verify(shape.root, trust)?),
        None => None,
    };
    let header = match &response {
        Some(signed) => header_of(signed)?,
        None => Header::read(shape.root)?,
    };
    let assertion = match assertion {
        Place::Plain(element) => signed_assertion(element, trust)?,
        Place::Encrypted(element) => {
            let Some(signed) = response else {
                let plain = decryption.decrypt(element, false)?;
                let evidence = decrypted_assertion(&plain, trust)?;
                let evidence = evidence.ok_or(Refusal::SignatureMissing)?;
                return finish(policy, false, true, header, Evidence::Assertion(evidence));
            };
            let plain = decrypt_within(&signed, decryption)?;
            return match decrypted_assertion(&plain.0, trust)? {
                Some(inner) => finish(policy, true, true, header, Evidence::Assertion(inner)),
                None => finish(policy, true, false, header, Evidence::Decrypted(plain)),
            };
        }
    };
    match (response, assertion) {
        (response, Some(assertion)) => {
            finish(policy, response.is_some(), true, header, Evidence::Assertion(assertion))
        }
        (Some(response), None) => {
            finish(policy, true, false, header, Evidence::InResponse(response))
        }
        (None, None) => Err(Refusal::SignatureMissing),
    }
}

fn finish(
    policy: SignaturePolicy,
    response: bool,
    assertion: bool,
    header: Header,
    evidence: Evidence,
) -> Result<Verified, Refusal> {
    if policy.is_met(response, assertion) {
        Ok(Verified { header, evidence })
    } else {
        Err(Refusal::SignatureMissing)
    }
}

impl Evidence {
    /// Hands the assertion, parsed anew from the bytes that are vouched for, to `read`.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(Element<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match self {
            Self::Assertion(signed) => {
                let document = Document::parse_bytes(signed.bytes(), &MESSAGE)?;
                read(lone_assertion(&document, false)?)
            }
            Self::Decrypted(plain) => {
                let document = Document::parse_bytes(&plain.0, &MESSAGE)?;
                read(lone_assertion(&document, false)?)
            }
            Self::InResponse(signed) => {
                let document = Document::parse_bytes(signed.bytes(), &MESSAGE)?;
                match Shape::read(&document)?.assertion {
                    Some(Place::Plain(assertion)) => read(assertion),
                    Some(Place::Encrypted(_)) | None => Err(Refusal::AssertionMissing),
                }
            }
        }
    }
}

impl<'d> Shape<'d> {
    /// Reads the children of a Response in the order of the schema (Core §3.2.2, §3.3.3), and
    /// makes sure that nothing that matters stands anywhere else in the document.
    fn read(document: &'d Document<'d>) -> Result<Self, Refusal> {
        let root = document.root()?;
        if !root.is(SAMLP, "Response") {
            return Err(Refusal::WrongRoot);
        }
        let assertions = root
            .descendants()
            .filter(|element| is_assertion(*element) || element.is(SAMLP, "Response"))
            .count();
        // The response itself, and at most one assertion: if that is its child, there is no other.
        if assertions > 2 {
            return Err(Refusal::AssertionDoubled);
        }
        let mut children = Sequence::of(root)?;
        let issuer = children.optional(SAML, "Issuer");
        let signature = issuer.and_then(|_| children.optional(DS, "Signature"));
        children.optional(SAMLP, "Extensions");
        let status = match children.optional(SAMLP, "Status") {
            Some(status) => Status::read(status)?,
            None if children.optional(DS, "Signature").is_some() => {
                return Err(Refusal::SignatureMisplaced);
            }
            None => return Err(Refusal::UnexpectedContent),
        };
        let assertion = match children.next() {
            Some(element) if element.is(SAML, "Assertion") => Some(Place::Plain(element)),
            Some(element) if element.is(SAML, "EncryptedAssertion") => {
                Some(Place::Encrypted(element))
            }
            Some(_) => return Err(Refusal::UnexpectedContent),
            None => None,
        };
        children.end()?;
        let inner = match assertion {
            Some(Place::Plain(assertion)) => signature_of(assertion)?,
            Some(Place::Encrypted(_)) | None => None,
        };
        let expected = usize::from(signature.is_some()) + usize::from(inner.is_some());
        expect_signatures(root, expected)?;
        Ok(Self { root, signature, status, assertion })
    }
}

fn is_assertion(element: Element<'_>) -> bool {
    element.is(SAML, "Assertion") || element.is(SAML, "EncryptedAssertion")
}

/// No signature but the expected ones, and no XML signature parts that could hold others.
pub(crate) fn expect_signatures(root: Element<'_>, expected: usize) -> Result<(), Refusal> {
    let found = root.descendants().filter(|element| element.is(DS, "Signature")).count();
    if found != expected {
        return Err(Refusal::SignatureMisplaced);
    }
    let odd = |element: Element<'_>| element.is(DS, "Object") || element.is(DS, "Manifest");
    if root.descendants().any(odd) { Err(Refusal::SignatureShape) } else { Ok(()) }
}

/// The document element of a document that is one assertion, with or without a signature.
fn lone_assertion<'d>(document: &'d Document<'d>, signed: bool) -> Result<Element<'d>, Refusal> {
    let root = document.root()?;
    if !root.is(SAML, "Assertion") {
        return Err(Refusal::AssertionMissing);
    }
    if root.descendants().filter(|element| is_assertion(*element)).count() != 1 {
        return Err(Refusal::AssertionDoubled);
    }
    expect_signatures(root, usize::from(signed))?;
    Ok(root)
}

fn signed_assertion(
    assertion: Element<'_>,
    trust: &Trust,
) -> Result<Option<Signed<Vec<u8>>>, Refusal> {
    match signature_of(assertion)? {
        Some(_) => verify(assertion, trust).map(Some),
        None => Ok(None),
    }
}

/// A decrypted assertion stands alone and goes through the same parser and the same checks.
fn decrypted_assertion(plain: &[u8], trust: &Trust) -> Result<Option<Signed<Vec<u8>>>, Refusal> {
    let uniform = |_| Refusal::Decryption;
    let document = Document::parse_bytes(plain, &MESSAGE).map_err(uniform)?;
    let signed = signature_of(document.root()?).map_err(uniform)?.is_some();
    let assertion = lone_assertion(&document, signed).map_err(uniform)?;
    signed_assertion(assertion, trust)
}

/// Decrypts the assertion that stands in the signed bytes.
fn decrypt_within(
    signed: &Signed<Vec<u8>>,
    decryption: &Decryption<'_>,
) -> Result<Decrypted, Refusal> {
    let document = Document::parse_bytes(signed.bytes(), &MESSAGE)?;
    match Shape::read(&document)?.assertion {
        Some(Place::Encrypted(element)) => decryption.decrypt(element, true).map(Decrypted),
        Some(Place::Plain(_)) | None => Err(Refusal::AssertionMissing),
    }
}

fn header_of(signed: &Signed<Vec<u8>>) -> Result<Header, Refusal> {
    let document = Document::parse_bytes(signed.bytes(), &MESSAGE)?;
    Header::read(document.root()?)
}
