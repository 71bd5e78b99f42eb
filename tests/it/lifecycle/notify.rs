//! What a service manager is told, over a socket as systemd makes it.

use std::io::Read as _;
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hubgate::clock::monotonic;

use crate::documents::{Document, Folder};

/// A service manager with one service.
struct Manager {
    socket: UnixDatagram,
    child: Child,
    folder: Folder,
    port: u16,
    _place: Folder,
}

impl Manager {
    /// Starts the program as the manager of this socket would.
    fn start(socket: UnixDatagram, place: Folder, name: &str, more: &[(&str, &str)]) -> Self {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let folder = Folder::new();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        folder.write("hub.toml", document(port).text().as_bytes());
        let child = Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .args(["run", "--config"])
            .arg(folder.path("hub.toml"))
            .env_clear()
            .env("SECRET", "s")
            .env("NOTIFY_SOCKET", name)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { socket, child, folder, port, _place: place }
    }

    fn at_a_path(more: &[(&str, &str)]) -> Self {
        let place = Folder::new();
        let path = place.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut manager = Self::start(socket, place, path.to_str().unwrap(), more);
        let first = manager.next();
        assert!(first.starts_with("READY=1\n"), "{first}");
        manager
    }

    /// The next message; the program's end fails the test.
    fn next(&mut self) -> String {
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(length) => String::from_utf8(buffer[..length].to_vec()).unwrap(),
            Err(error) => {
                let _ = self.child.kill();
                let mut said = String::new();
                let _ = self.child.stderr.take().unwrap().read_to_string(&mut said);
                panic!("nothing was told: {error}\n{said}");
            }
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn document(port: u16) -> Document {
    Document::minimal()
        .set("server.listen", &format!("[\"127.0.0.1:{port}\"]"))
        .set("server.admin", "\"\"")
}

/// The number behind `MONOTONIC_USEC=`.
fn monotonic_usec(message: &str) -> u128 {
    let line = message.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    line.unwrap_or_else(|| panic!("{message}")).parse().unwrap()
}

#[test]
fn a_service_manager_is_told_when_requests_are_answered_and_of_the_end() {
    let mut manager = Manager::at_a_path(&[]);
    TcpStream::connect(("127.0.0.1", manager.port)).unwrap();
    manager.signal("-TERM");
    assert!(manager.next().starts_with("STOPPING=1\n"));
    assert!(manager.child.wait().unwrap().success());
}

#[test]
fn a_reload_is_told_from_its_begin_to_its_end() {
    let mut manager = Manager::at_a_path(&[]);
    let text = document(manager.port).set("headers.preset", "\"webauth\"").text();
    manager.folder.write("hub.toml", text.as_bytes());
    let before = monotonic().as_micros();
    manager.signal("-HUP");
    let told = manager.next();
    assert!(told.starts_with("RELOADING=1\n"), "{told}");
    // The manager takes an older one for an answer to another question.
    assert!((before..=monotonic().as_micros()).contains(&monotonic_usec(&told)), "{told}");
    let told = manager.next();
    assert_eq!(told, "READY=1\nSTATUS=serves, organizations: 1");
}

#[test]
fn a_reload_that_changes_nothing_ends_too_and_says_why() {
    let mut manager = Manager::at_a_path(&[]);
    let text = document(manager.port).set("headers.preset", "7").set("hub.profile", "\"svn\"");
    manager.folder.write("hub.toml", text.text().as_bytes());
    manager.signal("-HUP");
    assert!(manager.next().starts_with("RELOADING=1\n"));
    let told = manager.next();
    assert!(told.starts_with("READY=1\nSTATUS=serves, organizations: 1; mistakes"), "{told}");
    assert!(told.ends_with(": 2"), "{told}");
}

#[test]
fn a_name_in_the_abstract_namespace_is_understood() {
    let name = format!("hubgate-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let mut manager = Manager::start(socket, Folder::new(), &format!("@{name}"), &[]);
    assert!(manager.next().starts_with("READY=1\n"));
}

#[test]
fn a_watchdog_hears_that_the_threads_turn() {
    let mut manager = Manager::at_a_path(&[("WATCHDOG_USEC", "100000")]);
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1");
    }
}

#[test]
fn a_service_manager_that_is_gone_is_no_reason_not_to_serve() {
    let place = Folder::new();
    let socket = UnixDatagram::unbound().unwrap();
    let gone = place.path("gone");
    let mut manager = Manager::start(socket, place, gone.to_str().unwrap(), &[]);
    let mut lines = std::io::BufReader::new(manager.child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("the service manager cannot be told") {
        assert!(std::io::BufRead::read_line(&mut lines, &mut told).unwrap() > 0, "{told}");
    }
    TcpStream::connect(("127.0.0.1", manager.port)).unwrap();
}
