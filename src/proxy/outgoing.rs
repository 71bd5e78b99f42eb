//! A request as it goes to the hub.

use std::time::Duration;

use http::header::{self, HeaderName};
use http::{Method, Uri, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;

use super::{Cause, Error, SMALL};
use crate::body::{Lifeline, TrailerRule, UploadHandle};
use crate::fields::FieldValue;
use crate::headers::{Managed, Upgrade};
use crate::message::Request;

/// How long a client that waits for `100 Continue` waits for the hub's word before its body is
/// asked for all the same: not every hub sends one.
const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);

/// What is remembered of a request while it is with the hub.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) upload: Option<UploadHandle>,
    pub(super) switch: Option<Switch>,
    /// Whether it may be sent once more when a connection breaks (RFC 9110 §9.2.2).
    pub(super) replayable: bool,
}

/// A change of protocol that the client asks for.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) protocol: FieldValue,
    pub(super) client: OnUpgrade,
}

/// Makes a request fit for the hub, in place.
pub(super) fn prepare(
    request: &mut Request,
    upgrade: Option<Upgrade>,
    lifeline: &Lifeline,
    rule: &TrailerRule,
) -> Result<Sent, Error> {
    if request.method() == Method::CONNECT {
        return Err(Error::Client(Cause::Unsupported));
    }
    let empty = request.body().is_end_stream();
    let version = std::mem::replace(request.version_mut(), Version::HTTP_11);
    let switch = upgrade
        .filter(|upgrade| empty && version == Version::HTTP_11 && is_forwarded(&upgrade.0))
        .and_then(|upgrade| Some(Switch { protocol: upgrade.0, client: client_of(request)? }));
    if let Some(switch) = &switch {
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, const { FieldValue::from_static("upgrade") });
        headers.insert(header::UPGRADE, switch.protocol.clone());
    }
    let replayable = empty
        && matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE | Method::TRACE
        );
    let upload = (!empty).then(|| watch(request, version, lifeline, rule));
    Ok(Sent { upload, switch, replayable })
}

/// Whether a protocol is tunnelled. What carries further HTTP requests is not: they would pass
/// the gate unseen (RFC 9113 §3.1 took `h2c` out again; RFC 2817 is `TLS/1.0`).
fn is_forwarded(protocol: &FieldValue) -> bool {
    let Ok(protocol) = protocol.to_str() else { return false };
    let name = protocol.split('/').next().unwrap_or_default();
    !protocol.contains([',', ' '])
        && !name.is_empty()
        && !["h2c", "h2", "http", "tls"].iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// An address (HTTP/2, absolute-form) becomes a path, and a `Host` header where there is none
/// (RFC 9112 §3.2.1).
pub(super) fn to_origin_form(request: &mut Request) -> Result<(), Error> {
    let unsupported = || Error::Client(Cause::Unsupported);
    if let Some(authority) = request.uri().authority() {
        if !request.headers().contains_key(header::HOST) {
            let host = FieldValue::from_str(authority.as_str()).map_err(|_| unsupported())?;
            request.headers_mut().insert(header::HOST, host);
        }
        let path = request.uri().path_and_query().cloned().ok_or_else(unsupported)?;
        *request.uri_mut() = Uri::from(path);
    }
    Ok(())
}

/// What trailers must not say: whatever is the gate's to say, and what a request is judged by.
pub(super) fn trailer_rule(managed: Managed) -> TrailerRule {
    const JUDGED: [HeaderName; 8] = [
        header::HOST,
        header::COOKIE,
        header::AUTHORIZATION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
    ];
    TrailerRule::new(move |trailers| {
        managed.strip_trailers(trailers);
        for name in &JUDGED {
            trailers.remove(name);
        }
    })
}

/// Ties a body to its session, and watches its progress.
fn watch(
    request: &mut Request,
    version: Version,
    lifeline: &Lifeline,
    rule: &TrailerRule,
) -> UploadHandle {
    // HTTP/1.0 knows no `100 Continue`.
    let expects = version != Version::HTTP_10
        && request
            .headers()
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let body = std::mem::take(request.body_mut()).guarded(lifeline, SMALL);
    let (body, handle) = body.upload(expects.then_some(CONTINUE_PATIENCE), rule.clone());
    *request.body_mut() = body;
    handle
}

/// The connection that the client's request came on, once its protocol has changed.
fn client_of(request: &mut Request) -> Option<OnUpgrade> {
    request.extensions_mut().remove::<OnUpgrade>()
}

/// A request without a body once more; extensions belong to the first one.
pub(super) fn copy(request: &Request) -> Request {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut copy = Request::read(method, uri, request.headers().clone());
    *copy.version_mut() = request.version();
    copy
}
