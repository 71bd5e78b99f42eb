//! Our own certificate: read at start, and again when its files change.

mod expiry;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use crate::config::TlsFiles;
use crate::observe::{Metrics, Reload};

/// How often the files are looked at. Their content is compared, so that every way of replacing
/// them is seen: rename, rewrite, and Kubernetes' swap of a directory.
const LOOK: Duration = Duration::from_secs(2);

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds nothing that can be used.
    #[error("{path} holds no usable PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that is not spoken.
    #[error("the certificate and its private key cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// The certificate that is served.
#[derive(Debug)]
pub(super) struct Certificate {
    files: TlsFiles,
    content: Content,
    served: Arc<Served>,
    acceptor: Arc<ServerConfig>,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(…)")
    }
}

/// What every handshake reads.
#[derive(Debug)]
struct Served(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read, or do not belong together.
    pub(super) fn read(files: &TlsFiles, metrics: &Metrics) -> Result<Self, CertificateError> {
        let provider = Arc::new(default_provider());
        let content = Content::read(files)?;
        let key = content.parse(files, &provider)?;
        observe(&key, metrics);
        let served = Arc::new(Served(ArcSwap::from_pointee(key)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Pair)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Served>::clone(&served));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Tickets, so that a client may resume on any thread; early data stays off, since it can
        // be replayed (RFC 8446 §8).
        config.ticketer = Ticketer::new().map_err(CertificateError::Pair)?;
        Ok(Self { files: files.clone(), content, served, acceptor: Arc::new(config) })
    }

    /// What ends TLS.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.acceptor))
    }

    /// Reads the files again whenever they change. A new pair that cannot be used is reported
    /// once, and the old one stays.
    pub(super) async fn watch(mut self, metrics: &Metrics) {
        let provider = Arc::clone(self.acceptor.crypto_provider());
        loop {
            tokio::time::sleep(LOOK).await;
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || Content::read(&files)).await;
            // A file that is missing for a moment is being replaced.
            let Ok(Ok(content)) = read else { continue };
            if content == self.content {
                continue;
            }
            match content.parse(&self.files, &provider) {
                Ok(key) => {
                    observe(&key, metrics);
                    self.served.0.store(Arc::new(key));
                    metrics.reloaded(Reload::Ok);
                    info!("the new certificate is served");
                }
                Err(cause) => {
                    metrics.reloaded(Reload::Failed);
                    let cause: &dyn std::error::Error = &cause;
                    error!(error = cause, "the new certificate is not served, the old one stays");
                }
            }
            self.content = content;
        }
    }
}

/// Says when a certificate ends.
fn observe(key: &CertifiedKey, metrics: &Metrics) {
    if let Some(ends_at) = key.cert.first().and_then(|leaf| expiry::not_after(leaf)) {
        metrics.certificate(ends_at);
    }
}

impl Content {
    fn read(files: &TlsFiles) -> Result<Self, CertificateError> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|source| CertificateError::Read { path: path.clone(), source })
        };
        Ok(Self { certificate: read(&files.certificate)?, private_key: read(&files.private_key)? })
    }

    fn parse(
        &self,
        files: &TlsFiles,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, CertificateError> {
        let broken = |path: &PathBuf| {
            let path = path.clone();
            |source| CertificateError::Pem { path, source }
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(broken(&files.certificate))?;
        if chain.is_empty() {
            return Err(broken(&files.certificate)(pem::Error::NoItemsFound));
        }
        let key =
            PrivateKeyDer::from_pem_slice(&self.private_key).map_err(broken(&files.private_key))?;
        CertifiedKey::from_der(chain, key, provider).map_err(CertificateError::Pair)
    }
}
