//! Who is on the other side, and what we say of it: `X-Forwarded-*` and `Forwarded` (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderName};

use ipnet::IpNet;

use crate::fields::{FieldValue, Fields};

use super::told::Lines;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED: HeaderName = header::FORWARDED;

/// Whose forwarding headers are believed.
#[derive(Clone, Debug)]
pub struct Forwarding {
    trusted: Vec<IpNet>,
}

/// The client as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The nearest address that is no trusted proxy.
    pub address: IpAddr,
    /// Whether the connection came from a trusted proxy.
    pub behind_proxy: bool,
}

impl Forwarding {
    /// Believes these networks.
    #[must_use]
    pub const fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted }
    }

    /// Whether this peer's forwarding headers are believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// The client behind `peer`: the last address of `X-Forwarded-For` that is not trusted.
    #[must_use]
    pub fn client(&self, headers: &Fields, peer: SocketAddr) -> Client {
        let values = headers.get_all(&X_FORWARDED_FOR);
        self.client_of(values.map(FieldValue::as_bytes), peer)
    }

    /// The same by the values of `X-Forwarded-For`.
    pub fn client_of<'h>(
        &self,
        values: impl DoubleEndedIterator<Item = &'h [u8]>,
        peer: SocketAddr,
    ) -> Client {
        let mut address = peer.ip().to_canonical();
        let behind_proxy = self.trusts(address);
        if behind_proxy {
            // A value that is no ASCII names nobody.
            let text = |value: &'h [u8]| str::from_utf8(value).ok().filter(|text| text.is_ascii());
            for hop in values.rev().flat_map(|value| text(value).unwrap_or_default().rsplit(',')) {
                let Some(named) = parse_hop(hop.trim()) else { break };
                address = named;
                if !self.trusts(named) {
                    break;
                }
            }
        }
        Client { address, behind_proxy }
    }

    /// Prepares what is said of the client: what is believed is continued, in place. Everything
    /// else is taken out, and whether it was, and the hop is still to be told, is returned.
    #[must_use]
    pub fn prepare(&self, headers: &mut Fields, hop: &Hop) -> bool {
        if !self.trusts(hop.ip) {
            strip(headers);
            return true;
        }
        let earlier = headers
            .get_all(&X_FORWARDED_FOR)
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join(", ");
        if earlier.is_empty() {
            headers.insert(&X_FORWARDED_FOR, hop.address.clone());
        } else {
            insert(headers, &X_FORWARDED_FOR, &format!("{earlier}, {}", hop.ip));
        }
        headers.insert_if_missing(&X_FORWARDED_PROTO, || hop.proto.clone());
        if let Some(host) = &hop.host {
            headers.insert_if_missing(&X_FORWARDED_HOST, || host.clone());
        }
        headers.append(header::FORWARDED, hop.element.clone());
        false
    }
}

/// One step on a request's way, in the words of these headers: the same for every request of a
/// connection to one host.
#[derive(Clone, Debug)]
pub struct Hop {
    ip: IpAddr,
    tls: bool,
    host: Option<FieldValue>,
    address: FieldValue,
    proto: FieldValue,
    element: FieldValue,
    /// All of it as bytes.
    pub(super) lines: Lines,
}

impl Hop {
    /// The step from `peer` to us, by a request for `host`.
    #[must_use]
    pub fn new(peer: SocketAddr, tls: bool, host: Option<&FieldValue>) -> Self {
        let ip = peer.ip().to_canonical();
        let proto = if tls { "https" } else { "http" };
        let mut hop = Self {
            ip,
            tls,
            lines: Lines::new(),
            host: host.map(FieldValue::detached),
            address: FieldValue::from_str(&ip.to_string())
                .unwrap_or(const { FieldValue::from_static("unknown") }),
            proto: FieldValue::from_static(proto),
            element: forwarded(ip, host.and_then(|host| host.to_str().ok()), proto),
        };
        hop.lines = Lines::of(hop.headers());
        hop
    }

    /// What a stranger's request says of its way.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&HeaderName, &FieldValue)> {
        [(&X_FORWARDED_FOR, &self.address), (&X_FORWARDED_PROTO, &self.proto)]
            .into_iter()
            .chain(self.host.iter().map(|host| (&X_FORWARDED_HOST, host)))
            .chain([(&FORWARDED, &self.element)])
    }

    /// Whether it is the step of another request, too.
    #[must_use]
    pub fn is(&self, peer: SocketAddr, tls: bool, host: Option<&FieldValue>) -> bool {
        self.ip == peer.ip().to_canonical() && self.tls == tls && self.host.as_ref() == host
    }
}

/// Takes out everything by which a stranger could claim to be somebody else.
fn strip(headers: &mut Fields) {
    let forged = |name: &HeaderName| {
        let name = name.as_str();
        // Most headers are let through by their first letter.
        matches!(name.as_bytes().first(), Some(b'x' | b'f' | b't'))
            && (name.starts_with("x-forwarded")
                || name.starts_with("x_forwarded")
                || matches!(
                    name,
                    "forwarded" | "x-real-ip" | "x_real_ip" | "x-client-ip" | "true-client-ip"
                ))
    };
    headers.retain(|name, _| !forged(name));
}

/// One element of `Forwarded`.
fn forwarded(ip: IpAddr, host: Option<&str>, proto: &str) -> FieldValue {
    let mut text = match ip {
        IpAddr::V4(ip) => format!("for={ip}"),
        IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
    };
    // Only characters of a host may stand in the quotes; anything else is left out.
    if let Some(host) = host.filter(|h| {
        !h.is_empty() && h.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
    }) {
        text.push_str(";host=\"");
        text.push_str(host);
        text.push('"');
    }
    text.push_str(";proto=");
    text.push_str(proto);
    FieldValue::from_str(&text).unwrap_or(const { FieldValue::from_static("for=unknown") })
}

fn insert(headers: &mut Fields, name: &HeaderName, text: &str) {
    if let Ok(value) = FieldValue::from_str(text) {
        headers.insert(name, value);
    } else {
        headers.remove(name);
    }
}

/// An address, with or without a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarding() -> Forwarding {
        Forwarding::new(vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn map(pairs: &[(&'static str, &str)]) -> Fields {
        let mut headers = Fields::new();
        for (name, value) in pairs {
            headers.append(*name, FieldValue::from_str(value).unwrap());
        }
        headers
    }

    fn rewrite(headers: &mut Fields, peer: &str) {
        let hop = Hop::new(peer.parse().unwrap(), false, headers.get(header::HOST));
        if forwarding().prepare(headers, &hop) {
            for (name, value) in hop.headers() {
                headers.insert(name, value.clone());
            }
        }
    }

    #[track_caller]
    fn check(peer: &str, hops: &str, expected: &str) {
        let headers = map(&[("x-forwarded-for", hops)]);
        let client = forwarding().client(&headers, format!("{peer}:1").parse().unwrap());
        assert_eq!(client.address.to_string(), expected);
    }

    #[test]
    fn the_client_is_the_last_address_that_is_not_trusted() {
        check("192.0.2.1", "198.51.100.7", "192.0.2.1");
        check("10.1.1.1", "198.51.100.7", "198.51.100.7");
        check("10.1.1.1", "203.0.113.9, 198.51.100.7, 10.2.2.2", "198.51.100.7");
        check("10.1.1.1", "203.0.113.9, nonsense", "10.1.1.1");
        check("[::ffff:10.1.1.1]", "198.51.100.7:4711", "198.51.100.7");
    }

    #[test]
    fn a_strangers_forwarding_headers_are_replaced() {
        let mut headers = map(&[
            ("host", "hub.example.com"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/evil"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
        ]);
        rewrite(&mut headers, "192.0.2.1:5");
        let expected = map(&[
            ("host", "hub.example.com"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "hub.example.com"),
            ("forwarded", "for=192.0.2.1;host=\"hub.example.com\";proto=http"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_trusted_proxys_forwarding_headers_are_continued() {
        let mut headers = map(&[
            ("host", "inside"),
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-host", "hub.example.com"),
            ("x-forwarded-proto", "https"),
        ]);
        rewrite(&mut headers, "10.0.0.9:5");
        assert_eq!(headers["x-forwarded-for"], "198.51.100.7, 10.0.0.9");
        assert_eq!(headers["x-forwarded-host"], "hub.example.com");
        assert_eq!(headers["x-forwarded-proto"], "https");
    }
}
