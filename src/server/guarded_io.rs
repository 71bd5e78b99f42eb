//! A client's socket, watched: what is read goes through the head guard, and what is quiet for
//! too long is noticed.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::head_guard::{Refusal, Scanner};
use super::watched::Watch;

/// How long a client may go on sending after its request was answered early. Closing before
/// everything was read would reset the connection, and could take the answer with it
/// (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);

/// A client's socket.
#[derive(Debug)]
pub(super) struct GuardedIo<I> {
    inner: I,
    scanner: Scanner,
    watch: Arc<Watch>,
    /// What hyper reads next, before anything of the socket.
    owed: &'static [u8],
    linger: Option<Pin<Box<Sleep>>>,
}

/// The end of a head. hyper looks at a head that came in pieces when its end is there, and a
/// refusal may have taken that end away.
const HEAD_END: &[u8] = b"\r\n\r\n";

impl<I> GuardedIo<I> {
    pub(super) fn new(inner: I, watch: Arc<Watch>) -> Self {
        Self { inner, scanner: Scanner::new(), watch, owed: &[], linger: None }
    }

    /// Follows what was read.
    fn follow(&mut self, bytes: &mut [u8]) {
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
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for GuardedIo<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.owed.is_empty() && buffer.remaining() >= this.owed.len() {
            buffer.put_slice(std::mem::take(&mut this.owed));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        if !this.scanner.is_passing()
            && let Some(bytes) = buffer.filled_mut().get_mut(before..)
        {
            this.follow(bytes);
        }
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
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watch.written(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
        if polled.is_pending() {
            this.watch.written(true);
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
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
