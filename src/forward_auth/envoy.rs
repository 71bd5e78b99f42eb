//! Envoy's `ext_authz` by HTTP, Istio, Gateway API: the client's own request line behind a prefix.

use http::header;

use crate::message::Request;

use super::{ADDRESS, Asked, Error, once};

pub(super) const HOST: &str = "host";

/// What is asked for: the method is the question's, the path what stands behind our address.
pub(super) fn asked(request: &Request) -> Result<Asked<'_>, Error> {
    let uri = request.uri();
    let raw = uri.path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or_default();
    let raw = raw.strip_prefix(ADDRESS).and_then(|rest| rest.strip_prefix("envoy"));
    let host = match (uri.authority(), request.headers().contains_key(header::HOST)) {
        (Some(authority), false) => authority.as_str().as_bytes(),
        (_, true) => once(request.headers(), HOST)?,
        (None, false) => return Err(Error::Missing(HOST)),
    };
    if uri.authority().is_some_and(|a| !a.as_str().as_bytes().eq_ignore_ascii_case(host)) {
        return Err(Error::Doubled(HOST));
    }
    Ok(Asked { method: request.method().clone(), host, path: raw.unwrap_or_default().as_bytes() })
}
