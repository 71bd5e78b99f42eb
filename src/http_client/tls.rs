//! Whom we believe: the machine's authorities, and those that the configuration adds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file that cannot be read as PEM.
    #[error("cannot read certificates from {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A file without a usable certificate.
    #[error("{path} holds no usable certificate; it must be PEM, and an authority's")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The TLS library refused its own parts.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// The machine's authorities; what cannot be read is left out and said so.
pub(super) fn machine_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the machine's certificate authorities");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!("the machine has no certificate authorities: https will be refused");
    }
    roots
}

/// The same authorities and those in `files`.
pub(super) fn with_files(
    roots: &RootCertStore,
    files: &[PathBuf],
) -> Result<RootCertStore, TrustError> {
    let mut roots = roots.clone();
    for path in files {
        let certificates = read(path)?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(TrustError::NoCertificate { path: path.clone() });
        }
    }
    Ok(roots)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

/// TLS 1.2 and 1.3 with aws-lc, named here so that no other crate's choice of provider matters.
pub(super) fn client_config(roots: &Arc<RootCertStore>) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth())
}
