//! Metadata and keys: fetched seldom, by one caller at a time, and used on for a while when the
//! provider does not answer.

use std::sync::Arc;
use std::time::Duration;

use hubgate::config::{Issuer, OidcProvider};
use hubgate::http_client::{self, HttpClient};
use hubgate::oidc::{Endpoint, Error, MetadataError, RelyingParty, Wish};
use hubgate::policy::{Attribute, Reason};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::oidc_provider::{
    Answer, NOW, RSA, Reply, STRANGER, TWIN, World, at, client, failure, now, settings,
};

const METADATA: &str = "/.well-known/openid-configuration";
const HOUR: u64 = 3600;

fn signed_by(key: &'static crate::oidc_provider::TestKey, id: &str) -> impl FnOnce(&mut Answer) {
    let header = json!({"alg": "RS256", "kid": id});
    move |answer| {
        answer.key = key;
        answer.header = header;
    }
}

fn publish(world: &World, keys: &[Value]) {
    world.idp.reply("/keys", Reply::json(&json!({"keys": keys})));
}

#[tokio::test]
async fn metadata_and_keys_are_fetched_once_for_many_sign_ins() {
    let world = World::new().await;
    for minute in 0..30 {
        world.sign_in_at(at(NOW + minute * 60), |_| {}).await.unwrap();
    }
    assert_eq!((world.idp.asked(METADATA).len(), world.idp.asked("/keys").len()), (1, 1));
    world.sign_in_at(at(NOW + 2 * HOUR), |_| {}).await.unwrap();
    assert_eq!((world.idp.asked(METADATA).len(), world.idp.asked("/keys").len()), (2, 2));
}

#[tokio::test]
async fn of_many_who_wait_for_the_metadata_one_asks() {
    let world = World::new().await;
    let all = async || {
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let rp = Arc::clone(&world.rp);
            tasks.spawn(async move { rp.begin(Wish::default(), now()).await.is_ok() });
        }
        tasks.join_all().await
    };
    world.idp.reply(METADATA, Reply::text("text/plain", "").status(500));
    assert!(all().await.iter().all(|begun| !begun));
    assert_eq!(world.idp.asked(METADATA).len(), 1);
    world.idp.change_metadata(|_| {});
    assert!(all().await.iter().all(|begun| *begun));
    assert_eq!(world.idp.asked(METADATA).len(), 2);
}

#[tokio::test]
async fn keys_that_rotate_just_before_signing_are_found_each_time() {
    let world = World::new().await;
    world.sign_in(|_| {}).await.unwrap();
    for round in 0..8 {
        let id = format!("new-{round}");
        publish(&world, &[STRANGER.jwk(&json!({"kid": id}))]);
        world.sign_in(signed_by(&STRANGER, &id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_takes_over_an_old_ones_name_is_found() {
    let world = World::new().await;
    publish(&world, &[RSA.jwk(&json!({"kid": "rsa"}))]);
    world.sign_in(|_| {}).await.unwrap();
    publish(&world, &[TWIN.jwk(&json!({"kid": "rsa"}))]);
    world.sign_in(signed_by(&TWIN, "rsa")).await.unwrap();
    let old = world.sign_in(|_| {}).await.unwrap_err();
    assert_eq!(failure(&old), "Signature");
}

#[tokio::test]
async fn a_key_set_that_moved_is_found() {
    let world = World::new().await;
    world.sign_in(|_| {}).await.unwrap();
    let moved = format!("{}/keys-2", world.idp.issuer);
    world.idp.change_metadata(|metadata| metadata["jwks_uri"] = moved.into());
    world.idp.reply("/keys-2", Reply::json(&json!({"keys": [TWIN.jwk(&json!({"kid": "2"}))]})));
    world.sign_in(signed_by(&TWIN, "2")).await.unwrap();
}

#[tokio::test]
async fn unknown_keys_are_no_amplifier_towards_the_provider() {
    let world = World::new().await;
    for round in 0..30 {
        let id = format!("unknown-{round}");
        world.sign_in(signed_by(&STRANGER, &id)).await.unwrap_err();
    }
    let asked = world.idp.asked("/keys").len();
    assert!(asked <= 10, "{asked} times");
    let error = world.sign_in(signed_by(&STRANGER, "unknown")).await.unwrap_err();
    assert!(matches!(error, Error::KeysExhausted), "{error:?}");
    // Nobody is locked out by it, and the budget fills again.
    world.sign_in(|_| {}).await.unwrap();
    publish(&world, &[STRANGER.jwk(&json!({"kid": "new"}))]);
    world.sign_in_at(at(NOW + 5), signed_by(&STRANGER, "new")).await.unwrap();
}

fn logout_token(world: &World, id: &str, jti: u32) -> String {
    let claims = json!({
        "iss": world.idp.issuer, "aud": "hub", "sub": "alice", "iat": NOW, "jti": jti.to_string(),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let header = json!({"alg": "RS256", "kid": id, "typ": "logout+jwt"});
    STRANGER.sign(&header.to_string(), &claims.to_string())
}

#[tokio::test]
async fn logout_tokens_from_anyone_make_us_ask_less_still() {
    let world = World::new().await;
    for round in 0..50 {
        let raw = logout_token(&world, &format!("unknown-{round}"), round);
        world.rp.logout_token(&raw, now()).await.unwrap_err();
    }
    let asked = world.idp.asked("/keys").len();
    assert!(asked <= 3, "{asked} times");
    // Sign-ins have a budget of their own.
    publish(&world, &[STRANGER.jwk(&json!({"kid": "new"}))]);
    world.sign_in(signed_by(&STRANGER, "new")).await.unwrap();
}

#[tokio::test]
async fn a_logout_token_that_would_be_refused_anyway_asks_nobody() {
    let world = World::new().await;
    let elsewhere = World::new().await;
    let raw = logout_token(&elsewhere, "unknown", 1);
    let error = world.rp.logout_token(&raw, now()).await.unwrap_err();
    assert_eq!(failure(&error), "Issuer");
    assert!(world.idp.asked(METADATA).is_empty() && world.idp.asked("/keys").is_empty());
}

#[tokio::test]
async fn an_absent_provider_is_not_asked_for_every_logout_token() {
    let world = World::new().await;
    world.idp.reply(METADATA, Reply::text("text/plain", "").status(503));
    for round in 0..20 {
        let raw = logout_token(&world, "unknown", round);
        world.rp.logout_token(&raw, now()).await.unwrap_err();
    }
    assert_eq!(world.idp.asked(METADATA).len(), 2);
}

#[tokio::test]
async fn the_last_good_keys_are_used_on_for_a_day_and_no_longer() {
    let world = World::new().await;
    world.sign_in(|_| {}).await.unwrap();
    let jwk = RSA.jwk(&json!({"kid": "rsa"}));
    let bad = [
        Reply::text("text/plain", "").status(500),
        Reply::text("text/plain", "").status(302).header("location", "/elsewhere"),
        Reply::text("text/html", "<p>maintenance"),
        Reply::json(&json!({"keys": []})),
        Reply::json(&json!({"keys": vec![jwk; 101]})),
        Reply::text("application/json", vec![b' '; http_client::MAX_BODY + 1]),
    ];
    for (index, reply) in (1..).zip(bad) {
        world.idp.reply("/keys", reply);
        let outcome = world.sign_in_at(at(NOW + (1 + index) * HOUR), |_| {}).await;
        assert!(outcome.is_ok(), "reply {index}: {outcome:?}");
        assert_eq!(world.idp.asked("/keys").len(), 1 + usize::try_from(index).unwrap());
    }
    assert!(world.idp.asked("/elsewhere").is_empty());
    let error = world.sign_in_at(at(NOW + 25 * HOUR), |_| {}).await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { endpoint: Endpoint::Keys, .. }),
        "a day later: {error:?}"
    );
    publish(&world, &[RSA.jwk(&json!({"kid": "rsa"}))]);
    world.sign_in_at(at(NOW + 25 * HOUR), |_| {}).await.unwrap();
}

#[tokio::test]
async fn the_last_good_metadata_is_used_on_for_a_day_and_no_longer() {
    let world = World::new().await;
    world.sign_in(|_| {}).await.unwrap();
    world.idp.reply(METADATA, Reply::text("text/plain", "").status(500));
    for hour in [2, 3, 23] {
        world.sign_in_at(at(NOW + hour * HOUR), |_| {}).await.unwrap();
    }
    // Within half a minute of a failure nobody waits for another.
    let asked = world.idp.asked(METADATA).len();
    world.sign_in_at(at(NOW + 23 * HOUR + 29), |_| {}).await.unwrap();
    assert_eq!(world.idp.asked(METADATA).len(), asked);
    let error = world.rp.begin(Wish::default(), at(NOW + 25 * HOUR)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::IdpUnreachable);
}

/// What beginning a sign-in says to changed metadata.
async fn refused(change: impl FnOnce(&mut Value)) -> Error {
    let world = World::new().await;
    world.idp.change_metadata(change);
    world.rp.begin(Wish::default(), now()).await.unwrap_err()
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    for other in ["https://evil.example", "", "http://127.0.0.1"] {
        let error = refused(|metadata| metadata["issuer"] = other.into()).await;
        assert!(matches!(error, Error::Metadata(MetadataError::Issuer)), "{other}: {error:?}");
    }
    let error = refused(|metadata| {
        let slash = format!("{}/", metadata["issuer"].as_str().unwrap());
        metadata["issuer"] = slash.into();
    })
    .await;
    assert!(matches!(error, Error::Metadata(MetadataError::Issuer)), "{error:?}");
    let error = refused(|metadata| metadata["issuer"] = json!([metadata["issuer"]])).await;
    assert!(matches!(error, Error::Metadata(MetadataError::Issuer)), "{error:?}");
}

#[tokio::test]
async fn metadata_without_an_endpoint_or_with_one_inside_is_refused() {
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let error = refused(|metadata| metadata[name] = Value::Null).await;
        assert!(
            matches!(error, Error::Metadata(MetadataError::Missing(n)) if n == name),
            "{name}: {error:?}"
        );
    }
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
        for address in ["http://idp.example/x", "https://169.254.169.254/x", "file:///etc/passwd"] {
            let error = refused(|metadata| metadata[name] = address.into()).await;
            assert!(
                matches!(error, Error::Metadata(MetadataError::Address(n)) if n == name),
                "{name} {address}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn metadata_that_redirects_or_is_huge_slow_or_doubled_is_refused() {
    let world = World::new().await;
    let begin = async |reply: Reply| {
        world.idp.reply(METADATA, reply);
        world.rp.begin(Wish::default(), now()).await.unwrap_err()
    };
    let good = world.idp.metadata().to_string();
    world.idp.reply("/elsewhere", Reply::text("application/json", good.clone()));
    let error = begin(Reply::text("", "").status(302).header("location", "/elsewhere")).await;
    assert!(matches!(error, Error::Answer { endpoint: Endpoint::Metadata, .. }), "{error:?}");
    assert!(world.idp.asked("/elsewhere").is_empty());
    let huge = format!("{good}{}", " ".repeat(http_client::MAX_BODY));
    let error = begin(Reply::text("application/json", huge)).await;
    let too_large = http_client::Error::TooLarge;
    assert!(
        matches!(&error, Error::Unreachable { source, .. } if source.to_string() == too_large.to_string()),
        "{error:?}"
    );
    let doubled = good.replacen('{', "{\"issuer\":\"https://evil.example\",", 1);
    let error = begin(Reply::text("application/json", doubled)).await;
    assert!(matches!(error, Error::Answer { endpoint: Endpoint::Metadata, .. }), "{error:?}");

    let hasty = client().with_patience(Duration::from_millis(100));
    let role = Attribute::parse("groups").unwrap();
    let redirect = "https://hub.example/cb".to_owned();
    let rp = RelyingParty::new(settings(&world.idp.issuer), role, redirect, &hasty).unwrap();
    world.idp.reply(METADATA, Reply::never());
    let error = rp.begin(Wish::default(), now()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { source: http_client::Error::Timeout, .. }),
        "{error:?}"
    );
    assert_eq!(error.reason(), Reason::IdpUnreachable);
}

#[tokio::test]
async fn plain_http_is_spoken_to_loopback_only() {
    for address in ["http://idp.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "gopher:x"] {
        let error = client().fetch(address).await.unwrap_err();
        assert!(matches!(error, http_client::Error::Address), "{address}: {error:?}");
    }
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "66666666-7777-8888-9999-000000000000";

/// A provider that serves many tenants, of which one is ours.
async fn entra() -> World {
    let world = World::with(|settings| {
        let common = format!("{}/common/v2.0", settings.issuer.as_str());
        let issuer = Issuer::parse(&common, OidcProvider::Entra).unwrap();
        settings.provider = OidcProvider::Entra;
        settings.issuer = issuer.with_tenants(&[TENANT.to_owned()]).unwrap();
    })
    .await;
    let mut metadata = world.idp.metadata();
    let base = world.idp.issuer.clone();
    metadata["issuer"] = format!("{base}/{{tenantid}}/v2.0").into();
    world.idp.reply(&format!("/common/v2.0{METADATA}"), Reply::json(&metadata));
    publish(
        &world,
        &[
            RSA.jwk(&json!({"kid": "any", "issuer": format!("{base}/{{tenantid}}/v2.0")})),
            RSA.jwk(&json!({"kid": "ours", "issuer": format!("{base}/{TENANT}/v2.0")})),
            RSA.jwk(&json!({"kid": "theirs", "issuer": format!("{base}/{OTHER}/v2.0")})),
        ],
    );
    world
}

#[tokio::test]
async fn one_of_many_tenants_is_told_from_the_others() {
    let world = entra().await;
    let base = world.idp.issuer.clone();
    let sign_in = async |key: &str, tenant: Value, issuer: String| {
        let outcome = world
            .sign_in(|answer| {
                answer.header["kid"] = key.into();
                answer.claim("tid", tenant);
                answer.claim("iss", issuer.into());
                answer.claims.retain(|_, value| !value.is_null());
            })
            .await;
        outcome.map_or_else(|error| failure(&error), |verified| verified.profile.issuer.to_string())
    };
    let ours = format!("{base}/{TENANT}/v2.0");
    let theirs = format!("{base}/{OTHER}/v2.0");
    assert_eq!(sign_in("any", TENANT.into(), ours.clone()).await, ours);
    assert_eq!(sign_in("ours", TENANT.into(), ours.clone()).await, ours);
    assert_eq!(sign_in("any", OTHER.into(), theirs.clone()).await, "Issuer");
    assert_eq!(sign_in("any", TENANT.into(), theirs).await, "Issuer");
    assert_eq!(sign_in("any", OTHER.into(), ours.clone()).await, "Issuer");
    assert_eq!(sign_in("any", Value::Null, ours.clone()).await, "Issuer");
    let template = format!("{base}/{{tenantid}}/v2.0");
    assert_eq!(sign_in("any", "{tenantid}".into(), template).await, "Issuer");
    assert_eq!(sign_in("theirs", TENANT.into(), ours).await, "UnknownKey");
    let common = format!("{base}/common/v2.0");
    assert_eq!(sign_in("any", TENANT.into(), common).await, "Issuer");
}

#[tokio::test]
async fn a_private_authority_is_believed_when_it_is_configured() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = std::env::temp_dir().join(format!("hubgate-oidc-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.ok();
        }
    });
    let trusting = client().trusting(std::slice::from_ref(&file)).unwrap();
    assert_eq!(trusting.fetch(&address).await.unwrap().status(), 204);
    let error = client().fetch(&address).await.unwrap_err();
    assert!(matches!(error, http_client::Error::Connection(_)), "{error:?}");
    let other = address.replace("localhost", "127.0.0.1");
    let error = trusting.fetch(&other).await.unwrap_err();
    assert!(matches!(error, http_client::Error::Connection(_)), "another name: {error:?}");
    std::fs::write(&file, "no certificate").unwrap();
    assert!(HttpClient::new().unwrap().trusting(&[file]).is_err());
    std::fs::remove_dir_all(directory).unwrap();
}
