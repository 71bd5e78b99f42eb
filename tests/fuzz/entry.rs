//! What is done with one input: every door through which octets of strangers reach the SAML core.
//!
//! Nothing may panic. Nothing may be accepted without the key; with it, the person who is signed in
//! must be the one whom another parser finds in what was signed.

use std::io::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use hubgate::saml::{
    Certificate, DecryptionKey, IdentityProvider, ServiceProvider, SignaturePolicy, UnverifiedForm,
    UnverifiedLogout,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::provider::{EC, REQUEST, RSA, Says, Signer, insert_signature, now, service_provider};

/// A service provider with every option that lowers a guard, so that there is most to reach.
static OPEN: LazyLock<ServiceProvider> = LazyLock::new(|| {
    service_provider(|settings| {
        settings.signatures = SignaturePolicy::Either;
        settings.allow_unsolicited = true;
        settings.insecure_sha1 = true;
        settings.insecure_aes_cbc = true;
        settings.decryption_keys =
            vec![DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate).unwrap()];
    })
});

pub(crate) fn run(data: &[u8]) {
    unsigned(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = IdentityProvider::parse_metadata(text, None, now());
    let _ = Certificate::parse_pem(text);
    signed(text);
    logout(text);
}

/// As a response, as a form, as a query: the key has signed none of them.
fn unsigned(data: &[u8]) {
    let encoded = STANDARD.encode(data);
    for request in [Some(REQUEST), None] {
        assert!(OPEN.finish(&encoded, request, now()).is_err(), "accepted without a key");
    }
    let _ = OPEN.explain(&encoded, now());
    let _ = Certificate::parse_der(data);
    if let Ok(form) = UnverifiedForm::parse(data) {
        if let Ok(response) = form.response() {
            assert!(OPEN.finish(response, None, now()).is_err(), "accepted without a key");
        }
        let post = UnverifiedLogout::Post(&form);
        assert!(OPEN.receive_logout(post, Some(REQUEST), now()).is_err(), "accepted without a key");
    }
    let form = UnverifiedForm { saml_request: Some(encoded), ..UnverifiedForm::default() };
    let post = UnverifiedLogout::Post(&form);
    assert!(OPEN.receive_logout(post, None, now()).is_err(), "accepted without a key");
    if let Ok(query) = std::str::from_utf8(data) {
        let redirect = UnverifiedLogout::Redirect(query);
        let found = OPEN.receive_logout(redirect, Some(REQUEST), now());
        assert!(found.is_err(), "accepted without a key");
    }
}

/// As an element that the identity provider has signed, where its canonical form is what is
/// written; as a response, and as an assertion within one.
fn signed(text: &str) {
    if !text.contains("</saml:Issuer>") {
        return;
    }
    let Some(id) = text.split(" ID=\"").nth(1).and_then(|rest| rest.split('"').next()) else {
        return;
    };
    let signed = insert_signature(text, &Signer::new(&EC).signature(id, text));
    for xml in [Says::default().response(&signed), signed] {
        let Ok(found) =
            service_provider(|_| ()).finish(&STANDARD.encode(&xml), Some(REQUEST), now())
        else {
            continue;
        };
        let document = roxmltree::Document::parse(&xml).expect("accepted, but not XML");
        let mut names = document.descendants().filter(|node| node.tag_name().name() == "NameID");
        let name = names.next().and_then(|name| name.text());
        assert_eq!(name, Some(found.subject.value.as_str()), "another person");
    }
}

/// As a logout message that the identity provider has signed in a query.
fn logout(text: &str) {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let deflated = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let message = escape(&STANDARD.encode(deflated.expect("memory does not fail")));
    for parameter in ["SAMLRequest", "SAMLResponse"] {
        let query = format!("{parameter}={message}&SigAlg={}", escape(EC.algorithm()));
        let signature = STANDARD.encode(EC.sign(EC.algorithm(), query.as_bytes()));
        let query = format!("{query}&Signature={}", escape(&signature));
        let redirect = UnverifiedLogout::Redirect(&query);
        let _ = OPEN.receive_logout(redirect, Some(REQUEST), now());
    }
}
