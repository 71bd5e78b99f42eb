//! Black-box tests of the gate: real servers on port 0, and bytes over sockets.

mod demo_parts;
mod tidy;
