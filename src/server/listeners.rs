//! The sockets that clients connect to: one for each address and thread.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::Error;
use crate::config;
use crate::peer::Door;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// When a connection that is silent is asked whether its peer is still there.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(20));

/// Sockets that are bound and listen; nothing is accepted before they are served.
#[derive(Debug)]
pub struct Listeners {
    threads: Vec<Vec<(Door, TcpListener)>>,
    admin: Option<TcpListener>,
    addresses: Vec<SocketAddr>,
    asked: Option<SocketAddr>,
    grpc: Option<SocketAddr>,
}

impl Listeners {
    /// Binds what the configuration names. With port 0 the machine chooses, once for all threads.
    ///
    /// # Errors
    /// When an address cannot be had; also when another process listens there, which would share
    /// the address with us otherwise.
    pub fn bind(config: &config::Server) -> Result<Self, Error> {
        let mut threads: Vec<Vec<(Door, TcpListener)>> = Vec::new();
        threads.resize_with(config.threads.max(1), Vec::new);
        let mut open = |address: SocketAddr, door| {
            let failed = |source| Error::Listen { address, source };
            claim(address).map_err(failed)?;
            let mut bound = address;
            for sockets in &mut threads {
                let socket = listen(bound, true).map_err(failed)?;
                bound = socket.local_addr().map_err(failed)?;
                sockets.push((door, socket));
            }
            Ok(bound)
        };
        let addresses = config.listen.iter().map(|address| open(*address, Door::Web));
        let addresses = addresses.collect::<Result<_, Error>>()?;
        let asked = config.forward_auth.map(|address| open(address, Door::Asked)).transpose()?;
        let grpc = config.grpc.map(|address| open(address, Door::Grpc)).transpose()?;
        let admin = match config.admin {
            Some(address) => {
                Some(listen(address, false).map_err(|source| Error::Listen { address, source })?)
            }
            None => None,
        };
        Ok(Self { threads, admin, addresses, asked, grpc })
    }

    /// Where clients connect, with the ports that the machine chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where proxies ask by HTTP, if that is a place of its own.
    #[must_use]
    pub const fn asked_address(&self) -> Option<SocketAddr> {
        self.asked
    }

    /// Where proxies ask by gRPC.
    #[must_use]
    pub const fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// The sockets of each thread, and the admin port's.
    pub(super) fn into_parts(self) -> (Vec<Vec<(Door, TcpListener)>>, Option<TcpListener>) {
        (self.threads, self.admin)
    }
}

/// Fails when somebody listens on the address: `SO_REUSEPORT` alone would let two processes of
/// one user share it without a word.
fn claim(address: SocketAddr) -> io::Result<()> {
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    if shared {
        // Every thread accepts for itself, and the kernel spreads connections over them.
        socket.set_reuse_port(true)?;
    }
    // Accepted connections inherit these, which saves calls for each of them. A peer that is gone
    // without a word is noticed, in a tunnel too.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}
