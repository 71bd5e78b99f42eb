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
        let to = match section.filled("to").as_deref() {
            None | Some("off") => AuditTo::Off,
            Some("stdout") => AuditTo::Stdout,
            Some("stderr") => AuditTo::Stderr,
            // A slash tells a path from a word that was meant to be another.
            Some(text) if text.contains('/') => section.path("to").map_or(AuditTo::Off, |path| {
                section.attempt("to", &path);
                AuditTo::File(path)
            }),
            Some(text) => {
                let what = format!("{text:?} is none of off, stdout, stderr, and no path with a /");
                section.note("to", what, "write one of them, such as \"./audit.jsonl\"");
                AuditTo::Off
            }
        };
        Self { to, refusals: section.flag("refusals").unwrap_or(true) }
    }
}
