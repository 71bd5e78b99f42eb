//! Our words to requests that the library could not read, in the place of its own.
//!
//! It says a status and nothing else. Where it says so, what it writes is held back until the
//! connection has been given a refusal as every other one is: with a reason and an id.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;

/// What the library says, in front of the date.
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";
const TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
    content-length: 0\r\ndate: ";

/// What stands behind that: a date (RFC 9110 §5.6.7) and the end of the head.
const REST: usize = "Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n".len();

/// Whether these are the library's words, and its status. No answer that a request was given is the
/// same to the last byte: each of those bears an id.
pub(super) fn status(bytes: &[u8]) -> Option<StatusCode> {
    let is = |begin: &[u8]| bytes.len() == begin.len() + REST && bytes.starts_with(begin);
    if is(BAD_REQUEST) {
        return Some(StatusCode::BAD_REQUEST);
    }
    is(TOO_LARGE).then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// Where the words of one connection are handed over.
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    /// The library has said this status.
    Wanted(StatusCode),
    /// What is said instead, and has not been sent yet.
    Given(Bytes),
}

impl Words {
    /// What is to be sent in the place of the library's words; `None` until it is known.
    pub(super) fn take(&self, status: StatusCode) -> Option<Bytes> {
        match std::mem::replace(&mut *self.state(), State::Wanted(status)) {
            State::Given(words) => Some(words),
            State::None | State::Wanted(_) => None,
        }
    }

    /// The status for which words are wanted.
    pub(super) fn wanted(&self) -> Option<StatusCode> {
        match *self.state() {
            State::Wanted(status) => Some(status),
            State::None | State::Given(_) => None,
        }
    }

    /// Hands words over, or what is left of them.
    pub(super) fn give(&self, words: Bytes) {
        *self.state() = State::Given(words);
    }

    /// They were sent.
    pub(super) fn sent(&self) {
        *self.state() = State::None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
