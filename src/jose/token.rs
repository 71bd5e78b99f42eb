//! A compact token taken apart (RFC 7515 §3.1), nothing of it believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Invalid, object};

/// Larger than an ID token with hundreds of groups.
const MAX_TOKEN: usize = 64 * 1024;

/// A token's parts, before any check.
pub(super) struct UnverifiedToken<'t> {
    /// What the signature covers: header and payload as they came.
    pub(super) signed: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
}

impl<'t> UnverifiedToken<'t> {
    pub(super) fn parse(raw: &'t str) -> Result<Self, Invalid> {
        if raw.len() > MAX_TOKEN {
            return Err(Invalid::TooLarge);
        }
        let (signed, signature) = raw.rsplit_once('.').ok_or(Invalid::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Invalid::Form)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(Invalid::Form);
        }
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Form)?;
            object(&bytes).ok_or(Invalid::Json)
        };
        Ok(Self { signed, signature, header: json(header)?, claims: json(payload)? })
    }
}

/// Who a token says has issued it, before a word of it is believed: only to know whose keys, and
/// whose rules, it is to be measured by. What would be refused anyway is read as well, so that it
/// is refused and goes nowhere else.
#[must_use]
pub fn unverified_issuer(raw: &str) -> Option<String> {
    let payload = raw.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("iss").and_then(Value::as_str).map(str::to_owned)
}
