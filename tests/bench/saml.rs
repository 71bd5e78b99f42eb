//! What one verification of a SAML response costs, and how long a hostile document holds a core.
//!
//! ```sh
//! cargo bench --bench saml                 # a table; exit code 1 when a hostile document takes 5 ms
//! cargo bench --bench saml -- only 100     # 100 verifications and nothing else, for valgrind to count
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    reason = "a measurement reads the clock, prints, and stops at what it cannot go on with"
)]

#[path = "../it/saml/hostile.rs"]
mod hostile;
#[path = "../it/saml/provider.rs"]
mod provider;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hubgate::saml::{DecryptionKey, ServiceProvider};
use provider::{EC, Key, REQUEST, RSA, Says, Signer, encode, identity_provider, now};

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
    println!("| a good response | median | slowest |\n|---|---:|---:|");
    for (name, key) in [("ECDSA P-256", &*EC), ("RSA 2048", &*RSA)] {
        let says = Says::default();
        for (signed, xml) in [
            ("assertion", says.response(&Signer::new(key).envelop(&says.assertion()))),
            ("both", both(key, "_assertion1")),
        ] {
            let response = encode(&xml);
            let times = times(
                300,
                || open(key),
                |service_provider| {
                    assert!(service_provider.finish(&response, Some(REQUEST), now()).is_ok());
                },
            );
            row(&format!("{name}, {signed} signed, {} bytes", xml.len()), &times);
        }
    }
    println!("\n| a hostile document of up to 256 KiB | median | slowest |\n|---|---:|---:|");
    let mut slow = false;
    for (name, xml, refusal) in hostile::documents() {
        let response = encode(&xml);
        let times = times(
            50,
            || {
                provider::service_provider(|settings| {
                    let key = DecryptionKey::parse_pem(&RSA.private_key, &RSA.certificate);
                    settings.decryption_keys = vec![key.unwrap()];
                })
            },
            |service_provider| {
                let found = service_provider.finish(&response, Some(REQUEST), now());
                assert_eq!(found.err(), Some(refusal), "{name}");
            },
        );
        slow |= times[times.len() / 2] > MOST;
        row(&format!("{name}: {}", refusal.name()), &times);
    }
    if slow { ExitCode::FAILURE } else { ExitCode::SUCCESS }
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
            let begun = Instant::now();
            act(&prepared);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn row(name: &str, times: &[Duration]) {
    let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("| {name} | {:.0} µs | {:.0} µs |", micros(median), micros(slowest));
}
