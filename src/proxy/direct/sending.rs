//! A request on its way to the hub: its head, then its body as it comes.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::{Body as _, Frame};

use super::head::{self, Framing};
use super::link::Link;
use crate::body::{self, Body};
use crate::headers::{Told, write_line};
use crate::message::Request;
use crate::proxy::Error;

/// What is still to be sent.
#[derive(Debug)]
pub(super) struct Sending {
    /// The head, and the frames of chunks.
    out: Vec<u8>,
    /// How much of that is sent.
    at: usize,
    /// What follows it.
    data: Bytes,
    /// What follows that.
    tail: &'static [u8],
    body: Body,
    framing: Framing,
    /// Whether the hub has taken anything.
    begun: bool,
    flushed: bool,
    /// Why the hub takes nothing any more.
    pub(super) error: Option<io::Error>,
}

impl Sending {
    /// Writes the head into `room`.
    pub(super) fn new(
        request: &Request,
        told: &Told,
        body: Body,
        room: Vec<u8>,
    ) -> Result<Self, Error> {
        let mut out = room;
        let framing = head::write(request, told, &body, &mut out)?;
        Ok(Self {
            out,
            at: 0,
            data: Bytes::new(),
            tail: b"",
            body,
            framing,
            begun: false,
            flushed: true,
            error: None,
        })
    }

    /// Sends as much as can be sent; ready, when there is no more to do.
    ///
    /// # Errors
    /// When the client's body breaks off.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        link: &mut Link,
    ) -> Result<Poll<()>, body::Error> {
        loop {
            if self.error.is_some() {
                return Ok(Poll::Ready(()));
            }
            if self.data.is_empty() && self.tail.is_empty() {
                self.poll_body(cx)?;
            }
            if self.is_written() {
                if !self.flushed {
                    match link.poll_flush(cx) {
                        Poll::Ready(Ok(())) => self.flushed = true,
                        Poll::Ready(Err(error)) => self.error = Some(error),
                        Poll::Pending => return Ok(Poll::Pending),
                    }
                }
                return Ok(if self.framing.is_over() { Poll::Ready(()) } else { Poll::Pending });
            }
            match self.poll_write(cx, link) {
                Poll::Ready(Ok(0)) => self.error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => self.advance(count),
                Poll::Ready(Err(error)) => self.error = Some(error),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
    }

    /// Whether all of it was sent: the last piece of the body may have been taken, and still lie here.
    pub(super) const fn is_whole(&self) -> bool {
        self.framing.is_over() && self.is_written() && self.flushed && self.error.is_none()
    }

    /// Whether nothing of the body is to come from the client.
    pub(super) const fn has_all(&self) -> bool {
        self.framing.is_over()
    }

    /// Whether the hub has taken nothing.
    pub(super) const fn is_untouched(&self) -> bool {
        !self.begun
    }

    /// The body, with what was read of it already; for a request that was not sent.
    pub(super) fn into_body(self) -> Body {
        if self.data.is_empty() { self.body } else { Body::prefixed(self.data, self.body) }
    }

    /// The room that the head was written in.
    pub(super) fn into_room(self) -> Vec<u8> {
        self.out
    }

    const fn is_written(&self) -> bool {
        self.at == self.out.len() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Takes the next piece of the body, if there is one and room for it.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<(), body::Error> {
        while self.data.is_empty() && self.tail.is_empty() && !self.framing.is_over() {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => None,
                Poll::Ready(Some(frame)) => Some(frame?),
            };
            self.forget_sent();
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => self.put(data)?,
                Some(Err(frame)) => self.end(frame.into_trailers().ok().as_ref())?,
                None => self.end(None)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, data: Bytes) -> Result<(), body::Error> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.framing {
            Framing::Chunked => {
                // Writing into a vector cannot fail.
                let _ = write!(self.out, "{:X}\r\n", data.len());
                self.tail = b"\r\n";
            }
            Framing::Length(left) => {
                // The length that was said is the length that is sent.
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(length).ok_or_else(wrong_length)?;
            }
            Framing::Over => return Err(wrong_length()),
        }
        self.data = data;
        Ok(())
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) -> Result<(), body::Error> {
        match self.framing {
            Framing::Chunked => {
                self.out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.into_iter().flatten() {
                    write_line(name, value.as_bytes(), &mut self.out);
                }
                self.out.extend_from_slice(b"\r\n");
                self.framing = Framing::Over;
                Ok(())
            }
            Framing::Length(_) => Err(wrong_length()),
            Framing::Over => Ok(()),
        }
    }

    /// Makes room for frames of chunks; the head is kept until something else is written.
    fn forget_sent(&mut self) {
        if self.at == self.out.len() {
            self.out.clear();
            self.at = 0;
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<io::Result<usize>> {
        let head = self.out.get(self.at..).unwrap_or_default();
        if self.data.is_empty() && self.tail.is_empty() {
            return link.poll_write(cx, &[IoSlice::new(head)]);
        }
        let slices = [IoSlice::new(head), IoSlice::new(&self.data), IoSlice::new(self.tail)];
        link.poll_write(cx, slices.get(usize::from(head.is_empty())..).unwrap_or(&slices))
    }

    fn advance(&mut self, mut count: usize) {
        self.begun = true;
        self.flushed = false;
        let head = count.min(self.out.len() - self.at);
        self.at += head;
        count -= head;
        let data = count.min(self.data.len());
        self.data.advance(data);
        count -= data;
        self.tail = self.tail.get(count..).unwrap_or_default();
    }
}

/// A body that is not as long as was said (RFC 9112 §6.2).
fn wrong_length() -> body::Error {
    body::Error::Hub(io::Error::new(io::ErrorKind::InvalidData, "the body has another length"))
}
