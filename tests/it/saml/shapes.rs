//! What an identity provider has signed, and no service provider should take.

use hubgate::saml::{DecryptionKey, KeyError, Refusal};

use super::encryption::encrypted;
use super::provider::{
    DS, EC, OTHER_RSA, RSA, SAML, SP, Says, Signer, audience, conditions, insert_signature,
    refused, refused_by,
};

/// The signature verifies and the digest is right; only a name is another one.
#[test]
fn every_part_of_a_signature_has_its_own_name() {
    let says = Says::default();
    let assertion = says.assertion();
    let sent = |write: &dyn Fn(&str) -> String| {
        let signature = Signer::new(&EC).signature_written("_assertion1", &assertion, write);
        says.response(&insert_signature(&assertion, &signature))
    };
    super::provider::accepted(&sent(&str::to_owned));
    for name in [
        "SignedInfo",
        "CanonicalizationMethod",
        "SignatureMethod",
        "Reference",
        "Transforms",
        "Transform",
        "DigestMethod",
        "DigestValue",
        "SignatureValue",
    ] {
        for end in [" ", ">"] {
            let (open, close) = (format!("<ds:{name}{end}"), format!("</ds:{name}>"));
            let other = |text: &str| {
                text.replace(&open, &format!("<ds:Other{end}")).replace(&close, "</ds:Other>")
            };
            if sent(&str::to_owned).contains(&open) {
                refused(&sent(&other), Refusal::SignatureShape);
            }
        }
    }
}

/// XML Signature §4.5, §5.1: both may hold further signatures, or what they refer to.
#[test]
fn parts_of_other_signatures_stand_nowhere() {
    let signed = Says::default().assertion_signed();
    for name in ["Object", "Manifest"] {
        let part = format!("<ds:{name} xmlns:ds=\"{DS}\"></ds:{name}>");
        let status = format!("<samlp:Extensions>{part}</samlp:Extensions><samlp:Status>");
        refused(&signed.replacen("<samlp:Status>", &status, 1), Refusal::SignatureShape);
    }
}

#[test]
fn an_assertion_within_an_encrypted_one_is_one_too_many() {
    let inner = Says { id: "_other".to_owned(), ..Says::default() }.assertion();
    let inner = inner.replace(&format!(" xmlns:saml=\"{SAML}\""), "");
    let advice = format!("<saml:Advice>{inner}</saml:Advice>");
    let says = Says { advice, ..Says::default() };
    let sent = says.response(&encrypted(&Signer::new(&EC).envelop(&says.assertion())));
    refused_by(&sent, Refusal::Decryption, |settings| {
        let key = DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate);
        settings.decryption_keys = vec![key.unwrap()];
    });
}

/// Only what the schema puts there is read as an audience, an attribute or a value.
#[test]
fn elements_of_other_names_are_no_audience_no_attribute_and_no_value() {
    let statement = |inner: &str| Says {
        attributes: format!("<saml:AttributeStatement>{inner}</saml:AttributeStatement>"),
        ..Says::default()
    };
    let restriction = audience(SP).replace("saml:Audience>", "saml:Other>");
    let value = "<saml:AttributeValue>ml</saml:AttributeValue>";
    for says in [
        Says { conditions: conditions(&restriction), ..Says::default() },
        statement(&format!("<saml:Other Name=\"groups\">{value}</saml:Other>")),
        statement("<saml:Attribute Name=\"groups\"><saml:Other>ml</saml:Other></saml:Attribute>"),
    ] {
        refused(&says.assertion_signed(), Refusal::UnexpectedContent);
        refused(&says.response_signed(), Refusal::UnexpectedContent);
    }
}

#[test]
fn a_decryption_key_belongs_to_its_certificate() {
    let found = DecryptionKey::parse_pem(&RSA.private_key, &OTHER_RSA.certificate);
    assert!(matches!(found, Err(KeyError::Mismatch)));
}
