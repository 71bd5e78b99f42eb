//! TLS towards the hub, and the authorities that its certificate may come from.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::ConnectorError;
use crate::config::{Hub, Upstream};

/// A file of authorities, as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorities {
    path: PathBuf,
    pem: Vec<u8>,
}

pub(super) struct Tls {
    pub(super) any: TlsConnector,
    pub(super) http1: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Authorities {
    /// The files that the configuration names, where they matter.
    pub(super) fn read(hub: &Hub, upstream: &Upstream) -> Result<Vec<Self>, ConnectorError> {
        let paths = match upstream {
            Upstream::Https { .. } => hub.ca_certificates.as_slice(),
            Upstream::Http { .. } | Upstream::H2c { .. } | Upstream::Unix(_) => &[],
        };
        let read = |path: &PathBuf| match std::fs::read(path) {
            Ok(pem) => Ok(Self { path: path.clone(), pem }),
            Err(source) => Err(ConnectorError::Certificates {
                path: path.clone(),
                source: rustls::pki_types::pem::Error::Io(source),
            }),
        };
        paths.iter().map(read).collect()
    }
}

impl Tls {
    pub(super) fn new(name: &str, authorities: &[Authorities]) -> Result<Self, ConnectorError> {
        let mut roots = RootCertStore::empty();
        // What cannot be used of the machine's store is no reason to refuse the rest of it.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for Authorities { path, pem } in authorities {
            let unreadable = |source| ConnectorError::Certificates { path: path.clone(), source };
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots
                    .add(certificate.map_err(unreadable)?)
                    .map_err(|source| ConnectorError::Certificate { path: path.clone(), source })?;
            }
        }
        if roots.is_empty() {
            return Err(ConnectorError::NoAuthorities);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut any = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http1 = any.clone();
        any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            any: TlsConnector::from(Arc::new(any)),
            http1: TlsConnector::from(Arc::new(http1)),
            name: ServerName::try_from(name.to_owned())?,
        })
    }
}
