//! Machines: service accounts with a token of the configuration, and workloads for which a CI
//! system vouches.

use hubgate::config::hash_text;
use hubgate::credential::TokenHash;
use hubgate::demo::Listener;
use hubgate::demo::provider::behaviour::Behaviour;
use hubgate::demo::provider::{Algorithm, Endpoint, Provider, Settings};
use serde_json::{Value, json};

use crate::support::browser::SESSION;
use crate::support::moving_clock::{MovingClock, minutes};
use crate::support::setup::Setup;
use crate::support::tool;
use crate::support::world::World;

/// A token of the shape that `hubgate token new` makes.
pub(crate) fn token(letter: char) -> String {
    format!("hf_hubgate_s_{}", letter.to_string().repeat(43))
}

pub(crate) fn account(setup: &mut Setup, organization: &str, name: &str, token: &str, more: &str) {
    let hash = hash_text(&TokenHash::of(token).bytes());
    let text =
        format!("[[organization.service_account]]\nname = {name:?}\nhash = {hash:?}\n{more}\n");
    setup.also(organization, &text);
}

#[tokio::test]
async fn a_service_account_has_its_role_in_its_organization_and_nothing_else() {
    let world = World::with(|setup| {
        account(setup, "acme", "nightly", &token('N'), "role = \"write\"");
        account(setup, "acme", "reader", &token('R'), "role = \"read\"");
        account(setup, "globex", "nightly", &token('G'), "role = \"admin\"");
    })
    .await;
    world.bearing("GET /acme/bert", &token('N')).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-user"), ["acme:service-account:nightly"]);
    assert_eq!(told.values("x-auth-role"), ["write"]);
    assert_eq!(told.values("x-auth-orgs"), ["acme:write"]);
    assert_eq!(told.value("authorization"), None, "the hub never sees the token");
    let assertion = crate::headers::claims(&told.value("x-auth-assertion").unwrap());
    assert_eq!(assertion["sub"], "acme:service-account:nightly");
    let git = "GET /acme/bert.git/info/refs?service=git-receive-pack";
    let basic = |token: &str| {
        use base64::Engine;
        let pair = base64::prelude::BASE64_STANDARD.encode(format!("ci:{token}"));
        format!("Authorization: Basic {pair}\r\n")
    };
    // The demo's hub takes no pushes; that it was asked is enough.
    let before = world.hub.received().len();
    tool::ask(world.gate.address, git, &basic(&token('N'))).await;
    assert_eq!(world.hub.received().len(), before + 1);
    assert_eq!(world.last_at_hub().head.value("authorization"), None);
    tool::ask(world.gate.address, git, &basic(&token('R'))).await.refused(403, "role-too-low");
    world.bearing("GET /acme/bert/settings", &token('N')).await.refused(403, "role-too-low");
    world.bearing("GET /globex/vision", &token('N')).await.refused(403, "sign-in-required");
    world.bearing("GET /acme/bert", &token('G')).await.refused(403, "sign-in-required");
    world.bearing("GET /globex/vision/settings", &token('G')).await.expect(200);
    let who = world.bearing("GET /api/whoami-v2", &token('N')).await.expect(200).json();
    assert_eq!(who["orgs"][0]["roleInOrg"], "write");
    assert_eq!(who["name"], "service-account-nightly");
    world.bearing("GET /acme/bert", &token('X')).await.refused(403, "token-unknown");
}

#[tokio::test]
async fn a_service_account_ends_at_its_time() {
    let world = World::with(|setup| {
        // The clock of a world begins at 2027-01-15T08:00:00Z.
        account(
            setup,
            "acme",
            "ci",
            &token('N'),
            "role = \"read\"\nexpires = \"2027-01-15T08:30:00Z\"",
        );
    })
    .await;
    world.clock.advance(minutes(29));
    world.bearing("GET /acme/bert", &token('N')).await.expect(200);
    world.clock.advance(minutes(1));
    let over = world.bearing("GET /acme/bert", &token('N')).await;
    over.refused(403, "service-account-expired");
    world.bearing("GET /acme/demo", &token('N')).await.refused(403, "service-account-expired");
}

#[tokio::test]
async fn a_service_account_works_from_its_networks_only() {
    let world = World::with(|setup| {
        setup.set("server", "trusted_proxies", "[\"127.0.0.0/8\"]");
        let more = "role = \"read\"\nnetworks = [\"10.1.0.0/16\", \"2001:db8::/32\"]";
        account(setup, "acme", "ci", &token('N'), more);
    })
    .await;
    for (forwarded, allowed) in [
        ("10.1.2.3", true),
        ("10.2.2.3", false),
        ("2001:db8::7", true),
        ("::ffff:10.1.2.3", true),
        // What the client itself wrote stands before what the proxy saw.
        ("10.1.2.3, 203.0.113.9", false),
        ("", false),
    ] {
        let token = token('N');
        let headers = format!("Authorization: Bearer {token}\r\nX-Forwarded-For: {forwarded}\r\n");
        let answer = tool::ask(world.gate.address, "GET /acme/bert", &headers).await;
        if allowed {
            answer.expect(200);
        } else {
            answer.refused(403, "network-not-allowed");
        }
    }
    // Nobody is believed who is no trusted proxy.
    let world = World::with(|setup| {
        account(setup, "acme", "ci", &token('N'), "role = \"read\"\nnetworks = [\"10.1.0.0/16\"]");
    })
    .await;
    let headers = format!("Authorization: Bearer {}\r\nX-Forwarded-For: 10.1.2.3\r\n", token('N'));
    tool::ask(world.gate.address, "GET /acme/bert", &headers)
        .await
        .refused(403, "network-not-allowed");
}

#[tokio::test]
async fn a_service_account_is_gone_with_its_line_in_the_configuration() {
    let world = World::with(|setup| {
        account(setup, "acme", "ci", &token('N'), "role = \"read\"");
    })
    .await;
    world.bearing("GET /acme/bert", &token('N')).await.expect(200);
    let without = world.another_gate(|text| {
        let (before, rest) = text.split_once("[[organization.service_account]]").unwrap();
        format!("{before}{}", rest.split_once("role = \"read\"\n").unwrap().1)
    });
    let headers = format!("Authorization: Bearer {}\r\n", token('N'));
    tool::ask(without.address, "GET /acme/bert", &headers).await.refused(403, "token-unknown");
}

/// A CI system that signs what its jobs are.
pub(crate) struct Ci {
    provider: Provider,
    clock: MovingClock,
}

impl Ci {
    pub(crate) async fn start() -> Self {
        let clock = MovingClock::new();
        let settings = Settings::new("CI", Vec::new(), clock.clock());
        let provider = Provider::start(Listener::loopback().await.unwrap(), settings).unwrap();
        Self { provider, clock }
    }

    pub(crate) fn workload(&self, setup: &mut Setup, organization: &str, more: &str) {
        let issuer = self.provider.issuer();
        let text = format!(
            "[[organization.workload]]\nname = \"train\"\nissuer = {issuer:?}\n\
             audience = \"https://hub.example.com\"\nrole = \"write\"\nalgorithms = [\"ES256\"]\n\
             {more}\n"
        );
        setup.also(organization, &text);
    }

    /// The claims of an honest job.
    pub(crate) fn job(&self) -> Value {
        let now = self.clock.seconds();
        json!({
            "iss": self.provider.issuer(), "aud": "https://hub.example.com", "iat": now,
            "nbf": now, "exp": now + 600, "jti": "7",
            "sub": "repo:acme/train:ref:refs/heads/main",
            "repository": "acme/train", "ref": "refs/heads/main",
        })
    }

    fn key_id(&self) -> Value {
        self.provider.public_key(Algorithm::Es256).unwrap()["kid"].clone()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": self.key_id() });
        let (header, claims) = (header.as_object().unwrap(), claims.as_object().unwrap());
        self.provider.sign(Algorithm::Es256, header, claims).unwrap()
    }
}

pub(crate) const CLAIMS: &str =
    "claims = { repository = \"acme/train\", ref = \"refs/heads/main\" }";

async fn with_ci(more: &str) -> (Ci, World) {
    let ci = Ci::start().await;
    let world = World::with(|setup| ci.workload(setup, "acme", more)).await;
    (ci, world)
}

/// The claims with another value of one; null takes it away.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let all = claims.as_object_mut().unwrap();
    all.remove(name);
    if !value.is_null() {
        all.insert(name.to_owned(), value);
    }
    claims
}

#[tokio::test]
async fn a_workload_is_let_in_by_its_issuers_word() {
    let (ci, world) = with_ci(CLAIMS).await;
    let token = ci.sign(&ci.job());
    for _ in 0..3 {
        world.bearing("GET /acme/bert", &token).await.expect(200);
    }
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-user"), ["acme:workload:train"]);
    assert_eq!(told.values("x-auth-name"), ["repo:acme/train:ref:refs/heads/main"]);
    assert_eq!(told.values("x-auth-role"), ["write"]);
    assert_eq!(told.value("authorization"), None, "the hub never sees the token");
    assert_eq!(ci.provider.calls(Endpoint::Keys), 1, "its keys are fetched once");
    world.bearing("GET /acme/bert/settings", &token).await.refused(403, "role-too-low");
    world.bearing("GET /globex/vision", &token).await.refused(403, "sign-in-required");
    // It ends with its token, whatever was remembered of it.
    world.clock.advance(minutes(4));
    world.bearing("GET /acme/bert", &token).await.expect(200);
    world.clock.advance(minutes(6));
    world.bearing("GET /acme/bert", &token).await.refused(403, "workload-refused");
}

#[tokio::test]
async fn a_workload_that_says_anything_else_is_refused_and_never_forwarded() {
    let (ci, world) = with_ci(CLAIMS).await;
    let job = ci.job();
    let now = ci.clock.seconds();
    for (name, value) in [
        ("repository", json!("acme/train2")),
        ("repository", json!("ACME/train")),
        ("repository", json!(["acme/train"])),
        ("repository", Value::Null),
        ("ref", json!("refs/heads/evil")),
        ("ref", json!("refs/pull/7/merge")),
        ("aud", json!("https://other.example.com")),
        ("aud", json!(["https://hub.example.com", "https://other.example.com"])),
        ("aud", json!("https://hub.example.com/")),
        ("aud", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("exp", json!(now + 25 * 3600)),
        ("exp", json!(format!("{}", now + 600))),
        ("iat", json!(now + 120)),
        ("iat", Value::Null),
        ("nbf", json!(now + 120)),
        ("sub", Value::Null),
        ("nonce", json!("x")),
        ("events", json!({})),
    ] {
        let token = ci.sign(&with(&job, name, value.clone()));
        for line in ["GET /acme/bert", "GET /acme/demo", "GET /initech/free"] {
            let answer = world.bearing(line, &token).await;
            assert_eq!(
                (answer.status, answer.reason()),
                (403, "workload-refused"),
                "{name} {value}"
            );
        }
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
}

#[tokio::test]
async fn a_workloads_signature_is_the_issuers_and_of_the_pinned_algorithm() {
    let (ci, world) = with_ci(CLAIMS).await;
    let other = Ci::start().await;
    let job = ci.job();
    let good = ci.sign(&job);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let part = |value: &Value| {
        use base64::Engine;
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let kid = ci.key_id();
    let mut forged = vec![
        // Another issuer's key, under its own name and under this one's.
        other.sign(&job),
        {
            let header = json!({ "typ": "JWT", "alg": "ES256", "kid": kid });
            let (header, claims) = (header.as_object().unwrap(), job.as_object().unwrap());
            other.provider.sign(Algorithm::Es256, header, claims).unwrap()
        },
        format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        format!("{signed}.{signature}A"),
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&job)),
        format!("{}.{}.{signature}", part(&json!({ "alg": "none", "kid": kid })), part(&job)),
    ];
    // Algorithm confusion: the public key as the secret of an HMAC.
    let public = ci.provider.public_key(Algorithm::Es256).unwrap();
    for secret in [public.to_string(), public["x"].as_str().unwrap().to_owned()] {
        let head = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": kid })), part(&job));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, head.as_bytes());
        use base64::Engine;
        let tag = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref());
        forged.push(format!("{head}.{tag}"));
    }
    // Keys that the token brings along.
    for (name, value) in [
        ("jwk", other.provider.public_key(Algorithm::Es256).unwrap()),
        ("jku", json!(format!("{}/keys", other.provider.issuer()))),
    ] {
        let mut header = json!({ "typ": "JWT", "alg": "ES256" });
        header[name] = value;
        let (header, claims) = (header.as_object().unwrap(), job.as_object().unwrap());
        forged.push(other.provider.sign(Algorithm::Es256, header, claims).unwrap());
    }
    for (index, token) in forged.iter().enumerate() {
        let answer = world.bearing("GET /acme/bert", token).await;
        let refused = [(403, "workload-refused"), (503, "idp-unreachable")];
        assert!(refused.contains(&(answer.status, answer.reason())), "{index}: {answer:?}");
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
    assert!(ci.provider.calls(Endpoint::Keys) <= 4, "strangers cannot make us ask over and over");
    world.clock.advance(minutes(1));
    ci.clock.advance(minutes(1));
    world.bearing("GET /acme/bert", &ci.sign(&ci.job())).await.expect(200);
}

#[tokio::test]
async fn a_workloads_issuer_may_rotate_its_keys_and_may_be_down() {
    let (ci, world) = with_ci(CLAIMS).await;
    world.bearing("GET /acme/bert", &ci.sign(&ci.job())).await.expect(200);
    ci.provider.rotate_keys(false).unwrap();
    let rotated = ci.sign(&with(&ci.job(), "jti", json!("8")));
    world.bearing("GET /acme/bert", &rotated).await.expect(200);
    // Down from the beginning: refused for now, and nobody else is affected.
    let (ci, world) = with_ci(CLAIMS).await;
    let fault = hubgate::demo::Fault::Status(503);
    ci.provider.behave(|behaviour: &mut Behaviour| behaviour.fail(Endpoint::Keys, fault));
    let token = ci.sign(&ci.job());
    let down = world.bearing("GET /acme/bert", &token).await.refused(503, "idp-unreachable");
    assert!(down.header("retry-after").is_some());
    let mut browser = world.signed_in("acme", "bob").await;
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_token_of_another_issuer_is_the_hubs_business() {
    let (ci, world) = with_ci(CLAIMS).await;
    let stranger = Ci::start().await;
    let token = stranger.sign(&stranger.job());
    world.bearing("GET /initech/free", &token).await;
    assert_eq!(world.last_at_hub().head.values("authorization"), [format!("Bearer {token}")]);
    world.bearing("GET /acme/bert", &token).await.refused(403, "sign-in-required");
    // And one's own beside a session's cookie is one credential too many.
    let browser = world.signed_in("acme", "bob").await;
    let headers = format!(
        "Authorization: Bearer {}\r\nCookie: {SESSION}={}\r\n",
        ci.sign(&ci.job()),
        browser.session()
    );
    tool::ask(world.gate.address, "GET /acme/bert", &headers)
        .await
        .refused(400, "mixed-credentials");
}

#[tokio::test]
async fn one_issuer_serves_many_organizations_each_by_its_own_claims() {
    let ci = Ci::start().await;
    let world = World::with(|setup| {
        ci.workload(setup, "acme", CLAIMS);
        ci.workload(setup, "globex", "claims = { repository = \"globex/vision\" }");
    })
    .await;
    let acme = ci.sign(&ci.job());
    let globex = ci.sign(&with(&ci.job(), "repository", json!("globex/vision")));
    world.bearing("GET /acme/bert", &acme).await.expect(200);
    world.bearing("GET /globex/vision", &globex).await.expect(200);
    world.bearing("GET /globex/vision", &acme).await.refused(403, "sign-in-required");
    world.bearing("GET /acme/bert", &globex).await.refused(403, "sign-in-required");
}

#[tokio::test]
async fn at_a_hub_with_accounts_a_machines_token_is_no_way_in_for_another_credential() {
    let world = World::with(|setup| {
        setup.with_accounts();
        account(setup, "acme", "nightly", &token('N'), "role = \"write\"");
    })
    .await;
    let machine = format!("X-HF-Authorization: Bearer {}\r\n", token('N'));
    for beside in ["Authorization: Bearer hf_bob\r\n", "Cookie: token=hf_bob\r\n"] {
        let headers = format!("{machine}{beside}");
        let answer = tool::ask(world.gate.address, "GET /acme/bert", &headers).await;
        answer.refused(400, "mixed-credentials");
    }
    assert!(world.hub.received().is_empty(), "neither asked about nor forwarded");
    // Alone, and beside cookies that are no credential, it opens what it opened before.
    for beside in ["", "Cookie: theme=dark\r\n"] {
        let headers = format!("{machine}{beside}");
        tool::ask(world.gate.address, "GET /acme/demo", &headers).await.expect(200);
        let told = world.last_at_hub().head;
        assert_eq!(told.value("x-hf-authorization"), None);
        assert_eq!(told.values("x-auth-user"), ["acme:service-account:nightly"]);
        assert_eq!(told.values("x-auth-role"), ["write"]);
    }
    let ask = |line| tool::ask(world.gate.address, line, &machine);
    ask("GET /acme/demo/settings").await.refused(403, "role-too-low");
    // Elsewhere it is a stranger like any other, whom the hub's own access list answers.
    ask("GET /globex/vision").await;
    let told = world.last_at_hub().head;
    assert_eq!((told.value("x-auth-user"), told.value("x-auth-role")), (None, None));
}
