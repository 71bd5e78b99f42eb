//! Request ids: one for each request, in the log, to the client and to the upstream.

use std::cell::Cell;

use aws_lc_rs::rand;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::body::Body;
use crate::headers::Forwarding;
use crate::peer::Peer;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids for one thread: a random beginning and a count. They are names, not secrets.
#[derive(Debug)]
pub(super) struct RequestIds {
    beginning: [u8; 8],
    count: Cell<u64>,
}

/// One request's id.
#[derive(Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestIds {
    pub(super) fn new() -> Self {
        let mut beginning = [0; 8];
        // Without random bytes ids are still distinct within a thread, and nothing rests on them.
        let _ = rand::fill(&mut beginning);
        Self { beginning, count: Cell::new(0) }
    }

    /// The id that a trusted proxy gave, or a new one.
    pub(super) fn of(
        &self,
        request: &http::Request<Body>,
        forwarding: &Forwarding,
        peer: &Peer,
    ) -> RequestId {
        if let Some(given) = request.headers().get(&X_REQUEST_ID)
            && forwarding.trusts(peer.address.ip())
            && is_plain(given)
        {
            return RequestId(given.clone());
        }
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let number = u128::from(u64::from_be_bytes(self.beginning)) << 64 | u128::from(count);
        RequestId(hexadecimal(number))
    }
}

fn hexadecimal(number: u128) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (place, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        if let [high, low] = place {
            *high = *DIGITS.get(usize::from(byte >> 4)).unwrap_or(&b'0');
            *low = *DIGITS.get(usize::from(byte & 15)).unwrap_or(&b'0');
        }
    }
    HeaderValue::from_bytes(&text).unwrap_or(const { HeaderValue::from_static("0") })
}

fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
}

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.0.clone());
    }

    pub(super) fn write_if_missing(&self, headers: &mut HeaderMap) {
        headers.entry(X_REQUEST_ID).or_insert_with(|| self.0.clone());
    }
}
