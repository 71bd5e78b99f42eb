//! `[server]`: sockets and limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;

use super::section::Section;

/// Sockets and limits.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: Vec<SocketAddr>,
    /// Where health and metrics are; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// Where proxies ask by HTTP, and nobody else connects; `None`: where clients do.
    pub forward_auth: Option<SocketAddr>,
    /// Where proxies ask by gRPC; `None`: nowhere.
    pub grpc: Option<SocketAddr>,
    /// Our own TLS, for standalone use.
    pub tls: Option<TlsFiles>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long connections may go on after SIGTERM.
    pub drain: Duration,
    /// How long new connections are still taken after SIGTERM, while `/readyz` says 503 already.
    pub drain_delay: Duration,
    /// How many threads serve; each has a runtime and a connection pool of its own.
    pub threads: usize,
    /// How long a client may take to send its request's head.
    pub header_timeout: Duration,
    /// How long a connection may lie idle between requests.
    pub idle_timeout: Duration,
    /// The most bytes that a request's head may have.
    pub max_head_bytes: usize,
    /// The most headers that a request may have.
    pub max_headers: usize,
    /// The most connections at once.
    pub max_connections: usize,
}

/// A certificate chain and its key, as PEM files; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}

/// Every interface: in a container, nothing else could be reached.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// Where health and metrics are when nothing else is said: on loopback, since metrics name
/// organizations.
pub const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// What Kubernetes gives a Pod between SIGTERM and SIGKILL.
const DRAIN: Duration = Duration::from_secs(30);
/// Long for a slow line, short for someone who holds connections open on purpose.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// More than the keep-alive of the usual load balancers (60 s), so that they close first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Cookies of hubs and of several sign-ins, with room to spare.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Browsers send about 20, proxies add about 20; as many as hyper reads without allocating.
const MAX_HEADERS: usize = 100;
/// Below the usual limit on open files, of which a connection takes two.
const MAX_CONNECTIONS: usize = 10_000;

const HOUR: Duration = Duration::from_secs(60 * 60);

impl Server {
    /// Where health and metrics are; an empty text: nowhere.
    pub(super) fn read_admin(section: &Section<'_>) -> Option<SocketAddr> {
        let text = match section.text("admin") {
            None => return Some(DEFAULT_ADMIN),
            Some(text) if text.is_empty() => return None,
            Some(text) => text,
        };
        let read = address(&text);
        if let Err((what, remedy)) = &read {
            section.note("admin", what.as_str(), remedy);
        }
        read.ok()
    }

    /// Where proxies ask; nobody else's address.
    fn read_apart(
        section: &Section<'_>,
        key: &str,
        nobody: bool,
        taken: &mut Vec<SocketAddr>,
    ) -> Option<SocketAddr> {
        let text = section.filled(key)?;
        let address = match address(&text) {
            Ok(address) => address,
            Err((what, remedy)) => {
                section.note(key, what.as_str(), &remedy);
                return None;
            }
        };
        if nobody {
            let what = "has nobody who may ask";
            section.note(key, what, "name the proxies in server.trusted_proxies");
        }
        if is_taken(address, taken.iter()) {
            section.note(key, format!("{address} is taken twice"), "choose another port");
        }
        taken.push(address);
        Some(address)
    }

    /// Reads `[server]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        let listen = section.one_or_more("listen");
        if listen.as_ref().is_some_and(Vec::is_empty) {
            section.note("listen", "is empty", "write an address such as \"0.0.0.0:8080\"");
        }
        let listen = listen.and_then(|texts| section.parsed("listen", &texts, address));
        let admin = Self::read_admin(section);
        let listen = listen.unwrap_or_else(|| vec![LISTEN]);
        for (index, address) in listen.iter().enumerate() {
            if is_taken(*address, listen.iter().take(index).chain(&admin)) {
                let key = format!("listen[{index}]");
                section.note(&key, format!("{address} is taken twice"), "choose another port");
            }
        }
        let networks = section.texts("trusted_proxies").unwrap_or_default();
        let mut taken: Vec<SocketAddr> = listen.iter().copied().chain(admin).collect();
        let mut apart = |key| Self::read_apart(section, key, networks.is_empty(), &mut taken);
        let (forward_auth, grpc) = (apart("forward_auth"), apart("grpc"));
        Self {
            listen,
            admin,
            forward_auth,
            grpc,
            tls: section.section("tls").and_then(|tls| TlsFiles::read(&tls)),
            trusted_proxies: section
                .parsed("trusted_proxies", &networks, network)
                .unwrap_or_default(),
            drain: section.duration("drain", Duration::ZERO..=24 * HOUR).unwrap_or(DRAIN),
            // None: on a terminal nobody would wait for it. Behind a balancer that learns late
            // who is gone, its operator knows how late.
            drain_delay: section.duration("drain_delay", Duration::ZERO..=HOUR).unwrap_or_default(),
            threads: match section.size("threads", 0..=1024).unwrap_or_default() {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                threads => threads,
            },
            header_timeout: section
                .duration("header_timeout", second..=HOUR)
                .unwrap_or(HEADER_TIMEOUT),
            idle_timeout: section.duration("idle_timeout", second..=HOUR).unwrap_or(IDLE_TIMEOUT),
            max_head_bytes: section
                .size("max_head_bytes", 8 * 1024..=1024 * 1024)
                .unwrap_or(MAX_HEAD_BYTES),
            max_headers: section.size("max_headers", 32..=1024).unwrap_or(MAX_HEADERS),
            max_connections: section
                .size("max_connections", 1..=10_000_000)
                .unwrap_or(MAX_CONNECTIONS),
        }
    }
}

/// Whether one of the others takes the same address, or all of them at the same port. Port 0 is another
/// port each time.
fn is_taken<'a>(address: SocketAddr, mut others: impl Iterator<Item = &'a SocketAddr>) -> bool {
    let all = |one: SocketAddr| one.ip().is_unspecified();
    others.any(|other| {
        let family = address.is_ipv4() == other.is_ipv4();
        address.port() != 0
            && address.port() == other.port()
            && (address.ip() == other.ip() || family && (all(address) || all(*other)))
    })
}

impl TlsFiles {
    fn read(section: &Section<'_>) -> Option<Self> {
        section.missing("certificate", "write the path of the PEM file with the chain");
        section.missing("private_key", "write the path of the PEM file with the key");
        let (certificate, private_key) = (section.path("certificate"), section.path("private_key"));
        let (certificate, private_key) = (certificate?, private_key?);
        Self::fit(section, &certificate, &private_key);
        Some(Self { certificate, private_key })
    }

    /// Notes what is wrong with the files, or that they do not belong together.
    fn fit(section: &Section<'_>, certificate: &Path, private_key: &Path) {
        let chain = section.certificates("certificate", certificate);
        let key = section.private_key("private_key", private_key);
        let (Some(chain), Some(key)) = (chain, key) else { return };
        match CertifiedKey::from_der(chain, key, &default_provider()) {
            Ok(_) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let what = format!("{} is not the key of the certificate", private_key.display());
                section.note("private_key", what, "write the key that it was made for");
            }
            Err(error) => {
                let path = certificate.display();
                let what = format!("{path} holds a certificate that cannot be read: {error}");
                section.note("certificate", what, "write the server's own certificate first");
            }
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, (String, String)> {
    text.parse().map_err(|_| {
        let what = format!("{text:?} is no address with a port");
        (what, "write one such as \"0.0.0.0:8080\" or \"[::]:8080\"".to_owned())
    })
}

fn network(text: &str) -> Result<IpNet, (String, String)> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| {
        let what = format!("{text:?} is no network");
        (what, "write one such as \"10.0.0.0/8\"".to_owned())
    })?;
    if network.addr() == network.network() {
        return Ok(network);
    }
    let what = format!("{network} has bits beyond its length");
    Err((what, format!("write {}", network.trunc())))
}
