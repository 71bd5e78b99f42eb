//! How the client shows who it is: the method, and the keys that go with it.

use super::super::section::{Section, private_key_of};
use super::super::{ClientAssertionAudience, ClientAuth, OidcProvider};

/// How the client shows who it is, as the configuration names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Post,
    Basic,
    PrivateKeyJwt,
    None,
}

const METHODS: [(&str, Method); 4] = [
    ("client_secret_post", Method::Post),
    ("client_secret_basic", Method::Basic),
    ("private_key_jwt", Method::PrivateKeyJwt),
    ("none", Method::None),
];

impl ClientAuth {
    /// Reads the method and its keys; a key of another method is a mistake.
    pub(super) fn read(section: &Section<'_>, provider: OidcProvider) -> Option<Self> {
        let chosen = section.choice("client_auth", &METHODS);
        let method = chosen.unwrap_or(Method::Post);
        let audiences = [
            ("issuer", ClientAssertionAudience::Issuer),
            ("token-endpoint", ClientAssertionAudience::TokenEndpoint),
        ];
        let secret = section.secret("client_secret");
        let private_key = section.secret("private_key");
        let key_id = section.filled("key_id");
        let certificate = section.path("certificate");
        let audience = section.choice("assertion_audience", &audiences);

        if chosen.is_none() && section.has("client_auth") {
            return None;
        }
        let keys: [(&str, &[Method]); 5] = [
            ("client_secret", &[Method::Post, Method::Basic]),
            ("private_key", &[Method::PrivateKeyJwt]),
            ("key_id", &[Method::PrivateKeyJwt]),
            ("certificate", &[Method::PrivateKeyJwt]),
            ("assertion_audience", &[Method::PrivateKeyJwt]),
        ];
        let name = METHODS.iter().find(|(_, other)| *other == method).map_or("", |(name, _)| name);
        for (key, methods) in keys {
            if section.has(key) && !methods.contains(&method) {
                let what = format!("is not used with client_auth = \"{name}\"");
                section.note(key, what, "remove it, or choose another client_auth");
            }
        }
        match method {
            Method::Post | Method::Basic => {
                let remedy =
                    "write { file = \"…\" } or { env = \"…\" }, or choose another client_auth";
                section.missing("client_secret", remedy);
                let secret = secret?;
                Some(match method {
                    Method::Basic => ClientAuth::SecretBasic(secret),
                    Method::Post | Method::PrivateKeyJwt | Method::None => {
                        ClientAuth::SecretPost(secret)
                    }
                })
            }
            Method::PrivateKeyJwt => {
                section.missing("private_key", "write { file = \"…\" }, a PEM file with the key");
                if let Some(path) = &certificate {
                    section.certificates("certificate", path);
                }
                let key = private_key?;
                if private_key_of(key.expose_secret().as_bytes()).is_none() {
                    let what = "holds no private key that can be used";
                    let remedy = "write one there in PEM, not encrypted: RSA of at least 2048 bits, or EC P-256";
                    section.note("private_key", what, remedy);
                }
                let usual = match provider {
                    OidcProvider::Entra => ClientAssertionAudience::TokenEndpoint,
                    OidcProvider::Okta
                    | OidcProvider::Onelogin
                    | OidcProvider::Google
                    | OidcProvider::Keycloak
                    | OidcProvider::Auth0
                    | OidcProvider::Ping
                    | OidcProvider::Gitlab
                    | OidcProvider::Authentik
                    | OidcProvider::Generic => ClientAssertionAudience::Issuer,
                };
                let audience = audience.unwrap_or(usual);
                Some(ClientAuth::PrivateKeyJwt { key, key_id, certificate, audience })
            }
            Method::None => Some(ClientAuth::None),
        }
    }
}
