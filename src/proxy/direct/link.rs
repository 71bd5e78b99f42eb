//! One connection to the hub, and what was read from it.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};

use crate::proxy::connect::Stream;
use crate::proxy::resting::Open;

/// How much is read at once while a head is awaited, and kept by an idle connection.
pub(super) const HEAD: usize = 8 * 1024;

/// One HTTP/1.1 connection.
#[derive(Debug)]
pub(in crate::proxy) struct Link {
    stream: Stream,
    read: BytesMut,
    /// The room that heads of requests are written in.
    out: Vec<u8>,
    _open: Open,
}

impl Link {
    pub(in crate::proxy) fn new(stream: Stream, open: Open) -> Self {
        Self { stream, read: BytesMut::new(), out: Vec::new(), _open: open }
    }

    /// Whether it can carry another request: the hub has said nothing, and has not hung up. Costs a
    /// system call only where something has happened on the socket.
    pub(in crate::proxy) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.read.is_empty() && self.poll_fill(&mut cx, 1).is_pending()
    }

    /// Gives back what is large before the connection waits for a request.
    pub(super) fn rest(&mut self) {
        if self.read.capacity() > 2 * HEAD {
            self.read = BytesMut::new();
        }
    }

    /// Puts the room for heads back.
    pub(super) fn put_back(&mut self, room: Vec<u8>) {
        if room.capacity() <= HEAD {
            self.out = room;
        }
    }

    /// Takes the room for a head.
    pub(super) fn room(&mut self) -> Vec<u8> {
        let mut room = std::mem::take(&mut self.out);
        room.clear();
        room
    }

    /// What was read and not taken.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.read
    }

    /// Takes the first `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        self.read.split_to(count.min(self.read.len())).freeze()
    }

    /// Reads once, into room for at least `room` bytes; 0 is the end.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        if self.read.capacity() - self.read.len() < room {
            self.read.reserve(room);
        }
        pin!(self.stream.read_buf(&mut self.read)).poll(cx)
    }

    /// Writes once; says how much was taken.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        match slices {
            [one] => stream.poll_write(cx, one),
            several => stream.poll_write_vectored(cx, several),
        }
    }

    /// Hands over what the stream itself has kept back.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
