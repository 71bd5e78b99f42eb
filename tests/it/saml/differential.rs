//! Our verdict beside samael's and xmlsec1's, over generated documents, in both directions.
//!
//! Builds with the feature `xmlsec` ask samael about everything that is accepted, so that a
//! disagreement is `Refusal::SecondOpinion`. Where samael accepts what we refuse, the reason must be
//! one of those that are listed here, and nobody but the genuine person may come of it.

use std::collections::BTreeSet;

use hubgate::saml::Refusal;
use samael::crypto::{CertificateDer, Crypto, CryptoProvider, ReduceMode};
use samael::schema::{Assertion, Response};

use super::mutations;
use super::provider::{
    EC, EC384, ENVELOPED, EXC_C14N, GENUINE, Key, RSA, SHA256, Says, Signer, accepted_by,
    identity_provider, insert_signature, post, transform,
};

/// Everything in the canonical form that identity providers vary.
fn sayings() -> Vec<Says> {
    let says = Says::default();
    let value = |text: &str| {
        let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
        format!(
            "<saml:AttributeStatement><saml:Attribute FriendlyName=\"mail\" \
             Name=\"urn:oid:0.9.2342.19200300.100.1.3\" \
             NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\"><saml:AttributeValue \
             {xsi} xsi:type=\"xs:string\">{text}</saml:AttributeValue></saml:Attribute>\
             <saml:Attribute Name=\"empty\"></saml:Attribute><saml:Attribute Name=\"several\">\
             <saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue></saml:AttributeValue>\
             <saml:AttributeValue>b c</saml:AttributeValue></saml:Attribute>\
             </saml:AttributeStatement>"
        )
    };
    let mut all = vec![says.clone()];
    for text in ["x", "a &amp; b &lt;c&gt;", "\u{e9}\u{1f98a}", "x\ny", "&#xD;x", "\"'", "a>b", ""]
    {
        // A lone `>` is written as a reference in the canonical form.
        let text = if text == "a>b" { "a&gt;b" } else { text };
        all.push(Says { attributes: value(text), ..says.clone() });
    }
    let format = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    all.push(Says {
        name_id: format!("<saml:NameID Format=\"{format}\">{GENUINE}</saml:NameID>"),
        ..says.clone()
    });
    let ends = super::provider::authn(
        "AuthnInstant=\"2026-07-03T11:59:50Z\" SessionIndex=\"_s&amp;1\" \
         SessionNotOnOrAfter=\"2026-07-03T22:00:00+02:00\"",
    );
    all.push(Says { authn: ends, ..says });
    all
}

fn signers(key: &Key) -> Vec<Signer<'_>> {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let mut signers = vec![Signer::new(key)];
    for digest in [format!("{more}sha384"), "http://www.w3.org/2001/04/xmlenc#sha512".to_owned()] {
        signers.push(Signer { digest, ..Signer::new(key) });
    }
    let listed = format!(
        "<ds:Transform Algorithm=\"{EXC_C14N}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXC_C14N}\" \
         PrefixList=\"saml xs\"></ec:InclusiveNamespaces></ds:Transform>"
    );
    signers.push(Signer { transforms: transform(ENVELOPED) + &listed, ..Signer::new(key) });
    let certificate = key.certificates()[0].to_base64();
    let key_info = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo>"
    );
    signers.push(Signer { key_info, ..Signer::new(key) });
    if std::ptr::eq(key, &*RSA) {
        for algorithm in ["rsa-sha384", "rsa-sha512"] {
            signers.push(Signer { algorithm: format!("{more}{algorithm}"), ..Signer::new(key) });
        }
    }
    signers
}

#[test]
fn what_we_accept_samael_accepts_as_the_same_person() {
    for key in [&*EC, &*EC384, &*RSA] {
        for says in sayings() {
            for signer in signers(key) {
                let assertion = says.assertion();
                let inner = signer.envelop(&assertion);
                for xml in [
                    says.response(&inner),
                    signer.envelop(&says.response(&assertion)),
                    signer.envelop(&says.response(&inner)),
                ] {
                    // Keys of other kinds in front of the right one are tried in turn.
                    accepted_by(&xml, |settings| {
                        settings.identity_provider = identity_provider(&[&RSA, &EC, &EC384]);
                    });
                }
            }
        }
    }
}

/// What samael says of a document by itself: the name id that it would believe.
fn samael(xml: &str) -> Option<String> {
    use base64::Engine as _;
    let der = EC.certificates()[0].to_base64();
    let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
    let mode = match xml.matches("<ds:Signature ").count() {
        1 => ReduceMode::PreDigest,
        _ => ReduceMode::ValidateAndMarkNoAncestors,
    };
    let reduced = Crypto::reduce_xml_to_signed(xml, &[CertificateDer::from(der)], mode).ok()?;
    let assertion = if reduced.starts_with("<saml:Assertion") {
        reduced.parse::<Assertion>().ok()?
    } else {
        reduced.parse::<Response>().ok()?.assertion?
    };
    Some(assertion.subject?.name_id?.value)
}

/// Why we may refuse what samael accepts: it repairs documents that are not well-formed, reads
/// names without their namespaces, takes ids in any spelling, drops what is not signed instead of
/// refusing the document, and leaves the protocol's checks to others.
const STRICTER: &[Refusal] = &[
    Refusal::Malformed,
    Refusal::DocumentType,
    Refusal::IdDoubled,
    Refusal::WrongRoot,
    Refusal::UnexpectedContent,
    Refusal::TimeMalformed,
    Refusal::AssertionMissing,
    Refusal::AssertionDoubled,
    Refusal::SignatureMissing,
    Refusal::SignatureMisplaced,
    Refusal::SignatureShape,
    Refusal::StatusOther,
    Refusal::Version,
    Refusal::IssueInstant,
    Refusal::Destination,
    Refusal::Issuer,
    Refusal::InResponseTo,
];

#[test]
fn what_samael_refuses_we_refuse_and_what_it_accepts_beyond_that_is_known() {
    let mut stricter = BTreeSet::new();
    let (mut both, mut neither) = (0, 0);
    for xml in mutations::documents() {
        // Another part of them for each document; libxml2 tells its errors one by one.
        for mutated in mutations::mutations(&xml).into_iter().skip(both % 11).step_by(11) {
            let ours = post(&mutated, |_| ());
            // libxml2 repairs what it reads, and a repaired document may be anything.
            match (ours, samael(&mutated)) {
                (Err(Refusal::SecondOpinion), _) => panic!("samael refuses: {mutated}"),
                (Ok(_), None) => panic!("samael refuses: {mutated}"),
                (Ok(found), Some(name)) => {
                    assert_eq!(found.subject.value, name, "{mutated}");
                    both += 1;
                }
                (Err(refusal), Some(name)) => {
                    assert_eq!(name, GENUINE, "{refusal}: {mutated}");
                    assert!(STRICTER.contains(&refusal), "{refusal:?}: {mutated}");
                    stricter.insert(refusal.name());
                }
                (Err(_), None) => neither += 1,
            }
        }
    }
    assert!(both > 5 && neither > 100 && !stricter.is_empty(), "{both} {neither} {stricter:?}");
}

#[test]
fn a_reference_that_is_digested_differently_is_refused_by_both() {
    let says = Says::default();
    let assertion = says.assertion();
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let signer = Signer { digest: SHA256.to_owned(), ..Signer::new(&EC) };
    let signature = signer.signature_with_digest("_assertion1", digest);
    let xml = says.response(&insert_signature(&assertion, &signature));
    assert_eq!(post(&xml, |_| ()), Err(Refusal::DigestMismatch));
    assert_eq!(samael(&xml), None);
}
