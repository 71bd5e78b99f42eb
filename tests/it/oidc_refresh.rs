//! Renewal: the provider's word is heard again, and its no ends the session.

use hubgate::config::{Oidc, UserinfoUse};
use hubgate::oidc::{Error, OauthError, RefreshError, Tokens, Verified};
use hubgate::policy::{Reason, Subject};
use serde_json::{Value, json};

use crate::oidc_provider::{NOW, RSA, Reply, STRANGER, World, at, now};

/// Somebody signed in with a refresh token.
async fn signed_in(change: impl FnOnce(&mut Oidc)) -> (World, Tokens) {
    let world = World::with(change).await;
    let verified = world
        .sign_in(|answer| {
            answer.claim("auth_time", (NOW - 100).into());
            answer.tokens.insert("refresh_token".into(), "r1".into());
        })
        .await
        .unwrap();
    (world, verified.tokens)
}

/// The same, at a provider whose userinfo says what its ID tokens lack.
async fn thinly_signed_in() -> (World, Tokens) {
    let world = World::with(|settings| settings.userinfo = UserinfoUse::MissingClaims).await;
    world.idp.reply("/userinfo", Reply::json(&json!({"sub": "alice"})));
    let change = |answer: &mut crate::oidc_provider::Answer| {
        answer.tokens.insert("refresh_token".into(), "r1".into());
    };
    let verified = world.sign_in(change).await.unwrap();
    (world, verified.tokens)
}

fn id_token(world: &World, more: &Value) -> String {
    let mut claims = json!({
        "iss": world.idp.issuer, "aud": "hub", "sub": "alice", "iat": NOW, "exp": NOW + 300,
        "groups": ["ops"], "sid": "s2",
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    RSA.sign(r#"{"alg":"RS256","kid":"rsa"}"#, &claims.to_string())
}

fn renewed(more: &Value) -> Reply {
    let mut tokens = json!({"access_token": "a2", "token_type": "Bearer", "expires_in": 100});
    tokens.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Reply::json(&tokens)
}

async fn refresh(world: &World, tokens: &Tokens) -> Result<Verified, RefreshError> {
    world.rp.refresh(tokens, &Subject::parse("alice").unwrap(), now()).await
}

#[tokio::test]
async fn a_renewal_reads_the_claims_again() {
    let (world, tokens) = signed_in(|_| {}).await;
    let fresh = id_token(&world, &json!({}));
    let reply = json!({"id_token": fresh, "refresh_token": "r2"});
    world.idp.reply("/token", renewed(&reply));
    let verified = refresh(&world, &tokens).await.unwrap();
    assert_eq!(verified.profile.claims["groups"], json!(["ops"]));
    assert_eq!(verified.idp_session.as_deref(), Some("s2"));
    assert_eq!(verified.tokens.id_token().expose_secret(), fresh);
    assert_eq!(verified.tokens.refresh_at(), Some(at(NOW + 80)));
    let form = world.idp.asked("/token").pop().unwrap().form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "r1");
    assert_eq!(form["client_secret"], "s3cret:%/");

    refresh(&world, &verified.tokens).await.unwrap();
    assert_eq!(world.idp.asked("/token").pop().unwrap().form()["refresh_token"], "r2");
    world.idp.reply("/token", renewed(&json!({"id_token": fresh, "expires_in": 1})));
    let verified = refresh(&world, &verified.tokens).await.unwrap();
    assert_eq!(verified.tokens.refresh_at(), Some(at(NOW + 60)), "not within a minute");
    refresh(&world, &verified.tokens).await.unwrap();
    let form = world.idp.asked("/token").pop().unwrap().form();
    assert_eq!(form["refresh_token"], "r2", "kept where no new one came");
}

#[tokio::test]
async fn the_sign_ins_nonce_is_remembered_through_renewals_that_leave_it_out() {
    let world = World::new().await;
    let (transaction, asked) = world.begin(hubgate::oidc::Wish::default()).await;
    let verified = world
        .answer(&transaction, &asked, |answer| {
            answer.tokens.insert("refresh_token".into(), "r1".into());
        })
        .await
        .unwrap();
    let without = id_token(&world, &json!({}));
    world.idp.reply("/token", renewed(&json!({"id_token": without})));
    let verified = refresh(&world, &verified.tokens).await.unwrap();
    let with = id_token(&world, &json!({"nonce": asked["nonce"]}));
    world.idp.reply("/token", renewed(&json!({"id_token": with})));
    let verified = refresh(&world, &verified.tokens).await.unwrap();
    let other = id_token(&world, &json!({"nonce": "other"}));
    world.idp.reply("/token", renewed(&json!({"id_token": other})));
    assert!(matches!(refresh(&world, &verified.tokens).await, Err(RefreshError::Ended(_))));
}

#[tokio::test]
async fn a_renewal_without_an_id_token_believes_userinfo() {
    let (world, tokens) = thinly_signed_in().await;
    world.idp.reply("/token", renewed(&json!({})));
    let userinfo =
        json!({"sub": "alice", "groups": ["none"], "email": "a@acme.com", "email_verified": true});
    world.idp.reply("/userinfo", Reply::json(&userinfo));
    let verified = refresh(&world, &tokens).await.unwrap();
    assert_eq!(verified.profile.claims["groups"], json!(["none"]), "a removal takes effect");
    assert_eq!(verified.profile.email.unwrap().as_str(), "a@acme.com");
    assert_eq!(verified.tokens.id_token().expose_secret(), tokens.id_token().expose_secret());

    world.idp.reply("/userinfo", Reply::json(&json!({"sub": "bob"})));
    assert!(matches!(refresh(&world, &tokens).await, Err(RefreshError::Ended(_))));
    world.idp.reply("/userinfo", Reply::json(&json!({})).status(401));
    assert!(matches!(refresh(&world, &tokens).await, Err(RefreshError::Ended(_))));
    world.idp.reply("/userinfo", Reply::json(&json!({})).status(502));
    assert!(matches!(refresh(&world, &tokens).await, Err(RefreshError::Unavailable { .. })));
}

#[tokio::test]
async fn a_renewal_of_somebody_elses_session_is_refused() {
    let (world, tokens) = signed_in(|_| {}).await;
    world.idp.reply("/token", renewed(&json!({"id_token": id_token(&world, &json!({}))})));
    let bob = Subject::parse("bob").unwrap();
    let outcome = world.rp.refresh(&tokens, &bob, now()).await;
    assert!(matches!(outcome, Err(RefreshError::Ended(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_renewal_names_the_same_person_in_every_way() {
    let world = World::with(|settings| settings.subject_claim = "oid".to_owned()).await;
    let verified = world
        .sign_in(|answer| {
            answer.claim("oid", "4711".into());
            answer.tokens.insert("refresh_token".into(), "r1".into());
        })
        .await
        .unwrap();
    let person = Subject::parse("4711").unwrap();
    let refresh = async |more: Value| {
        world.idp.reply("/token", renewed(&json!({"id_token": id_token(&world, &more)})));
        world.rp.refresh(&verified.tokens, &person, now()).await
    };
    assert!(refresh(json!({"oid": "4711"})).await.is_ok());
    for other in [json!({"oid": "4711", "sub": "bob"}), json!({"oid": "4712"}), json!({})] {
        let outcome = refresh(other.clone()).await;
        assert!(matches!(outcome, Err(RefreshError::Ended(_))), "{other}: {outcome:?}");
    }
}

#[tokio::test]
async fn of_many_who_meet_a_new_key_one_asks() {
    let (world, tokens) = signed_in(|_| {}).await;
    let claims = json!({
        "iss": world.idp.issuer, "aud": "hub", "sub": "alice", "iat": NOW, "exp": NOW + 300,
    });
    let token = STRANGER.sign(r#"{"alg":"RS256","kid":"new"}"#, &claims.to_string());
    world.idp.reply("/token", renewed(&json!({"id_token": token})));
    let keys = json!({"keys": [STRANGER.jwk(&json!({"kid": "new"}))]});
    world.idp.reply("/keys", Reply::json(&keys));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (rp, tokens) = (world.rp.clone(), tokens.clone());
        let alice = Subject::parse("alice").unwrap();
        tasks.spawn(async move { rp.refresh(&tokens, &alice, now()).await.is_ok() });
    }
    assert_eq!(tasks.join_all().await, [true; 6]);
    assert_eq!(world.idp.asked("/keys").len(), 2);
}

#[tokio::test]
async fn a_providers_no_ends_the_session() {
    let (world, tokens) = signed_in(|_| {}).await;
    for code in ["invalid_grant", "access_denied", "interaction_required", "some_code_of_its_own"] {
        world.idp.reply("/token", Reply::json(&json!({"error": code})).status(400));
        let outcome = refresh(&world, &tokens).await;
        let Err(RefreshError::Ended(error)) = &outcome else { panic!("{code}: {outcome:?}") };
        assert_eq!(error.reason(), Reason::IdpRefused);
    }
}

#[tokio::test]
async fn silence_and_our_own_misconfiguration_do_not_end_it_yet() {
    let (world, tokens) = signed_in(|_| {}).await;
    for reply in [
        Reply::text("text/plain", "").status(500),
        Reply::json(&json!({"error": "invalid_grant"})).status(503),
        Reply::json(&json!({"error": "slow_down"})).status(429),
        Reply::json(&json!({"error": "temporarily_unavailable"})).status(400),
        Reply::json(&json!({"error": "server_error"})).status(400),
        Reply::json(&json!({"error": "invalid_client"})).status(401),
        Reply::text("text/html", "<p>welcome to this hotel"),
        Reply::text("text/plain", "").status(302).header("location", "/elsewhere"),
    ] {
        world.idp.reply("/token", reply);
        let outcome = refresh(&world, &tokens).await;
        assert!(matches!(outcome, Err(RefreshError::Unavailable { .. })), "{outcome:?}");
    }
    // A key that cannot be fetched says nothing about the person.
    let header = r#"{"alg":"RS256","kid":"new"}"#;
    let token = RSA.sign(
        header,
        &json!({"iss": world.idp.issuer, "aud": "hub", "sub": "alice", "iat": NOW, "exp": NOW + 9})
            .to_string(),
    );
    world.idp.reply("/token", renewed(&json!({"id_token": token})));
    world.idp.reply("/keys", Reply::text("text/plain", "").status(500));
    for _ in 0..20 {
        let outcome = refresh(&world, &tokens).await;
        assert!(matches!(outcome, Err(RefreshError::Unavailable { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_spent_refresh_token_is_not_used_again_after_an_interruption() {
    let (world, tokens) = thinly_signed_in().await;
    let reply = json!({"id_token": id_token(&world, &json!({})), "refresh_token": "r2"});
    world.idp.reply("/token", renewed(&reply));
    world.idp.reply("/userinfo", Reply::text("text/plain", "").status(503));
    let outcome = refresh(&world, &tokens).await;
    let Err(RefreshError::Unavailable { tokens: Some(kept), .. }) = outcome else {
        panic!("{outcome:?}");
    };
    world.idp.reply("/userinfo", Reply::json(&json!({"sub": "alice"})));
    refresh(&world, &kept).await.unwrap();
    assert_eq!(world.idp.asked("/token").pop().unwrap().form()["refresh_token"], "r2");
    world.idp.reply("/token", Reply::text("text/plain", "").status(503));
    let outcome = refresh(&world, &kept).await;
    assert!(matches!(outcome, Err(RefreshError::Unavailable { tokens: None, .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_key_that_is_not_published_yet_does_not_end_the_session() {
    let (world, tokens) = signed_in(|_| {}).await;
    let claims = json!({
        "iss": world.idp.issuer, "aud": "hub", "sub": "alice", "iat": NOW, "exp": NOW + 300,
    });
    let token = STRANGER.sign(r#"{"alg":"RS256","kid":"new"}"#, &claims.to_string());
    world.idp.reply("/token", renewed(&json!({"id_token": token})));
    let outcome = refresh(&world, &tokens).await;
    assert!(matches!(outcome, Err(RefreshError::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_session_without_a_refresh_token_is_not_renewed() {
    let world = World::new().await;
    let verified = world.sign_in(|_| {}).await.unwrap();
    assert_eq!(verified.tokens.refresh_at(), None);
    let outcome = refresh(&world, &verified.tokens).await;
    assert!(matches!(outcome, Err(RefreshError::Ended(Error::NoRefreshToken))), "{outcome:?}");
    assert_eq!(world.idp.asked("/token").len(), 1);
}

#[test]
fn an_error_code_of_its_own_is_never_repeated() {
    assert_eq!(OauthError::parse("<script>"), OauthError::Other);
    assert_eq!(OauthError::parse("<script>").to_string(), "an error of its own");
}
