//! What the provider's answer carries back through the browser.

use url::form_urlencoded;

use super::error::Error;
use super::oauth_error::OauthError;

/// Longer than any provider's answer.
const MAX_PARAMETERS: usize = 32 * 1024;

/// Why a callback's parameters cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Longer than any provider's answer.
    #[error("has too long parameters")]
    TooLong,
    /// A parameter that stands twice (RFC 6749 §3.1).
    #[error("has the parameter `{0}` twice")]
    Doubled(&'static str),
    /// A parameter that must be there is not.
    #[error("lacks the parameter `{0}`")]
    Missing(&'static str),
    /// A parameter of a flow that we never ask for.
    #[error("has the parameter `{0}` of a flow that was not asked for")]
    Unexpected(&'static str),
    /// `code` and `error` at once.
    #[error("has both a code and an error")]
    Contradiction,
    /// `iss` is missing or another issuer (RFC 9207 §2.4).
    #[error("names no issuer or another one")]
    Issuer,
}

/// The parameters that an answer may carry, and that may stand there only once.
const ONCE: [&str; 9] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
    "session_state",
    "id_token",
];

/// The parameters of one callback, each at most once.
pub struct CallbackParameters {
    state: String,
    issuer: Option<String>,
    pub(super) outcome: Outcome,
}

/// What the provider says.
pub(super) enum Outcome {
    Code(String),
    Refused { code: OauthError, description: Option<String> },
}

impl CallbackParameters {
    /// Parses a query string or a form body.
    ///
    /// # Errors
    /// [`Error::Parameters`] when one is missing, doubled, or of another flow.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_PARAMETERS {
            return Err(ParameterError::TooLong.into());
        }
        let mut found: [Option<String>; ONCE.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let slots = ONCE.iter().zip(found.iter_mut());
            for (known, slot) in slots.filter(|(known, _)| **known == name) {
                if slot.replace(value.clone().into_owned()).is_some() {
                    return Err(ParameterError::Doubled(known).into());
                }
            }
        }
        let [code, state, issuer, error, description, _, response, _, id_token] = found;
        if response.is_some() {
            return Err(ParameterError::Unexpected("response").into());
        }
        if id_token.is_some() {
            return Err(ParameterError::Unexpected("id_token").into());
        }
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let state = given(state).ok_or(ParameterError::Missing("state"))?;
        let outcome = match (given(code), error) {
            (Some(_), Some(_)) => return Err(ParameterError::Contradiction.into()),
            (Some(code), None) => Outcome::Code(code),
            (None, Some(error)) => Outcome::Refused {
                code: OauthError::parse(&error),
                description: description.as_deref().and_then(plain),
            },
            (None, None) => return Err(ParameterError::Missing("code").into()),
        };
        Ok(Self { state, issuer, outcome })
    }

    /// The handle by which the sign-in under way is found.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// `iss` (RFC 9207).
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

impl std::fmt::Debug for CallbackParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackParameters")
    }
}

/// A provider's words for developers: printable ASCII, shortened, or nothing.
pub(super) fn plain(text: &str) -> Option<String> {
    let text: String =
        text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(200).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, ParameterError>) {
        match (CallbackParameters::parse(text), expected) {
            (Ok(parameters), Ok(state)) => assert_eq!(parameters.state(), state, "{text}"),
            (Err(Error::Parameters(error)), Err(expected)) => assert_eq!(error, expected, "{text}"),
            (other, expected) => panic!("{text}: {other:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_callback_has_each_parameter_once() {
        use ParameterError::{Contradiction, Doubled, Missing, TooLong, Unexpected};
        check("code=a&state=b", Ok("b"));
        check("code=a&state=b&authuser=0&scope=x&scope=y", Ok("b"));
        check("error=access_denied&state=b", Ok("b"));
        check("code=a&state=b&code=c", Err(Doubled("code")));
        check("code=a&state=b&c%6fde=c", Err(Doubled("code")));
        check("code=a&state=b&state=b", Err(Doubled("state")));
        check("code=a&state=b&iss=x&iss=x", Err(Doubled("iss")));
        check("error=a&state=b&error=c", Err(Doubled("error")));
        check("error=a&code=c&state=b", Err(Contradiction));
        check("code=a", Err(Missing("state")));
        check("code=a&state=", Err(Missing("state")));
        check("state=b", Err(Missing("code")));
        check("code=&state=b", Err(Missing("code")));
        check("response=x&response=y", Err(Doubled("response")));
        check("response=ey&state=b", Err(Unexpected("response")));
        check("code=a&state=b&id_token=ey", Err(Unexpected("id_token")));
        check(&format!("code={}&state=b", "a".repeat(MAX_PARAMETERS)), Err(TooLong));
    }
}
