//! Bodies that say whose content a request is about: read once, judged, and sent on as they came.

use super::Mode;
use crate::body::{ReadError, Within};
use crate::error::Error;
use crate::fields::Fields;
use crate::hub::{BODY_LIMIT, BodyRule};
use crate::message::Request;
use crate::policy::Claimed;

/// Whether Envoy says that it has sent only the beginning (`allow_partial_message`).
fn is_partial(headers: &Fields) -> bool {
    headers.get_all("x-envoy-auth-partial-body").any(|value| value != "false")
}

/// Reads the body by its rule; afterwards the request says the same bytes. Proxies that ask may do so
/// without the body.
///
/// # Errors
/// When the body is too large or too slow, breaks off, or has two readings.
pub(super) async fn read<'h>(
    mode: Mode<'_>,
    rule: &BodyRule<'h>,
    request: &mut Request,
) -> Result<Claimed<'h>, Error> {
    if let Mode::Asked(_) = mode {
        if http_body::Body::is_end_stream(request.body()) {
            return Ok(rule.unread()?);
        }
        if is_partial(request.headers()) {
            return Ok(rule.oversized().ok_or(ReadError::TooLarge(BODY_LIMIT))?);
        }
    }
    rule.admit(request.headers())?;
    let body = std::mem::take(request.body_mut());
    match body.read_within(BODY_LIMIT).await? {
        Within::Whole(bytes, again) => {
            *request.body_mut() = again;
            Ok(rule.read(&bytes)?)
        }
        Within::Longer(again) => {
            *request.body_mut() = again;
            Ok(rule.oversized().ok_or(ReadError::TooLarge(BODY_LIMIT))?)
        }
    }
}
