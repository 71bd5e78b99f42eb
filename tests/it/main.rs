//! Black-box tests of the gate: real servers on port 0, and bytes over sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod configuration;
mod decisions;
mod demo_parts;
mod documents;
mod support;
mod tidy;
