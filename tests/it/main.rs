//! Black-box tests of the gate: real servers on port 0, and bytes over sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod configuration;
mod demo_parts;
mod documents;
mod forwarding;
mod lifecycle;
mod rig;
mod tidy;
