//! `hubgate check --online`: reaches each identity provider and the hub.

use crate::config::Config;

use super::Exit;
use super::terminal::Terminal;

/// Reaches everything that the configuration names; [`Exit::Unavailable`] when something fails.
pub(super) fn online(_config: &Config, terminal: &mut Terminal) -> Exit {
    terminal.error("this build cannot reach providers yet");
    Exit::Software
}
