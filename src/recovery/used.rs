//! Which codes were used: in this process, and in a folder that outlives it and that replicas share.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::hash_text;
use crate::policy::OrganizationId;

/// Codes that were used.
#[derive(Debug, Default)]
pub struct UsedCodes(Mutex<HashSet<[u8; 32]>>);

impl UsedCodes {
    /// Uses a code; `false` when it was used before, here or by whoever shares the folder.
    ///
    /// # Errors
    /// When what is written to the folder cannot be made to last: then the code is not taken.
    pub fn take(
        &self,
        hash: &[u8; 32],
        organization: &OrganizationId,
        folder: Option<&Path>,
        now: SystemTime,
    ) -> std::io::Result<bool> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.contains(hash) {
            return Ok(false);
        }
        if let Some(folder) = folder
            && !note(folder, hash, organization, now)?
        {
            used.insert(*hash);
            return Ok(false);
        }
        Ok(used.insert(*hash))
    }
}

/// Notes a code in the folder, where only one can be the first; `false` when it stands there.
fn note(
    folder: &Path,
    hash: &[u8; 32],
    organization: &OrganizationId,
    now: SystemTime,
) -> std::io::Result<bool> {
    let name = hash_text(hash).replace(':', "-");
    let mut file = match File::options().write(true).create_new(true).open(folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let at = Timestamp::try_from(now).map(|at| at.to_string()).unwrap_or_default();
    file.write_all(format!("{organization} {at}\n").as_bytes())?;
    file.sync_all()?;
    // The name, too, must outlive a crash.
    File::open(folder)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_once_by_all_who_share_the_folder() {
        let folder = std::env::temp_dir().join(format!("hubgate-used-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let acme = OrganizationId::parse("acme").unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let replicas: Vec<UsedCodes> = (0..4).map(|_| UsedCodes::default()).collect();
        let taken = |hash: u8| {
            let take =
                |used: &UsedCodes| used.take(&[hash; 32], &acme, Some(&folder), now).unwrap();
            replicas.iter().chain(&replicas).filter(|used| take(used)).count()
        };
        assert_eq!(taken(1), 1);
        assert_eq!(taken(2), 1);
        std::fs::remove_dir_all(&folder).unwrap();
        let lost = UsedCodes::default().take(&[3; 32], &acme, Some(&folder), now);
        assert!(lost.is_err(), "a code that cannot be remembered is not taken");
    }
}
