//! A client's socket, watched: what is read goes through the head guard, and what is quiet for
//! too long is noticed.

use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::head_guard::{Refusal, Scanner};
use super::unreadable;
use super::watched::Watch;

/// How long a client may go on sending after its request was answered early. Closing before
/// everything was read would reset the connection, and could take the answer with it
/// (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);

/// The end of a head. hyper looks at a head that came in pieces when its end is there, and a
/// refusal may have taken that end away.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// How much is read at once of a head, and kept of what a client says while it is answered.
const HEAD: usize = 8 * 1024;

/// How an HTTP/2 client with prior knowledge begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's socket.
#[derive(Debug)]
pub(super) struct GuardedIo<I> {
    inner: I,
    scanner: Scanner,
    watch: Arc<Watch>,
    /// What was read before it was known whose it is: hyper reads it next.
    ahead: BytesMut,
    /// What hyper reads then, of our own.
    owed: &'static [u8],
    /// Whether the version is known: it does not change.
    http1: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

/// What a quiet connection has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    Http1,
    Http2,
    /// Nothing any more.
    End,
}

impl<I> GuardedIo<I> {
    pub(super) fn new(inner: I, watch: Arc<Watch>) -> Self {
        Self {
            inner,
            scanner: Scanner::new(),
            watch,
            ahead: BytesMut::new(),
            owed: &[],
            http1: false,
            linger: None,
        }
    }

    /// Takes back what hyper has read, and not used, of a connection between two requests. Empty
    /// lines are forgotten, as they would be in front of the next request (RFC 9112 §2.2).
    pub(super) fn put_back(&mut self, unused: &[u8]) {
        let blank = unused.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.ahead.extend_from_slice(unused.get(blank..).unwrap_or_default());
    }

    /// What was read and nobody has used yet.
    pub(super) const fn ahead(&mut self) -> &mut BytesMut {
        &mut self.ahead
    }

    /// Gives the room for it back, of a connection on which nothing is said.
    pub(super) fn rest(&mut self) {
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
    }

    /// Follows what was read.
    fn follow(&mut self, bytes: &mut [u8]) {
        if self.scanner.is_passing() {
            return;
        }
        if self.watch.is_upgraded() {
            self.scanner.pass();
            self.watch.head_ends();
            return;
        }
        let (heads, in_head) = (self.scanner.heads(), self.scanner.in_head());
        if let Some(refusal) = self.scanner.scan(bytes) {
            self.watch.refuse(refusal);
            if refusal == Refusal::Framing {
                self.owed = HEAD_END;
            }
        }
        let ended = self.scanner.heads() != heads || self.scanner.is_passing();
        if ended {
            self.watch.head_ends();
        }
        if self.scanner.in_head() && (ended || !in_head) {
            self.watch.head_begins();
        }
        self.watch.read(self.scanner.is_between());
    }

    /// Whether what was read ends with a request.
    pub(super) const fn is_between(&self) -> bool {
        self.scanner.is_between()
    }
}

impl<I: AsyncRead + Unpin> GuardedIo<I> {
    /// Waits until there is something to read, and says what it is; it is kept for hyper.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Ahead>> {
        loop {
            let preface = self.ahead.len().min(PREFACE.len());
            let (begun, whole) = (PREFACE.get(..preface), self.ahead.len() >= PREFACE.len());
            let differs = self.ahead.get(..preface) != begun;
            if !self.ahead.is_empty() && (self.http1 || differs) {
                self.http1 = true;
                return Poll::Ready(Ok(Ahead::Http1));
            }
            if whole {
                return Poll::Ready(Ok(Ahead::Http2));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(Ahead::End));
            }
        }
    }

    /// Whether the client has left, or reads no more: it is not waited for then. What it says
    /// meanwhile is kept; once that is much, nothing more is read.
    pub(super) fn has_left(&mut self, cx: &mut Context<'_>) -> bool {
        while self.ahead.len() < HEAD {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        false
    }

    /// Reads once, behind what was read ahead; 0 is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ahead.capacity() == 0 {
            // A connection on which nothing is said needs no room for it.
            let mut bytes = [const { MaybeUninit::uninit() }; HEAD];
            let mut read = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
            self.ahead.reserve(HEAD);
            self.ahead.extend_from_slice(read.filled());
            return Poll::Ready(Ok(read.filled().len()));
        }
        // Room for a usual head is enough: what is longer is read on by the library.
        if self.ahead.capacity() - self.ahead.len() < HEAD / 2 {
            self.ahead.reserve(HEAD);
        }
        pin!(self.inner.read_buf(&mut self.ahead)).poll(cx)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for GuardedIo<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(this.ahead.get(..count).unwrap_or_default());
            this.ahead.advance(count);
            if this.ahead.is_empty() {
                this.ahead = BytesMut::new();
            }
        } else if !this.owed.is_empty() && buffer.remaining() >= this.owed.len() {
            buffer.put_slice(std::mem::take(&mut this.owed));
            return Poll::Ready(Ok(()));
        } else if this.scanner.in_head() {
            // In small steps: hyper compares a head with its limit between two reads.
            let mut bytes = [0; HEAD];
            let mut step =
                ReadBuf::new(bytes.get_mut(..buffer.remaining().min(HEAD)).unwrap_or_default());
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut step))?;
            buffer.put_slice(step.filled());
        } else {
            ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        }
        if let Some(bytes) = buffer.filled_mut().get_mut(before..) {
            this.follow(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> GuardedIo<I> {
    /// Sends our words in the place of the library's. Whoever polls the connection sees that they are
    /// wanted, and polls again.
    fn say_instead(&mut self, status: StatusCode, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(mut words) = self.watch.words.take(status) else { return Poll::Pending };
        while !words.is_empty() {
            let polled = Pin::new(&mut self.inner).poll_write(cx, &words);
            self.watch.written(polled.is_pending());
            let Poll::Ready(sent) = polled else {
                self.watch.words.give(words);
                return Poll::Pending;
            };
            words.advance(sent?);
        }
        self.watch.words.sent();
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(status) = unreadable::status(bytes)
            && !this.watch.is_upgraded()
        {
            return this.say_instead(status, cx).map_ok(|()| bytes.len());
        }
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watch.written(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.watch.written(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(cx);
        // TLS keeps what the socket does not take, and says so here.
        this.watch.written(polled.is_pending());
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.watch.ends();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            let read_all = this.scanner.is_between() || this.watch.is_upgraded();
            if read_all {
                return Poll::Ready(Ok(()));
            }
        }
        let until = this.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        // What still comes is read and forgotten.
        loop {
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Flow, Observer, Sink};
    use crate::server::watched::Ticks;
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn a_connection_on_which_nothing_is_said_holds_no_room() {
        let recorder = Observer::new(Sink::none()).recorder();
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let load = Arc::default();
        let watch = Watch::new(&Ticks::new(), &load, recorder.metrics(), Flow::Plain, permit);
        let (mut client, server) = tokio::io::duplex(1024);
        let mut io = GuardedIo::new(server, watch);
        for _ in 0..2 {
            let waiting = std::future::poll_fn(|cx| Poll::Ready(io.poll_ahead(cx).is_pending()));
            assert!(waiting.await);
            assert_eq!(io.ahead().capacity(), 0);
            client.write_all(b"GET /").await.unwrap();
            let said = std::future::poll_fn(|cx| io.poll_ahead(cx)).await.unwrap();
            assert_eq!((said, &io.ahead()[..]), (Ahead::Http1, &b"GET /"[..]));
            io.ahead().clear();
            io.rest();
        }
    }
}
