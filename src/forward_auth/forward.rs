//! Traefik, Caddy, HAProxy, Skipper: `X-Forwarded-*`, and any answer is passed on.

use crate::fields::Fields;

use super::{Asked, Error, method, once};

pub(super) const METHOD: &str = "x-forwarded-method";
pub(super) const PROTO: &str = "x-forwarded-proto";
pub(super) const HOST: &str = "x-forwarded-host";
pub(super) const URI: &str = "x-forwarded-uri";

/// What is asked for.
pub(super) fn asked(headers: &Fields) -> Result<Asked<'_>, Error> {
    let said = |field| once(headers, field);
    read(said(PROTO)?, said(METHOD)?, said(HOST)?, said(URI)?)
}

/// The same by the values of its fields.
pub(super) fn read<'q>(
    proto: &[u8],
    asked: &[u8],
    host: &'q [u8],
    uri: &'q [u8],
) -> Result<Asked<'q>, Error> {
    // Traefik says ws and wss of a WebSocket.
    match proto {
        b"https" | b"http" | b"wss" | b"ws" => {}
        _ => return Err(Error::Malformed(PROTO)),
    }
    Ok(Asked { method: method(asked, METHOD)?, host, path: uri })
}
