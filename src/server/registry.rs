//! The connections of one thread, so that they can be told to end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::watched::{Patience, Verdict, Watch};
use crate::observe::{Connection, Metrics};

/// What a connection was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Serve,
    /// Give the buffers back: nothing is being said.
    Park,
    /// End after the next request: it was accepted, and said nothing yet.
    ServeOne,
    /// Finish what is under way, and end.
    Finish,
    /// End.
    Cut,
}

/// One connection, as its thread sees it.
#[derive(Debug)]
pub(super) struct Entry {
    watch: Arc<Watch>,
    order: Cell<Order>,
    parkable: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Entry {
    pub(super) const fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// What the connection was told; the task is woken when that changes.
    pub(super) fn order(&self, cx: &Context<'_>) -> Order {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.order.get()
    }

    /// What the connection was told, for whoever need not be woken.
    pub(super) const fn told(&self) -> Order {
        self.order.get()
    }

    /// Whether nothing is begun behind what is under way, or was just asked.
    pub(super) fn ends_soon(&self) -> bool {
        match self.order.get() {
            Order::Serve | Order::Park => false,
            Order::ServeOne => self.watch.has_served(),
            Order::Finish | Order::Cut => true,
        }
    }

    /// Says whether there are buffers to give back; an order to do so is done with.
    pub(super) fn set_parkable(&self, parkable: bool) {
        self.parkable.set(parkable);
        if self.order.get() == Order::Park {
            self.order.set(Order::Serve);
        }
    }

    fn tell(&self, order: Order) {
        self.order.set(order);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Registry {
    entries: RefCell<HashMap<u64, Rc<Entry>>>,
    next: Cell<u64>,
    draining: Cell<bool>,
}

impl Registry {
    /// Enters a connection; it leaves when what is returned is dropped.
    pub(super) fn enter(self: &Rc<Self>, watch: Arc<Watch>) -> Entered {
        let order = if self.draining.get() { Order::ServeOne } else { Order::Serve };
        let entry = Rc::new(Entry {
            watch,
            order: Cell::new(order),
            parkable: Cell::new(false),
            waker: RefCell::default(),
        });
        let key = self.next.replace(self.next.get().wrapping_add(1));
        self.entries.borrow_mut().insert(key, Rc::clone(&entry));
        Entered { registry: Rc::clone(self), key, entry }
    }

    /// Ends those that have been quiet for too long.
    pub(super) fn tick(&self, now: u32, patience: Patience, metrics: &Metrics) {
        for entry in self.entries.borrow().values() {
            let order = match entry.watch.judge(now, patience) {
                Verdict::Fine => continue,
                Verdict::Quiet => {
                    if entry.order.get() == Order::Serve && entry.parkable.get() {
                        entry.tell(Order::Park);
                    }
                    continue;
                }
                Verdict::Idle => Order::Finish,
                Verdict::SlowHead => {
                    metrics.connection_failed(Connection::SlowHead);
                    Order::Cut
                }
                Verdict::Stuck => {
                    metrics.connection_failed(Connection::Stuck);
                    Order::Cut
                }
            };
            // One that was told to finish, and is idle still at the next tick, is cut.
            let order = if entry.order.get() == Order::Finish { Order::Cut } else { order };
            entry.tell(order);
        }
    }

    /// Tells every connection to finish what is under way.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        for entry in self.entries.borrow().values() {
            let used = entry.watch.has_served();
            entry.tell(if used { Order::Finish } else { Order::ServeOne });
        }
    }

    /// Ends those that were accepted and have said nothing yet.
    pub(super) fn end_unused(&self) {
        for entry in self.entries.borrow().values() {
            if entry.order.get() == Order::ServeOne && !entry.watch.has_served() {
                entry.tell(Order::Finish);
            }
        }
    }

    /// Ends every connection; returns how many there were.
    pub(super) fn cut(&self) -> usize {
        let entries = self.entries.borrow();
        entries.values().for_each(|entry| entry.tell(Order::Cut));
        entries.len()
    }
}

/// A connection's place in the registry.
#[derive(Debug)]
pub(super) struct Entered {
    registry: Rc<Registry>,
    key: u64,
    entry: Rc<Entry>,
}

impl std::ops::Deref for Entered {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.registry.entries.borrow_mut().remove(&self.key);
    }
}
