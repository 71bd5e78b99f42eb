//! Claims, after verification; and how they are read.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::Invalid;

/// 9999-12-31: later than any honest time, and far from overflowing anything.
const LATEST: u64 = 253_402_300_799;

/// The claims of a token that passed every check; only [`super::Checked::verify`] makes one.
#[derive(Clone)]
pub struct Claims {
    claims: Map<String, Value>,
    issuer: String,
}

impl Claims {
    pub(super) const fn new(claims: Map<String, Value>, issuer: String) -> Self {
        Self { claims, issuer }
    }

    /// Whose word it is: the token's `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A claim's value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A claim's value, if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A time (RFC 7519 §2, NumericDate), if the claim is there.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] when it is no whole number of seconds within range.
    pub fn time(&self, name: &'static str) -> Result<Option<SystemTime>, Invalid> {
        time(&self.claims, name)
    }

    /// All of them, taken over.
    #[must_use]
    pub fn into_all(self) -> Map<String, Value> {
        self.claims
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> &Map<String, Value> {
        &self.claims
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Text that must be there and must not be empty.
pub(super) fn required_text<'c>(
    claims: &'c Map<String, Value>,
    name: &'static str,
) -> Result<&'c str, Invalid> {
    optional_text(claims, name)?.ok_or(Invalid::Missing(name))
}

/// Text that must not be empty, if the claim is there.
pub(super) fn optional_text<'c>(
    claims: &'c Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'c str>, Invalid> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Invalid::Malformed(name)),
    }
}

/// A time as whole seconds within range: text, fractions, negative and huge numbers are refused.
pub(super) fn time(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<SystemTime>, Invalid> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_u64().filter(|seconds| *seconds <= LATEST);
    let seconds = seconds.ok_or(Invalid::Malformed(name))?;
    Ok(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
}
