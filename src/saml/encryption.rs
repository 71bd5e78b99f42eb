//! Encrypted assertions (Core §2.3.4; XML Encryption 1.1).
//!
//! Whether a document names an algorithm that is not accepted can be seen from outside and may
//! be said; everything that depends on a secret key fails in one and the same way, so that no
//! answer tells an attacker how far a forged ciphertext came.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm,
};
use zeroize::Zeroizing;

use super::Refusal;
use super::limits::{MESSAGE_BYTES, decode_base64};
use super::message::Sequence;
use super::names::{DS, XENC, XENC11};
use super::own_keys::DecryptionKey;
use super::xml::Element;

/// How many wrapped keys of one assertion are tried: each costs an RSA operation with each of ours.
/// We are the one recipient; a second is room for an identity provider that knows two of our keys.
const WRAPPED_KEYS: usize = 2;

/// The keys to decrypt with, the newest first, and whether AES-CBC was opted into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decryption<'k> {
    pub(crate) keys: &'k [DecryptionKey],
    pub(crate) cbc: bool,
}

/// A data encryption algorithm.
#[derive(Clone, Copy)]
enum Data {
    Gcm(&'static aead::Algorithm),
    Cbc(&'static cipher::Algorithm, usize),
}

impl Decryption<'_> {
    /// Decrypts an EncryptedAssertion; `signed` says that the ciphertext itself was verified to
    /// come from the identity provider, without which AES-CBC is never touched.
    pub(crate) fn decrypt(&self, element: Element<'_>, signed: bool) -> Result<Vec<u8>, Refusal> {
        let mut children = Sequence::of(element)?;
        let data = children.required(XENC, "EncryptedData")?;
        let mut wrapped = children.many(XENC, "EncryptedKey");
        children.end()?;

        let mut children = Sequence::of(data)?;
        let method = children.required(XENC, "EncryptionMethod")?;
        if let Some(info) = children.optional(DS, "KeyInfo") {
            let inner = info.elements()?;
            wrapped.extend(inner.iter().filter(|element| element.is(XENC, "EncryptedKey")));
        }
        let algorithm = data_algorithm(method)?;
        if matches!(algorithm, Data::Cbc(..)) && !(self.cbc && signed) {
            return Err(Refusal::EncryptionUnauthenticated);
        }
        let ciphertext = cipher_value(&mut children, MESSAGE_BYTES)?;

        if wrapped.is_empty() || wrapped.len() > WRAPPED_KEYS {
            return Err(Refusal::UnexpectedContent);
        }
        let wrapped: Vec<_> =
            wrapped.into_iter().map(wrapped_key).collect::<Result<_, Refusal>>()?;
        for (oaep, wrapped) in &wrapped {
            for key in self.keys {
                let plain = unwrap(key, oaep, wrapped)
                    .and_then(|secret| decrypt_data(algorithm, &secret, &ciphertext));
                if let Some(plain) = plain {
                    return Ok(plain);
                }
            }
        }
        Err(Refusal::Decryption)
    }
}

fn data_algorithm(method: Element<'_>) -> Result<Data, Refusal> {
    match algorithm_of(method) {
        "http://www.w3.org/2009/xmlenc11#aes128-gcm" => Ok(Data::Gcm(&aead::AES_128_GCM)),
        "http://www.w3.org/2009/xmlenc11#aes192-gcm" => Ok(Data::Gcm(&aead::AES_192_GCM)),
        "http://www.w3.org/2009/xmlenc11#aes256-gcm" => Ok(Data::Gcm(&aead::AES_256_GCM)),
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => Ok(Data::Cbc(&cipher::AES_128, 16)),
        "http://www.w3.org/2001/04/xmlenc#aes192-cbc" => Ok(Data::Cbc(&cipher::AES_192, 24)),
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => Ok(Data::Cbc(&cipher::AES_256, 32)),
        _ => Err(Refusal::EncryptionAlgorithm),
    }
}

/// How a key is wrapped (XML Encryption 1.1 §5.5.2). RSA with PKCS#1 v1.5 padding is not accepted,
/// nor are labels, nor a mask generation function with another hash than the digest has: no
/// implementation that runs in constant time offers the mixture.
///
/// SHA-1 is no weakness here, since OAEP does not rest on collisions; it is what is meant where
/// nothing is said.
fn oaep_algorithm(method: Element<'_>) -> Result<&'static OaepAlgorithm, Refusal> {
    let mut parts = Sequence::of(method)?;
    parts.optional(XENC, "KeySize");
    let digest = parts.optional(DS, "DigestMethod");
    let mask = parts.optional(XENC11, "MGF");
    parts.end().map_err(|_| Refusal::EncryptionAlgorithm)?;
    match (algorithm_of(method), mask) {
        // §5.5.2: the mask generation function of this one is always MGF1 with SHA-1.
        ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", None)
        | ("http://www.w3.org/2009/xmlenc11#rsa-oaep", _) => {}
        _ => return Err(Refusal::EncryptionAlgorithm),
    }
    match (digest.map(algorithm_of), mask.map(algorithm_of)) {
        (
            None | Some("http://www.w3.org/2000/09/xmldsig#sha1"),
            None | Some("http://www.w3.org/2009/xmlenc11#mgf1sha1"),
        ) => Ok(&OAEP_SHA1_MGF1SHA1),
        (
            Some("http://www.w3.org/2001/04/xmlenc#sha256"),
            Some("http://www.w3.org/2009/xmlenc11#mgf1sha256"),
        ) => Ok(&OAEP_SHA256_MGF1SHA256),
        (
            Some("http://www.w3.org/2001/04/xmldsig-more#sha384"),
            Some("http://www.w3.org/2009/xmlenc11#mgf1sha384"),
        ) => Ok(&OAEP_SHA384_MGF1SHA384),
        (
            Some("http://www.w3.org/2001/04/xmlenc#sha512"),
            Some("http://www.w3.org/2009/xmlenc11#mgf1sha512"),
        ) => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(Refusal::EncryptionAlgorithm),
    }
}

fn algorithm_of(method: Element<'_>) -> &str {
    method.attribute("Algorithm").unwrap_or_default()
}

fn wrapped_key(element: Element<'_>) -> Result<(&'static OaepAlgorithm, Vec<u8>), Refusal> {
    let mut children = Sequence::of(element)?;
    let method = children.required(XENC, "EncryptionMethod")?;
    children.optional(DS, "KeyInfo");
    let oaep = oaep_algorithm(method)?;
    Ok((oaep, cipher_value(&mut children, 2048)?))
}

/// The octets of a CipherData; a CipherReference is never followed.
fn cipher_value(children: &mut Sequence<'_>, bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut inner = Sequence::of(children.required(XENC, "CipherData")?)?;
    let value = inner.required(XENC, "CipherValue")?;
    inner.end()?;
    decode_base64(value.text()?, bytes).map_err(|_| Refusal::UnexpectedContent)
}

fn unwrap(
    key: &DecryptionKey,
    oaep: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(vec![0; key.oaep().min_output_size()]);
    let length = key.oaep().decrypt(oaep, wrapped, &mut output, None).ok()?.len();
    output.truncate(length);
    Some(output)
}

fn decrypt_data(algorithm: Data, secret: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Data::Gcm(algorithm) => {
            // XML Encryption 1.1 §5.2.4: 96 bits of IV in front, 128 bits of tag behind.
            let (nonce, body) = ciphertext.split_at_checked(aead::NONCE_LEN)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let key = LessSafeKey::new(UnboundKey::new(algorithm, secret).ok()?);
            let mut body = body.to_vec();
            let length = key.open_in_place(nonce, Aad::empty(), &mut body).ok()?.len();
            body.truncate(length);
            Some(body)
        }
        Data::Cbc(algorithm, key_bytes) => {
            let (iv, body) = ciphertext.split_first_chunk::<16>()?;
            if secret.len() != key_bytes {
                return None;
            }
            let key = UnboundCipherKey::new(algorithm, secret).ok()?;
            // §5.2: the last byte says how many are padding; the others may be anything.
            let key = PaddedBlockDecryptingKey::cbc_iso10126(key).ok()?;
            let context = DecryptionContext::Iv128(FixedLength::from(*iv));
            let mut body = body.to_vec();
            let length = key.decrypt(&mut body, context).ok()?.len();
            body.truncate(length);
            Some(body)
        }
    }
}
