//! A key to sign with, where the configuration names none.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use zeroize::Zeroizing;

use crate::saml::{KeyError, SigningKey};

/// Why no key could be made.
#[derive(Debug, thiserror::Error)]
pub enum MadeKeyError {
    /// The machine cannot make one.
    #[error("no key to sign SAML requests with can be made: {0}")]
    Make(#[from] rcgen::Error),
    /// What was made cannot be used.
    #[error("the key that was made to sign SAML requests {0}")]
    Key(#[from] KeyError),
}

/// Makes an RSA key, the kind that every identity provider takes, and a certificate that holds it.
///
/// # Errors
/// When the machine cannot.
pub fn made_key() -> Result<SigningKey, MadeKeyError> {
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let mut parameters = CertificateParams::new(Vec::new())?;
    // Identity providers read the key and nothing else (Metadata Interoperability Profile §2.6.1);
    // some refuse a certificate that is older than X.509 or younger than themselves.
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "hubgate");
    let certificate = parameters.self_signed(&pair)?.pem();
    let private_key = Zeroizing::new(pair.serialize_pem());
    Ok(SigningKey::parse_pem(&private_key, &certificate)?)
}
