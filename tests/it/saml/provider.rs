//! An identity provider that writes and signs whatever a test wants.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubgate::saml::{
    Certificate, IdentityProvider, Preset, Refusal, ReplayCache, ServiceProvider, Settings,
    VerifiedAssertion,
};

pub(crate) const IDP: &str = "https://idp.example/metadata";
pub(crate) const SP: &str = "https://hub.example/-/sso/acme/saml/metadata";
pub(crate) const ACS: &str = "https://hub.example/-/sso/acme/saml/acs";
pub(crate) const SLO: &str = "https://hub.example/-/sso/acme/saml/slo";
pub(crate) const SSO: &str = "https://idp.example/sso";
pub(crate) const REQUEST: &str = "_request0123456789";
/// The person that the identity provider vouches for.
pub(crate) const GENUINE: &str = "kim@acme.example";
/// The person that attacks want to be.
pub(crate) const VICTIM: &str = "admin@acme.example";

pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(crate) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(crate) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// 2026-07-03T12:00:00Z.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_783_080_000)
}

/// A key pair with its certificate.
pub(crate) struct Key {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) certificate: String,
    pub(crate) private_key: String,
    kind: Kind,
}

enum Kind {
    Rsa,
    P256,
    P384,
}

pub(crate) static EC: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::P256));
pub(crate) static EC384: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::P384));
pub(crate) static RSA: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::Rsa));
/// Another one of the kind that can be encrypted to.
pub(crate) static OTHER_RSA: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::Rsa));
/// A key that nobody trusts.
pub(crate) static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::P256));

impl Key {
    fn generate(kind: Kind) -> Self {
        let algorithm = match kind {
            Kind::Rsa => &rcgen::PKCS_RSA_SHA256,
            Kind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Kind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        };
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["idp.example".into()]).unwrap();
        Self {
            pkcs8: pair.serialize_der(),
            private_key: pair.serialize_pem(),
            certificate: parameters.self_signed(&pair).unwrap().pem(),
            kind,
        }
    }

    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        Certificate::parse_pem(&self.certificate).unwrap()
    }

    /// The public key as it stands in a certificate.
    pub(crate) fn public(&self) -> Vec<u8> {
        let pair = rcgen::KeyPair::from_pem(&self.private_key).unwrap();
        pair.public_key_raw().to_vec()
    }

    /// Verifies what the key is said to have signed.
    #[track_caller]
    pub(crate) fn verify(&self, algorithm: &str, octets: &[u8], signature: &[u8]) {
        assert_eq!(algorithm, self.algorithm());
        let verification: &dyn VerificationAlgorithm = match self.kind {
            Kind::Rsa => &RSA_PKCS1_2048_8192_SHA256,
            Kind::P256 => &ECDSA_P256_SHA256_FIXED,
            Kind::P384 => &ECDSA_P384_SHA384_FIXED,
        };
        let key = UnparsedPublicKey::new(verification, self.public());
        key.verify(octets, signature).unwrap();
    }

    /// The usual algorithm of the key.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Kind::P256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Kind::P384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        }
    }

    pub(crate) fn sign(&self, algorithm: &str, octets: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ec = |algorithm| {
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8).unwrap();
            pair.sign(&random, octets).unwrap().as_ref().to_vec()
        };
        match self.kind {
            Kind::P256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Kind::P384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Kind::Rsa => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding = match algorithm.rsplit('-').next().unwrap() {
                    "sha384" => &RSA_PKCS1_SHA384,
                    "sha512" => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(encoding, &random, octets, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// How to sign: the good way, until a test bends it.
pub(crate) struct Signer<'k> {
    pub(crate) key: &'k Key,
    pub(crate) algorithm: String,
    pub(crate) digest: String,
    pub(crate) canonicalization: String,
    pub(crate) transforms: String,
    pub(crate) key_info: String,
    pub(crate) reference: Option<String>,
}

pub(crate) fn transform(algorithm: &str) -> String {
    format!("<ds:Transform Algorithm=\"{algorithm}\"></ds:Transform>")
}

impl<'k> Signer<'k> {
    pub(crate) fn new(key: &'k Key) -> Self {
        Self {
            key,
            algorithm: key.algorithm().to_owned(),
            digest: SHA256.to_owned(),
            canonicalization: format!(
                "<ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\"></ds:CanonicalizationMethod>"
            ),
            transforms: transform(ENVELOPED) + &transform(EXC_C14N),
            key_info: String::new(),
            reference: None,
        }
    }

    /// The `ds:Signature` over an element that is written in its canonical form.
    pub(crate) fn signature(&self, id: &str, canonical: &str) -> String {
        let algorithm = match self.digest.as_str() {
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
            "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
            "http://www.w3.org/2000/09/xmldsig#sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            _ => &digest::SHA256,
        };
        let value = STANDARD.encode(digest::digest(algorithm, canonical.as_bytes()));
        self.signature_with_digest(id, &value)
    }

    /// The same, with the `ds:Signature` written in another way before it is signed.
    pub(crate) fn signature_written(
        &self,
        id: &str,
        canonical: &str,
        write: impl Fn(&str) -> String,
    ) -> String {
        let good = self.signature(id, canonical);
        let (_, rest) = good.split_once("<ds:SignedInfo>").unwrap();
        let (inner, rest) = rest.split_once("</ds:SignedInfo>").unwrap();
        let info = write(&format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inner}</ds:SignedInfo>"));
        let value = STANDARD.encode(self.key.sign(&self.algorithm, info.as_bytes()));
        let (_, rest) = rest.split_once("<ds:SignatureValue>").unwrap();
        let (old, _) = rest.split_once('<').unwrap();
        write(&good.replace(old, &value))
    }

    pub(crate) fn signature_with_digest(&self, id: &str, digest_value: &str) -> String {
        let Self { canonicalization, transforms, algorithm, digest, .. } = self;
        let reference = self.reference.clone().unwrap_or(format!("#{id}"));
        let inner = format!(
            "{canonicalization}<ds:SignatureMethod Algorithm=\"{algorithm}\"></ds:SignatureMethod>\
             <ds:Reference URI=\"{reference}\"><ds:Transforms>{transforms}</ds:Transforms>\
             <ds:DigestMethod Algorithm=\"{digest}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference>"
        );
        self.signature_over(&inner)
    }

    /// The `ds:Signature` with the given content of `ds:SignedInfo`.
    pub(crate) fn signature_over(&self, inner: &str) -> String {
        let canonical = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inner}</ds:SignedInfo>");
        let value = STANDARD.encode(self.key.sign(&self.algorithm, canonical.as_bytes()));
        format!(
            "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo>{inner}</ds:SignedInfo>\
             <ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>",
            self.key_info
        )
    }

    /// Signs an element and puts the signature behind its issuer.
    pub(crate) fn envelop(&self, canonical: &str) -> String {
        insert_signature(canonical, &self.signature(&id_of(canonical), canonical))
    }
}

/// The first `ID` of a document.
pub(crate) fn id_of(xml: &str) -> String {
    xml.split(" ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Puts a signature behind the first issuer.
pub(crate) fn insert_signature(xml: &str, signature: &str) -> String {
    xml.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
}

/// What an identity provider says: a good response, until a test bends it.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) id: String,
    pub(crate) version: &'static str,
    pub(crate) issue_instant: String,
    pub(crate) issuer: String,
    pub(crate) name_id: String,
    pub(crate) confirmation: String,
    pub(crate) conditions: String,
    pub(crate) advice: String,
    pub(crate) authn: String,
    pub(crate) attributes: String,
    pub(crate) response_attributes: String,
    pub(crate) response_issuer: String,
    pub(crate) status: String,
}

pub(crate) fn confirmation(data: &str) -> String {
    format!(
        "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml:SubjectConfirmationData {data}></saml:SubjectConfirmationData>\
         </saml:SubjectConfirmation>"
    )
}

pub(crate) fn audience(audience: &str) -> String {
    format!(
        "<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>"
    )
}

pub(crate) fn conditions(inner: &str) -> String {
    format!(
        "<saml:Conditions NotBefore=\"2026-07-03T11:59:00Z\" NotOnOrAfter=\"2026-07-03T12:05:00Z\">{inner}</saml:Conditions>"
    )
}

pub(crate) fn authn(attributes: &str) -> String {
    format!(
        "<saml:AuthnStatement {attributes}><saml:AuthnContext><saml:AuthnContextClassRef>\
         urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
         </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )
}

pub(crate) fn attribute(name: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
        .collect();
    format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
}

pub(crate) fn status(codes: &[&str]) -> String {
    let inner = codes.iter().rev().fold(String::new(), |inner, code| {
        format!(
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{code}\">{inner}</samlp:StatusCode>"
        )
    });
    format!("<samlp:Status>{inner}</samlp:Status>")
}

impl Default for Says {
    fn default() -> Self {
        let groups = attribute("groups", &["ml", "everyone"]);
        Self {
            id: "_assertion1".to_owned(),
            version: "2.0",
            issue_instant: "2026-07-03T11:59:58Z".to_owned(),
            issuer: IDP.to_owned(),
            name_id: format!("<saml:NameID>{GENUINE}</saml:NameID>"),
            confirmation: confirmation(&format!(
                "InResponseTo=\"{REQUEST}\" NotOnOrAfter=\"2026-07-03T12:05:00Z\" Recipient=\"{ACS}\""
            )),
            conditions: conditions(&audience(SP)),
            advice: String::new(),
            authn: authn("AuthnInstant=\"2026-07-03T11:59:50Z\" SessionIndex=\"_session1\""),
            attributes: format!("<saml:AttributeStatement>{groups}</saml:AttributeStatement>"),
            response_attributes: format!(
                "Destination=\"{ACS}\" ID=\"_response1\" InResponseTo=\"{REQUEST}\" \
                 IssueInstant=\"2026-07-03T11:59:59Z\" Version=\"2.0\""
            ),
            response_issuer: issuer(IDP),
            status: status(&["Success"]),
        }
    }
}

pub(crate) fn issuer(name: &str) -> String {
    format!("<saml:Issuer xmlns:saml=\"{SAML}\">{name}</saml:Issuer>")
}

/// Takes out the space that attributes leave which are not there.
fn canonical(xml: &str) -> String {
    xml.replace("  ", " ").replace("\" >", "\">").replace("s >", "s>")
}

impl Says {
    /// The assertion in its canonical form, not signed.
    pub(crate) fn assertion(&self) -> String {
        let Self { id, version, issue_instant, issuer, name_id, .. } = self;
        let Self { confirmation, conditions, advice, authn, attributes, .. } = self;
        canonical(&format!(
            "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{id}\" IssueInstant=\"{issue_instant}\" \
             Version=\"{version}\"><saml:Issuer>{issuer}</saml:Issuer><saml:Subject>{name_id}\
             {confirmation}</saml:Subject>{conditions}{advice}{authn}{attributes}</saml:Assertion>"
        ))
    }

    /// A response in its canonical form, not signed, around an assertion.
    pub(crate) fn response(&self, assertion: &str) -> String {
        let Self { response_attributes, response_issuer, status, .. } = self;
        canonical(&format!(
            "<samlp:Response xmlns:samlp=\"{SAMLP}\" {response_attributes}>{response_issuer}\
             {status}{assertion}</samlp:Response>"
        ))
    }

    /// A response with a signed assertion.
    pub(crate) fn assertion_signed(&self) -> String {
        self.response(&Signer::new(&EC).envelop(&self.assertion()))
    }

    /// A signed response with an assertion that is not.
    pub(crate) fn response_signed(&self) -> String {
        Signer::new(&EC).envelop(&self.response(&self.assertion()))
    }

    /// Both are signed.
    pub(crate) fn both_signed(&self) -> String {
        Signer::new(&EC).envelop(&self.assertion_signed())
    }
}

pub(crate) fn encode(xml: &str) -> String {
    STANDARD.encode(xml)
}

pub(crate) fn identity_provider(keys: &[&Key]) -> IdentityProvider {
    let certificates = keys.iter().flat_map(|key| key.certificates()).collect();
    IdentityProvider::from_fields(IDP, SSO, certificates)
}

pub(crate) fn settings() -> Settings {
    Settings::new(SP, ACS, SLO, identity_provider(&[&EC]), Preset::Generic)
}

/// A service provider of the usual settings, as a test changes them.
pub(crate) fn service_provider(change: impl FnOnce(&mut Settings)) -> ServiceProvider {
    let mut settings = settings();
    settings.replay = Arc::new(ReplayCache::default());
    change(&mut settings);
    ServiceProvider::new(settings).unwrap()
}

/// Sends a response to a service provider that has seen nothing before.
pub(crate) fn post(
    xml: &str,
    change: impl FnOnce(&mut Settings),
) -> Result<VerifiedAssertion, Refusal> {
    service_provider(change).finish(&encode(xml), Some(REQUEST), now())
}

/// The response is refused for this reason.
#[track_caller]
pub(crate) fn refused(xml: &str, refusal: Refusal) {
    refused_by(xml, refusal, |_| ());
}

#[track_caller]
pub(crate) fn refused_by(xml: &str, refusal: Refusal, change: impl FnOnce(&mut Settings)) {
    match post(xml, change) {
        Err(found) => assert_eq!(found, refusal, "{xml}"),
        Ok(accepted) => panic!("accepted as {accepted:?}: {xml}"),
    }
}

/// The response signs in the person that the identity provider vouched for.
#[track_caller]
pub(crate) fn accepted(xml: &str) -> VerifiedAssertion {
    accepted_by(xml, |_| ())
}

#[track_caller]
pub(crate) fn accepted_by(xml: &str, change: impl FnOnce(&mut Settings)) -> VerifiedAssertion {
    match post(xml, change) {
        Ok(accepted) => {
            assert_eq!(accepted.subject.value, GENUINE);
            accepted
        }
        Err(refusal) => panic!("refused because {refusal}: {xml}"),
    }
}
