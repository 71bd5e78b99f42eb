//! Our cookies among the client's.

use http::header::{self, HeaderMap, HeaderValue};

/// The value of the cookie of that name.
///
/// Two cookies of one name are two readings: then there is none. A cookie planted from a parent
/// domain has the same name as ours, and nothing in `Cookie` tells them apart.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for (_, value) in pairs(headers).filter(|(candidate, _)| *candidate == name) {
        if found.is_some_and(|earlier| earlier != value) {
            return None;
        }
        found = Some(value);
    }
    found
}

/// Every cookie of a request, in order (RFC 6265bis §5.8.3; HTTP/2 may send several headers).
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// Takes cookies whose names begin with `prefix` out of the request; the others stay as they are.
pub fn without_ours(headers: &mut HeaderMap, prefix: &str) {
    let ours = |pair: &str| {
        let name = pair.trim_start().split('=').next().unwrap_or_default();
        name.len() >= prefix.len()
            && name.as_bytes().iter().zip(prefix.as_bytes()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    let any = headers
        .get_all(header::COOKIE)
        .iter()
        .any(|value| String::from_utf8_lossy(value.as_bytes()).split(';').any(ours));
    if !any {
        return;
    }
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for value in headers.get_all(header::COOKIE) {
        let rest: Vec<&[u8]> = value
            .as_bytes()
            .split(|b| *b == b';')
            .filter(|pair| !ours(&String::from_utf8_lossy(pair)))
            .map(<[u8]>::trim_ascii)
            .filter(|pair| !pair.is_empty())
            .collect();
        if !rest.is_empty() {
            kept.push(rest.join(&b"; "[..]));
        }
    }
    headers.remove(header::COOKIE);
    for value in kept {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(header::COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::COOKIE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        let headers = map(&["a=1; hubgate=x=y;b=2", "hubgate2=z"]);
        assert_eq!(cookie(&headers, "hubgate"), Some("x=y"));
        assert_eq!(cookie(&headers, "Hubgate"), None);
        assert_eq!(cookie(&headers, "c"), None);
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        assert_eq!(cookie(&map(&["hubgate=planted; hubgate=ours"]), "hubgate"), None);
        assert_eq!(cookie(&map(&["hubgate=same; hubgate=same"]), "hubgate"), Some("same"));
    }

    #[track_caller]
    fn check(before: &[&str], after: &[&str]) {
        let mut headers = map(before);
        without_ours(&mut headers, "__Host-hubgate");
        assert_eq!(headers, map(after), "{before:?}");
    }

    #[test]
    fn the_upstream_never_sees_our_cookies_and_always_sees_the_others() {
        check(&["a=1; __Host-hubgate=x; b=2"], &["a=1; b=2"]);
        check(&["__Host-hubgate=x"], &[]);
        check(&["__host-HUBGATE-login-1234=x; a=1"], &["a=1"]);
        check(&["a=1", "__Host-hubgate=x"], &["a=1"]);
        check(&["a=1;  b=\"q; z=3"], &["a=1;  b=\"q; z=3"]);
    }
}
