//! Traefik, Caddy, HAProxy, Skipper: `X-Forwarded-*`, and any answer is passed on.

use crate::fields::Fields;

use super::{Asked, Error, method, once, path};

const METHOD: &str = "x-forwarded-method";
const PROTO: &str = "x-forwarded-proto";
pub(super) const HOST: &str = "x-forwarded-host";
const URI: &str = "x-forwarded-uri";

/// What is asked for.
pub(super) fn asked(headers: &Fields) -> Result<Asked, Error> {
    // Traefik says ws and wss of a WebSocket.
    match once(headers, PROTO)?.as_bytes() {
        b"https" | b"http" | b"wss" | b"ws" => {}
        _ => return Err(Error::Malformed(PROTO)),
    }
    Ok(Asked {
        method: method(once(headers, METHOD)?, METHOD)?,
        host: once(headers, HOST)?.clone(),
        path: path(once(headers, URI)?.as_bytes())?,
    })
}
