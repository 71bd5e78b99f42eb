//! What is wrong with a configuration: every mistake, with its place and its remedy.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake. Never holds a secret: values are shown only where they cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, when it is not the main one.
    pub file: Option<PathBuf>,
    /// The key, such as `organization[acme].oidc.issuer`; empty when it is the file itself.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// Every mistake of a configuration; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: PathBuf,
    list: Vec<Problem>,
}

impl Problems {
    /// The mistakes found in `file`.
    pub(super) fn new(file: &Path, list: Vec<Problem>) -> Self {
        Self { file: file.to_owned(), list }
    }

    /// The main file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The mistakes, section by section.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = if self.list.len() == 1 { "mistake" } else { "mistakes" };
        write!(f, "{} {mistakes} in {}", self.list.len(), self.file.display())?;
        for problem in &self.list {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
