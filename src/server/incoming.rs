//! What HTTP/2 says in its own way is said as HTTP/1.1 says it, so that one reading suffices.

use http::header::{self, HeaderValue};
use http::{Request, Version};

/// Gives an HTTP/2 request its `Host` (RFC 9113 §8.3.1) and one `Cookie` header instead of many
/// (§8.2.3).
///
/// A `Host` that stands beside `:authority` and differs is left as it is: that is for the gate to
/// refuse.
pub(super) fn unify<B>(request: &mut Request<B>) {
    if request.version() != Version::HTTP_2 {
        return;
    }
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    let mut crumbs = request.headers().get_all(header::COOKIE).iter();
    if let (Some(first), Some(_)) = (crumbs.next(), crumbs.next()) {
        let mut whole = first.as_bytes().to_vec();
        for crumb in request.headers().get_all(header::COOKIE).iter().skip(1) {
            whole.extend_from_slice(b"; ");
            whole.extend_from_slice(crumb.as_bytes());
        }
        if let Ok(whole) = HeaderValue::from_bytes(&whole) {
            request.headers_mut().insert(header::COOKIE, whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_become_one_cookie_and_the_authority_becomes_the_host() {
        let mut request = Request::get("https://hub.example.com/acme")
            .version(Version::HTTP_2)
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("cookie", "c=3")
            .body(())
            .unwrap();
        unify(&mut request);
        let values: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(values, ["a=1; b=2; c=3"]);
        assert_eq!(request.headers()["host"], "hub.example.com");
    }

    #[test]
    fn http1_stays_as_it_came() {
        let mut request =
            Request::get("/acme").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
        unify(&mut request);
        assert_eq!(request.headers().len(), 2);
    }
}
