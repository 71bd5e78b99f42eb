//! The real program: SIGHUP, and files that change under it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::documents::{Document, Folder};

/// The program with a configuration, and what it says.
struct Running {
    child: Child,
    lines: BufReader<ChildStderr>,
}

impl Running {
    fn start(folder: &Folder) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .args(["run", "--config"])
            .arg(folder.path("hub.toml"))
            .env_clear()
            .env("SECRET", "s")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self { child, lines };
        running.until("serving");
        running
    }

    /// The next line with this message; the program's end fails the test.
    fn until(&mut self, message: &str) -> Value {
        let mut passed = String::new();
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "no {message:?} after\n{passed}");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"] == message {
                return event;
            }
            passed += &line;
        }
    }

    fn hang_up(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn document() -> Document {
    Document::minimal().set("server.listen", "[\"127.0.0.1:0\"]").set("server.admin", "\"\"")
}

fn write(folder: &Folder, document: &Document) {
    folder.write("hub.toml", document.text().as_bytes());
}

#[test]
fn whoever_hears_that_the_gate_serves_may_send_the_signal() {
    let folder = Folder::new();
    write(&folder, &document());
    let running = Running::start(&folder);
    let status = format!("/proc/{}/status", running.child.id());
    let status = std::fs::read_to_string(status).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    assert_eq!(caught & 1, 1, "SIGHUP would end the process: {caught:x}");
}

#[test]
fn a_signal_reloads_and_a_broken_file_is_told_whole() {
    let folder = Folder::new();
    write(&folder, &document());
    let mut running = Running::start(&folder);
    write(&folder, &document().set("headers.preset", "\"webauth\""));
    running.hang_up();
    let event = running.until("the configuration was reloaded");
    assert_eq!((&event["keys"], &event["changed"]), (&"headers.preset".into(), &"".into()));
    write(&folder, &document().set("headers.preset", "7").set("hub.profile", "\"svn\""));
    running.hang_up();
    for key in ["hub.profile: ", "headers.preset: "] {
        let problem = running.until("mistake in the configuration")["problem"].to_string();
        assert!(problem.contains(key), "{problem}");
    }
    running.until("the configuration stays as it was");
    let moved = document().set("server.listen", "[\"127.0.0.1:1\"]");
    write(&folder, &moved);
    running.hang_up();
    let event = running.until("has changed in the file, and takes effect at a restart");
    assert_eq!(event["key"], "server.listen");
}

#[test]
fn a_file_that_changes_is_seen_without_a_signal() {
    let folder = Folder::new();
    let organizations = |domain: &str| {
        let lines = format!("email_domains = [{domain:?}]");
        folder.write("orgs.d/umbrella.toml", Document::organization("umbrella", &lines).as_bytes());
    };
    write(&folder, &document().set("organizations", "\"orgs.d/*.toml\""));
    organizations("umbrella.example");
    let mut running = Running::start(&folder);
    organizations("umbrella.test");
    let event = running.until("the configuration was reloaded");
    assert_eq!(event["changed"], "umbrella");
    folder.remove("orgs.d/umbrella.toml");
    let event = running.until("the configuration was reloaded");
    assert_eq!(event["removed"], "umbrella");
}
