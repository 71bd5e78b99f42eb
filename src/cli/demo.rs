//! `hubgate demo`: everything in one process on loopback.

use crate::clock::Clock;
use crate::demo::Demo;
use crate::observe::{Logs, Observer, Sink};

use super::Exit;
use super::run::{chain, runtime, told_to_end};
use super::terminal::Terminal;

/// Runs the demo until it is told to stop.
pub(super) fn demo(accounts: bool, terminal: &mut Terminal) -> Exit {
    let sink = Sink::stderr();
    if let Err(error) = Logs::install(&sink) {
        terminal.error(&error.to_string());
        return Exit::Config;
    }
    let observer = Observer::new(sink);
    let exit = match runtime() {
        Ok(runtime) => runtime.block_on(serve(observer.clone(), accounts, terminal)),
        Err(error) => {
            terminal.error(&format!("no runtime can be made: {error}"));
            Exit::Software
        }
    };
    observer.finish();
    exit
}

async fn serve(observer: Observer, accounts: bool, terminal: &mut Terminal) -> Exit {
    let demo = match Demo::new(observer, Clock::system(), accounts).await {
        Ok(demo) => demo,
        Err(error) => {
            terminal.error(&chain(&error));
            return Exit::Unavailable;
        }
    };
    terminal.raw(demo.instructions().as_bytes());
    match demo.serve(told_to_end()).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            terminal.error(&chain(&error));
            Exit::Software
        }
    }
}
