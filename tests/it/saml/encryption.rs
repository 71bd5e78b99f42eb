//! Encrypted assertions: what is accepted, and that failures look alike.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubgate::saml::{DecryptionKey, Refusal, Settings, SignaturePolicy};

use super::provider::{
    EC, GENUINE, RSA, SAML, STRANGER, Says, Signer, VICTIM, accepted_by, insert_signature, post,
    refused, refused_by,
};

const MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
const GCM256: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";

/// Changes the wrapped key and the ciphertext.
type Alter = fn(&mut Vec<u8>, &mut Vec<u8>);

/// How to encrypt: the good way, until a test bends it.
struct Encryptor {
    data: &'static str,
    key_transport: &'static str,
    key_method: String,
    oaep: &'static OaepAlgorithm,
    sibling: bool,
    alter: Alter,
}

impl Default for Encryptor {
    fn default() -> Self {
        Self {
            data: GCM256,
            key_transport: MGF1P,
            key_method: String::new(),
            oaep: &OAEP_SHA1_MGF1SHA1,
            sibling: false,
            alter: |_, _| (),
        }
    }
}

impl Encryptor {
    /// An EncryptedAssertion in its canonical form.
    fn encrypt(&self, plain: &str) -> String {
        let secret = |length: usize| (7..).take(length).collect::<Vec<u8>>();
        let gcm = |algorithm, length| {
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &secret(length)).unwrap());
            let nonce = [9; 12];
            let mut body = plain.as_bytes().to_vec();
            let unique = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(unique, Aad::empty(), &mut body).unwrap();
            (secret(length), [nonce.to_vec(), body].concat())
        };
        let cbc = |algorithm, length| {
            let key = UnboundCipherKey::new(algorithm, &secret(length)).unwrap();
            let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
            let mut body = plain.as_bytes().to_vec();
            let iv = [9; 16];
            let context = EncryptionContext::Iv128(FixedLength::from(iv));
            key.less_safe_encrypt(&mut body, context).unwrap();
            (secret(length), [iv.to_vec(), body].concat())
        };
        let (secret, mut ciphertext) = match self.data.rsplit('#').next().unwrap() {
            "aes128-gcm" => gcm(&AES_128_GCM, 16),
            "aes192-gcm" => gcm(&AES_192_GCM, 24),
            "aes128-cbc" => cbc(&AES_128, 16),
            "aes256-cbc" => cbc(&AES_256, 32),
            _ => gcm(&AES_256_GCM, 32),
        };
        let public = PrivateDecryptingKey::from_pkcs8(&RSA.pkcs8).unwrap().public_key();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(self.oaep, &secret, &mut wrapped, None).unwrap();
        (self.alter)(&mut wrapped, &mut ciphertext);

        let Self { data, key_transport, key_method, .. } = self;
        let value = |bytes: &[u8]| {
            format!(
                "<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>",
                STANDARD.encode(bytes)
            )
        };
        let key = |declaration: &str| {
            format!(
                "<xenc:EncryptedKey{declaration}><xenc:EncryptionMethod Algorithm=\"{key_transport}\">\
                 {key_method}</xenc:EncryptionMethod>{}</xenc:EncryptedKey>",
                value(&wrapped)
            )
        };
        let xenc = " xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"";
        let ds = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
        let (info, behind) = if self.sibling {
            (String::new(), key(xenc))
        } else {
            (format!("<ds:KeyInfo {ds}>{}</ds:KeyInfo>", key("")), String::new())
        };
        format!(
            "<saml:EncryptedAssertion xmlns:saml=\"{SAML}\"><xenc:EncryptedData{xenc} \
             Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod \
             Algorithm=\"{data}\"></xenc:EncryptionMethod>{info}{}</xenc:EncryptedData>{behind}\
             </saml:EncryptedAssertion>",
            value(&ciphertext)
        )
    }
}

/// An assertion, encrypted to [`RSA`] in the usual way.
pub(crate) fn encrypted(assertion: &str) -> String {
    Encryptor::default().encrypt(assertion)
}

fn with_key(settings: &mut Settings) {
    let key = DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate).unwrap();
    settings.decryption_keys = vec![key];
}

/// A signed assertion, encrypted; and a signed response with an encrypted assertion that is not.
fn inner_and_outer(encryptor: &Encryptor) -> (String, String) {
    let says = Says::default();
    let inner = Signer::new(&EC).envelop(&says.assertion());
    let inner = says.response(&encryptor.encrypt(&inner));
    let outer = says.response(&encryptor.encrypt(&says.assertion()));
    (inner, Signer::new(&EC).envelop(&outer))
}

const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

fn digest(algorithm: &str) -> String {
    format!(
        "<d:DigestMethod xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\" \
         Algorithm=\"{algorithm}\"></d:DigestMethod>"
    )
}

fn mask(hash: &str) -> String {
    format!(
        "<m:MGF xmlns:m=\"http://www.w3.org/2009/xmlenc11#\" \
         Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1{hash}\"></m:MGF>"
    )
}

#[test]
fn an_encrypted_assertion_signs_the_person_in() {
    for encryptor in [
        Encryptor::default(),
        Encryptor { data: "http://www.w3.org/2009/xmlenc11#aes128-gcm", ..Encryptor::default() },
        Encryptor { data: "http://www.w3.org/2009/xmlenc11#aes192-gcm", ..Encryptor::default() },
        Encryptor { sibling: true, ..Encryptor::default() },
    ] {
        let (inner, outer) = inner_and_outer(&encryptor);
        accepted_by(&inner, with_key);
        accepted_by(&outer, with_key);
        // The newest key is tried first, the older ones after it.
        accepted_by(&inner, |settings| {
            with_key(settings);
            with_key(settings);
        });
    }
}

/// XML Encryption 1.1 §5.5.2, as far as the hash of the digest is that of the mask.
#[test]
fn a_key_may_be_wrapped_in_these_ways() {
    for (key_transport, key_method, oaep) in [
        (MGF1P, String::new(), &OAEP_SHA1_MGF1SHA1),
        (MGF1P, digest(SHA1), &OAEP_SHA1_MGF1SHA1),
        (MGF1P, format!("<xenc:KeySize>256</xenc:KeySize>{}", digest(SHA1)), &OAEP_SHA1_MGF1SHA1),
        (OAEP, String::new(), &OAEP_SHA1_MGF1SHA1),
        (OAEP, digest(SHA1), &OAEP_SHA1_MGF1SHA1),
        (OAEP, mask("sha1"), &OAEP_SHA1_MGF1SHA1),
        (OAEP, digest(SHA1) + &mask("sha1"), &OAEP_SHA1_MGF1SHA1),
        (OAEP, digest(SHA256) + &mask("sha256"), &OAEP_SHA256_MGF1SHA256),
        (OAEP, digest(SHA384) + &mask("sha384"), &OAEP_SHA384_MGF1SHA384),
        (OAEP, digest(SHA512) + &mask("sha512"), &OAEP_SHA512_MGF1SHA512),
    ] {
        let encryptor = Encryptor { key_transport, key_method, oaep, ..Encryptor::default() };
        let (inner, outer) = inner_and_outer(&encryptor);
        accepted_by(&inner, with_key);
        accepted_by(&outer, with_key);
        // What is said and what was done must be the same.
        let other = if oaep.id() == OAEP_SHA1_MGF1SHA1.id() {
            &OAEP_SHA256_MGF1SHA256
        } else {
            &OAEP_SHA1_MGF1SHA1
        };
        let (inner, _) = inner_and_outer(&Encryptor { oaep: other, ..encryptor });
        refused_by(&inner, Refusal::Decryption, with_key);
    }
}

#[test]
fn a_key_that_is_wrapped_in_another_way_is_refused() {
    let label = "<xenc:OAEPparams>AAAA</xenc:OAEPparams>".to_owned();
    for (key_transport, key_method) in [
        // Another hash for the mask than for the digest, said or left to be understood.
        (MGF1P, digest(SHA256)),
        (MGF1P, digest(SHA512)),
        (OAEP, digest(SHA256)),
        (OAEP, digest(SHA256) + &mask("sha1")),
        (OAEP, digest(SHA1) + &mask("sha256")),
        (OAEP, mask("sha256")),
        (OAEP, digest(SHA512) + &mask("sha256")),
        // A mask where it is fixed, and hashes that nobody knows.
        (MGF1P, mask("sha1")),
        (MGF1P, digest(SHA256) + &mask("sha256")),
        (OAEP, digest("http://www.w3.org/2001/04/xmldsig-more#md5") + &mask("sha1")),
        (OAEP, digest("") + &mask("sha1")),
        (OAEP, mask("sha224")),
        // Two readings, a label, something else.
        (OAEP, digest(SHA1) + &digest(SHA256) + &mask("sha256")),
        (OAEP, digest(SHA256) + &mask("sha256") + &mask("sha1")),
        (MGF1P, label.clone()),
        (OAEP, label + &digest(SHA1)),
        (MGF1P, "<xenc:Else></xenc:Else>".to_owned()),
        // PKCS#1 v1.5 (RFC 8017 §7.2), whatever is written beside it.
        ("http://www.w3.org/2001/04/xmlenc#rsa-1_5", String::new()),
        ("http://www.w3.org/2001/04/xmlenc#rsa-1_5", digest(SHA1)),
        ("http://www.w3.org/2001/04/xmlenc#kw-aes256", String::new()),
        ("", String::new()),
    ] {
        let encryptor = Encryptor { key_transport, key_method, ..Encryptor::default() };
        let (inner, outer) = inner_and_outer(&encryptor);
        refused_by(&inner, Refusal::EncryptionAlgorithm, with_key);
        refused_by(&outer, Refusal::EncryptionAlgorithm, with_key);
    }
}

#[test]
fn encryption_does_not_stand_for_a_signature() {
    let says = Says::default();
    let bare = says.response(&Encryptor::default().encrypt(&says.assertion()));
    refused_by(&bare, Refusal::SignatureMissing, with_key);
    let forged = Signer::new(&STRANGER).envelop(&says.assertion());
    let forged = says.response(&Encryptor::default().encrypt(&forged));
    refused_by(&forged, Refusal::SignatureInvalid, with_key);

    let (inner, outer) = inner_and_outer(&Encryptor::default());
    let demand = |xml: &str, signatures| {
        post(xml, |settings| {
            with_key(settings);
            settings.signatures = signatures;
        })
        .map(drop)
    };
    let missing = Err(Refusal::SignatureMissing);
    assert_eq!(demand(&inner, SignaturePolicy::Assertion), Ok(()));
    assert_eq!(demand(&inner, SignaturePolicy::Response), missing);
    assert_eq!(demand(&outer, SignaturePolicy::Response), Ok(()));
    assert_eq!(demand(&outer, SignaturePolicy::Assertion), missing);
    assert_eq!(demand(&outer, SignaturePolicy::Both), missing);
    let both = Signer::new(&EC).envelop(&inner);
    assert_eq!(demand(&both, SignaturePolicy::Both), Ok(()));
    // An inner signature that is there must be good, also where it is not needed.
    let half = Signer::new(&EC).envelop(&forged);
    assert_eq!(demand(&half, SignaturePolicy::Either), Err(Refusal::SignatureInvalid));
}

#[test]
fn cbc_is_accepted_by_opt_in_and_inside_a_signed_response_only() {
    for data in [
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    ] {
        let (inner, outer) = inner_and_outer(&Encryptor { data, ..Encryptor::default() });
        let opted_in = |settings: &mut Settings| {
            with_key(settings);
            settings.insecure_aes_cbc = true;
        };
        refused_by(&inner, Refusal::EncryptionUnauthenticated, with_key);
        refused_by(&outer, Refusal::EncryptionUnauthenticated, with_key);
        refused_by(&inner, Refusal::EncryptionUnauthenticated, opted_in);
        accepted_by(&outer, opted_in);
    }
}

#[test]
fn whatever_depends_on_the_key_fails_in_one_way() {
    let alterations: [Alter; 9] = [
        |wrapped, _| wrapped[0] ^= 1,
        |wrapped, _| wrapped[255] ^= 1,
        |wrapped, _| wrapped.truncate(255),
        |wrapped, _| wrapped.clear(),
        |_, ciphertext| ciphertext[0] ^= 1,
        |_, ciphertext| *ciphertext.last_mut().unwrap() ^= 1,
        |_, ciphertext| ciphertext.truncate(27),
        |_, ciphertext| ciphertext.truncate(3),
        |_, ciphertext| ciphertext.clear(),
    ];
    for alter in alterations {
        let (inner, outer) = inner_and_outer(&Encryptor { alter, ..Encryptor::default() });
        refused_by(&inner, Refusal::Decryption, with_key);
        refused_by(&outer, Refusal::Decryption, with_key);
    }
    // No key, another kind of content, another kind of document.
    let (inner, _) = inner_and_outer(&Encryptor::default());
    refused(&inner, Refusal::Decryption);
    let says = Says::default();
    for plain in ["", "x", "<x/>", "<!-- -->", "\u{0}"] {
        let xml = says.response(&Encryptor::default().encrypt(plain));
        refused_by(&xml, Refusal::Decryption, with_key);
    }
    let two = format!("{}{}", says.assertion(), says.assertion());
    refused_by(&says.response(&Encryptor::default().encrypt(&two)), Refusal::Decryption, with_key);
    let nested = Encryptor::default().encrypt(&says.assertion());
    let nested = says.response(&Encryptor::default().encrypt(&nested));
    refused_by(&nested, Refusal::Decryption, with_key);
}

#[test]
fn other_ciphers_are_refused() {
    for data in ["http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "", "none"] {
        let (inner, _) = inner_and_outer(&Encryptor { data, ..Encryptor::default() });
        refused_by(&inner, Refusal::EncryptionAlgorithm, with_key);
    }
}

#[test]
fn references_are_not_followed_and_keys_are_counted() {
    let (inner, _) = inner_and_outer(&Encryptor::default());
    let (_, rest) = inner.split_once("<xenc:CipherValue>").unwrap();
    let (value, _) = rest.split_once("</xenc:CipherValue>").unwrap();
    let xml = inner.replacen(
        &format!("<xenc:CipherValue>{value}</xenc:CipherValue>"),
        "<xenc:CipherReference URI=\"http://evil.example/\"></xenc:CipherReference>",
        1,
    );
    refused_by(&xml, Refusal::UnexpectedContent, with_key);
    let start = inner.find("<xenc:EncryptedKey").unwrap();
    let end = inner.find("</xenc:EncryptedKey>").unwrap() + "</xenc:EncryptedKey>".len();
    let key = &inner[start..end];
    refused_by(&inner.replace(key, ""), Refusal::UnexpectedContent, with_key);
    refused_by(&inner.replace(key, &key.repeat(3)), Refusal::UnexpectedContent, with_key);
    accepted_by(&inner.replace(key, &key.repeat(2)), with_key);
}

/// Everybody can encrypt to us: what comes out is a stranger's until a signature in it is verified,
/// and the wrappings of the plain documents are tried on it again.
#[test]
fn wrappings_inside_the_ciphertext_are_refused() {
    let says = Says::default();
    let assertion = says.assertion();
    let signature = Signer::new(&EC).signature("_assertion1", &assertion);
    let signed = insert_signature(&assertion, &signature);
    let forged = |id: &str| {
        let says = Says { id: id.to_owned(), ..Says::default() };
        says.assertion().replace(GENUINE, VICTIM)
    };
    let into = |xml: &str, place: &str, what: &str| {
        assert!(xml.contains(place));
        xml.replacen(place, &format!("{what}{place}"), 1)
    };
    let end = "</saml:Assertion>";
    let object = format!("<ds:Object>{assertion}</ds:Object></ds:Signature>");
    let advice = format!("<saml:Advice>{signed}</saml:Advice>");
    for (plain, refusal) in [
        // The signature of one in another, with another id and with the same.
        (insert_signature(&forged("_evil"), &signature), Refusal::SignatureReference),
        (insert_signature(&forged("_assertion1"), &signature), Refusal::DigestMismatch),
        // The signed one in, before and behind the forged one.
        (into(&forged("_evil"), end, &signed), Refusal::Decryption),
        (into(&forged("_evil"), "<saml:Conditions", &advice), Refusal::Decryption),
        (format!("{signed}{}", forged("_evil")), Refusal::Decryption),
        (format!("{}{signed}", forged("_evil")), Refusal::Decryption),
        // The signed one in an Object of the signature that the forged one holds.
        (
            insert_signature(&forged("_evil"), &signature.replace("</ds:Signature>", &object)),
            Refusal::Decryption,
        ),
        // Another document element around both.
        (says.response(&signed), Refusal::Decryption),
        (format!("<x>{signed}</x>"), Refusal::Decryption),
        // A second signature, or a signature where none belongs.
        (insert_signature(&signed, &signature), Refusal::Decryption),
        (into(&signed, "<saml:Conditions", &signature), Refusal::Decryption),
        (into(&forged("_evil"), "<saml:Conditions", &signature), Refusal::Decryption),
        // Everything that has a second reading.
        (signed.replacen(GENUINE, "admin@acme.example<!-- -->.x", 1), Refusal::Decryption),
        (format!("<!DOCTYPE x>{signed}"), Refusal::Decryption),
    ] {
        let xml = says.response(&Encryptor::default().encrypt(&plain));
        refused_by(&xml, refusal, with_key);
    }
    // The genuine one in clear beside the forged one in cipher, wherever it stands.
    let cipher = Encryptor::default().encrypt(&forged("_evil"));
    for xml in [
        says.response(&format!("{signed}{cipher}")),
        says.response(&format!("{cipher}{signed}")),
        into(
            &says.response(&cipher),
            "<samlp:Status>",
            &format!("<samlp:Extensions>{signed}</samlp:Extensions>"),
        ),
    ] {
        refused_by(&xml, Refusal::AssertionDoubled, with_key);
    }
    // A forged one in cipher in the place of the genuine one, in a response that was signed.
    let (_, outer) = inner_and_outer(&Encryptor::default());
    let (before, rest) = outer.split_once("<saml:EncryptedAssertion").unwrap();
    let (_, after) = rest.split_once("</saml:EncryptedAssertion>").unwrap();
    refused_by(&format!("{before}{cipher}{after}"), Refusal::DigestMismatch, with_key);
}
