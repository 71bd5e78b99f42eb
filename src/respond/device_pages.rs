//! The pages on which a person answers for a program.

use askama::Template;

use super::pages::{Page, Theme};

/// Which code does the program show?
#[derive(Clone, Debug, Template)]
#[template(path = "device_code.html", config = "src/respond/askama.toml")]
pub struct DeviceCode {
    /// What was wrong with the code just typed.
    pub complaint: Option<String>,
}

/// Who are you, first of all?
#[derive(Clone, Debug, Template)]
#[template(path = "device_sign_in.html", config = "src/respond/askama.toml")]
pub struct DeviceSignIn {
    /// The organizations.
    pub links: Vec<OrganizationLink>,
}

/// The way to an organization's sign-in.
#[derive(Clone, Debug)]
pub struct OrganizationLink {
    /// Where it begins.
    pub href: String,
    /// What people read.
    pub display_name: String,
}

/// May this program act as you do?
#[derive(Clone, Debug, Template)]
#[template(path = "device_question.html", config = "src/respond/askama.toml")]
pub struct DeviceQuestion {
    /// The code to compare.
    pub user_code: String,
    /// Proof that this browser saw the question.
    pub confirmation: String,
    /// What the program says it is.
    pub program: String,
    /// Where it asked from.
    pub address: String,
    /// Whether that is another network than the browser's.
    pub elsewhere: bool,
    /// How long ago.
    pub minutes: u64,
    /// As whom it would act: organization, person, role.
    pub people: Vec<(String, String, String)>,
}

/// The answer was taken.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "device_answered.html", config = "src/respond/askama.toml")]
pub struct DeviceAnswered {
    /// What it was.
    pub allowed: bool,
}

impl Page for DeviceCode {
    fn title(&self) -> &'static str {
        "Sign in a program"
    }
    fn theme(&self) -> Theme {
        Theme::Own
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for DeviceSignIn {
    fn title(&self) -> &'static str {
        "Sign in a program"
    }
    fn theme(&self) -> Theme {
        Theme::Plain
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for DeviceQuestion {
    fn title(&self) -> &'static str {
        "Sign in this program?"
    }
    fn theme(&self) -> Theme {
        Theme::Own
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for DeviceAnswered {
    fn title(&self) -> &'static str {
        if self.allowed { "Program signed in" } else { "Program refused" }
    }
    fn theme(&self) -> Theme {
        Theme::Plain
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}
