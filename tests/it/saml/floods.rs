//! Documents that want to be expensive are refused at the bound that they would break.

use hubgate::saml::{DecryptionKey, Refusal};

use super::hostile::documents;
use super::provider::{
    EC, EXC_C14N, REQUEST, RSA, Says, Signer, accepted, encode, now, refused, service_provider,
};

#[test]
fn every_hostile_document_is_refused_for_its_own_reason() {
    let service_provider = service_provider(|settings| {
        let key = DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate);
        settings.decryption_keys = vec![key.unwrap()];
    });
    for (name, xml, refusal) in documents() {
        assert!(xml.len() > 50_000 && xml.len() <= 256 * 1024, "{name}: {}", xml.len());
        let found = service_provider.finish(&encode(&xml), Some(REQUEST), now());
        assert_eq!(found, Err(refusal), "{name}");
    }
}

/// Every declaration is sought in a prefix list, before anything is verified.
#[test]
fn a_prefix_list_has_an_end() {
    let listed = |count: usize| {
        let prefixes = vec!["x"; count].join(" ");
        let method = |name: &str| {
            format!(
                "<ds:{name} Algorithm=\"{EXC_C14N}\"><InclusiveNamespaces xmlns=\"{EXC_C14N}\" \
                 PrefixList=\"{prefixes}\"></InclusiveNamespaces></ds:{name}>"
            )
        };
        let plain = Signer::new(&EC);
        let exclusive = super::provider::transform(EXC_C14N);
        let transforms = plain.transforms.replace(&exclusive, &method("Transform"));
        let canonicalization = method("CanonicalizationMethod");
        let in_both = Signer { transforms, canonicalization, ..Signer::new(&EC) };
        let says = Says::default();
        says.response(&in_both.envelop(&says.assertion()))
    };
    accepted(&listed(1));
    accepted(&listed(32));
    refused(&listed(33), Refusal::TooLarge);
}

/// The canonical form of a signed element ends where a message does, too.
#[test]
fn a_signed_element_that_grows_without_end_is_refused() {
    let says = Says::default();
    let long = "x".repeat(20_000);
    let value = format!("<saml:AttributeValue>{}</saml:AttributeValue>", "<n:x></n:x>".repeat(50));
    let attributes = format!(
        "<saml:AttributeStatement xmlns:n=\"urn:{long}\"><saml:Attribute Name=\"x\">{value}\
         </saml:Attribute></saml:AttributeStatement>"
    );
    let assertion = Says { attributes, ..says.clone() }.assertion();
    let signature = Signer::new(&EC).signature("_assertion1", &assertion);
    let xml = says.response(&super::provider::insert_signature(&assertion, &signature));
    refused(&xml, Refusal::TooLarge);
}
