//! Answers of the hub that say nothing of whose a credential is.

use http::StatusCode;

use super::whoami::PAGES;

/// Why an answer says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// Neither an account nor a refusal.
    #[error("the hub answered {0}")]
    Status(StatusCode),
    /// No object of JSON.
    #[error("the hub's answer is no JSON object")]
    Json,
    /// Something is missing, or of another type.
    #[error("the hub's answer does not say {0}")]
    Lacks(&'static str),
    /// More pages than are read.
    #[error("the hub lists more than {PAGES} pages of organizations")]
    Endless,
    /// The credential cannot be written into a question.
    #[error("the credential cannot be passed on")]
    Unwritable,
}
