//! nginx's `auth_request`: the whole address in one field, and 401 or 403 for every no.

use http::{HeaderMap, StatusCode};

use super::{Asked, Error, method, once, path};

/// The client's address as nginx has received it: `$scheme://$http_host$request_uri`.
pub(super) const URL: &str = "x-original-url";
const METHOD: &str = "x-original-method";

/// What nginx, and its ingress controller, write by themselves: these are theirs to replace.
pub(super) const FIELDS: &[&str] = &[URL, METHOD, "x-auth-request-redirect"];

/// What is asked for.
pub(super) fn asked(headers: &HeaderMap) -> Result<Asked, Error> {
    let url = once(headers, URL)?.as_bytes();
    // The scheme is not judged: nginx's own is wrong behind somebody else's TLS.
    let rest = url.strip_prefix(b"https://").or_else(|| url.strip_prefix(b"http://"));
    let rest = rest.ok_or(Error::Malformed(URL))?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or(Error::Malformed(URL))?;
    let (host, raw) = rest.split_at(slash);
    Ok(Asked {
        method: method(once(headers, METHOD)?, METHOD)?,
        host: http::HeaderValue::from_bytes(host).map_err(|_| Error::Malformed(URL))?,
        path: path(raw)?,
    })
}

/// nginx passes on 401 and 403, and makes a 500 of everything else: a redirect becomes a 401 whose
/// `Location` the configuration picks up.
pub(super) const fn refusal(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER => StatusCode::UNAUTHORIZED,
        _ => StatusCode::FORBIDDEN,
    }
}
