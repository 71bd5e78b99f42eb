//! A small OpenID provider on port 0 that answers exactly as a test says, and remembers what it was
//! asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hubgate::config::{
    ClientAuth, EmailTrust, GroupOverage, Issuer, Oidc, OidcProvider, ResponseMode, Secret,
    SigningAlgorithm, UserinfoUse,
};
use hubgate::http_client::HttpClient;
use hubgate::oidc::{CallbackParameters, Error, RelyingParty, Transaction, Verified, Wish};
use hubgate::policy::Attribute;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use openidconnect::PrivateSigningKey;
use openidconnect::core::{CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use url::Url;

/// The time in every test, so that vectors can write theirs down.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn now() -> SystemTime {
    at(NOW)
}

/// One answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    never: bool,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self::text("application/json", value.to_string())
    }

    pub(crate) fn text(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, headers, body: body.into(), never: false }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Takes the request and never answers.
    pub(crate) fn never() -> Self {
        Self { never: true, ..Self::text("text/plain", "") }
    }
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, Reply>,
    asked: Vec<Asked>,
}

/// The server.
pub(crate) struct Idp {
    pub(crate) issuer: String,
    script: Arc<Mutex<Script>>,
}

impl Idp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let idp = Self { issuer, script: Arc::clone(&script) };
        idp.reply("/.well-known/openid-configuration", Reply::json(&idp.metadata()));
        idp.reply("/keys", Reply::json(&published()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                let answer = service_fn(move |request| answer(Arc::clone(&script), request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), answer));
            }
        });
        idp
    }

    /// The metadata that the provider has where a test says nothing else.
    pub(crate) fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
            "userinfo_endpoint": at("/userinfo"),
            "end_session_endpoint": at("/logout?x=1"),
            "revocation_endpoint": at("/revoke"),
        })
    }

    pub(crate) fn change_metadata(&self, change: impl FnOnce(&mut Value)) {
        let mut metadata = self.metadata();
        change(&mut metadata);
        self.reply("/.well-known/openid-configuration", Reply::json(&metadata));
    }

    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.script.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// The requests for a path, oldest first.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let script = self.script.lock().unwrap();
        script
            .asked
            .iter()
            .filter(|asked| asked.path.split('?').next() == Some(path))
            .cloned()
            .collect()
    }
}

async fn answer(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let reply = {
        let mut script = script.lock().unwrap();
        let reply = script.replies.get(&path).or_else(|| script.replies.get(parts.uri.path()));
        let reply = reply.cloned().unwrap_or(Reply::text("text/plain", "").status(404));
        let body = String::from_utf8_lossy(&body).into_owned();
        script.asked.push(Asked { path, headers: parts.headers, body });
        reply
    };
    if reply.never {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(reply.body.into())).unwrap())
}

/// A key that tests sign with.
pub(crate) enum TestKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Weak(Box<CoreRsaPrivateSigningKey>),
    /// The published RSA key's modulus, as a secret.
    Hmac,
    /// Anything that is no signature.
    Nobody,
}

fn new_rsa() -> TestKey {
    TestKey::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
}

fn new_p256() -> TestKey {
    TestKey::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

/// Signed with by hand, since every library refuses it.
const WEAK_KEY: &str = include_str!("../vectors/oidc/weak-rsa-key.pem");

pub(crate) static RSA: LazyLock<TestKey> = LazyLock::new(new_rsa);
pub(crate) static TWIN: LazyLock<TestKey> = LazyLock::new(new_rsa);
pub(crate) static STRANGER: LazyLock<TestKey> = LazyLock::new(new_rsa);
pub(crate) static P256: LazyLock<TestKey> = LazyLock::new(new_p256);
pub(crate) static WEAK: LazyLock<TestKey> = LazyLock::new(|| {
    TestKey::Weak(Box::new(CoreRsaPrivateSigningKey::from_pem(WEAK_KEY, None).unwrap()))
});

impl TestKey {
    pub(crate) fn named(name: &str) -> &'static Self {
        match name {
            "rsa" => &RSA,
            "twin" => &TWIN,
            "stranger" => &STRANGER,
            "p256" => &P256,
            "weak" => &WEAK,
            "hmac" => &Self::Hmac,
            "nobody" => &Self::Nobody,
            other => panic!("no key {other}"),
        }
    }

    /// The public half, with further members.
    pub(crate) fn jwk(&self, more: &Value) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match self {
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": text(&parts.n), "e": text(&parts.e)})
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Self::Weak(key) => serde_json::to_value(key.as_verification_key()).unwrap(),
            Self::Hmac => json!({"kty": "oct", "k": text(&secret())}),
            Self::Nobody => json!({}),
        };
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    }

    /// A compact token of exactly these texts.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Weak(key) => {
                let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
                key.sign(&algorithm, signed.as_bytes()).unwrap()
            }
            Self::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            Self::Nobody => Vec::new(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn secret() -> Vec<u8> {
    let TestKey::Rsa(pair) = &*RSA else { panic!("an RSA key") };
    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key()).n
}

/// The keys that the provider publishes: two that may sign, and many that may not.
pub(crate) fn published() -> Value {
    json!({"keys": [
        TWIN.jwk(&json!({"kid": "twin"})),
        RSA.jwk(&json!({"kid": "twin", "use": "sig"})),
        RSA.jwk(&json!({"kid": "rsa", "use": "sig", "alg": "RS256"})),
        P256.jwk(&json!({"kid": "p256", "use": "sig"})),
        RSA.jwk(&json!({"kid": "enc", "use": "enc"})),
        RSA.jwk(&json!({"kid": "ops", "key_ops": ["encrypt", "wrapKey"]})),
        RSA.jwk(&json!({"kid": "ps", "alg": "PS256"})),
        RSA.jwk(&json!({"kid": "tenant", "issuer": "https://login.microsoftonline.com/t/v2.0"})),
        WEAK.jwk(&json!({"kid": "weak"})),
        TestKey::Hmac.jwk(&json!({"kid": "shared", "alg": "RS256"})),
        {"kty": "EC", "crv": "secp256k1", "kid": "curve", "x": "AA", "y": "AA"},
        {"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AA"},
        "nonsense",
    ]})
}

/// A registration at the provider.
pub(crate) fn settings(issuer: &str) -> Oidc {
    Oidc {
        provider: OidcProvider::Generic,
        issuer: Issuer::parse(issuer, OidcProvider::Generic).unwrap(),
        discovery_url: None,
        callback_path: None,
        client_id: "hub".to_owned(),
        client_auth: ClientAuth::SecretPost(Secret::new("s3cret:%/".to_owned())),
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        algorithms: vec![SigningAlgorithm::RS256, SigningAlgorithm::ES256],
        response_mode: ResponseMode::Query,
        extra_parameters: Vec::new(),
        userinfo: UserinfoUse::Never,
        subject_claim: "sub".to_owned(),
        email_claim: "email".to_owned(),
        email_trust: EmailTrust::IfVerified,
        required_claims: Vec::new(),
        require_iss_parameter: false,
        group_overage: GroupOverage::Refuse,
        pushed_requests: true,
        acr_values: Vec::new(),
        max_age: None,
        ca_certificates: Vec::<PathBuf>::new(),
    }
}

/// One for all tests, and so for all their runtimes.
static CLIENT: LazyLock<HttpClient> = LazyLock::new(|| HttpClient::new().unwrap());

pub(crate) fn client() -> HttpClient {
    CLIENT.clone()
}

/// A provider and we.
pub(crate) struct World {
    pub(crate) idp: Idp,
    pub(crate) rp: Arc<RelyingParty>,
}

/// What the provider will answer to one sign-in.
pub(crate) struct Answer {
    pub(crate) header: Value,
    pub(crate) claims: Map<String, Value>,
    pub(crate) key: &'static TestKey,
    /// The ID token itself, in the place of the parts above.
    pub(crate) raw: Option<String>,
    /// Beside the ID token.
    pub(crate) tokens: Map<String, Value>,
    /// What comes back through the browser.
    pub(crate) callback: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn claim(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }

    pub(crate) fn token(&self) -> String {
        let payload = Value::Object(self.claims.clone()).to_string();
        self.raw.clone().unwrap_or_else(|| self.key.sign(&self.header.to_string(), &payload))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Oidc)) -> Self {
        Self::with_role("groups", change).await
    }

    pub(crate) async fn with_role(role: &str, change: impl FnOnce(&mut Oidc)) -> Self {
        let idp = Idp::start().await;
        let mut settings = settings(&idp.issuer);
        change(&mut settings);
        let rp = party(settings, role).with_graph(format!("{}/graph", idp.issuer));
        Self { rp: Arc::new(rp), idp }
    }

    /// A whole sign-in, with an answer that the test may change.
    pub(crate) async fn sign_in(
        &self,
        change: impl FnOnce(&mut Answer),
    ) -> Result<Verified, Error> {
        self.sign_in_at(now(), change).await
    }

    pub(crate) async fn sign_in_at(
        &self,
        now: SystemTime,
        change: impl FnOnce(&mut Answer),
    ) -> Result<Verified, Error> {
        let (transaction, asked) = self.begin_at(Wish::default(), now).await;
        self.answer_at(&transaction, &asked, now, change).await
    }

    /// Begins, and returns what must be kept and what the provider was asked.
    pub(crate) async fn begin(&self, wish: Wish) -> (Transaction, HashMap<String, String>) {
        self.begin_at(wish, now()).await
    }

    pub(crate) async fn begin_at(
        &self,
        wish: Wish,
        now: SystemTime,
    ) -> (Transaction, HashMap<String, String>) {
        let begun = self.rp.begin(wish, now).await.unwrap();
        // What is kept goes through a cookie.
        let kept = serde_json::to_string(&begun.transaction).unwrap();
        let location = Url::parse(&begun.location).unwrap();
        (serde_json::from_str(&kept).unwrap(), location.query_pairs().into_owned().collect())
    }

    pub(crate) async fn answer(
        &self,
        transaction: &Transaction,
        asked: &HashMap<String, String>,
        change: impl FnOnce(&mut Answer),
    ) -> Result<Verified, Error> {
        self.answer_at(transaction, asked, now(), change).await
    }

    pub(crate) async fn answer_at(
        &self,
        transaction: &Transaction,
        asked: &HashMap<String, String>,
        now: SystemTime,
        change: impl FnOnce(&mut Answer),
    ) -> Result<Verified, Error> {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": self.idp.issuer,
            "aud": "hub",
            "sub": "alice",
            "iat": seconds - 10,
            "exp": seconds + 300,
            "nonce": asked["nonce"],
            "groups": ["ml"],
        });
        let tokens = json!({
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "expires_in": 1000,
        });
        let mut answer = Answer {
            header: json!({"alg": "RS256", "kid": "rsa"}),
            claims: claims.as_object().unwrap().clone(),
            key: &RSA,
            raw: None,
            tokens: tokens.as_object().unwrap().clone(),
            callback: vec![
                ("code".to_owned(), "a-code".to_owned()),
                ("state".to_owned(), asked["state"].clone()),
            ],
        };
        change(&mut answer);
        let token = answer.token();
        answer.tokens.entry("id_token").or_insert(Value::String(token));
        answer.tokens.retain(|_, value| !value.is_null());
        self.idp.reply("/token", Reply::json(&Value::Object(answer.tokens)));
        let callback = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(answer.callback)
            .finish();
        self.rp.finish(transaction, CallbackParameters::parse(&callback)?, now).await
    }
}

pub(crate) fn party(settings: Oidc, role: &str) -> RelyingParty {
    let redirect = "https://hub.example/-/sso/acme/oidc/callback".to_owned();
    RelyingParty::new(settings, Attribute::parse(role).unwrap(), redirect, &client()).unwrap()
}

/// The check that a token did not pass, as text; or what else happened.
pub(crate) fn failure(error: &Error) -> String {
    if let Error::Invalid { invalid, .. } = error {
        format!("{invalid:?}")
    } else {
        format!("{error:?}")
    }
}
