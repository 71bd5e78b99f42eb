//! Good responses, in the many ways in which they are written.

use hubgate::saml::{Refusal, SignaturePolicy};
use serde_json::json;

use super::provider::{
    EC, EC384, ENVELOPED, EXC_C14N, GENUINE, Key, REQUEST, RSA, STRANGER, Says, Signer, accepted,
    accepted_by, attribute, encode, identity_provider, now, post, refused_by, service_provider,
    transform,
};

#[test]
fn a_response_with_either_signature_signs_the_person_in() {
    for xml in [
        Says::default().assertion_signed(),
        Says::default().response_signed(),
        Says::default().both_signed(),
    ] {
        let verified = accepted(&xml);
        assert_eq!(verified.subject.value, GENUINE);
        assert_eq!(verified.session_index.as_deref(), Some("_session1"));
        assert_eq!(verified.assertion_id, "_assertion1");
        let profile = json!({"name_id": GENUINE, "groups": ["ml", "everyone"]});
        assert_eq!(serde_json::Value::Object(verified.profile), profile);
    }
}

#[test]
fn a_policy_demands_the_signatures_that_it_names() {
    use SignaturePolicy::{Assertion, Both, Either, Response};
    let says = Says::default();
    let none = says.response(&says.assertion());
    for (xml, met) in [
        (none, vec![]),
        (says.assertion_signed(), vec![Assertion, Either]),
        (says.response_signed(), vec![Response, Either]),
        (says.both_signed(), vec![Assertion, Response, Both, Either]),
    ] {
        for policy in [Assertion, Response, Both, Either] {
            if met.contains(&policy) {
                accepted_by(&xml, |settings| settings.signatures = policy);
            } else {
                refused_by(&xml, Refusal::SignatureMissing, |s| s.signatures = policy);
            }
        }
    }
}

#[test]
fn each_accepted_algorithm_verifies() {
    let sign = |key: &Key, algorithm: &str, digest: &str| {
        let says = Says::default();
        let signer = Signer {
            algorithm: format!("http://www.w3.org/2001/04/xmldsig-more#{algorithm}"),
            digest: digest.to_owned(),
            ..Signer::new(key)
        };
        let xml = says.response(&signer.envelop(&says.assertion()));
        accepted_by(&xml, |settings| settings.identity_provider = identity_provider(&[key]));
    };
    sign(&EC, "ecdsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256");
    sign(&EC384, "ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384");
    sign(&RSA, "rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256");
    sign(&RSA, "rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384");
    sign(&RSA, "rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512");
}

#[test]
fn during_a_rotation_every_configured_key_verifies() {
    let says = Says::default();
    for key in [&*EC, &*EC384, &*RSA] {
        let xml = says.response(&Signer::new(key).envelop(&says.assertion()));
        let keys: [&Key; 4] = [&RSA, &STRANGER, &EC384, &EC];
        accepted_by(&xml, |settings| settings.identity_provider = identity_provider(&keys));
    }
}

#[test]
fn the_same_canonical_form_may_be_written_in_many_ways() {
    let canonical = Says::default().both_signed();
    let saml = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"";
    let variants = [
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{canonical}\n"),
        format!("\u{feff}{canonical}"),
        canonical.replace("></saml:SubjectConfirmationData>", "/>"),
        canonical.replace("\">", "\"\t\r\n>"),
        canonical.replace('"', "'"),
        canonical.replace("ml</saml", "&#109;&#x6C;</saml"),
        canonical.replace("acme.example", "acme&#46;example"),
        canonical.replacen("<samlp:Response ", &format!("<samlp:Response {saml} "), 1),
        canonical.replace(&format!(" {saml}"), "").replacen(
            "<samlp:Response ",
            &format!("<samlp:Response {saml} "),
            1,
        ),
        canonical.replacen(
            "<samlp:Response ",
            "<samlp:Response xmlns=\"urn:x\" xmlns:unused=\"urn:y\" ",
            1,
        ),
    ];
    for variant in variants {
        assert_ne!(variant, canonical);
        accepted(&variant);
    }
}

#[test]
fn an_inclusive_prefix_list_is_honoured() {
    // Written as Okta and OpenSAML write it: the prefix xs stands in a value only, so that it
    // is rendered because the list says so.
    let xs = "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let says = Says::default();
    let value =
        format!("<saml:AttributeValue {xsi} xsi:type=\"xs:string\">ml</saml:AttributeValue>");
    let assertion = says
        .assertion()
        .replace("<saml:AttributeValue>ml</saml:AttributeValue>", &value)
        .replacen("assertion\" ID", &format!("assertion\" {xs} ID"), 1);
    let list = format!(
        "<ec:InclusiveNamespaces xmlns:ec=\"{EXC_C14N}\" PrefixList=\"xs #default\"></ec:InclusiveNamespaces>"
    );
    let signer = Signer {
        transforms: transform(ENVELOPED)
            + &format!("<ds:Transform Algorithm=\"{EXC_C14N}\">{list}</ds:Transform>"),
        ..Signer::new(&EC)
    };
    accepted(&says.response(&signer.envelop(&assertion)));
    // Without the list the declaration is not rendered, and the digest is another one.
    let xml = says.response(&Signer::new(&EC).envelop(&assertion));
    assert_eq!(post(&xml, |_| ()), Err(Refusal::DigestMismatch));
}

#[test]
fn base64_may_be_wrapped_in_lines() {
    let encoded = encode(&Says::default().assertion_signed());
    let lines: Vec<_> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let service_provider = service_provider(|_| ());
    assert!(service_provider.finish(&lines.join("\r\n"), Some(REQUEST), now()).is_ok());
}

#[test]
fn sha1_is_refused_unless_it_was_opted_into() {
    let says = Says::default();
    let signer =
        Signer { digest: "http://www.w3.org/2000/09/xmldsig#sha1".to_owned(), ..Signer::new(&EC) };
    let xml = says.response(&signer.envelop(&says.assertion()));
    refused_by(&xml, Refusal::SignatureSha1, |_| ());
    accepted_by(&xml, |settings| settings.insecure_sha1 = true);
}

#[test]
fn a_message_is_good_once() {
    let service_provider = service_provider(|_| ());
    let says = Says::default();
    let send = |xml: &str| service_provider.finish(&encode(xml), Some(REQUEST), now());
    assert!(send(&says.assertion_signed()).is_ok());
    assert_eq!(send(&says.assertion_signed()), Err(Refusal::Replayed));
    // Wrapped anew, it is still the same assertion.
    let again = says.assertion_signed().replace("_response1", "_response2");
    assert_eq!(send(&again), Err(Refusal::Replayed));
    let other = Says { id: "_assertion2".to_owned(), ..says };
    assert!(send(&other.assertion_signed()).is_ok());
}

#[test]
fn a_refused_message_is_not_remembered() {
    let service_provider = service_provider(|_| ());
    let xml = encode(&Says::default().assertion_signed());
    assert!(service_provider.finish(&xml, Some("_another"), now()).is_err());
    assert!(service_provider.finish(&xml, Some(REQUEST), now()).is_ok());
}

#[test]
fn attributes_keep_their_names_friendly_names_and_values() {
    let friendly = "<saml:Attribute FriendlyName=\"mail\" Name=\"urn:oid:0.9.2342.19200300.100.1.3\">\
                    <saml:AttributeValue>Kim &amp; Co. &lt;kim@acme.example&gt;</saml:AttributeValue></saml:Attribute>";
    let attributes = format!(
        "<saml:AttributeStatement>{friendly}{}{}{}</saml:AttributeStatement>",
        attribute("Role", &["a"]),
        attribute("Role", &["b"]),
        attribute("none", &[]),
    );
    let verified = accepted(&Says { attributes, ..Says::default() }.assertion_signed());
    let mail = json!(["Kim & Co. <kim@acme.example>"]);
    assert_eq!(verified.profile["mail"], mail);
    assert_eq!(verified.profile["urn:oid:0.9.2342.19200300.100.1.3"], mail);
    assert_eq!(verified.profile["Role"], json!(["a", "b"]));
    assert_eq!(verified.profile["none"], json!([]));
}

#[test]
fn documents_without_prefixes_are_read_like_those_with_them() {
    // As .NET writes them: every namespace is a default one.
    let says = Says::default();
    let bare = |xml: &str| xml.replace("saml:", "").replace("xmlns:saml=", "xmlns=");
    let assertion = bare(&says.assertion()).replace("xmlns:", "xmlns=");
    let signature = Signer::new(&EC).signature_written("_assertion1", &assertion, |inner| {
        inner.replace("<ds:", "<").replace("</ds:", "</").replace("xmlns:ds=", "xmlns=")
    });
    let assertion = assertion.replacen("</Issuer>", &format!("</Issuer>{signature}"), 1);
    let response = says.response("ASSERTION");
    let response = response.replace("samlp:", "p:").replace("xmlns:samlp=", "xmlns:p=");
    let response = response.replace("<saml:", "<").replace("</saml:", "</");
    let response = response.replace("xmlns:saml=", "xmlns=").replace("ASSERTION", &assertion);
    accepted(&response);
}

#[test]
fn a_preset_finds_the_address_the_name_and_the_groups() {
    use hubgate::saml::Preset;
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let profile = |name_id: &str, attributes: &[(&str, &[&str])]| {
        let inner: String =
            attributes.iter().map(|(name, values)| attribute(name, values)).collect();
        let says = Says {
            name_id: name_id.to_owned(),
            attributes: format!("<saml:AttributeStatement>{inner}</saml:AttributeStatement>"),
            ..Says::default()
        };
        accepted(&says.assertion_signed()).profile
    };
    let plain = format!("<saml:NameID>{GENUINE}</saml:NameID>");
    let mail = format!("<saml:NameID Format=\"{email}\">{GENUINE}</saml:NameID>");
    let entra = Preset::Entra.defaults();
    let claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
    let groups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
    let address = format!("{claims}emailaddress");
    let name = "http://schemas.microsoft.com/identity/claims/displayname";
    let found = profile(
        &plain,
        &[(&address, &["kim@acme.example"]), (groups, &["g1", "g2"]), (name, &["Kim"])],
    );
    assert_eq!(entra.email_in(&found), Some("kim@acme.example"));
    assert_eq!(entra.name_in(&found), Some("Kim"));
    assert_eq!(entra.groups_in(&found), ["g1", "g2"]);
    // Two addresses are none; the name id is one only if its format says so.
    let two = profile(&mail, &[(&address, &["kim@acme.example", "lee@acme.example"])]);
    assert_eq!(entra.email_in(&two), None);
    let generic = Preset::Generic.defaults();
    assert_eq!(generic.email_in(&profile(&mail, &[("x", &[])])), Some(GENUINE));
    assert_eq!(generic.email_in(&profile(&plain, &[("x", &[])])), None);
    assert_eq!(generic.email_in(&profile(&mail, &[("email", &[])])), None);
}
