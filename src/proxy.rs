//! Forwards what was allowed, as it came, and streams the answer back.

mod connect;
mod error;
mod local;
mod outgoing;
mod pool;
mod tunnel;

use std::rc::Rc;

use http::header::{self, HeaderValue};
use http::uri::{self, Authority};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use crate::body::{Body, Lifeline, TrailerRule, UploadHandle};
use crate::headers::{Managed, Upgrade, strip_response};
use crate::observe::Recorder;
use crate::policy::Permit;

pub use connect::{Connector, ConnectorError};
pub use error::{Cause, Error};
pub use local::Local;

use outgoing::{Sent, copy, prepare, to_origin_form, trailer_rule, wait};
use pool::{Kind, Needs, Pool};

/// Bodies of at most this many bytes are over before their session could end.
const SMALL: u64 = 1024 * 1024;

/// Forwards requests to the hub, for one thread: its connections are its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxy {
    pool: Rc<Pool>,
    recorder: Recorder,
    trailers: TrailerRule,
}

impl Proxy {
    /// Prepares one thread; forwarding runs on that thread, inside its runtime. What is `managed`
    /// is taken out of requests' trailers, as it is out of their headers.
    #[must_use]
    pub fn new(connector: &Connector, managed: &Managed, recorder: Recorder) -> Self {
        let trailers = trailer_rule(managed.clone());
        Self { pool: Pool::new(connector.clone(), recorder.clone()), recorder, trailers }
    }

    /// The same thread after a change of the configuration: connections go on where they lead to
    /// the same hub.
    #[must_use]
    pub fn with(&self, connector: &Connector, managed: &Managed) -> Self {
        let trailers = trailer_rule(managed.clone());
        let recorder = self.recorder.clone();
        let pool = if self.pool.connector().is(connector) {
            Rc::clone(&self.pool)
        } else {
            Pool::new(connector.clone(), recorder.clone())
        };
        Self { pool, recorder, trailers }
    }

    /// Forwards a request whose headers were rewritten for the hub, and returns the hub's answer
    /// without its hop-by-hop headers.
    ///
    /// `upgrade` is the protocol that the client wants to change to, as
    /// [`strip_request`](crate::headers::strip_request) found it. Streams of the answer end when
    /// `lifeline` does.
    ///
    /// # Errors
    /// When the hub cannot be reached, does not answer in time, or answers with what is no HTTP;
    /// when the client breaks its request off.
    pub async fn forward(
        &self,
        permit: Permit<'_>,
        mut request: Request<Body>,
        upgrade: Option<Upgrade>,
        lifeline: Lifeline,
    ) -> Result<Response<Body>, Error> {
        // The permit was the key to this door: it has opened it, and opens no other.
        let _used = permit;
        let result = async {
            let sent = prepare(&mut request, upgrade, &lifeline, &self.trailers)?;
            // In a box, so that the futures around it are moved about without its weight.
            let answer = Box::pin(self.exchange(request, &sent));
            let timeout = self.pool.connector().response_timeout();
            let response = wait(timeout, sent.upload.as_ref(), answer).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return tunnel::join(response, sent.switch, lifeline);
            }
            Ok(answered(response, sent.upload.as_ref(), &lifeline))
        }
        .await;
        if let Err(error) = &result
            && let Some(kind) = error.upstream()
        {
            self.recorder.metrics().upstream_failed(kind);
        }
        result
    }

    /// Sends a request, and waits for the head of the answer. A connection that turns out to be
    /// closed is no reason to fail: what was not sent is sent on the next one, and what may be
    /// sent twice is sent once more.
    async fn exchange(
        &self,
        mut request: Request<Body>,
        sent: &Sent,
    ) -> Result<Response<Incoming>, Error> {
        let mut needs =
            Needs { upgrade: sent.switch.is_some(), replayable: sent.replayable, fresh: false };
        loop {
            let mut sender = self.pool.sender(needs).await?;
            match sender.kind {
                Kind::Http1(_) => to_origin_form(&mut request)?,
                Kind::Http2(..) => {
                    to_http2(&mut request, self.pool.connector().scheme())?;
                    // The body need not wait where it has a window of its own.
                    if let Some(upload) = &sent.upload {
                        upload.release();
                    }
                }
            }
            let spare = (sender.reused && needs.replayable && !needs.fresh).then(|| copy(&request));
            match sender.send(request).await {
                Ok(response) => {
                    self.pool.give_back(sender);
                    return Ok(response);
                }
                Err(mut failure) => {
                    let again = failure.take_message().filter(|_| sender.reused);
                    match again.or(spare) {
                        Some(again) => {
                            self.pool.forget(&sender);
                            request = again;
                            needs.fresh = true;
                        }
                        None => return Err(Error::from_hyper(failure.into_error())),
                    }
                }
            }
        }
    }
}

/// The hub's answer as the client gets it.
fn answered(
    response: Response<Incoming>,
    upload: Option<&UploadHandle>,
    lifeline: &Lifeline,
) -> Response<Body> {
    let (mut parts, incoming) = response.into_parts();
    parts.version = Version::HTTP_11;
    strip_response(&mut parts.headers);
    let mut body = Body::from(incoming).guarded(lifeline, SMALL);
    if let Some(kept) = upload.and_then(UploadHandle::answered) {
        body = body.keeping(kept);
    }
    Response::from_parts(parts, body)
}

/// A `Host` header and a path become an address again (RFC 9113 §8.3.1).
fn to_http2(request: &mut Request<Body>, scheme: uri::Scheme) -> Result<(), Error> {
    let unsupported = || Error::Client(Cause::Unsupported);
    let Some(host) = request.headers_mut().remove(header::HOST) else {
        // It was an address already: the request comes back from a connection that was closed.
        return if request.uri().authority().is_some() { Ok(()) } else { Err(unsupported()) };
    };
    let authority = Authority::try_from(HeaderValue::as_bytes(&host)).map_err(|_| unsupported())?;
    let mut parts = uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| unsupported())?;
    *request.version_mut() = Version::HTTP_2;
    Ok(())
}
