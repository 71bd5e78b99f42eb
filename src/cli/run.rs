//! `hubgate run`: serve.

use std::path::Path;

use crate::config::Config;

use super::Exit;
use super::terminal::Terminal;

/// Serves until it is told to stop.
pub(super) fn run(_path: &Path, _config: Config, terminal: &mut Terminal) -> Exit {
    terminal.error("this build cannot serve yet");
    Exit::Software
}
