//! What one verification of a SAML response costs, and how long a hostile document holds a core.
//!
//! ```sh
//! cargo bench --bench saml                 # a table; exit code 1 when a hostile document takes 5 ms
//! cargo bench --bench saml -- kind scope   # hostile documents with `scope` in their names alone
//! cargo bench --bench saml -- only 100     # 100 verifications and nothing else, for valgrind to count
//! ```
//!
//! Times are the processor's, of this thread: what others do meanwhile counts less.
//! The allocator that counts is part of what is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    unused_imports,
    missing_docs,
    reason = "a measurement prints, and stops at what it cannot go on with"
)]

#[path = "../it/saml/encryption.rs"]
mod encryption;
#[path = "../it/saml/hostile.rs"]
mod hostile;
#[path = "../it/saml/provider.rs"]
mod provider;

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use hubgate::saml::{DecryptionKey, ServiceProvider, Settings};
use provider::{EC, Key, REQUEST, RSA, Says, Signer, encode, identity_provider, now};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a hostile document may take.
const MOST: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(place) = given.iter().position(|word| word == "only") {
        let count = given.get(place + 1).and_then(|count| count.parse().ok()).unwrap_or(1);
        let response = encode(&both(&EC, "_a"));
        for _ in 0..count {
            // A cache of its own each time: the same assertion is good only once.
            assert!(open(&EC).finish(&response, Some(REQUEST), now()).is_ok());
        }
        return ExitCode::SUCCESS;
    }
    let wanted = given.iter().position(|word| word == "kind");
    let wanted = wanted.and_then(|place| given.get(place + 1)).map(String::as_str);
    if wanted.is_none() {
        good();
    }
    if hostile(wanted.unwrap_or_default()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What identity providers send.
fn good() {
    println!(
        "| a good response | median | slowest | allocations | bytes allocated |\n\
         |---|---:|---:|---:|---:|"
    );
    let thousand: Vec<String> = (0..1_000).map(|number| format!("group-{number}")).collect();
    let thousand: Vec<&str> = thousand.iter().map(String::as_str).collect();
    let groups = provider::attribute("groups", &thousand);
    let member_of_all = Says {
        attributes: format!("<saml:AttributeStatement>{groups}</saml:AttributeStatement>"),
        ..Says::default()
    };
    for (name, key) in [("ECDSA P-256", &*EC), ("RSA 2048", &*RSA)] {
        let says = Says::default();
        let signer = Signer::new(key);
        let large = member_of_all.response(&signer.envelop(&member_of_all.assertion()));
        for (signed, xml) in [
            ("assertion signed", says.response(&signer.envelop(&says.assertion()))),
            ("response signed", signer.envelop(&says.response(&says.assertion()))),
            ("both signed", both(key, "_assertion1")),
            ("assertion signed, a thousand groups", large),
        ] {
            measure_good(&format!("{name}, {signed}, {} bytes", xml.len()), &xml, key, |_| ());
        }
    }
    let says = Says::default();
    let assertion = Signer::new(&EC).envelop(&says.assertion());
    let encrypted = says.response(&encryption::encrypted(&assertion));
    measure_good(
        &format!("ECDSA P-256, assertion signed and encrypted, {} bytes", encrypted.len()),
        &encrypted,
        &EC,
        with_decryption_key,
    );
}

fn measure_good(name: &str, xml: &str, key: &Key, change: impl Fn(&mut Settings)) {
    let response = encode(xml);
    let prepare = || {
        provider::service_provider(|settings| {
            settings.identity_provider = identity_provider(&[key]);
            change(settings);
        })
    };
    let verify = |service_provider: &ServiceProvider| {
        assert!(service_provider.finish(&response, Some(REQUEST), now()).is_ok());
    };
    let times = times(300, prepare, verify);
    let prepared = prepare();
    let counted = Region::new(COUNTING);
    verify(&prepared);
    let counted = counted.change();
    let count = counted.allocations + counted.reallocations;
    println!("{} {count} | {} |", row(name, &times), counted.bytes_allocated);
}

fn with_decryption_key(settings: &mut Settings) {
    let key = DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate);
    settings.decryption_keys = vec![key.unwrap()];
}

/// What anybody can send; says whether none of it takes too long.
fn hostile(wanted: &str) -> bool {
    println!("\n| a hostile document of up to 256 KiB | median | slowest |\n|---|---:|---:|");
    let mut good = true;
    for (name, xml, refusal) in hostile::documents() {
        if !name.contains(wanted) {
            continue;
        }
        let response = encode(&xml);
        let times = times(
            50,
            || provider::service_provider(with_decryption_key),
            |service_provider| {
                let found = service_provider.finish(&response, Some(REQUEST), now());
                assert_eq!(found.err(), Some(refusal), "{name}");
            },
        );
        good &= times[times.len() / 2] <= MOST;
        println!("{}", row(&format!("{name}: {}", refusal.name()), &times));
    }
    good
}

fn open(key: &Key) -> ServiceProvider {
    provider::service_provider(|settings| settings.identity_provider = identity_provider(&[key]))
}

fn both(key: &Key, id: &str) -> String {
    let says = Says { id: id.to_owned(), ..Says::default() };
    let inner = says.response(&Signer::new(key).envelop(&says.assertion()));
    Signer::new(key).envelop(&inner)
}

/// The times of `act`, the shortest first.
fn times<T>(count: usize, prepare: impl Fn() -> T, act: impl Fn(&T)) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let prepared = prepare();
            let begun = processor_time();
            act(&prepared);
            processor_time() - begun
        })
        .collect();
    times.sort_unstable();
    times
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn row(name: &str, times: &[Duration]) -> String {
    let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    format!("| {name} | {:.0} µs | {:.0} µs |", micros(median), micros(slowest))
}
