//! What we send to sign people in, read again by other means.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubgate::saml::{
    Binding, Delivery, SendError, ServiceProvider, Settings, SettingsError, SigningKey,
};
use url::Url;

use super::provider::{
    ACS, EC, EC384, Key, RSA, SAML, SAMLP, SP, SSO, now, service_provider, settings,
};

pub(crate) fn signing_key(key: &Key) -> SigningKey {
    SigningKey::parse_pem(&key.private_key, &key.certificate).unwrap()
}

fn inflate(message: &str) -> String {
    let mut xml = String::new();
    let deflated = STANDARD.decode(message).unwrap();
    flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
    xml
}

#[track_caller]
pub(crate) fn url_of(delivery: Delivery) -> Url {
    match delivery {
        Delivery::Redirect { url } => Url::parse(&url).unwrap(),
        Delivery::Post { .. } => panic!("a form"),
    }
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(found, _)| found == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} is doubled");
    value
}

/// Verifies the signature of a redirect over its octets (Bindings §3.4.4.1).
pub(crate) fn verify_redirect(url: &Url, parameters: &[&str], key: &Key) {
    let query = url.query().unwrap();
    let raw: Vec<&str> = parameters
        .iter()
        .map(|name| query.split('&').find(|pair| pair.starts_with(&format!("{name}="))).unwrap())
        .collect();
    let algorithm = parameter(url, "SigAlg").unwrap();
    assert_eq!(algorithm, key.algorithm());
    let signature = STANDARD.decode(parameter(url, "Signature").unwrap()).unwrap();
    key.verify(&algorithm, raw.join("&").as_bytes(), &signature);
}

#[test]
fn a_request_says_what_is_wanted() {
    let service_provider = service_provider(|_| ());
    let begin = service_provider.begin(Some("handle"), now()).unwrap();
    let url = url_of(begin.delivery);
    assert!(url.as_str().starts_with(SSO));
    assert_eq!(parameter(&url, "RelayState").as_deref(), Some("handle"));
    assert_eq!(parameter(&url, "Signature"), None);
    let xml = inflate(&parameter(&url, "SAMLRequest").unwrap());
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name((SAMLP, "AuthnRequest")));
    assert_eq!(root.attribute("ID"), Some(begin.request_id.as_str()));
    assert_eq!(root.attribute("Version"), Some("2.0"));
    assert_eq!(root.attribute("IssueInstant"), Some("2026-07-03T12:00:00Z"));
    assert_eq!(root.attribute("Destination"), Some(SSO));
    assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some(ACS));
    assert_eq!(root.attribute("ForceAuthn"), None);
    let issuer = root.first_element_child().unwrap();
    assert!(issuer.has_tag_name((SAML, "Issuer")));
    assert_eq!(issuer.text(), Some(SP));
}

#[test]
fn options_of_a_request_stand_in_the_order_of_the_schema() {
    let begin = service_provider(|settings| {
        settings.force_authn = true;
        settings.name_id_format = Some("urn:x:\"<&>'".to_owned());
        settings.authn_contexts = vec!["urn:mfa".to_owned(), "urn:other".to_owned()];
    });
    let url = url_of(begin.begin(None, now()).unwrap().delivery);
    assert_eq!(parameter(&url, "RelayState"), None);
    let xml = inflate(&parameter(&url, "SAMLRequest").unwrap());
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("ForceAuthn"), Some("true"));
    let names: Vec<_> =
        root.children().filter(|c| c.is_element()).map(|c| c.tag_name().name()).collect();
    assert_eq!(names, ["Issuer", "NameIDPolicy", "RequestedAuthnContext"]);
    let policy = root.children().nth(1).unwrap();
    assert_eq!(policy.attribute("Format"), Some("urn:x:\"<&>'"));
    let classes: Vec<_> = root.children().nth(2).unwrap().children().map(|c| c.text()).collect();
    assert_eq!(classes, [Some("urn:mfa"), Some("urn:other")]);
    let passive = service_provider(|settings| settings.is_passive = true);
    let url = url_of(passive.begin(None, now()).unwrap().delivery);
    assert!(inflate(&parameter(&url, "SAMLRequest").unwrap()).contains("IsPassive=\"true\""));
}

#[test]
fn ids_are_never_the_same_and_cannot_be_guessed() {
    let service_provider = service_provider(|_| ());
    let mut ids: Vec<_> =
        (0..100).map(|_| service_provider.begin(None, now()).unwrap().request_id).collect();
    assert!(ids.iter().all(|id| id.len() == 41 && id.starts_with('_')));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[test]
fn a_redirect_is_signed_over_its_exact_octets_and_keeps_the_addresss_own_query() {
    for key in [&*EC, &*EC384, &*RSA] {
        for (location, start) in [
            (SSO.to_owned(), format!("{SSO}?SAMLRequest=")),
            (format!("{SSO}?idpid=C0&x=y%20z"), format!("{SSO}?idpid=C0&x=y%20z&SAMLRequest=")),
            (format!("{SSO}?"), format!("{SSO}?SAMLRequest=")),
            (format!("{SSO}?a=b&"), format!("{SSO}?a=b&SAMLRequest=")),
            (format!("{SSO}#top"), format!("{SSO}?SAMLRequest=")),
        ] {
            let service_provider = service_provider(|settings| {
                settings.signing_keys = vec![signing_key(key)];
                settings.sign_requests = true;
                settings.identity_provider.single_sign_on[0].location = location;
            });
            let relay_state = "a handle/+&=~";
            let begin = service_provider.begin(Some(relay_state), now()).unwrap();
            let url = url_of(begin.delivery);
            assert!(url.as_str().starts_with(&start), "{url}");
            assert_eq!(parameter(&url, "RelayState").as_deref(), Some(relay_state));
            verify_redirect(&url, &["SAMLRequest", "RelayState", "SigAlg"], key);
            let url = url_of(service_provider.begin(None, now()).unwrap().delivery);
            verify_redirect(&url, &["SAMLRequest", "SigAlg"], key);
        }
    }
}

#[test]
fn a_form_carries_a_request_signed_in_its_xml() {
    for key in [&*EC, &*EC384, &*RSA] {
        let service_provider = service_provider(|settings| {
            settings.signing_keys = vec![signing_key(key)];
            // Without being told to: the identity provider wants it.
            settings.identity_provider.wants_signed_requests = true;
            settings.identity_provider.single_sign_on[0].binding = Binding::Post;
        });
        let begin = service_provider.begin(Some("\"><script>"), now()).unwrap();
        let Delivery::Post { action, fields } = begin.delivery else { panic!("a redirect") };
        assert_eq!(action, SSO);
        let [("SAMLRequest", message), ("RelayState", relay_state)] = fields.as_slice() else {
            panic!("{fields:?}")
        };
        assert_eq!(relay_state, "\"><script>");
        let xml = String::from_utf8(STANDARD.decode(message).unwrap()).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let names: Vec<_> =
            document.root_element().children().map(|c| c.tag_name().name()).collect();
        assert_eq!(names[..2], ["Issuer", "Signature"]);
        assert!(xml.contains(&format!("URI=\"#{}\"", begin.request_id)));
        // The signature value verifies over the SignedInfo as it would be canonicalized.
        let between = |from: &str, to: &str| {
            let (_, rest) = xml.split_once(from).unwrap();
            rest.split_once(to).unwrap().0.to_owned()
        };
        let info = format!(
            "<ds:SignedInfo{}</ds:SignedInfo>",
            between("<ds:SignedInfo", "</ds:SignedInfo>")
        );
        let value = between("<ds:SignatureValue>", "<");
        key.verify(key.algorithm(), info.as_bytes(), &STANDARD.decode(value).unwrap());
        assert_eq!(between("<ds:X509Certificate>", "<"), key.certificates()[0].to_base64());
    }
}

#[test]
fn what_cannot_be_sent_is_an_error() {
    let good = service_provider(|_| ());
    assert!(good.begin(Some(&"x".repeat(80)), now()).is_ok());
    assert_eq!(good.begin(Some(&"x".repeat(81)), now()), Err(SendError::RelayState));
    let expired = service_provider(|s| s.identity_provider.valid_until = Some(now()));
    assert_eq!(expired.begin(None, now()), Err(SendError::MetadataExpired));
}

#[test]
fn settings_that_could_not_work_or_would_not_be_safe_are_refused() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Settings), expected: &str) {
        let mut settings = settings();
        change(&mut settings);
        let error = ServiceProvider::new(settings).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    check(|s| s.identity_provider.certificates.clear(), "no signing certificate");
    check(|s| s.entity_id.clear(), "entity id");
    check(|s| s.identity_provider.entity_id.clear(), "entity id");
    check(|s| s.identity_provider.single_sign_on.clear(), "sign-on address");
    check(|s| s.sign_requests = true, "no signing key");
    check(|s| s.identity_provider.wants_signed_requests = true, "no signing key");
    check(|s| s.clock_skew = std::time::Duration::from_secs(181), "three minutes");
    check(|s| (s.force_authn, s.is_passive) = (true, true), "authenticated anew");
    for address in [
        "http://idp.example/",
        "javascript:alert(1)",
        "ftp://idp.example/",
        "",
        "/sso",
        "http://127.0.0.1.evil.example/",
    ] {
        check(|s| s.identity_provider.single_sign_on[0].location = address.to_owned(), "https");
        check(|s| s.acs_url = address.to_owned(), "https");
    }
    let mut loopback = settings();
    loopback.identity_provider.single_sign_on[0].location = "http://127.0.0.1:7000/sso".to_owned();
    assert!(ServiceProvider::new(loopback).is_ok());
    let error = SettingsError::Address("x".to_owned());
    assert_eq!(
        error.to_string(),
        "x is neither an https address nor an http address of a loopback host"
    );
}

#[test]
fn a_key_and_its_certificate_belong_together() {
    use hubgate::saml::{DecryptionKey, KeyError};
    let sign = |key: &Key, certificate: &Key| {
        SigningKey::parse_pem(&key.private_key, &certificate.certificate).map(drop)
    };
    assert_eq!(sign(&EC, &EC), Ok(()));
    assert_eq!(sign(&EC, &super::provider::STRANGER), Err(KeyError::Mismatch));
    assert_eq!(sign(&EC, &RSA), Err(KeyError::Unsupported));
    assert_eq!(sign(&RSA, &EC), Err(KeyError::Unsupported));
    let found = SigningKey::parse_pem(&EC.certificate, &EC.certificate).map(drop);
    assert_eq!(found, Err(KeyError::NotPkcs8));
    let decrypt = DecryptionKey::parse_pem(&EC.private_key, &EC.certificate).map(drop);
    assert_eq!(decrypt, Err(KeyError::NotRsa));
    let shown = format!("{:?}", signing_key(&EC));
    assert!(!shown.contains("PRIVATE") && shown.len() < 40, "{shown}");
}
