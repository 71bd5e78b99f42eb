//! Who is at the other end of a connection.

use std::net::SocketAddr;

/// The two ends of the connection that a request came in on, as the sockets say; what a proxy in
/// front of us says is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether it is TLS, ended by us.
    pub tls: bool,
    /// Which of our ports it came in by.
    pub door: Door,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Clients; and the questions of proxies by HTTP, where those have no port of their own.
    Web,
    /// The questions of proxies by HTTP, and nothing else.
    Asked,
    /// The questions of proxies by gRPC.
    Grpc,
}
