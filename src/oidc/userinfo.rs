//! The userinfo endpoint (OIDC Core §5.3): more claims about the same person, or none.

use std::time::SystemTime;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use crate::http_client;
use crate::jose::{Invalid, Use, object};
use crate::observe::Call;

use super::error::{AnswerError, Endpoint, Error, Token};
use super::provider::Provider;

/// Asks with the access token; the answer must be about `subject` (OIDC Core §5.3.2).
pub(super) async fn fetch(
    provider: &Provider,
    address: &Url,
    access_token: &str,
    subject: &str,
    now: SystemTime,
) -> Result<Map<String, Value>, Error> {
    let endpoint = Endpoint::Userinfo;
    let unreachable = |source| Error::Unreachable { endpoint, source };
    let request = Request::get(address.as_str())
        .header(ACCEPT, "application/json, application/jwt")
        .header(AUTHORIZATION, format!("Bearer {access_token}"))
        .body(Vec::new())
        .map_err(|_| unreachable(http_client::Error::Address))?;
    let answer =
        provider.http().calling(Call::Userinfo).send(request).await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(Error::answer(endpoint, AnswerError::Status(answer.status().as_u16())));
    }
    let form = Error::answer(endpoint, AnswerError::Form);
    let claims = if is_jwt(answer.headers().get(CONTENT_TYPE)) {
        let raw = std::str::from_utf8(answer.body()).map_err(|_| form)?;
        provider.verify(raw.trim(), Use::Userinfo, Token::Userinfo, now).await?.into_all()
    } else {
        object(answer.body()).ok_or(form)?
    };
    if claims.get("sub").and_then(Value::as_str) != Some(subject) {
        return Err(Error::Invalid { token: Token::Userinfo, invalid: Invalid::Subject });
    }
    Ok(claims)
}

fn is_jwt(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/jwt")
}
