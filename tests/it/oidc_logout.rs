//! Logout: from the provider, and towards it.

use std::collections::HashMap;

use hubgate::oidc::Error;
use serde_json::{Value, json};

use crate::oidc_provider::{NOW, RSA, Reply, World, at, failure, now};

fn logout_token(world: &World, more: &Value) -> String {
    let mut claims = json!({
        "iss": world.idp.issuer, "aud": "hub", "sub": "alice", "sid": "s1", "iat": NOW,
        "exp": NOW + 120, "jti": "j1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    RSA.sign(r#"{"alg":"RS256","kid":"rsa","typ":"logout+jwt"}"#, &claims.to_string())
}

#[tokio::test]
async fn a_logout_token_says_whose_sessions_end() {
    let world = World::new().await;
    let raw = logout_token(&world, &json!({}));
    let token = world.rp.logout_token(&raw, now()).await.unwrap();
    assert_eq!(token.subject.unwrap().as_str(), "alice");
    assert_eq!(token.session.as_deref(), Some("s1"));
    assert_eq!(token.issued_at, at(NOW));
    assert_eq!(token.expires_at, at(NOW + 180));
    let raw = logout_token(&world, &json!({"sid": null, "jti": "j2"}));
    assert_eq!(world.rp.logout_token(&raw, now()).await.unwrap().session, None);
    let raw = logout_token(&world, &json!({"sub": null, "jti": "j3"}));
    assert_eq!(world.rp.logout_token(&raw, now()).await.unwrap().subject, None);
}

#[tokio::test]
async fn a_logout_token_is_used_once() {
    let world = World::new().await;
    let raw = logout_token(&world, &json!({}));
    world.rp.logout_token(&raw, now()).await.unwrap();
    for later in [NOW, NOW + 60, NOW + 179] {
        let error = world.rp.logout_token(&raw, at(later)).await.unwrap_err();
        assert_eq!(failure(&error), "Replayed");
    }
    let error = world.rp.logout_token(&raw, at(NOW + 180)).await.unwrap_err();
    assert_eq!(failure(&error), "Expired");
    let without_expiry = logout_token(&world, &json!({"exp": null, "jti": "j2"}));
    world.rp.logout_token(&without_expiry, now()).await.unwrap();
    let error = world.rp.logout_token(&without_expiry, at(NOW + 359)).await.unwrap_err();
    assert_eq!(failure(&error), "Replayed");
    let error = world.rp.logout_token(&without_expiry, at(NOW + 360)).await.unwrap_err();
    assert_eq!(failure(&error), "TooOld");
    let long = logout_token(&world, &json!({"exp": NOW + 1_000_000, "jti": "j3"}));
    world.rp.logout_token(&long, now()).await.unwrap();
    let error = world.rp.logout_token(&long, at(NOW + 3659)).await.unwrap_err();
    assert_eq!(failure(&error), "Replayed");
    let error = world.rp.logout_token(&long, at(NOW + 3660)).await.unwrap_err();
    assert_eq!(failure(&error), "TooOld");
}

#[tokio::test]
async fn one_organizations_logout_token_ends_nothing_at_another() {
    let (acme, globex) = (World::new().await, World::new().await);
    let raw = logout_token(&acme, &json!({}));
    let error = globex.rp.logout_token(&raw, now()).await.unwrap_err();
    assert_eq!(failure(&error), "Issuer");
    acme.rp.logout_token(&raw, now()).await.unwrap();
}

#[tokio::test]
async fn a_person_is_found_by_the_claim_that_names_people_here() {
    let world = World::with(|settings| settings.subject_claim = "oid".to_owned()).await;
    let by_sub = logout_token(&world, &json!({"sid": null}));
    let error = world.rp.logout_token(&by_sub, now()).await.unwrap_err();
    assert_eq!(failure(&error), "Missing(\"sub\")");
    let by_oid = logout_token(&world, &json!({"oid": "4711"}));
    let token = world.rp.logout_token(&by_oid, now()).await.unwrap();
    assert_eq!(token.subject.unwrap().as_str(), "4711");
}

#[tokio::test]
async fn people_who_sign_out_are_sent_to_their_provider() {
    let world = World::new().await;
    let verified = world.sign_in(|_| {}).await.unwrap();
    let hint = verified.tokens.id_token().expose_secret();
    let home = "https://hub.example/-/sso/";
    let url = world.rp.logout_url(Some(hint), home, "a b", now()).await.unwrap();
    let url = url::Url::parse(&url).unwrap();
    assert_eq!(url.path(), "/logout");
    let pairs: HashMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(pairs["x"], "1", "the provider's own parameters stay");
    assert_eq!(pairs["id_token_hint"], hint);
    assert_eq!(pairs["client_id"], "hub");
    assert_eq!(pairs["post_logout_redirect_uri"], home);
    assert_eq!(pairs["state"], "a b");

    let world = World::new().await;
    world.idp.change_metadata(|metadata| metadata["end_session_endpoint"] = Value::Null);
    assert_eq!(world.rp.logout_url(None, home, "s", now()).await, None);
    let world = World::new().await;
    let gone = Reply::text("text/plain", "").status(500);
    world.idp.reply("/.well-known/openid-configuration", gone);
    assert_eq!(world.rp.logout_url(None, home, "s", now()).await, None);
}

#[tokio::test]
async fn a_refresh_token_is_given_back() {
    let world = World::new().await;
    world.idp.reply("/revoke", Reply::text("text/plain", ""));
    let change = |answer: &mut crate::oidc_provider::Answer| {
        answer.tokens.insert("refresh_token".into(), "r1".into());
    };
    let verified = world.sign_in(change).await.unwrap();
    world.rp.revoke(&verified.tokens, now()).await;
    let form = world.idp.asked("/revoke").pop().unwrap().form();
    assert_eq!(form["token"], "r1");
    assert_eq!(form["token_type_hint"], "refresh_token");
    assert_eq!(form["client_id"], "hub");
    assert_eq!(form["client_secret"], "s3cret:%/");
}

#[tokio::test]
async fn garbage_is_no_logout_token() {
    let world = World::new().await;
    for raw in ["", "...", "a.b.c", &"x".repeat(100_000), "{}"] {
        let error = world.rp.logout_token(raw, now()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    }
}
