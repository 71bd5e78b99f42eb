//! Bodies that say whose content a request is about: read once, judged, and sent on as they came.

use http::Request;

use crate::body::{Body, ReadError, Within};
use crate::error::Error;
use crate::hub::{BODY_LIMIT, BodyRule};
use crate::policy::Claimed;

/// Reads the body by its rule; the request that comes back says the same bytes.
///
/// # Errors
/// When the body is too large or too slow, breaks off, or has two readings.
pub(super) async fn read<'h>(
    rule: &BodyRule<'h>,
    request: Request<Body>,
) -> Result<(Claimed<'h>, Request<Body>), Error> {
    rule.admit(request.headers())?;
    let (parts, body) = request.into_parts();
    let (claimed, again) = match body.read_within(BODY_LIMIT).await? {
        Within::Whole(bytes, again) => (rule.read(&bytes)?, again),
        Within::Longer(again) => (rule.oversized().ok_or(ReadError::TooLarge(BODY_LIMIT))?, again),
    };
    Ok((claimed, Request::from_parts(parts, again)))
}
