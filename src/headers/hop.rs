//! Headers that speak of one connection only (RFC 9110 §7.6.1).

use http::header::{self, HeaderName};

use crate::fields::{FieldValue, Fields, is_hop_by_hop};

/// The protocol that a client wants to upgrade to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade(pub FieldValue);

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes hop-by-hop headers out of a request; returns the upgrade that it asks for.
///
/// `TE` stays when it asks for trailers, and only with that (RFC 9110 §10.1.4).
/// `Upgrade` and `Connection: upgrade` are written anew by the proxy when the request is one.
pub fn strip_request(headers: &mut Fields) -> Option<Upgrade> {
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
        headers.insert(header::TE, const { FieldValue::from_static("trailers") });
    }
    upgrade
}

/// Takes hop-by-hop headers out of a response; returns the upgrade that it agrees to.
pub fn strip_response(headers: &mut Fields) -> Option<Upgrade> {
    headers.remove(header::PROXY_AUTHENTICATE);
    strip_connection(headers)
}

/// Takes out what options of `Connection` name, all of them in one pass: there may be thousands.
pub fn strip_named<'o>(headers: &mut Fields, options: impl IntoIterator<Item = &'o [u8]>) {
    let named = options
        .into_iter()
        .filter_map(|option| std::str::from_utf8(option).ok())
        .filter(|option| !is_essential(option))
        .map(str::to_ascii_lowercase);
    let mut named: Vec<String> = named.collect();
    if named.is_empty() {
        return;
    }
    named.sort_unstable();
    let is_named = |name: &HeaderName| {
        named.binary_search_by(|named| named.as_str().cmp(name.as_str())).is_ok()
    };
    headers.retain(|name, _| !is_named(name));
}

/// Takes out `Connection`, what it names, and what older software sends beside it.
fn strip_connection(headers: &mut Fields) -> Option<Upgrade> {
    let mut upgrades = false;
    let connection: Vec<FieldValue> = headers.get_all(header::CONNECTION).cloned().collect();
    headers.remove(header::CONNECTION);
    let options = connection
        .iter()
        .flat_map(|options| options.to_str().unwrap_or_default().split(',').map(str::trim));
    strip_named(
        headers,
        options.map(str::as_bytes).filter(|option| {
            let upgrade = option.eq_ignore_ascii_case(b"upgrade");
            upgrades |= upgrade;
            !upgrade
        }),
    );
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

    fn map(pairs: &[(&str, &str)]) -> Fields {
        let mut headers = Fields::new();
        for (name, value) in pairs {
            headers
                .append(HeaderName::try_from(*name).unwrap(), FieldValue::from_str(value).unwrap());
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
        assert_eq!(upgrade, Some(Upgrade(FieldValue::from_static("websocket"))));
        let mut headers = map(&[("upgrade", "websocket")]);
        assert_eq!(strip_request(&mut headers), None);
        assert!(headers.is_empty());
    }
}
