//! Envoy's `ext_authz` by HTTP, Istio, Gateway API: the client's own request line behind a prefix.

use http::header;

use crate::fields::FieldValue;
use crate::message::Request;

use super::{ADDRESS, Asked, Error, once, path};

pub(super) const HOST: &str = "host";

/// What is asked for: the method is the question's, the path what stands behind our address.
pub(super) fn asked(request: &Request) -> Result<Asked, Error> {
    let uri = request.uri();
    let raw = uri.path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or_default();
    let raw = raw.strip_prefix(ADDRESS).and_then(|rest| rest.strip_prefix("envoy"));
    let host = match (uri.authority(), request.headers().contains_key(header::HOST)) {
        (Some(authority), false) => {
            FieldValue::from_str(authority.as_str()).map_err(|_| Error::Malformed(HOST))?
        }
        (_, true) => once(request.headers(), HOST)?.clone(),
        (None, false) => return Err(Error::Missing(HOST)),
    };
    if uri.authority().is_some_and(|a| !a.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
    {
        return Err(Error::Doubled(HOST));
    }
    Ok(Asked {
        method: request.method().clone(),
        host,
        path: path(raw.unwrap_or_default().as_bytes())?,
    })
}
