//! HTTP/1.1 spoken with the hub by ourselves: the head of a request is written as bytes, the head
//! of an answer is read strictly, and both run in the task of the request.
//!
//! What has two readings is no answer (RFC 9112 §6.3): a length beside a transfer coding, two
//! lengths, another coding than `chunked`, a folded line. What the hub sends beyond its answer ends
//! the connection, so that it can never be taken for the next request's answer.

mod answer;
mod chunks;
mod download;
mod head;
mod link;
mod sending;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;

use super::Error;
use super::outgoing::Sent;
use super::pool::{Needs, Pool};
use crate::body;
use crate::fields::Names;
use crate::headers::Told;
use crate::message::{Request, Response};

pub(super) use link::Link;

use answer::{Answer, Flaw};
use download::Download;
use sending::Sending;

/// Why there is no answer, and what may still be done about it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the hub has taken nothing of the request: then it is as good as new.
    unsent: bool,
    /// Whether the connection ended without a byte of an answer.
    unanswered: bool,
}

impl Failure {
    /// Whether the request goes out once more, on a connection that nobody has used.
    pub(super) const fn allows_another(&self, needs: Needs) -> bool {
        self.unsent || (self.unanswered && needs.replayable)
    }

    const fn of(error: Error) -> Self {
        Self { error, unsent: false, unanswered: false }
    }
}

/// Sends a request on this connection and waits for the head of the answer.
///
/// # Errors
/// When the connection ends first, or what comes is no answer. A request that was not sent is put
/// back whole.
pub(super) async fn exchange(
    link: Link,
    request: &mut Request,
    told: &Told,
    sent: &Sent,
    pool: &Pool,
) -> Result<Response, Failure> {
    let mut under_way = UnderWay::begin(link, request, told)?;
    loop {
        let read = poll_fn(|cx| under_way.poll_answer(cx, request, pool.names())).await;
        let (answer, mut response) = match read {
            Ok(read) => read,
            Err(Stop::Flaw(flaw)) => return Err(Failure::of(Error::invalid(flaw))),
            Err(Stop::Ended(error)) => return Err(under_way.broken(request, error)),
            Err(Stop::Client(error)) => return Err(Failure::of(Error::from_body(error))),
        };
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => return Err(Failure::of(Error::UnaskedUpgrade)),
            StatusCode::CONTINUE => {
                if let Some(upload) = &sent.upload {
                    upload.release();
                }
            }
            status if status.is_informational() => {}
            _ => {
                let mut download = Download::new(under_way, answer, Arc::clone(pool.resting()));
                if let Some(unread) = download.take_unread() {
                    *request.body_mut() = unread;
                } else if download.ends_upload() {
                    response.tell_close();
                }
                *response.body_mut() = download.into_body();
                return Ok(response);
            }
        }
    }
}

/// One request on one connection.
#[derive(Debug)]
struct UnderWay {
    link: Link,
    /// What is still to be sent.
    sending: Option<Sending>,
}

/// Why reading an answer stopped.
enum Stop {
    Flaw(Flaw),
    /// The connection ended.
    Ended(Option<io::Error>),
    /// The client's body broke off.
    Client(body::Error),
}

impl UnderWay {
    /// Writes the head; nothing is sent yet.
    fn begin(mut link: Link, request: &mut Request, told: &Told) -> Result<Self, Failure> {
        let body = std::mem::take(request.body_mut());
        let sending = Sending::new(request, told, body, link.room()).map_err(Failure::of)?;
        Ok(Self { link, sending: Some(sending) })
    }

    /// Sends what can be sent, and reads until there is a head.
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        request: &mut Request,
        names: &Names,
    ) -> Poll<Result<(Answer, Response), Stop>> {
        if let Err(error) = self.poll_send(cx) {
            return Poll::Ready(Err(Stop::Client(error)));
        }
        loop {
            if !self.link.buffer().is_empty() {
                match answer::take(&mut self.link, request, names) {
                    Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                    Ok(None) => {}
                    Err(flaw) => return Poll::Ready(Err(Stop::Flaw(flaw))),
                }
            }
            match ready!(self.link.poll_fill(cx, link::HEAD)) {
                Ok(0) => return Poll::Ready(Err(Stop::Ended(None))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Stop::Ended(Some(error)))),
            }
        }
    }

    /// Goes on sending; a hub that takes no more may have answered, so that is no error here.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), body::Error> {
        if let Some(sending) = &mut self.sending
            && sending.poll(cx, &mut self.link)?.is_ready()
            && sending.is_whole()
            && let Some(sent) = self.sending.take()
        {
            self.link.put_back(sent.into_room());
        }
        Ok(())
    }

    /// Sends the rest of a request that was answered early; whether that came to its end.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut self.sending {
            None => Poll::Ready(true),
            Some(sending) => match sending.poll(cx, &mut self.link) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) => Poll::Ready(sending.is_whole()),
                Err(_) => Poll::Ready(false),
            },
        }
    }

    /// The connection has ended without an answer.
    fn broken(&mut self, request: &mut Request, error: Option<io::Error>) -> Failure {
        let (mut cause, mut unsent) = (None, false);
        if let Some(mut sending) = self.sending.take() {
            cause = sending.error.take();
            unsent = sending.is_untouched();
            *request.body_mut() = sending.into_body();
        }
        let error = error.or(cause).unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
        let unanswered = self.link.buffer().is_empty();
        Failure { error: Error::invalid(error), unsent, unanswered }
    }

    /// The connection, for the next request.
    fn into_link(mut self) -> Link {
        self.link.rest();
        self.link
    }
}
