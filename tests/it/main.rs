//! Tests of what the world sees, in one binary.

mod configuration;
mod documents;
