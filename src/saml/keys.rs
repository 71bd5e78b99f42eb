//! Keys and the signature algorithms they can be used with.

use aws_lc_rs::signature::{self, UnparsedPublicKey};

use super::Refusal;

/// A public key, with what it can be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    kind: KeyKind,
    /// RSAPublicKey (RFC 8017 §A.1.1), or an uncompressed point (SEC 1 §2.3.3).
    bytes: Vec<u8>,
}

/// The kinds of keys that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
}

/// A signature algorithm of XML signature (RFC 9231 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureAlgorithm {
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
}

impl SignatureAlgorithm {
    /// Parses an algorithm identifier; SHA-1 only where it was opted into.
    pub(crate) fn parse(uri: &str, sha1: bool) -> Result<Self, Refusal> {
        match uri {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Ok(Self::RsaSha256),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Ok(Self::RsaSha384),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Ok(Self::RsaSha512),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Ok(Self::EcdsaSha256),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Ok(Self::EcdsaSha384),
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1" if sha1 => Ok(Self::RsaSha1),
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
            | "http://www.w3.org/2000/09/xmldsig#dsa-sha1"
            | "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1" => Err(Refusal::SignatureSha1),
            _ => Err(Refusal::SignatureAlgorithm),
        }
    }

    /// The identifier of an algorithm that we sign with.
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        }
    }

    fn kind(self) -> KeyKind {
        match self {
            Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => KeyKind::Rsa,
            Self::EcdsaSha256 => KeyKind::P256,
            Self::EcdsaSha384 => KeyKind::P384,
        }
    }

    /// XML signature writes an ECDSA signature as its two numbers (RFC 9231 §2.3.6).
    fn verification(self) -> &'static dyn signature::VerificationAlgorithm {
        match self {
            Self::RsaSha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaSha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::EcdsaSha256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::EcdsaSha384 => &signature::ECDSA_P384_SHA384_FIXED,
        }
    }
}

impl PublicKey {
    pub(crate) fn new(kind: KeyKind, bytes: &[u8]) -> Self {
        Self { kind, bytes: bytes.to_vec() }
    }

    pub(crate) fn kind(&self) -> KeyKind {
        self.kind
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The keys of one identity provider, and whether SHA-1 was opted into.
///
/// They come from the configuration alone; what a message says about keys is never read.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) sha1: bool,
}

impl Trust {
    /// Refuses a signature over `octets` that none of the keys made.
    pub(crate) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        octets: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let mut refusal = Refusal::SignatureKey;
        for key in self.keys.iter().filter(|key| key.kind == algorithm.kind()) {
            let key = UnparsedPublicKey::new(algorithm.verification(), &key.bytes);
            match key.verify(octets, signature) {
                Ok(()) => return Ok(()),
                Err(_) => refusal = Refusal::SignatureInvalid,
            }
        }
        Err(refusal)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .collect()
}
