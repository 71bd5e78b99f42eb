//! nginx's `auth_request`: the whole address in one field, and 401 or 403 for every no that is its
//! client's to hear.

use http::StatusCode;

use super::{Asked, Error, method, once};
use crate::fields::Fields;
use crate::policy::Reason;

/// The client's address as nginx has received it: `$scheme://$http_host$request_uri`.
pub(super) const URL: &str = "x-original-url";
pub(super) const METHOD: &str = "x-original-method";
/// What nginx's ingress controller writes beside them.
pub(super) const REDIRECT: &str = "x-auth-request-redirect";

/// What nginx, and its ingress controller, write by themselves: these are theirs to replace.
pub(super) const FIELDS: &[&str] = &[URL, METHOD, REDIRECT];

/// What is asked for.
pub(super) fn asked(headers: &Fields) -> Result<Asked<'_>, Error> {
    read(once(headers, URL)?, once(headers, METHOD)?)
}

/// The same by the values of its fields.
pub(super) fn read<'q>(url: &'q [u8], asked: &[u8]) -> Result<Asked<'q>, Error> {
    // The scheme is not judged: nginx's own is wrong behind somebody else's TLS.
    let rest = url.strip_prefix(b"https://").or_else(|| url.strip_prefix(b"http://"));
    let rest = rest.ok_or(Error::Malformed(URL))?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or(Error::Malformed(URL))?;
    let (host, raw) = rest.split_at(slash);
    Ok(Asked { method: method(asked, METHOD)?, host, path: raw })
}

/// nginx passes on 401 and 403, and makes a 500 of everything else: a redirect becomes a 401 whose
/// `Location` the configuration picks up.
///
/// A question that is not whole is a mistake of whoever configured nginx. It stays the 400 that it
/// is: nginx writes `auth request unexpected status: 400` into its log, and its client gets a 500.
pub(super) const fn refusal(status: StatusCode, reason: Reason) -> StatusCode {
    match (status, reason) {
        (_, Reason::ForwardAuthFields) => StatusCode::BAD_REQUEST,
        (StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER, _) => StatusCode::UNAUTHORIZED,
        _ => StatusCode::FORBIDDEN,
    }
}
