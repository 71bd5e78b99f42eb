//! What a request asks for, and whether it says so in one way.

use http::header;
use http::uri::PathAndQuery;
use http::{Method, Version};

use crate::config::PublicUrl;
use crate::error::Error;
use crate::fields::FieldValue;
use crate::message::Request;
use crate::policy::{Ambiguity, Reason, Target};

/// Parses the target; afterwards the request has exactly one `Host`.
///
/// # Errors
/// When the path, or the host, has two readings, or a header that decides something is doubled.
pub(super) fn parse(request: &mut Request, public_url: &PublicUrl) -> Result<Target, Error> {
    host(request, public_url)?;
    if request.headers().get_all(header::AUTHORIZATION).nth(1).is_some() {
        return Err(Error::Headers("two Authorization headers"));
    }
    let method = permitted(request.method().clone())?;
    let root = const { PathAndQuery::from_static("/") };
    Ok(Target::parse(method, request.uri().path_and_query().unwrap_or(&root))?)
}

/// The target of a plain question; `None` when there is more to be said of it.
pub(super) fn plain(method: Method, path: &[u8]) -> Option<Target> {
    Target::plain(permitted(method).ok()?, path)
}

/// TRACE would show our headers to whoever asks; CONNECT asks for a tunnel to anywhere.
fn permitted(method: Method) -> Result<Method, Error> {
    if matches!(method, Method::TRACE | Method::CONNECT) {
        return Err(Error::Page(Reason::MethodNotAllowed));
    }
    Ok(method)
}

/// Checks that the request names one host (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host(request: &mut Request, public_url: &PublicUrl) -> Result<(), Error> {
    let headers = request.headers();
    let host = headers.only(header::HOST);
    if host.is_none() && headers.contains_key(header::HOST) {
        return Err(Error::Headers("two Host headers"));
    }
    let authority = request.uri().authority();
    match (request.version(), authority, host) {
        (Version::HTTP_2 | Version::HTTP_3, Some(authority), None) => {
            let value = FieldValue::from_str(authority.as_str());
            let value = value.map_err(|_| Error::Headers("the authority is no host"))?;
            request.headers_mut().insert(header::HOST, value);
        }
        (Version::HTTP_2 | Version::HTTP_3, Some(authority), Some(host)) => {
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) {
                return Err(Error::Headers("Host and :authority differ"));
            }
        }
        // Absolute form: only for ourselves. Other proxies would believe the authority, and many
        // servers the Host header.
        (_, Some(authority), host) => {
            let ours = authority.as_str().eq_ignore_ascii_case(public_url.authority());
            let same = host.is_none_or(|host| {
                host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
            });
            if !ours || !same {
                return Err(Ambiguity::NotAPath.into());
            }
            if host.is_none() {
                return Err(Error::Headers("no Host header"));
            }
        }
        (Version::HTTP_11, None, None) => return Err(Error::Headers("no Host header")),
        (_, None, Some(host)) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
            if !host.as_bytes().iter().all(|b| plain(*b)) {
                return Err(Error::Headers("the Host header is no host"));
            }
        }
        (_, None, None) => {}
    }
    Ok(())
}
