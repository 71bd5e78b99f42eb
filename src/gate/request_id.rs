//! Request ids: one for each request, in the log, to the client and to the upstream.

use std::cell::Cell;

use aws_lc_rs::rand;
use http::header::HeaderName;

use crate::fields::{FieldValue, Fields};
use crate::headers::Forwarding;
use crate::message::Request;
use crate::peer::Peer;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an id of ours is.
pub(super) const ID: usize = 32;

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
            && is_plain(given.as_bytes())
        {
            return RequestId(given.clone());
        }
        let id = FieldValue::from_bytes(&self.next());
        RequestId(id.unwrap_or(const { FieldValue::from_static("0") }))
    }

    /// The id that a trusted proxy gave, if it is one, or a new one, which is put into `own`.
    pub(super) fn given_or<'i>(&self, given: Option<&'i [u8]>, own: &'i mut [u8; ID]) -> &'i str {
        let given = given.filter(|given| is_plain(given));
        let id = given.unwrap_or_else(|| {
            *own = self.next();
            own
        });
        str::from_utf8(id).unwrap_or_default()
    }

    fn next(&self) -> [u8; ID] {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let mut id = [0; ID];
        let (beginning, end) = id.split_at_mut(ID / 2);
        beginning.copy_from_slice(&self.beginning);
        end.copy_from_slice(&hexadecimal(count));
        id
    }
}

/// Sixteen digits.
fn hexadecimal(number: u64) -> [u8; 16] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut digits = [0; 16];
    // Of each half of the number, the halves of its bytes are spread over eight bytes, and all of
    // them become their digits at once: ten and more by the distance to the letters.
    for (place, half) in digits.chunks_exact_mut(8).zip([number >> 32, number & 0xffff_ffff]) {
        let spread = (half | half << 16) & 0x0000_ffff_0000_ffff;
        let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
        let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        let letters = (spread + ONES * 6) >> 4 & ONES;
        let text = spread + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1);
        place.copy_from_slice(&text.to_be_bytes());
    }
    digits
}

fn is_plain(bytes: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_hexadecimal() {
        for number in [0, 1, 9, 10, 15, 16, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX]
        {
            assert_eq!(hexadecimal(number).as_slice(), format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn ids_of_one_thread_differ_in_their_end() {
        let ids = RequestIds::new();
        let (first, second) = (ids.next(), ids.next());
        assert_eq!(first[..ID / 2], second[..ID / 2]);
        assert_ne!(first, second);
        let mut own = [0; ID];
        assert_eq!(ids.given_or(Some(b"from-the-proxy.1"), &mut own), "from-the-proxy.1");
        for none in [&b""[..], b"a b", b"a\"b", &[b'a'; 129]] {
            assert_eq!(ids.given_or(Some(none), &mut own).len(), ID);
        }
    }
}
