//! `hubgate healthcheck`: asks the admin port whether the gate is ready.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::config;

use super::terminal::Terminal;
use super::{ConfigFile, Exit, Format, environment, tell};

/// Less than the usual timeout of whoever asks (Docker: 30 s, Kubernetes: 1 s and more).
const TIMEOUT: Duration = Duration::from_secs(3);

/// More than the gate answers there.
const MOST: u64 = 64 * 1024;

/// Asks `/readyz`.
pub(super) fn healthcheck(
    config: &ConfigFile,
    address: Option<&str>,
    terminal: &mut Terminal,
) -> Exit {
    let address = match (address, config.path()) {
        (Some(text), _) => match text.to_socket_addrs().map(|mut found| found.next()) {
            Ok(Some(address)) => address,
            Ok(None) | Err(_) => {
                terminal.error(&format!("{text:?} is no address with a port"));
                return Exit::Usage;
            }
        },
        // Only the admin address is read: another mistake in a file that changed is no reason to
        // end a gate that serves.
        (None, Some(path)) => match config::admin_address(&path, environment()) {
            Ok(Some(address)) => address,
            Ok(None) => {
                terminal.error("server.admin is \"\": there is no port to ask");
                return Exit::Config;
            }
            Err(problems) => {
                tell(&path, &problems, Format::Text, terminal);
                return Exit::Config;
            }
        },
        (None, None) => config::DEFAULT_ADMIN,
    };
    match ask(reachable(address)) {
        Ok(status) if status == "200" => Exit::Done,
        Ok(status) => {
            terminal.error(&format!("{address} answered {status:?} and not 200"));
            Exit::Unavailable
        }
        Err(error) => {
            terminal.error(&format!("{address} does not answer: {error}"));
            Exit::Unavailable
        }
    }
}

/// Where a listener on every interface is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The status of `GET /readyz`.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // `HTTP/1.1 200`
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    // The rest is taken too, so that the gate does not see its connection reset.
    let _ = std::io::copy(&mut stream.take(MOST), &mut std::io::sink());
    let text = String::from_utf8_lossy(&start);
    match text.split_once(' ') {
        Some(("HTTP/1.1" | "HTTP/1.0", status)) => Ok(status.to_owned()),
        Some(_) | None => Err(std::io::Error::other("that is no HTTP")),
    }
}
