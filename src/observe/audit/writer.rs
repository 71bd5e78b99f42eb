//! The audit log's thread: nobody waits for it, and what it cannot write is counted and told.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use super::{begin, end_with};
use crate::observe::labels::Lost;

/// How many lines may wait.
const QUEUE: usize = 8192;
/// How many of them may be refusals, so that a flood of those leaves room for the rest.
const REFUSALS: usize = QUEUE / 2;
/// How often the log says how many refusals are not in it.
const ROUND: Duration = Duration::from_secs(1);
/// How long the end of the process waits.
const FINISH: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Item>>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Lines that wait.
    waiting: AtomicUsize,
    /// Refusals that were left out, and when the last one was, in milliseconds since 1970.
    omitted: AtomicU64,
    omitted_at: AtomicU64,
    /// Lines for which there was no room.
    crowded: AtomicU64,
    /// Lines that could not be written.
    unwritten: AtomicU64,
    /// Whether the log was told that there is no room.
    told: AtomicBool,
}

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    Finish(SyncSender<()>),
}

impl Writer {
    /// Begins; where no thread can be had, every line is lost and counted.
    pub(super) fn start(output: impl Write + Send + 'static) -> Arc<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let tally = Arc::new(Tally::default());
        let pen = Pen { output, tally: Arc::clone(&tally), torn: false, failing: false, owed: 0 };
        let thread = std::thread::Builder::new().name("hubgate-audit".into());
        let queue = thread.spawn(move || pen.run(&receiver)).ok().map(|_| sender);
        Arc::new(Self { queue, tally })
    }

    pub(super) fn take(&self, line: Vec<u8>, refusal: bool) {
        let tally = &self.tally;
        let room = !refusal || tally.waiting.load(Ordering::Relaxed) < REFUSALS;
        // Counted first, so that the thread never takes off what is not there yet.
        tally.waiting.fetch_add(1, Ordering::Relaxed);
        let sent =
            self.queue.as_ref().filter(|_| room).map(|queue| queue.try_send(Item::Line(line)));
        if !matches!(sent, Some(Ok(()))) {
            tally.waiting.fetch_sub(1, Ordering::Relaxed);
            tally.crowded.fetch_add(1, Ordering::Relaxed);
            if !tally.told.swap(true, Ordering::Relaxed) {
                tracing::error!("the audit log is not written fast enough: lines of it are lost");
            }
        }
    }

    pub(super) fn omit(&self, at: SystemTime) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or_default();
        self.tally.omitted_at.store(millis, Ordering::Relaxed);
        self.tally.omitted.fetch_add(1, Ordering::Release);
    }

    pub(super) fn lost(&self, cause: Lost) -> u64 {
        let counter = match cause {
            Lost::Budget => &self.tally.omitted,
            Lost::Queue => &self.tally.crowded,
            Lost::Write => &self.tally.unwritten,
        };
        counter.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, but not for ever.
    pub(super) fn finish(&self) {
        let Some(queue) = &self.queue else { return };
        let (sender, done) = sync_channel(1);
        if queue.try_send(Item::Finish(sender)).is_ok() {
            // Whoever takes the lines may be stuck; the process ends all the same.
            let _ = done.recv_timeout(FINISH);
        }
    }
}

/// What writes.
struct Pen<W> {
    output: W,
    tally: Arc<Tally>,
    /// Whether a line broke off: the next one must not go on with it.
    torn: bool,
    /// Whether the last write failed.
    failing: bool,
    /// Refusals whose omission stands in the log already.
    owed: u64,
}

impl<W: Write> Pen<W> {
    fn run(mut self, queue: &Receiver<Item>) {
        loop {
            match queue.recv_timeout(ROUND) {
                Ok(Item::Line(line)) => {
                    self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.write(&line);
                }
                Ok(Item::Finish(done)) => {
                    self.account();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.account();
                    if self.tally.told.swap(false, Ordering::Relaxed) {
                        let lost = self.tally.crowded.load(Ordering::Relaxed);
                        tracing::warn!(
                            lost,
                            "the audit log keeps up again; so many lines are lost"
                        );
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Says in the log how many refusals are not in it.
    fn account(&mut self) {
        let omitted = self.tally.omitted.load(Ordering::Acquire);
        let count = omitted.saturating_sub(self.owed);
        if count == 0 {
            return;
        }
        let millis = self.tally.omitted_at.load(Ordering::Relaxed);
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let mut line = Vec::with_capacity(96);
        begin(at, "refusals-omitted", &mut line);
        end_with("count", count, &mut line);
        if self.write(&line) {
            self.owed = omitted;
        }
    }

    fn write(&mut self, line: &[u8]) -> bool {
        let written = self.put(line);
        match &written {
            Ok(()) if self.failing => {
                let lost = self.tally.unwritten.load(Ordering::Relaxed);
                tracing::warn!(lost, "the audit log is written again; so many lines are lost");
            }
            Ok(()) => {}
            Err(error) => {
                self.tally.unwritten.fetch_add(1, Ordering::Relaxed);
                if !self.failing {
                    tracing::error!(%error, "the audit log cannot be written: lines of it are lost");
                }
            }
        }
        self.failing = written.is_err();
        !self.failing
    }

    fn put(&mut self, line: &[u8]) -> std::io::Result<()> {
        if self.torn {
            self.output.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::observe::stuck::Stuck;

    /// A disk with so much room, which somebody may make.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let (held, room) = &mut *self.0.lock().unwrap();
            if *room == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let fits = bytes.len().min(*room);
            held.extend_from_slice(&bytes[..fits]);
            *room -= fits;
            Ok(fits)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them_and_later_lines_are_whole() {
        let disk = Disk::default();
        disk.0.lock().unwrap().1 = 6;
        let writer = Writer::start(disk.clone());
        for line in ["one\n", "two\n", "three\n"] {
            writer.take(line.as_bytes().to_vec(), false);
        }
        writer.finish();
        assert_eq!(writer.lost(Lost::Write), 2);
        disk.0.lock().unwrap().1 = 1000;
        writer.take(b"four\n".to_vec(), false);
        writer.finish();
        assert_eq!(disk.0.lock().unwrap().0, b"one\ntw\nfour\n");
        assert_eq!(writer.lost(Lost::Write), 2);
    }

    #[test]
    fn a_slow_sink_holds_nobody_and_a_flood_of_refusals_leaves_room() {
        let (unstick, stuck) = Stuck::new();
        let writer = Writer::start(stuck);
        for _ in 0..QUEUE {
            writer.take(b"refused\n".to_vec(), true);
        }
        let lost = writer.lost(Lost::Queue);
        // The thread may hold one of them.
        assert!(
            (QUEUE - REFUSALS - 1..=QUEUE - REFUSALS).contains(&usize::try_from(lost).unwrap())
        );
        for _ in 0..REFUSALS {
            writer.take(b"signed in\n".to_vec(), false);
        }
        assert_eq!(writer.lost(Lost::Queue), lost);
        drop(unstick);
    }

    #[test]
    fn what_was_left_out_is_counted_in_the_log() {
        let disk = Disk::default();
        disk.0.lock().unwrap().1 = 1000;
        let writer = Writer::start(disk.clone());
        for _ in 0..3 {
            writer.omit(SystemTime::UNIX_EPOCH);
        }
        writer.finish();
        writer.finish();
        let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
        assert_eq!(
            text,
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"refusals-omitted\",\"count\":3}\n"
        );
    }
}
