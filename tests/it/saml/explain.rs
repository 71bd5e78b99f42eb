//! What an operator is told about a refused response.

use hubgate::saml::{Explanation, Refusal, Settings};

use super::provider::{
    ACS, GENUINE, IDP, REQUEST, SP, STRANGER, Says, Signer, audience, conditions, encode, now,
    service_provider,
};

fn explain(xml: &str, change: impl FnOnce(&mut Settings)) -> Explanation {
    service_provider(change).explain(&encode(xml), now())
}

#[track_caller]
fn finding(explanation: &Explanation, what: &str) -> (String, Option<String>) {
    let found = explanation.findings.iter().find(|finding| finding.what == what).unwrap();
    (found.found.clone(), found.expected.clone())
}

#[test]
fn a_good_response_has_nothing_wrong_and_is_not_used_up() {
    let service_provider = service_provider(|_| ());
    let xml = encode(&Says::default().both_signed());
    assert_eq!(service_provider.explain(&xml, now()).refusals, []);
    assert_eq!(service_provider.explain(&xml, now()).refusals, []);
    assert!(service_provider.finish(&xml, Some(REQUEST), now()).is_ok());
    assert_eq!(service_provider.explain(&xml, now()).refusals, []);
}

#[test]
fn everything_that_is_wrong_behind_the_signature_is_told_at_once() {
    let says = Says {
        conditions: conditions(&audience("https://other.example"))
            .replace("2026-07-03T12:05:00Z", "2026-07-03T11:00:00Z"),
        ..Says::default()
    };
    let xml = says
        .assertion_signed()
        .replace(&format!("Destination=\"{ACS}\""), "Destination=\"https://x.example\"");
    let explanation = explain(&xml, |_| ());
    assert_eq!(explanation.refusals, [Refusal::Destination, Refusal::Audience, Refusal::Expired]);
    let both = |found: &str, expected: &str| (found.to_owned(), Some(expected.to_owned()));
    assert_eq!(finding(&explanation, "destination"), both("https://x.example", ACS));
    assert_eq!(finding(&explanation, "audience"), both("https://other.example", SP));
    assert_eq!(finding(&explanation, "issuer"), both(&format!("{IDP}, {IDP}"), IDP));
    assert_eq!(finding(&explanation, "signed").0, "Assertion");
    assert_eq!(finding(&explanation, "attributes").0, "groups");
}

#[test]
fn a_bad_signature_is_the_only_thing_that_is_told() {
    let says = Says::default();
    let xml = says.response(&Signer::new(&STRANGER).envelop(&says.assertion()));
    let explanation = explain(&xml, |_| ());
    assert_eq!(explanation.refusals, [Refusal::SignatureInvalid]);
    assert!(finding(&explanation, "signature algorithm").0.ends_with("ecdsa-sha256"));
    let explanation = service_provider(|_| ()).explain("not base64", now());
    assert_eq!(explanation.refusals, [Refusal::NotBase64]);
    assert!(explanation.findings.is_empty());
}

#[test]
fn nothing_about_the_person_is_told() {
    let text = format!("{:?}", explain(&Says::default().both_signed(), |_| ()));
    assert!(!text.contains(GENUINE) && !text.contains("everyone"), "{text}");
}

#[test]
fn a_sign_in_that_the_identity_provider_began_is_named() {
    let answer = format!("InResponseTo=\"{REQUEST}\" ");
    let mut says = Says::default();
    says.confirmation = says.confirmation.replace(&answer, "");
    says.response_attributes = says.response_attributes.replace(&answer, "");
    let xml = says.both_signed();
    assert_eq!(explain(&xml, |_| ()).refusals, [Refusal::Unsolicited]);
    assert_eq!(explain(&xml, |settings| settings.allow_unsolicited = true).refusals, []);
}
