//! Our own TLS: what is spoken, and how a certificate is replaced.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hubgate::config::{TlsFiles, Upstream};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::rig::{Hub, Rig, Setup, Wire, soon};

const GET: &str = "GET /acme HTTP/1.1\r\nhost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A directory of its own for each test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hubgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        // As every careful writer does: another name first.
        let (new, path) = (self.0.join("new"), self.0.join(name));
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate for `localhost` and its key, as PEM.
fn certificate() -> (CertificateDer<'static>, String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), certificate.pem(), key.serialize_pem())
}

fn trusting(certificate: &CertificateDer<'static>, alpn: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    rig: &Rig,
    certificate: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = soon(TcpStream::connect(rig.address)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon(trusting(certificate, alpn).connect(name, stream)).await
}

#[tokio::test]
async fn clients_choose_their_http_by_alpn() {
    let files = Files::new("alpn");
    let (trusted, chain, key) = certificate();
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.tls = Some(TlsFiles {
        certificate: files.write("tls.crt", &chain),
        private_key: files.write("tls.key", &key),
    });
    let rig = setup.start();
    for alpn in [&["http/1.1"][..], &[]] {
        let mut client = Wire::new(connect(&rig, &trusted, alpn).await.unwrap());
        client.send(GET).await;
        let mut upstream = hub.accept().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        client.until("ok").await;
        assert!(client.ask("GET /#x HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    }
    let stream = connect(&rig, &trusted, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/acme").body(Full::<Bytes>::default()).unwrap();
    let answer = tokio::spawn(sender.send_request(request));
    let mut upstream = hub.accept().await;
    assert!(upstream.head().await.contains("host: localhost\r\n"));
    upstream.send(OK).await;
    let body = soon(answer).await.unwrap().unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_cut() {
    let files = Files::new("handshake");
    let (_, chain, key) = certificate();
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.header_timeout = Duration::from_millis(200);
    setup.server.tls = Some(TlsFiles {
        certificate: files.write("tls.crt", &chain),
        private_key: files.write("tls.key", &key),
    });
    let rig = setup.start();
    let mut client = rig.client().await;
    assert!(client.is_closed().await);
    let mut client = rig.client().await;
    client.send(GET).await;
    client.rest().await;
    rig.metric("hubgate_connection_errors_total{kind=\"handshake\"} 2").await;
}

#[tokio::test]
async fn a_new_certificate_is_served_when_its_files_change() {
    let files = Files::new("reload");
    let (old, chain, key) = certificate();
    let hub = Hub::bind().await;
    let mut setup = Setup::http(&hub);
    setup.server.tls = Some(TlsFiles {
        certificate: files.write("tls.crt", &chain),
        private_key: files.write("tls.key", &key),
    });
    let rig = setup.start();
    let mut before = Wire::new(connect(&rig, &old, &[]).await.unwrap());
    before.send(GET).await;
    let mut upstream = hub.accept().await;
    upstream.head().await;
    // A pair that does not belong together: reported, and the old one stays.
    let (new, chain, key) = certificate();
    files.write("tls.crt", &chain);
    rig.metric("hubgate_config_reloads_total{result=\"failed\"} 1").await;
    connect(&rig, &old, &[]).await.unwrap();
    files.write("tls.key", &key);
    rig.metric("hubgate_config_reloads_total{result=\"ok\"} 1").await;
    connect(&rig, &new, &[]).await.unwrap();
    connect(&rig, &old, &[]).await.unwrap_err();
    // Connections that were made with the old one go on.
    upstream.send(OK).await;
    before.until("ok").await;
}

/// A hub that speaks TLS with this ALPN; the test scripts what it says.
async fn tls_hub(chain: &str, key: &str, alpn: &str) -> (TcpListener, TlsAcceptor) {
    use rustls::pki_types::pem::PemObject as _;
    let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener, TlsAcceptor::from(Arc::new(config)))
}

fn https(listener: &TcpListener, authority: &Path) -> Setup {
    let mut setup = Setup::new(Upstream::Https {
        authority: listener.local_addr().unwrap().to_string(),
        server_name: "localhost".into(),
    });
    setup.hub.ca_certificates = vec![authority.to_owned()];
    setup
}

#[tokio::test]
async fn a_hub_behind_tls_is_reached_when_its_certificate_is_right() {
    let files = Files::new("upstream");
    let (_, chain, key) = certificate();
    let authority = files.write("ca.pem", &chain);
    let (listener, acceptor) = tls_hub(&chain, &key, "http/1.1").await;
    let rig = https(&listener, &authority).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let stream = soon(listener.accept()).await.unwrap().0;
    let mut upstream = Wire::new(soon(acceptor.accept(stream)).await.unwrap());
    upstream.head().await;
    upstream.send(OK).await;
    client.until("ok").await;
    // Somebody else in its place is not believed.
    let (_, other_chain, other_key) = certificate();
    let (listener, acceptor) = tls_hub(&other_chain, &other_key, "http/1.1").await;
    let rig = https(&listener, &authority).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let stream = soon(listener.accept()).await.unwrap().0;
    assert!(soon(acceptor.accept(stream)).await.is_err());
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn a_hub_that_chooses_http2_gets_it() {
    let files = Files::new("alpn-upstream");
    let (_, chain, key) = certificate();
    let authority = files.write("ca.pem", &chain);
    let (listener, acceptor) = tls_hub(&chain, &key, "h2").await;
    let rig = https(&listener, &authority).start();
    let mut client = rig.client().await;
    client.send(GET).await;
    let stream = soon(listener.accept()).await.unwrap().0;
    let stream = soon(acceptor.accept(stream)).await.unwrap();
    let service =
        hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
            let uri = request.uri().to_string();
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::from(uri)))
        });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    client.until("https://h/acme").await;
    // The second request needs no second connection.
    client.send("GET /again HTTP/1.1\r\nhost: h\r\n\r\n").await;
    client.until("https://h/again").await;
}
