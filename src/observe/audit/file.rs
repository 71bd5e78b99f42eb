//! A file that is appended to, and made again when somebody has moved it away.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A file that is appended to.
pub(super) struct Appended {
    path: PathBuf,
    file: File,
    inode: u64,
}

impl Appended {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = Self::options().create(true).open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_owned(), file, inode })
    }

    /// Whether it could be opened. A file that is not there is not there afterwards either: it would
    /// be another's than the one who serves.
    pub(super) fn attempt(path: &Path) -> std::io::Result<()> {
        match Self::options().create_new(true).open(path) {
            Ok(_) => std::fs::remove_file(path),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            Err(_) => match std::fs::metadata(path) {
                // Whoever serves waits until somebody reads; nobody does before.
                Ok(there) if there.file_type().is_fifo() => Ok(()),
                Ok(_) => Self::options().open(path).map(drop),
                // A link whose end is not there yet.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let end = std::fs::read_link(path)?;
                    Self::attempt(&path.parent().unwrap_or(Path::new("")).join(end))
                }
                Err(error) => Err(error),
            },
        }
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.append(true).mode(0o600);
        options
    }
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let there = std::fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if !there && let Ok(again) = Self::open(&self.path) {
            *self = again;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_leaves_everything_as_it_was() {
        let folder = std::env::temp_dir().join(format!("hubgate-attempt-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let path = |name: &str| folder.join(name);
        std::fs::write(path("there"), "one\n").unwrap();
        std::os::unix::fs::symlink("new", path("link")).unwrap();
        std::os::unix::fs::symlink("round", path("round")).unwrap();
        std::os::unix::fs::symlink("no/folder", path("astray")).unwrap();
        let before = names(&folder);
        for good in ["there", "new", "link"] {
            Appended::attempt(&path(good)).unwrap();
        }
        for bad in ["round", "astray", "no/folder", "there/inside", "."] {
            Appended::attempt(&path(bad)).unwrap_err();
        }
        assert_eq!(names(&folder), before);
        assert_eq!(std::fs::read(path("there")).unwrap(), b"one\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_again() {
        let folder = std::env::temp_dir().join(format!("hubgate-audit-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("audit.log"), folder.join("audit.log.1"));
        let mut file = Appended::open(&path).unwrap();
        file.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        file.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read(&moved).unwrap(), b"one\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
