//! Forwards what was allowed, as it came, and streams the answer back.

mod connect;
mod direct;
mod error;
mod local;
mod outgoing;
mod patience;
mod pool;
mod resting;
mod tunnel;
mod whose;

use std::rc::Rc;

use http::header;
use http::uri::{self, Authority};
use http::{StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::body::{Body, Lifeline, TrailerRule, UploadHandle};
use crate::headers::{Managed, Told, Upgrade, strip_response};
use crate::hub::Question;
use crate::message::{Request, Response};
use crate::observe::{Metrics, Recorder};
use crate::policy::Permit;

pub use connect::{Connector, ConnectorError};
pub use error::{Cause, Error};
pub use local::Local;

use outgoing::{Sent, copy, prepare, to_origin_form, trailer_rule};
use pool::{Kind, Needs, Pool, Sender};

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

    /// Forwards a request out of which everything was taken that only we may say, says what the
    /// hub is to be told, and returns the hub's answer without its hop-by-hop headers.
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
        request: &mut Request,
        told: Told,
        upgrade: Option<Upgrade>,
        lifeline: Lifeline,
    ) -> Result<Response, Error> {
        // The permit was the key to this door: it has opened it, and opens no other.
        let _used = permit;
        let result = async {
            let sent = prepare(request, upgrade, &lifeline, &self.trailers)?;
            // In a box, so that the futures around it are moved about without its weight.
            let answer = Box::pin(self.exchange(request, &told, &sent));
            let timeout = self.pool.connector().response_timeout();
            let mut response =
                match self.pool.timers().wait(timeout, sent.upload.as_ref(), answer).await? {
                    Answer::Ready(response) => response,
                    Answer::Raw(response)
                        if response.status() == StatusCode::SWITCHING_PROTOCOLS =>
                    {
                        return tunnel::join(response, sent.switch, lifeline);
                    }
                    Answer::Raw(response) => stripped(response),
                };
            if sent.upload.is_some() || !response.body().is_end_stream() {
                let mut body = std::mem::take(response.body_mut()).guarded(&lifeline, SMALL);
                if let Some(kept) = sent.upload.as_ref().and_then(UploadHandle::answered) {
                    // Nobody asked for it, and it may come all the same.
                    response.tell_close();
                    body = body.keeping(kept);
                }
                *response.body_mut() = body;
            }
            Ok(response)
        }
        .await;
        if let Err(error) = &result
            && let Some(kind) = error.upstream()
        {
            self.recorder.metrics().upstream_failed(kind);
        }
        result
    }

    /// Where what the hub does is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.recorder.metrics()
    }

    /// Asks the hub a question of our own. It holds one credential and nothing else of a request,
    /// and its answer goes to nobody but us: so it needs no permit.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub async fn ask(&self, question: Question) -> Result<Response, Error> {
        let mut request = question.into_request();
        let sent = Sent { upload: None, switch: None, replayable: true };
        Ok(match Box::pin(self.exchange(&mut request, &Told::nothing(), &sent)).await? {
            Answer::Ready(response) => response,
            Answer::Raw(response) => stripped(response),
        })
    }

    /// Sends a request, and waits for the head of the answer. A connection that turns out to be
    /// closed is no reason to fail: what was not sent is sent on the next one, and what may be
    /// sent twice is sent once more.
    async fn exchange(
        &self,
        request: &mut Request,
        told: &Told,
        sent: &Sent,
    ) -> Result<Answer, Error> {
        let mut needs =
            Needs { upgrade: sent.switch.is_some(), replayable: sent.replayable, fresh: false };
        loop {
            let Sender { kind, reused } = self.pool.sender(needs).await?;
            match kind {
                Kind::Direct(link) => {
                    to_origin_form(request)?;
                    match direct::exchange(link, request, told, sent, &self.pool).await {
                        Ok(response) => return Ok(Answer::Ready(response)),
                        Err(failure) if reused && failure.allows_another(needs) => {}
                        Err(failure) => return Err(failure.error),
                    }
                }
                Kind::Upgrade(mut sender) => {
                    told.insert(request.headers_mut());
                    to_origin_form(request)?;
                    let response = sender.send_request(turned_over(request)?).await;
                    return response.map(Answer::Raw).map_err(Error::from_hyper);
                }
                Kind::Http2(mut sender, generation) => {
                    told.insert(request.headers_mut());
                    to_http2(request, self.pool.connector().scheme())?;
                    // The body need not wait where it has a window of its own.
                    if let Some(upload) = &sent.upload {
                        upload.release();
                    }
                    let spare = (reused && needs.replayable && !needs.fresh).then(|| copy(request));
                    match sender.try_send_request(turned_over(request)?).await {
                        Ok(response) => return Ok(Answer::Raw(response)),
                        Err(mut failure) => {
                            let again = failure.take_message().filter(|_| reused);
                            let again = again.map(Request::from).or(spare);
                            let Some(again) = again else {
                                return Err(Error::from_hyper(failure.into_error()));
                            };
                            self.pool.forget(generation);
                            *request = again;
                        }
                    }
                }
            }
            needs.fresh = true;
        }
    }
}

/// The hub's answer, as far as it is made ready for the client.
enum Answer {
    /// Without what speaks of the hub's connection.
    Ready(Response),
    /// As hyper read it.
    Raw(http::Response<Incoming>),
}

/// An answer without what speaks of the hub's connection.
fn stripped(response: http::Response<Incoming>) -> Response {
    let mut response = Response::from(response);
    strip_response(response.headers_mut());
    response
}

/// A request for the library that speaks HTTP/2 and changes protocols.
fn turned_over(request: &mut Request) -> Result<http::Request<Body>, Error> {
    request.take_http().map_err(|_| Error::Client(Cause::Unsupported))
}

/// A `Host` header and a path become an address again (RFC 9113 §8.3.1).
fn to_http2(request: &mut Request, scheme: uri::Scheme) -> Result<(), Error> {
    let unsupported = || Error::Client(Cause::Unsupported);
    let Some(host) = request.headers_mut().remove(header::HOST) else {
        // It was an address already: the request comes back from a connection that was closed.
        return if request.uri().authority().is_some() { Ok(()) } else { Err(unsupported()) };
    };
    let authority = Authority::try_from(host.as_bytes()).map_err(|_| unsupported())?;
    let mut parts = uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| unsupported())?;
    *request.version_mut() = Version::HTTP_2;
    Ok(())
}
