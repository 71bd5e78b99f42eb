//! `hubgate demo`: everything in one process on loopback.

use super::Exit;
use super::terminal::Terminal;

/// Runs the demo until it is told to stop.
pub(super) fn demo(terminal: &mut Terminal) -> Exit {
    terminal.error("this build has no demo yet");
    Exit::Software
}
