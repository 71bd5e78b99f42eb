//! Authorization requests, read and judged (OIDC Core §3.1.2.1, RFC 7636, RFC 9700).

use std::collections::BTreeSet;

use super::{Client, Refusal};
use crate::demo::answer::field;

/// An authorization request that can be granted.
pub(super) struct Wish {
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) challenge: String,
    pub(super) prompt: BTreeSet<String>,
    pub(super) max_age: Option<u64>,
    pub(super) login_hint: Option<String>,
}

/// Where the answer goes, which is known before the rest of the request is understood.
pub(super) struct Reply {
    pub(super) redirect_uri: String,
    pub(super) form_post: bool,
    pub(super) state: Option<String>,
}

impl Reply {
    pub(super) fn read(
        client: &Client,
        fields: &[(String, String)],
    ) -> Result<Reply, &'static str> {
        let redirect_uri = field(fields, "redirect_uri").unwrap_or_default().to_owned();
        // RFC 9700 §2.1: compared as strings.
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err("The redirect_uri is not registered for this application.");
        }
        let state = field(fields, "state").map(str::to_owned);
        let form_post = field(fields, "response_mode") == Some("form_post");
        Ok(Reply { redirect_uri, form_post, state })
    }
}

impl Wish {
    pub(super) fn read(client: &Client, fields: &[(String, String)]) -> Result<Wish, Refusal> {
        let owned = |name: &str| field(fields, name).map(str::to_owned);
        let words = |name: &str| -> BTreeSet<String> {
            field(fields, name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let invalid = |description| Refusal::new("invalid_request", description);
        if field(fields, "request").is_some() {
            return Err(Refusal::new("request_not_supported", "request objects are not supported"));
        }
        if field(fields, "response_type") != Some("code") {
            return Err(Refusal::new("unsupported_response_type", "only code is supported"));
        }
        if field(fields, "response_mode")
            .is_some_and(|mode| !["query", "form_post"].contains(&mode))
        {
            return Err(invalid("only query and form_post are supported"));
        }
        let scopes = words("scope");
        if !scopes.contains("openid") {
            return Err(Refusal::new("invalid_scope", "openid is missing"));
        }
        let challenge = owned("code_challenge").filter(|challenge| challenge.len() == 43);
        if field(fields, "code_challenge_method") != Some("S256") {
            return Err(invalid("PKCE with S256 is required"));
        }
        let prompt = words("prompt");
        if prompt.contains("none") && prompt.len() > 1 {
            return Err(invalid("prompt=none stands alone"));
        }
        let max_age = match owned("max_age") {
            Some(age) => Some(age.parse().map_err(|_| invalid("max_age is no number"))?),
            None => None,
        };
        Ok(Wish {
            client: client.id.clone(),
            redirect_uri: owned("redirect_uri").unwrap_or_default(),
            nonce: owned("nonce"),
            scopes,
            challenge: challenge
                .ok_or_else(|| invalid("the code_challenge is no S256 challenge"))?,
            prompt,
            max_age,
            login_hint: owned("login_hint").filter(|hint| !hint.is_empty()),
        })
    }
}
