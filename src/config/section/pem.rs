//! Looks into PEM files that others will use, so that a wrong one is a mistake of the configuration
//! and no failure later.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Section;

impl Section<'_> {
    /// Files of authorities that servers' certificates may come from.
    pub(in super::super) fn authorities(&self, key: &str) -> Vec<PathBuf> {
        let paths = self.paths(key).unwrap_or_default();
        for (index, path) in paths.iter().enumerate() {
            let at = format!("{key}[{index}]");
            let Some(found) = self.certificates(&at, path) else { continue };
            if RootCertStore::empty().add_parsable_certificates(found).0 == 0 {
                let what = format!("{} holds no authority's certificate", path.display());
                let remedy =
                    "write a PEM file there, with the certificate of whoever signs the server's";
                self.note(&at, what, remedy);
            }
        }
        paths
    }

    /// The certificates in a file; notes when there is none.
    pub(in super::super) fn certificates(
        &self,
        key: &str,
        path: &Path,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let pem = self.content(key, path)?;
        let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let found = found.ok().filter(|found| !found.is_empty());
        if found.is_none() {
            let what = format!("{} holds no certificate in PEM", path.display());
            let remedy = "write a PEM file there, from -----BEGIN CERTIFICATE----- on";
            self.note(key, what, remedy);
        }
        found
    }

    /// The private key in a file; notes when there is none.
    pub(in super::super) fn private_key(
        &self,
        key: &str,
        path: &Path,
    ) -> Option<PrivateKeyDer<'static>> {
        let found = private_key_of(&self.content(key, path)?);
        if found.is_none() {
            let what = format!("{} holds no private key that can be used", path.display());
            let remedy = "write one there in PEM, not encrypted: RSA of at least 2048 bits, or EC";
            self.note(key, what, remedy);
        }
        found
    }
}

/// The private key in a PEM text, if it is of a kind that is signed with.
pub(in super::super) fn private_key_of(pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    let key = PrivateKeyDer::from_pem_slice(pem).ok()?;
    any_supported_type(&key).is_ok().then_some(key)
}
