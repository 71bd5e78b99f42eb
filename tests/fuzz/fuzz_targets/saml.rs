//! Parsing and verifying of SAML, with inputs that the fuzzer makes up.
#![no_main]
#![allow(dead_code, reason = "the tests use more of the provider than the target does")]

#[path = "../entry.rs"]
mod entry;
#[path = "../../it/saml/provider.rs"]
mod provider;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::run(data));
