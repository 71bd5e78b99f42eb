//! By what a change of a file is noticed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};

/// A file that was changed within this time may be changed once more without showing it: the
/// clocks of file systems are coarse.
const COARSE: Duration = Duration::from_secs(1);

/// What a file system says of one file, links followed: every way of replacing a file changes it
/// (rewriting, renaming, Kubernetes' swap of the folder behind a link).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Device, inode, size, and the times of the last changes of content and of inode.
    file: Option<[u64; 7]>,
    /// Changed so lately that the stamp proves nothing.
    fresh: bool,
}

impl Stamp {
    pub(super) fn of(path: &Path, now: SystemTime) -> Self {
        Looks::at(now).look(path)
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

/// Looks at files, most of which stand beside each other: a folder's own path is walked once.
///
/// What it has opened is what stood there when it began, so it is for one round of looks only.
pub(super) struct Looks {
    /// From this second on, a change is fresh.
    settled: u64,
    folder: Option<(Vec<u8>, OwnedFd)>,
}

impl Looks {
    pub(super) fn at(now: SystemTime) -> Self {
        let settled = now
            .checked_sub(COARSE)
            .and_then(|before| before.duration_since(SystemTime::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        Self { settled, folder: None }
    }

    pub(super) fn look(&mut self, path: &Path) -> Stamp {
        let found = self.beside(path).unwrap_or_else(|| rustix::fs::stat(path));
        let Ok(stat) = found else { return Stamp { file: None, fresh: false } };
        let changed = u64::try_from(stat.st_ctime).unwrap_or(u64::MAX);
        let file = [
            stat.st_dev,
            stat.st_ino,
            stat.st_size.cast_unsigned(),
            stat.st_mtime.cast_unsigned(),
            stat.st_mtime_nsec,
            stat.st_ctime.cast_unsigned(),
            stat.st_ctime_nsec,
        ];
        Stamp { file: Some(file), fresh: changed >= self.settled }
    }

    /// Looks at the file from its folder; `None` where that cannot be opened.
    fn beside(&mut self, path: &Path) -> Option<rustix::io::Result<Stat>> {
        let bytes = path.as_os_str().as_bytes();
        let slash = memchr::memrchr(b'/', bytes)?;
        let (folder, name) = (bytes.get(..=slash)?, bytes.get(slash + 1..)?);
        if name.is_empty() {
            return None;
        }
        if self.folder.as_ref().is_none_or(|(open, _)| open != folder) {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let opened = rustix::fs::open(folder, flags, Mode::empty()).ok()?;
            self.folder = Some((folder.to_vec(), opened));
        }
        let (_, folder) = self.folder.as_ref()?;
        Some(rustix::fs::statat(folder, name, AtFlags::empty()))
    }
}

impl Hash for Stamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.file.hash(state);
        self.fresh.hash(state);
    }
}

/// A file that the configuration rests on, as it was when it was read.
///
/// The stamp is older than the content: a file that changes while it is read has another stamp at
/// the next look.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    pub(super) key: String,
    pub(super) path: PathBuf,
    stamp: Stamp,
    /// How it stood at the last look.
    latest: Stamp,
    content: Option<u64>,
}

impl Touched {
    /// To be said before the file is read.
    pub(super) fn begin(key: String, path: &Path, now: SystemTime) -> Self {
        let stamp = Stamp::of(path, now);
        Self { key, path: path.to_owned(), stamp, latest: stamp, content: None }
    }

    /// What was read.
    pub(super) fn holds(&mut self, content: &[u8]) {
        self.content = Some(digest(Some(content)));
    }

    /// Looks into what nobody has read through.
    pub(super) fn settle(&mut self) {
        if self.content.is_none() {
            self.content = Some(digest_of(&self.path));
        }
    }

    /// Whether it is the same file with the same content, for the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.path == other.path && self.content == other.content
    }

    /// Looks at the file; says whether it is not what it was at the last look.
    pub(super) fn look(&mut self, looks: &mut Looks) -> bool {
        let latest = looks.look(&self.path);
        let changed = latest != self.latest;
        self.latest = latest;
        changed
    }

    /// Whether the last look has proved that the file holds what it held when it was read.
    pub(super) fn is_proved(&self) -> bool {
        self.latest.proves(&self.stamp)
    }

    /// Whether the file held at the last look what it held when it was read; looks into it only when
    /// its stamp leaves a doubt.
    pub(super) fn is_unchanged(&mut self) -> bool {
        let same = self.is_proved() || self.content == Some(digest_of(&self.path));
        if same {
            self.stamp = self.latest;
        }
        same
    }
}

fn digest_of(path: &Path) -> u64 {
    digest(std::fs::read(path).ok().as_deref())
}

fn digest(content: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
