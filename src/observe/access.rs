//! One line for each request, written by hand: it is written for every request there is.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use super::sink::Format;
use super::spans::TraceId;
use super::text::{self, Second, decimal};
use crate::policy::{OrganizationId, Reason, Subject};

/// How a request was answered, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was let through.
    Allow,
    /// A sign-in was asked for.
    Challenge,
    /// It was refused.
    Deny,
    /// It was for one of our own pages.
    Own,
    /// It was let through, or would have been, and something failed.
    Error,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Challenge, Self::Deny, Self::Own, Self::Error];

    /// The stable name in the access log and the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
            Self::Own => "own",
            Self::Error => "error",
        }
    }
}

/// What is said of one request. There is no place for a query, a cookie or a token.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// When it was answered.
    pub at: SystemTime,
    /// What the client was told as `X-Request-Id`: letters, digits, `-_.:`.
    pub request_id: &'a str,
    /// Who sent it.
    pub client: IpAddr,
    /// Its method.
    pub method: &'a Method,
    /// The host that it named.
    pub host: Said<'a>,
    /// Its path, without the query.
    pub path: Said<'a>,
    /// The status of the answer.
    pub status: StatusCode,
    /// How it was answered.
    pub outcome: Outcome,
    /// Why, unless it was simply let through.
    pub reason: Option<Reason>,
    /// The organization whose content it is; always one of the configuration's, never the client's word.
    pub organization: Option<&'a OrganizationId>,
    /// Who asked.
    pub subject: Option<&'a Subject>,
    /// From the head of the request to the head of the answer.
    pub duration: Duration,
    /// The length of the answer's body, where it was known beforehand.
    pub bytes: Option<u64>,
    /// The trace that it is part of, where traces are kept.
    pub trace: Option<TraceId>,
}

/// Something in a client's words.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// Of letters, digits and marks that mean nothing in a line.
    Plain(&'a str),
    /// Of whatever characters.
    Any(&'a str),
}

impl Said<'_> {
    fn write(self, most: usize, line: &mut Vec<u8>) {
        match self {
            Self::Plain(text) => text::plain(cut(text, most), line),
            Self::Any(text) => text::escape(cut(text, most), line),
        }
    }
}

/// Hosts and paths are cut here: a line is a line, whatever a client sends.
const MAX_PATH: usize = 2048;
const MAX_HOST: usize = 255;

impl Access<'_> {
    pub(super) fn write(&self, line: &mut Vec<u8>, format: Format, second: &mut Second) {
        match format {
            Format::Json => self.write_json(line, second),
            Format::Human { color } => self.write_human(line, second, color),
        }
    }

    fn write_json(&self, line: &mut Vec<u8>, second: &mut Second) {
        line.extend_from_slice(b"{\"timestamp\":\"");
        second.write(self.at, line);
        line.extend_from_slice(b"\",\"level\":\"INFO\",\"event\":\"request\",\"request.id\":\"");
        text::plain(cut(self.request_id, MAX_HOST), line);
        line.extend_from_slice(b"\",\"client.address\":\"");
        text::address(self.client, line);
        line.extend_from_slice(b"\",\"request.method\":\"");
        text::plain(cut(self.method.as_str(), MAX_HOST), line);
        line.extend_from_slice(b"\",\"request.host\":\"");
        self.host.write(MAX_HOST, line);
        line.extend_from_slice(b"\",\"request.path\":\"");
        self.path.write(MAX_PATH, line);
        line.extend_from_slice(b"\",\"response.status\":");
        line.extend_from_slice(self.status.as_str().as_bytes());
        line.extend_from_slice(b",\"decision\":\"");
        line.extend_from_slice(self.outcome.as_str().as_bytes());
        line.push(b'"');
        if let Some(reason) = self.reason {
            line.extend_from_slice(b",\"reason\":\"");
            line.extend_from_slice(reason.as_str().as_bytes());
            line.push(b'"');
        }
        if let Some(organization) = self.organization {
            line.extend_from_slice(b",\"organization\":\"");
            text::plain(organization.as_str(), line);
            line.push(b'"');
        }
        if let Some(subject) = self.subject {
            line.extend_from_slice(b",\"subject\":\"");
            text::escape(subject.as_str(), line);
            line.push(b'"');
        }
        line.extend_from_slice(b",\"duration.ms\":");
        self.write_duration(line);
        if let Some(bytes) = self.bytes {
            line.extend_from_slice(b",\"response.bytes\":");
            decimal(bytes, line);
        }
        if let Some(trace) = self.trace {
            line.extend_from_slice(b",\"trace.id\":\"");
            trace.write(line);
            line.push(b'"');
        }
        line.extend_from_slice(b"}\n");
    }

    fn write_human(&self, line: &mut Vec<u8>, second: &mut Second, color: bool) {
        second.write(self.at, line);
        line.push(b' ');
        if color {
            line.extend_from_slice(match self.outcome {
                Outcome::Allow | Outcome::Own => b"\x1b[32m",
                Outcome::Challenge => b"\x1b[36m",
                Outcome::Deny => b"\x1b[33m",
                Outcome::Error => b"\x1b[31m",
            });
        }
        line.extend_from_slice(self.status.as_str().as_bytes());
        line.push(b' ');
        line.extend_from_slice(self.outcome.as_str().as_bytes());
        if color {
            line.extend_from_slice(b"\x1b[0m");
        }
        if let Some(reason) = self.reason {
            line.push(b'(');
            line.extend_from_slice(reason.as_str().as_bytes());
            line.push(b')');
        }
        line.push(b' ');
        text::escape(cut(self.method.as_str(), MAX_HOST), line);
        line.push(b' ');
        self.host.write(MAX_HOST, line);
        self.path.write(MAX_PATH, line);
        line.push(b' ');
        self.write_duration(line);
        line.extend_from_slice(b"ms client=");
        text::address(self.client, line);
        if let Some(organization) = self.organization {
            line.extend_from_slice(b" organization=");
            text::escape(organization.as_str(), line);
        }
        if let Some(subject) = self.subject {
            line.extend_from_slice(b" subject=");
            text::escape(subject.as_str(), line);
        }
        if let Some(bytes) = self.bytes {
            line.extend_from_slice(b" bytes=");
            decimal(bytes, line);
        }
        if let Some(trace) = self.trace {
            line.extend_from_slice(b" trace=");
            trace.write(line);
        }
        line.extend_from_slice(b" id=");
        text::escape(cut(self.request_id, MAX_HOST), line);
        line.push(b'\n');
    }

    /// Milliseconds with three places.
    fn write_duration(&self, line: &mut Vec<u8>) {
        let micros = u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX);
        decimal(micros / 1000, line);
        line.push(b'.');
        text::three(micros % 1000, line);
    }
}

/// The beginning of a text, cut between two characters.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access<'a>(path: &'a str, host: &'a str, method: &'a Method) -> Access<'a> {
        Access {
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_042),
            request_id: "r1",
            client: IpAddr::from([10, 0, 0, 1]),
            method,
            host: Said::Any(host),
            path: Said::Any(path),
            status: StatusCode::FORBIDDEN,
            outcome: Outcome::Deny,
            reason: Some(Reason::RoleTooLow),
            organization: None,
            subject: None,
            duration: Duration::from_micros(1_234_056),
            bytes: Some(17),
            trace: None,
        }
    }

    #[track_caller]
    fn check(access: &Access<'_>, format: Format, expected: &str) {
        let mut line = Vec::new();
        access.write(&mut line, format, &mut Second::default());
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn a_line_is_json_or_for_people() {
        let access = access("/acme/bert", "hub.example.com", &Method::GET);
        check(
            &access,
            Format::Json,
            "{\"timestamp\":\"2025-11-24T16:00:00.042Z\",\"level\":\"INFO\",\"event\":\"request\",\
             \"request.id\":\"r1\",\"client.address\":\"10.0.0.1\",\"request.method\":\"GET\",\
             \"request.host\":\"hub.example.com\",\"request.path\":\"/acme/bert\",\
             \"response.status\":403,\"decision\":\"deny\",\"reason\":\"role-too-low\",\
             \"duration.ms\":1234.056,\"response.bytes\":17}\n",
        );
        check(
            &access,
            Format::Human { color: false },
            "2025-11-24T16:00:00.042Z 403 deny(role-too-low) GET hub.example.com/acme/bert \
             1234.056ms client=10.0.0.1 bytes=17 id=r1\n",
        );
    }

    #[test]
    fn nothing_that_a_client_sends_ends_a_line_or_paints_the_terminal() {
        let hostile = "/a\"\n{\u{1b}[31m\u{85}\u{202e}é\u{1f600}\\";
        let method = Method::from_bytes(b"A'B").unwrap();
        let access = access(hostile, "h\r\n", &method);
        for format in [Format::Json, Format::Human { color: false }] {
            let mut line = Vec::new();
            access.write(&mut line, format, &mut Second::default());
            let line = String::from_utf8(line).unwrap();
            let body = line.strip_suffix('\n').unwrap();
            assert!(body.bytes().all(|b| (b' '..=b'~').contains(&b)), "{body}");
        }
        let mut line = Vec::new();
        access.write(&mut line, Format::Json, &mut Second::default());
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(json["request.path"], hostile);
        assert_eq!(json["request.host"], "h\r\n");
    }

    #[test]
    fn a_long_path_is_cut() {
        let path = format!("/{}", "é".repeat(4000));
        let access = access(&path, "hub", &Method::GET);
        let mut line = Vec::new();
        access.write(&mut line, Format::Json, &mut Second::default());
        assert!(line.len() < 7 * MAX_PATH);
        assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok());
    }
}
