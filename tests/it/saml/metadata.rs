//! Metadata in both directions.

use std::time::Duration;

use hubgate::saml::{
    Binding, Certificate, CertificateError, DecryptionKey, IdentityProvider, MetadataError, Preset,
    Refusal, SignaturePolicy, Warning,
};

use super::provider::{
    ACS, EC, IDP, RSA, SLO, SP, STRANGER, Says, accepted_by, now, service_provider,
};
use super::requests::signing_key;

const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

fn key(usage: &str, certificate: &str) -> String {
    format!(
        "<md:KeyDescriptor{usage}><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:X509Data><ds:X509Certificate>\n{certificate}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )
}

fn base64(key: &super::provider::Key) -> String {
    // Wrapped as files have it.
    let one = key.certificates()[0].to_base64();
    one.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\r\n").collect()
}

fn entity(entity_id: &str, attributes: &str, keys: &str) -> String {
    format!(
        "<md:EntityDescriptor xmlns:md=\"{MD}\" entityID=\"{entity_id}\"{attributes}><!-- a comment --><md:IDPSSODescriptor \
         WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol\">{keys}\
         <md:SingleLogoutService Binding=\"{POST}\" Location=\"https://idp.example/slo\"/>\
         <md:SingleLogoutService Binding=\"{REDIRECT}\" Location=\"https://idp.example/slo\" ResponseLocation=\"https://idp.example/slo-done\"/>\
         <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\" Location=\"https://idp.example/soap\"/>\
         <md:SingleSignOnService Binding=\"{POST}\" Location=\"https://idp.example/post\"/>\
         <md:SingleSignOnService Binding=\"{REDIRECT}\" Location=\"https://idp.example/redirect?idpid=C0\"/>\
         </md:IDPSSODescriptor></md:EntityDescriptor>"
    )
}

fn parse(xml: &str) -> Result<IdentityProvider, MetadataError> {
    IdentityProvider::parse_metadata(xml, None, now())
}

#[test]
fn an_identity_provider_is_read_from_its_metadata() {
    let keys = key(" use=\"signing\"", &base64(&EC))
        + &key("", &base64(&RSA))
        + &key(" use=\"encryption\"", &base64(&STRANGER))
        + &key(" use=\"signing\"", &base64(&EC))
        + &key(" use=\"signing\"", "AAAA");
    let xml = entity(IDP, " validUntil=\"2026-12-01T00:00:00Z\"", &keys);
    let found =
        parse(&format!("<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"x\"?>{xml}<!-- -->"))
            .unwrap();
    assert_eq!(found.entity_id, IDP);
    assert!(found.wants_signed_requests);
    // Both signing keys, and not the one for encryption.
    assert_eq!(found.certificates, [EC.certificates(), RSA.certificates()].concat());
    let unusable = Warning::CertificateUnusable(CertificateError::Malformed);
    assert_eq!(found.warnings, [unusable]);
    let sign_on: Vec<_> =
        found.single_sign_on.iter().map(|e| (e.binding, e.location.as_str())).collect();
    assert_eq!(
        sign_on,
        [
            (Binding::Redirect, "https://idp.example/redirect?idpid=C0"),
            (Binding::Post, "https://idp.example/post"),
        ]
    );
    assert_eq!(found.single_logout[0].binding, Binding::Redirect);
    assert_eq!(
        found.single_logout[0].response_location.as_deref(),
        Some("https://idp.example/slo-done")
    );
    assert_eq!(found.valid_until, Some(now() + Duration::from_secs(150 * 86_400 + 43_200)));
}

#[test]
fn an_aggregate_needs_a_name_and_inherits_its_end() {
    let keys = key("", &base64(&EC));
    let xml = format!(
        "<md:EntitiesDescriptor xmlns:md=\"{MD}\" validUntil=\"2026-07-04T00:00:00Z\">{}<md:EntitiesDescriptor>{}</md:EntitiesDescriptor>\
         <md:EntityDescriptor entityID=\"https://sp.example\"><md:SPSSODescriptor/></md:EntityDescriptor></md:EntitiesDescriptor>",
        entity(IDP, "", &keys),
        entity("https://other.example", " validUntil=\"2030-01-01T00:00:00Z\"", &keys)
    );
    assert_eq!(parse(&xml), Err(MetadataError::SeveralIdentityProviders));
    for name in [IDP, "https://other.example"] {
        let found = IdentityProvider::parse_metadata(&xml, Some(name), now()).unwrap();
        assert_eq!(found.entity_id, name);
        assert_eq!(found.valid_until, Some(now() + Duration::from_secs(43_200)));
    }
    for name in ["https://sp.example", "https://nobody.example", ""] {
        let found = IdentityProvider::parse_metadata(&xml, Some(name), now());
        assert_eq!(found, Err(MetadataError::NoIdentityProvider));
    }
    let later = now() + Duration::from_secs(43_200);
    let found = IdentityProvider::parse_metadata(&xml, Some(IDP), later);
    assert_eq!(found, Err(MetadataError::Expired));
}

#[test]
fn metadata_that_could_verify_nothing_is_refused() {
    let good = key("", &base64(&EC));
    assert_eq!(parse(&entity(IDP, "", "")), Err(MetadataError::NoCertificate));
    let encryption = key(" use=\"encryption\"", &base64(&EC));
    assert_eq!(parse(&entity(IDP, "", &encryption)), Err(MetadataError::NoCertificate));
    assert_eq!(parse(&entity(IDP, "", &key("", "AAAA"))), Err(MetadataError::NoCertificate));
    assert_eq!(parse(&entity("", "", &good)), Err(MetadataError::NoIdentityProvider));
    let past = entity(IDP, " validUntil=\"2026-07-03T12:00:00Z\"", &good);
    assert_eq!(parse(&past), Err(MetadataError::Expired));
    let odd = entity(IDP, " validUntil=\"tomorrow\"", &good);
    assert_eq!(parse(&odd), Err(MetadataError::Malformed(Refusal::TimeMalformed)));
    let nowhere = entity(IDP, "", &good).replace("SingleSignOnService", "Other");
    assert_eq!(parse(&nowhere), Err(MetadataError::NoSignOn));
    let old = entity(IDP, "", &good).replace("SAML:2.0:protocol", "SAML:1.0:protocol");
    assert_eq!(parse(&old), Err(MetadataError::NoIdentityProvider));
    assert_eq!(parse("<x/>"), Err(MetadataError::WrongRoot));
    let entities = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", entity(IDP, "", &good));
    assert_eq!(parse(&entities), Err(MetadataError::Malformed(Refusal::DocumentType)));
    assert_eq!(parse("<html>"), Err(MetadataError::Malformed(Refusal::Malformed)));
    // A comment inside a certificate: two readings.
    let split = entity(IDP, "", &good.replacen("MI", "M<!-- -->I", 1));
    assert_eq!(parse(&split), Err(MetadataError::Malformed(Refusal::UnexpectedContent)));
}

#[test]
fn people_sign_in_with_the_keys_of_the_metadata() {
    let xml = entity(IDP, "", &key("", &base64(&EC)));
    accepted_by(&Says::default().both_signed(), |settings| {
        settings.identity_provider = parse(&xml).unwrap();
        settings.signing_keys = vec![signing_key(&EC)];
    });
}

#[test]
fn an_operator_is_warned_before_certificates_and_metadata_end() {
    fn certificate(from: i32, to: i32) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 7, 20);
        parameters.not_after = rcgen::date_time_ymd(to, 7, 20);
        Certificate::parse_pem(&parameters.self_signed(&key).unwrap().pem()).unwrap().remove(0)
    }
    let (past, soon, future) =
        (certificate(2020, 2025), certificate(2020, 2026), certificate(2027, 2030));
    let good = certificate(2020, 2030);
    let all = vec![past.clone(), soon.clone(), future.clone(), good];
    let mut provider = IdentityProvider::from_fields(IDP, "https://idp.example/sso", all);
    let end = now() + Duration::from_secs(86_400);
    provider.valid_until = Some(end);
    assert_eq!(
        provider.warnings(now()),
        [
            Warning::CertificateExpired(past.fingerprint(), past.not_on_or_after()),
            Warning::CertificateExpires(soon.fingerprint(), soon.not_on_or_after()),
            Warning::CertificateNotYetValid(future.fingerprint(), future.not_before()),
            Warning::MetadataExpires(end),
        ]
    );
    let text = provider.warnings(now())[1].to_string();
    assert!(text.ends_with("expires at 2026-07-20T00:00:00Z"), "{text}");
}

#[test]
fn a_sign_on_address_alone_says_its_binding() {
    let binding =
        |url: &str| IdentityProvider::from_fields(IDP, url, vec![]).single_sign_on[0].binding;
    assert_eq!(
        binding("https://acme.onelogin.example/trust/saml2/http-post/sso/1"),
        Binding::Redirect
    );
    assert_eq!(binding("https://acme.example/saml/post"), Binding::Post);
    assert_eq!(binding("https://login.example/tenant/saml2"), Binding::Redirect);
    assert_eq!(binding("https://accounts.example/o/saml2/idp?idpid=C0post"), Binding::Redirect);
}

#[test]
fn our_metadata_names_our_addresses_and_certificates() {
    let service_provider = service_provider(|settings| {
        settings.signing_keys = vec![signing_key(&EC), signing_key(&RSA)];
        settings.sign_requests = true;
        settings.signatures = SignaturePolicy::Both;
        settings.decryption_keys =
            vec![DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate).unwrap()];
        settings.name_id_format = Some("urn:x&y".to_owned());
    });
    let xml = service_provider.metadata(now());
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name((MD, "EntityDescriptor")));
    assert_eq!(root.attribute("entityID"), Some(SP));
    assert_eq!(root.attribute("validUntil"), Some("2027-07-03T12:00:00Z"));
    let role = root.first_element_child().unwrap();
    assert_eq!(role.attribute("AuthnRequestsSigned"), Some("true"));
    assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
    let named =
        |name: &str| role.children().filter(|c| c.has_tag_name((MD, name))).collect::<Vec<_>>();
    let keys: Vec<_> = named("KeyDescriptor")
        .iter()
        .map(|key| {
            let certificate = key.descendants().find(|c| c.has_tag_name((DS, "X509Certificate")));
            (key.attribute("use").unwrap(), certificate.unwrap().text().unwrap().to_owned())
        })
        .collect();
    let base64 = |key: &super::provider::Key| key.certificates()[0].to_base64();
    assert_eq!(
        keys,
        [("signing", base64(&EC)), ("signing", base64(&RSA)), ("encryption", base64(&RSA))]
    );
    let logout: Vec<_> = named("SingleLogoutService")
        .iter()
        .map(|c| (c.attribute("Binding").unwrap(), c.attribute("Location").unwrap()))
        .collect();
    assert_eq!(logout, [(REDIRECT, SLO), (POST, SLO)]);
    assert_eq!(named("NameIDFormat")[0].text(), Some("urn:x&y"));
    let acs = named("AssertionConsumerService")[0];
    assert_eq!((acs.attribute("Binding"), acs.attribute("Location")), (Some(POST), Some(ACS)));
    // The order of the schema (Metadata §2.4.2, §2.4.4).
    let order: Vec<_> =
        role.children().filter(|c| c.is_element()).map(|c| c.tag_name().name()).collect();
    assert_eq!(
        order,
        [
            "KeyDescriptor",
            "KeyDescriptor",
            "KeyDescriptor",
            "SingleLogoutService",
            "SingleLogoutService",
            "NameIDFormat",
            "AssertionConsumerService"
        ]
    );
    assert!(!xml.contains("PRIVATE"));
}

#[test]
fn every_preset_has_a_name_and_demands_a_signature() {
    for (name, preset) in Preset::ALL {
        assert_eq!(Preset::parse(name), Some(*preset));
        let defaults = preset.defaults();
        assert!(
            !defaults.email.is_empty() && !defaults.name.is_empty() && !defaults.groups.is_empty()
        );
    }
    assert_eq!(Preset::parse("Okta"), None);
    assert_eq!(Preset::parse("auth0"), None);
}
