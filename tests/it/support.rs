//! What the tests of the gate build on: a world of real servers, a browser, a socket, vectors.

pub(crate) mod answer;
pub(crate) mod browser;
pub(crate) mod collector;
pub(crate) mod grpc;
pub(crate) mod moving_clock;
pub(crate) mod program;
pub(crate) mod scene;
pub(crate) mod served;
pub(crate) mod setup;
pub(crate) mod tool;
pub(crate) mod vectors;
pub(crate) mod world;
