//! Behaviour, through sockets, of the parts and of the whole.

mod demo_parts;
