//! `[audit]`: where the audit log goes.

use std::path::PathBuf;

use super::section::Section;

/// Where the audit log goes, and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where it goes.
    pub to: AuditTo,
    /// Whether every request that is refused stands in it, and not only what changes who may do
    /// what.
    pub refusals: bool,
}

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTo {
    /// Nowhere.
    Off,
    /// Standard output, apart from the other logs.
    Stdout,
    /// Standard error, between the other logs.
    Stderr,
    /// Appended to a file.
    File(PathBuf),
}

impl Audit {
    /// Reads `[audit]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let words =
            [("off", AuditWord::Off), ("stdout", AuditWord::Stdout), ("stderr", AuditWord::Stderr)];
        let word = section.choice("to", &words);
        let file = section.path("file");
        if section.has("to") && section.has("file") {
            section.note("file", "is there beside audit.to", "remove one of them");
        }
        let to = match (file, word) {
            (Some(path), _) => AuditTo::File(path),
            (None, Some(AuditWord::Stdout)) => AuditTo::Stdout,
            (None, Some(AuditWord::Stderr)) => AuditTo::Stderr,
            (None, Some(AuditWord::Off) | None) => AuditTo::Off,
        };
        Self { to, refusals: section.flag("refusals").unwrap_or(true) }
    }
}

#[derive(Clone, Copy)]
enum AuditWord {
    Off,
    Stdout,
    Stderr,
}
