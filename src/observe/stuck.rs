//! A sink that takes nothing, for the tests of those who write to one.

use std::io::{Result, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Holds whoever writes until the other end is dropped.
pub(super) struct Stuck(Receiver<()>);

impl Stuck {
    /// It, and what lets it go.
    pub(super) fn new() -> (Sender<()>, Self) {
        let (let_go, held) = channel();
        (let_go, Self(held))
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
