//! How OAuth 2.0 endpoints refuse.

use http::header::WWW_AUTHENTICATE;
use http::{Response, StatusCode};
use serde_json::json;

use crate::demo::answer::{self, Body};

/// How OAuth 2.0 endpoints refuse (RFC 6749 §5.2).
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) error: &'static str,
    pub(super) description: &'static str,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: &'static str) -> Refusal {
        let status = match error {
            "invalid_client" | "invalid_token" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Refusal { status, error, description }
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let Refusal { status, error, description } = *self;
        let mut response =
            answer::json(status, &json!({ "error": error, "error_description": description }));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = if error == "invalid_token" { "Bearer" } else { "Basic" };
            let challenge = format!("{scheme} realm=\"provider\", error=\"{error}\"");
            answer::put(&mut response, WWW_AUTHENTICATE, &challenge);
        }
        response
    }
}
