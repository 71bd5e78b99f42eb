//! The relying parties that a provider knows, and how they prove who they are.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::{Algorithm, Asked, Endpoint, Object, Refusal, State};
use crate::demo::answer::form;
use crate::demo::lock;

/// How a client authenticates at the token endpoint (OIDC Core §9); exactly this way and no other.
#[derive(Clone)]
pub enum ClientAuthentication {
    /// `client_secret_post`
    SecretPost(String),
    /// `client_secret_basic`
    SecretBasic(String),
    /// `private_key_jwt`, with one of these keys
    PrivateKeyJwt(JwkSet),
    /// `none`: a public client, with PKCE alone
    None,
}

/// A registered relying party.
#[derive(Clone)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
    /// Where codes may be sent; compared as strings.
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout; compared as strings.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens are sent.
    pub backchannel_logout_uri: Option<String>,
    /// What is framed on the page after a logout.
    pub frontchannel_logout_uri: Option<String>,
    /// How its tokens are signed; `None`: as the provider likes.
    pub algorithm: Option<Algorithm>,
    /// Whether it must push its authorization requests (RFC 9126 §6).
    pub pushed_only: bool,
}

impl Client {
    /// A client with one redirect URI and nothing else.
    #[must_use]
    pub fn new(id: &str, authentication: ClientAuthentication, redirect_uri: &str) -> Client {
        Client {
            id: id.to_owned(),
            authentication,
            redirect_uris: vec![redirect_uri.to_owned()],
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            frontchannel_logout_uri: None,
            algorithm: None,
            pushed_only: false,
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request showed.
enum Shown {
    Basic(String, String),
    Post(String, String),
    Assertion(String),
    Nothing(String),
}

impl Shown {
    fn read(asked: &Asked) -> Option<Shown> {
        let basic = match asked.head.value("authorization") {
            Some(value) => {
                let (scheme, encoded) = value.split_once(' ')?;
                let pair = STANDARD.decode(encoded.trim()).ok()?;
                let pair = String::from_utf8(pair).ok()?;
                let (id, secret) = pair.split_once(':')?;
                // RFC 6749 §2.3.1: both are form-encoded first.
                let plain = |text: &str| Some(form(format!("v={text}").as_bytes()).pop()?.1);
                scheme.eq_ignore_ascii_case("basic").then_some(())?;
                Some(Shown::Basic(plain(id)?, plain(secret)?))
            }
            None => None,
        };
        let id = asked.field("client_id").map(str::to_owned);
        let secret = asked.field("client_secret").map(str::to_owned);
        let assertion = asked.field("client_assertion").map(str::to_owned);
        let typed = asked.field("client_assertion_type") == Some(ASSERTION_TYPE);
        // RFC 6749 §2.3: never more than one method in a request.
        match (basic, secret, assertion) {
            (Some(basic), None, None) => Some(basic),
            (None, Some(secret), None) => Some(Shown::Post(id?, secret)),
            (None, None, Some(assertion)) if typed => Some(Shown::Assertion(assertion)),
            (None, None, None) => Some(Shown::Nothing(id?)),
            _ => None,
        }
    }
}

impl State {
    /// The client that sent a request, if it proved who it is in the way it registered.
    pub(super) fn authenticate(&self, asked: &Asked) -> Result<Client, Refusal> {
        self.authenticated(asked)
            .ok_or_else(|| Refusal::new("invalid_client", "the client did not authenticate"))
    }

    fn authenticated(&self, asked: &Asked) -> Option<Client> {
        let shown = Shown::read(asked)?;
        let id = match &shown {
            Shown::Basic(id, _) | Shown::Post(id, _) | Shown::Nothing(id) => id.clone(),
            Shown::Assertion(token) => {
                let claims = jsonwebtoken::dangerous::insecure_decode::<Object>(token).ok()?.claims;
                claims.get("sub")?.as_str()?.to_owned()
            }
        };
        let client = self.client(&id)?;
        // A client_id beside another proof has to agree with it.
        asked.field("client_id").is_none_or(|own| own == client.id).then_some(())?;
        let same = |secret: &str, shown: &str| {
            verify_slices_are_equal(secret.as_bytes(), shown.as_bytes()).ok()
        };
        match (&client.authentication, &shown) {
            (ClientAuthentication::SecretBasic(secret), Shown::Basic(_, shown))
            | (ClientAuthentication::SecretPost(secret), Shown::Post(_, shown)) => {
                same(secret, shown)?;
            }
            (ClientAuthentication::PrivateKeyJwt(keys), Shown::Assertion(token)) => {
                self.verify_assertion(&client.id, keys, token)?;
            }
            (ClientAuthentication::None, Shown::Nothing(_)) => {}
            (
                ClientAuthentication::SecretBasic(_)
                | ClientAuthentication::SecretPost(_)
                | ClientAuthentication::PrivateKeyJwt(_)
                | ClientAuthentication::None,
                _,
            ) => return None,
        }
        Some(client)
    }

    /// RFC 7523 §3: issuer and subject are the client, the audience is us, once, and not for long.
    fn verify_assertion(&self, client: &str, keys: &JwkSet, token: &str) -> Option<()> {
        let claims = verified(keys, token)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let ours = [
            self.issuer.clone(),
            self.address_of(Endpoint::Token),
            self.address_of(Endpoint::PushedAuthorization),
        ];
        let audience = claims.get("aud")?;
        let audience = match audience.as_array().map(Vec::as_slice) {
            Some([one]) => one.as_str()?,
            Some(_) => return None,
            None => audience.as_str()?,
        };
        let now = self.now();
        let expires = claims.get("exp")?.as_u64()?;
        let good = text("iss") == Some(client)
            && text("sub") == Some(client)
            && ours.iter().any(|own| own == audience)
            && expires > now
            && expires < now + 600
            && claims.get("nbf").and_then(Value::as_u64).is_none_or(|from| from <= now + 60);
        let jti = text("jti")?;
        (good && lock(&self.book).remember_assertion(client, jti)).then_some(())
    }
}

/// The claims of a JWT that one of these keys signed; its times and audience are not looked at.
pub(super) fn verified(keys: &JwkSet, token: &str) -> Option<Object> {
    let header = decode_header(token).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let asymmetric =
        |key: &&Jwk| !matches!(key.algorithm, jsonwebtoken::jwk::AlgorithmParameters::OctetKey(_));
    keys.keys.iter().filter(named).filter(asymmetric).find_map(|key| {
        let key = DecodingKey::from_jwk(key).ok()?;
        Some(decode::<Object>(token, &key, &validation).ok()?.claims)
    })
}
