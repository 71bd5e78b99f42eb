//! The date that answers bear where the hub has not said one.

use std::cell::{Cell, RefCell};

use crate::clock::Clock;
use crate::server::watched::Ticks;

/// How long a date is (RFC 9110 §5.6.7).
pub(in crate::server) const DATE: usize = 29;

/// The date that answers of a thread bear: it is made anew with every tick of the thread, of which
/// there are several in a second.
#[derive(Debug, Default)]
pub(in crate::server) struct Dates {
    tick: Cell<u32>,
    text: RefCell<[u8; DATE]>,
}

impl Dates {
    pub(in crate::server) fn at(&self, ticks: &Ticks, clock: &Clock) -> [u8; DATE] {
        let tick = ticks.now();
        if self.tick.replace(tick) != tick {
            let text = httpdate::HttpDate::from(clock.now()).to_string();
            if let Ok(text) = text.as_bytes().try_into() {
                *self.text.borrow_mut() = text;
            }
        }
        *self.text.borrow()
    }
}
