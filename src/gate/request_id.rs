//! Request ids: one for each request, in the log, to the client and to the upstream.

use std::cell::Cell;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::header::HeaderName;

use crate::fields::{FieldValue, Fields};
use crate::headers::Forwarding;
use crate::message::Request;
use crate::peer::Peer;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids for one thread: a random beginning and a count. They are names, not secrets.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// The first half, as it is written.
    beginning: [u8; 16],
    count: Cell<u64>,
}

/// One request's id.
#[derive(Debug)]
pub(super) struct RequestId(FieldValue);

impl RequestIds {
    pub(super) fn new() -> Self {
        let mut beginning = [0; 8];
        // Without random bytes ids are still distinct within a thread, and nothing rests on them.
        let _ = rand::fill(&mut beginning);
        Self { beginning: hexadecimal(u64::from_be_bytes(beginning)), count: Cell::new(0) }
    }

    /// The id that a trusted proxy gave, or a new one.
    pub(super) fn of(&self, request: &Request, forwarding: &Forwarding, peer: &Peer) -> RequestId {
        if forwarding.trusts(peer.address.ip())
            && let Some(given) = request.headers().get(&X_REQUEST_ID)
            && is_plain(given)
        {
            return RequestId(given.clone());
        }
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let text = [self.beginning, hexadecimal(count)].concat();
        let id = FieldValue::from_shared(Bytes::from(text));
        RequestId(id.unwrap_or(const { FieldValue::from_static("0") }))
    }
}

/// Sixteen digits: the halves of the bytes are spread out, and each becomes its digit.
fn hexadecimal(number: u64) -> [u8; 16] {
    let mut halves = [0; 16];
    for (place, byte) in halves.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        place.copy_from_slice(&[byte >> 4, byte & 15]);
    }
    halves.map(|half| half + if half < 10 { b'0' } else { b'a' - 10 })
}

fn is_plain(value: &FieldValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
}

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn write(&self, headers: &mut Fields) {
        headers.insert(X_REQUEST_ID, self.0.clone());
    }

    pub(super) fn write_if_missing(&self, headers: &mut Fields) {
        headers.insert_if_missing(&X_REQUEST_ID, || self.0.clone());
    }
}
