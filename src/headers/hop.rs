//! Headers that speak of one connection only (RFC 9110 §7.6.1).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The protocol that a client wants to upgrade to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade(pub HeaderValue);

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes hop-by-hop headers out of a request; returns the upgrade that it asks for.
///
/// `TE` stays when it asks for trailers, and only with that (RFC 9110 §10.1.4).
/// `Upgrade` and `Connection: upgrade` are written anew by the proxy when the request is one.
pub fn strip_request(headers: &mut HeaderMap) -> Option<Upgrade> {
    // Many requests have none of these, and one look at the names tells.
    let speaks_of_connection = |name: &HeaderName| {
        is_hop_by_hop(name) || *name == header::TE || *name == header::PROXY_AUTHORIZATION
    };
    if !headers.keys().any(speaks_of_connection) {
        return None;
    }
    let upgrade = strip_connection(headers);
    headers.remove(header::PROXY_AUTHORIZATION);
    if let Some(te) = headers.remove(header::TE)
        && te
            .to_str()
            .is_ok_and(|te| te.split(',').any(|t| t.trim().eq_ignore_ascii_case("trailers")))
    {
        headers.insert(header::TE, const { HeaderValue::from_static("trailers") });
    }
    upgrade
}

/// Takes hop-by-hop headers out of a response; returns the upgrade that it agrees to.
pub fn strip_response(headers: &mut HeaderMap) -> Option<Upgrade> {
    headers.remove(header::PROXY_AUTHENTICATE);
    strip_connection(headers)
}

/// Whether a header of an answer speaks of one connection only, whatever `Connection` says.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::TRANSFER_ENCODING
        | header::UPGRADE
        | header::PROXY_AUTHENTICATE => true,
        _ => *name == KEEP_ALIVE || *name == PROXY_CONNECTION,
    }
}

/// Takes out what one option of `Connection` names.
pub fn strip_named(headers: &mut HeaderMap, option: &[u8]) {
    if let Ok(option) = std::str::from_utf8(option)
        && !is_essential(option)
        && let Ok(name) = HeaderName::try_from(option)
    {
        headers.remove(name);
    }
}

/// Takes out `Connection`, what it names, and what older software sends beside it.
fn strip_connection(headers: &mut HeaderMap) -> Option<Upgrade> {
    let mut upgrades = false;
    let connection: Vec<HeaderValue> =
        headers.get_all(header::CONNECTION).iter().cloned().collect();
    headers.remove(header::CONNECTION);
    for options in connection {
        for option in options.to_str().unwrap_or_default().split(',').map(str::trim) {
            if option.eq_ignore_ascii_case("upgrade") {
                upgrades = true;
            } else {
                strip_named(headers, option.as_bytes());
            }
        }
    }
    headers.remove(&KEEP_ALIVE);
    headers.remove(&PROXY_CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    let upgrade = headers.remove(header::UPGRADE);
    upgrade.filter(|_| upgrades).map(Upgrade)
}

/// Headers that name the request itself: a client that calls them hop-by-hop is not believed,
/// since without them the upstream would see another request than the one that was judged.
fn is_essential(option: &str) -> bool {
    const ESSENTIAL: [&str; 11] = [
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "content-range",
        "authorization",
        "cookie",
        "te",
        "trailer",
        "range",
        "x-request-id",
    ];
    option.is_empty()
        || ["close", "keep-alive"].iter().chain(&ESSENTIAL).any(|e| e.eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut headers = map(&[
            ("connection", "close, x-hop"),
            ("connection", "keep-alive, X-Other"),
            ("x-hop", "1"),
            ("x-hop", "2"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("authorization", "Bearer kept"),
        ]);
        assert_eq!(strip_request(&mut headers), None);
        assert_eq!(headers, map(&[("te", "trailers"), ("authorization", "Bearer kept")]));
    }

    #[test]
    fn what_names_the_request_is_never_hop_by_hop() {
        let mut headers = map(&[
            ("connection", "host, cookie, authorization"),
            ("host", "hub"),
            ("cookie", "a=1"),
            ("authorization", "Bearer x"),
        ]);
        strip_request(&mut headers);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        let mut headers = map(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        let upgrade = strip_request(&mut headers);
        assert_eq!(upgrade, Some(Upgrade(HeaderValue::from_static("websocket"))));
        let mut headers = map(&[("upgrade", "websocket")]);
        assert_eq!(strip_request(&mut headers), None);
        assert!(headers.is_empty());
    }
}
