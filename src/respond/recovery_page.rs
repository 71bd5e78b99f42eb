//! The page for the day when a provider is down.

use askama::Template;

use super::pages::{Page, Theme};

/// Which recovery code?
#[derive(Clone, Debug, Template)]
#[template(path = "recovery.html", config = "src/respond/askama.toml")]
pub struct RecoveryPage {
    /// The organization's stable name.
    pub id: String,
    /// What people read.
    pub display_name: String,
    /// What was wrong with the code just typed.
    pub complaint: Option<String>,
}

impl Page for RecoveryPage {
    fn title(&self) -> &'static str {
        "Recovery"
    }
    fn theme(&self) -> Theme {
        Theme::Own
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}
