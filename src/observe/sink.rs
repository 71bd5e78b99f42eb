//! Where lines go: a bounded queue, and a thread that writes.

use std::io::{IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people, on a terminal.
    Human {
        /// Whether the terminal shows colors.
        color: bool,
    },
    /// One JSON object a line, for machines.
    Json,
}

/// How many batches may wait for the writer; each has some 64 KiB at most.
const QUEUE: usize = 128;

/// How long the end of the process waits for the writer.
const FINISH: Duration = Duration::from_secs(2);

/// Takes lines from every thread and never makes one wait; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sink {
    queue: Option<SyncSender<Batch>>,
    format: Format,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Batch {
    Lines(Vec<u8>),
    Finish(SyncSender<()>),
}

impl Sink {
    /// Writes to standard error: for people when it is a terminal, JSON elsewhere.
    #[must_use]
    pub fn stderr() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let format = if terminal { Format::Human { color } } else { Format::Json };
        Self::to(std::io::stderr(), format)
    }

    /// Writes to `writer`, from a thread of its own. Where no thread can be had, nothing is
    /// written and everything is counted as dropped.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static, format: Format) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("hubgate-log".into());
        let queue = thread.spawn(move || write_all(writer, &receiver)).ok().map(|_| sender);
        Self { queue, format, dropped: Arc::default() }
    }

    /// Writes nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { queue: None, format: Format::Json, dropped: Arc::default() }
    }

    /// How lines are written.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How many lines were dropped because the writer did not keep up.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands lines over, and leaves `lines` empty, with as much room as it had.
    pub(super) fn write(&self, lines: &mut Vec<u8>) {
        let Some(queue) = &self.queue else { return lines.clear() };
        let fresh = Vec::with_capacity(lines.capacity());
        match queue.try_send(Batch::Lines(std::mem::replace(lines, fresh))) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                let Batch::Lines(lost) = batch else { return };
                let count = lost.iter().filter(|&&b| b == b'\n').count();
                self.dropped.fetch_add(u64::try_from(count).unwrap_or(1), Ordering::Relaxed);
            }
        }
    }

    /// Waits until what was handed over is written, but not for ever.
    pub(super) fn finish(&self) {
        let Some(queue) = &self.queue else { return };
        let (sender, done) = sync_channel(1);
        if queue.try_send(Batch::Finish(sender)).is_ok() {
            // Whoever reads the lines may be stuck; the process ends all the same.
            let _ = done.recv_timeout(FINISH);
        }
    }
}

/// The writer's thread; a write that fails has nowhere to be reported.
fn write_all(mut writer: impl Write, queue: &Receiver<Batch>) {
    while let Ok(batch) = queue.recv() {
        match batch {
            Batch::Lines(lines) => {
                let _ = writer.write_all(&lines);
                let _ = writer.flush();
            }
            Batch::Finish(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stuck::Stuck;
    use super::*;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_handed_over_is_written_in_order() {
        let shared = Shared::default();
        let sink = Sink::to(shared.clone(), Format::Json);
        sink.write(&mut b"one\n".to_vec());
        sink.write(&mut b"two\n".to_vec());
        sink.finish();
        assert_eq!(*shared.0.lock().unwrap(), b"one\ntwo\n");
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn a_writer_that_is_stuck_holds_nobody() {
        let (unstick, stuck) = Stuck::new();
        let sink = Sink::to(stuck, Format::Json);
        for _ in 0..QUEUE + 10 {
            sink.write(&mut b"a\nb\n".to_vec());
        }
        // The writer holds one batch, the queue is full, the rest was dropped: two lines each.
        assert!((16..=20).contains(&sink.dropped()), "{}", sink.dropped());
        drop(unstick);
    }
}
