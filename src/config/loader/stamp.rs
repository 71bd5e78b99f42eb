//! By what a change of a file is noticed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that was changed within this time may be changed once more without showing it: the
/// clocks of file systems are coarse.
const COARSE: Duration = Duration::from_secs(1);

/// What a file system says of one file, links followed: every way of replacing a file changes it
/// (rewriting, renaming, Kubernetes' swap of the folder behind a link).
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// Device, inode, size, and the times of the last changes of content and of inode.
    file: Option<[u64; 7]>,
    /// Changed so lately that the stamp proves nothing.
    fresh: bool,
}

impl Stamp {
    pub(super) fn of(path: &Path, now: SystemTime) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else {
            return Self { file: None, fresh: false };
        };
        let settled = now
            .checked_sub(COARSE)
            .and_then(|before| before.duration_since(SystemTime::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        let changed = u64::try_from(metadata.ctime()).unwrap_or(u64::MAX);
        let file = [
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime().cast_unsigned(),
            metadata.mtime_nsec().cast_unsigned(),
            metadata.ctime().cast_unsigned(),
            metadata.ctime_nsec().cast_unsigned(),
        ];
        Self { file: Some(file), fresh: changed >= settled }
    }

    /// Whether there is such a file.
    pub(super) const fn is_there(&self) -> bool {
        self.file.is_some()
    }

    /// Whether the file is surely what it was when `earlier` was taken.
    pub(super) fn proves(&self, earlier: &Self) -> bool {
        self.file == earlier.file && !self.fresh && !earlier.fresh
    }
}

impl Hash for Stamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.file.hash(state);
        self.fresh.hash(state);
    }
}

/// A file that the configuration rests on, as it was when it was read.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    pub(super) key: String,
    pub(super) path: PathBuf,
    stamp: Stamp,
    content: u64,
}

impl Touched {
    pub(super) fn new(key: String, path: PathBuf, now: SystemTime) -> Self {
        let stamp = Stamp::of(&path, now);
        let content = digest(&path);
        Self { key, path, stamp, content }
    }

    /// Whether it is the same file with the same content, for the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.path == other.path && self.content == other.content
    }

    /// Whether the file holds what it held; looks into it only when its stamp leaves a doubt.
    pub(super) fn is_unchanged(&mut self, now: SystemTime) -> bool {
        let stamp = Stamp::of(&self.path, now);
        let same = stamp.proves(&self.stamp) || digest(&self.path) == self.content;
        if same {
            self.stamp = stamp;
        }
        same
    }
}

fn digest(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).ok().hash(&mut hasher);
    hasher.finish()
}
