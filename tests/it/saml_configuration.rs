//! `[organization.saml]`: what is accepted, what is refused, and what an operator is told.

use hubgate::config::{self, Config, Provider, SamlSource};
use hubgate::saml::SignaturePolicy;

use crate::documents::Folder;

/// A configuration with one SAML organization, and the mistakes in it.
fn read(folder: &Folder, saml: &str) -> Result<Config, Vec<String>> {
    let text = format!(
        "public_url = \"https://hub.example.com\"\n[hub]\nupstream = \"http://127.0.0.1:3000\"\n\
         [[organization]]\nid = \"globex\"\n[organization.saml]\n{saml}\n"
    );
    config::parse(&text, &folder.path("hub.toml"), [])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn refused(folder: &Folder, saml: &str, expected: &str) {
    let mistakes = read(folder, saml).expect_err(saml);
    assert!(mistakes.iter().any(|line| line.contains(expected)), "{saml}: {mistakes:#?}");
}

/// A folder with a certificate, a key with its certificate, and metadata.
fn folder() -> Folder {
    let folder = Folder::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["idp.example".into()]).unwrap();
    let certificate = parameters.self_signed(&pair).unwrap().pem();
    folder.write("idp.pem", certificate.as_bytes());
    folder.write("sp.pem", format!("{}{certificate}", pair.serialize_pem()).as_bytes());
    folder.write("key.pem", pair.serialize_pem().as_bytes());
    folder
}

const FIELDS: &str = "sign_on_url = \"https://idp.example/sso\"\n\
                      entity_id = \"https://idp.example\"\ncertificates = [\"idp.pem\"]\n";

#[test]
fn the_contracts_example_loads_as_it_is_written() {
    let saml = "provider = \"entra\"\nmetadata = { url = \"https://idp.example/metadata\" }\n\
                sign_requests = true";
    let config = read(&Folder::new(), saml).unwrap();
    let Provider::Saml(saml) = &config.organizations[0].provider else { panic!("SAML") };
    assert!(saml.sign_requests && saml.signing_keys.is_empty());
    assert_eq!(saml.signatures, SignaturePolicy::Assertion, "Entra signs the assertion");
    assert!(matches!(&saml.source, SamlSource::Url { url, .. } if url.ends_with("/metadata")));
    let told = config.warnings().into_iter().find(|warning| warning.key.ends_with("signing_keys"));
    assert!(told.unwrap().what.contains("made at each start"));
}

#[test]
fn the_three_fields_of_a_console_suffice() {
    let folder = folder();
    let config = read(&folder, FIELDS).unwrap();
    let Provider::Saml(saml) = &config.organizations[0].provider else { panic!("SAML") };
    let SamlSource::Fixed(provider) = &saml.source else { panic!("fixed") };
    assert_eq!(provider.entity_id, "https://idp.example");
    assert_eq!(provider.certificates.len(), 1);
    let keys = "signing_keys = [{ file = \"sp.pem\" }]\ndecryption_keys = [{ file = \"sp.pem\" }]";
    let config = read(&folder, &format!("{FIELDS}{keys}")).unwrap();
    assert!(config.warnings().iter().all(|warning| !warning.key.contains("saml")));
}

#[test]
fn no_signing_certificate_is_a_mistake_and_never_a_skipped_check() {
    let folder = folder();
    for saml in [
        "provider = \"okta\"",
        "sign_on_url = \"https://idp.example/sso\"\nentity_id = \"x\"",
        "sign_on_url = \"https://idp.example/sso\"\nentity_id = \"x\"\ncertificates = []",
    ] {
        refused(&folder, saml, "signing certificate");
    }
    let saml = FIELDS.replace("idp.pem", "key.pem");
    refused(&folder, &saml, "holds a private key or something else");
    refused(&folder, &FIELDS.replace("idp.pem", "nowhere.pem"), "cannot be read");
    folder.write("metadata.xml", b"<EntityDescriptor/>");
    refused(&folder, "metadata = { file = \"metadata.xml\" }", "is not a metadata document");
}

#[test]
fn addresses_are_https_and_mistakes_name_their_keys() {
    let folder = folder();
    for (saml, expected) in [
        ("metadata = { url = \"http://idp.example/metadata\" }", "saml.metadata.url: is no https"),
        ("metadata = { url = \"https://i/m\", file = \"m\" }", "names both a url and a file"),
        ("metadata = { url = \"https://i/m\" }\ncertificates = [\"idp.pem\"]", "saml.certificates"),
        (
            "metadata = { url = \"https://i/m\" }\nforce_authn = true\nis_passive = true",
            "is_passive",
        ),
        ("metadata = { url = \"https://i/m\" }\nclock_skew = \"10m\"", "clock_skew"),
        ("metadata = { url = \"https://i/m\" }\nsignatures = \"none\"", "is none of assertion"),
        ("metadata = { url = \"https://i/m\" }\nprovider = \"oktaa\"", "did you mean \"okta\""),
        ("metadata = { url = \"https://i/m\" }\nname_id_format = \"transient\"", "another name"),
        (
            "metadata = { url = \"https://i/m\" }\nacs_path = \"/elsewhere\"",
            "no address that is served",
        ),
        (
            "metadata = { url = \"https://i/m\" }\nsigning_keys = [{ file = \"key.pem\" }]",
            "signing_keys[0]",
        ),
    ] {
        refused(&folder, saml, expected);
    }
    let loopback = "metadata = { url = \"http://127.0.0.1:8080/metadata\" }";
    assert!(read(&folder, loopback).is_ok());
}

#[test]
fn what_lowers_a_guard_is_called_insecure_and_warned_of() {
    for key in ["insecure_sha1", "insecure_aes_cbc", "insecure_unsigned_logout_responses"] {
        let saml = format!("metadata = {{ url = \"https://idp.example/m\" }}\n{key} = true");
        let warnings = read(&Folder::new(), &saml).unwrap().warnings();
        let told = warnings.iter().find(|warning| warning.key.ends_with(key)).expect(key);
        assert!(told.what.contains("ACCEPTS") || told.what.contains("BELIEVES"), "{told}");
    }
}
