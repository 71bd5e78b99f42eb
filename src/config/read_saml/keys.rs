//! Our own keys: one PEM for each, with the private key and its certificate.

use super::super::section::Section;
use crate::saml::{DecryptionKey, KeyError, SigningKey};

/// What stands in `signing_keys`.
pub(super) fn signing(section: &Section<'_>) -> Option<Vec<SigningKey>> {
    keys(section, "signing_keys", |pem| SigningKey::parse_pem(pem, pem))
}

/// What stands in `decryption_keys`.
pub(super) fn decryption(section: &Section<'_>) -> Option<Vec<DecryptionKey>> {
    keys(section, "decryption_keys", |pem| DecryptionKey::parse_pem(pem, pem))
}

/// The keys of a list; `None` when one of them cannot be used. An error never shows what it read.
fn keys<T>(
    section: &Section<'_>,
    key: &str,
    parse: impl Fn(&str) -> Result<T, KeyError>,
) -> Option<Vec<T>> {
    if !section.has(key) {
        return Some(Vec::new());
    }
    let secrets = section.secrets(key)?;
    let mut keys = Vec::with_capacity(secrets.len());
    for (index, secret) in secrets.iter().enumerate() {
        match parse(secret.expose_secret()) {
            Ok(parsed) => keys.push(parsed),
            Err(error) => {
                let cause = std::error::Error::source(&error);
                let what =
                    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: it {cause}"));
                let remedy = "write a PEM file with the private key (PKCS#8) and its certificate, one behind the other";
                section.note(&format!("{key}[{index}]"), what, remedy);
            }
        }
    }
    (keys.len() == secrets.len()).then_some(keys)
}
