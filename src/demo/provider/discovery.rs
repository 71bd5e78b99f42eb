//! The metadata (OpenID Connect Discovery 1.0 §3) and the key set.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Endpoint, State};
use crate::demo::answer::{Body, json as answer_json};
use crate::demo::lock;

impl State {
    pub(super) fn discovery(&self) -> Response<Body> {
        let at = |endpoint| self.address_of(endpoint);
        let document = json!({
            "issuer": self.issuer,
            "authorization_endpoint": at(Endpoint::Authorize),
            "token_endpoint": at(Endpoint::Token),
            "userinfo_endpoint": at(Endpoint::UserInfo),
            "jwks_uri": at(Endpoint::Keys),
            "end_session_endpoint": at(Endpoint::EndSession),
            "revocation_endpoint": at(Endpoint::Revocation),
            "pushed_authorization_request_endpoint": at(Endpoint::PushedAuthorization),
            "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
            "claims_supported": ["sub", "name", "preferred_username", "email", "email_verified",
                                 "groups", "auth_time", "sid"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "claims_parameter_supported": false,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "frontchannel_logout_supported": true,
            "frontchannel_logout_session_supported": true,
        });
        let mut document = document.as_object().cloned().unwrap_or_default();
        let edit = lock(&self.behaviour).discovery.clone();
        if let Some(edit) = edit {
            edit(&mut document);
        }
        answer_json(StatusCode::OK, &Value::Object(document))
    }

    pub(super) fn published_keys(&self) -> Response<Body> {
        let mut keys = lock(&self.keys).jwks();
        let edit = lock(&self.behaviour).keys.clone();
        if let Some(edit) = edit {
            edit(&mut keys);
        }
        answer_json(StatusCode::OK, &Value::Object(keys))
    }
}
