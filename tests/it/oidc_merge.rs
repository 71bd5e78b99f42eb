//! Which claims count: ID token and userinfo, addresses that are believed, groups that are too many.

use hubgate::config::{EmailTrust, GroupOverage, Oidc, OidcProvider, UserinfoUse};
use hubgate::oidc::{AnswerError, Endpoint, Error, Verified};
use hubgate::policy::Reason;
use serde_json::{Value, json};

use crate::oidc_provider::{Answer, Reply, World, failure};

/// Signs in with these claims in the ID token, and these in userinfo.
async fn sign_in(
    change: impl FnOnce(&mut Oidc),
    id_token: Value,
    userinfo: Option<Value>,
) -> Result<Verified, Error> {
    let world = World::with(change).await;
    if let Some(userinfo) = userinfo {
        world.idp.reply("/userinfo", Reply::json(&userinfo));
    }
    world.sign_in(claims(id_token)).await
}

fn claims(more: Value) -> impl FnOnce(&mut Answer) {
    move |answer| {
        answer.claims.extend(more.as_object().unwrap().clone());
        answer.claims.retain(|_, value| !value.is_null());
    }
}

fn always(settings: &mut Oidc) {
    settings.userinfo = UserinfoUse::Always;
}

#[tokio::test]
async fn userinfo_adds_and_never_overrides() {
    let world = World::with(|settings| {
        always(settings);
        settings.required_claims = vec![("tenant".into(), "acme".into())];
    })
    .await;
    world.idp.reply(
        "/userinfo",
        Reply::json(&json!({
            "sub": "alice", "iss": "https://evil.example", "sid": "other", "auth_time": 1,
            "tenant": "evil", "amr": ["mfa"], "groups": ["hub-admins"], "department": "eng",
        })),
    );
    let verified = world.sign_in(claims(json!({"tenant": "acme", "sid": "s1"}))).await.unwrap();
    let claims = &verified.profile.claims;
    assert_eq!(claims["groups"], json!(["ml"]));
    assert_eq!(claims["department"], "eng");
    assert_eq!(claims["tenant"], "acme");
    assert_eq!(claims["iss"], world.idp.issuer.as_str());
    assert_eq!(verified.idp_session.as_deref(), Some("s1"));
    assert!(!claims.contains_key("amr") && !claims.contains_key("auth_time"));
    let asked = world.idp.asked("/userinfo").pop().unwrap();
    assert_eq!(asked.headers["authorization"], "Bearer an-access-token");
}

#[tokio::test]
async fn userinfo_is_about_the_same_person_or_refused() {
    for (userinfo, expected) in [
        (json!({"sub": "bob"}), "Subject"),
        (json!({"groups": ["hub-admins"]}), "Subject"),
        (json!({"sub": ["alice"]}), "Subject"),
        (json!({"sub": "Alice"}), "Subject"),
    ] {
        let error = sign_in(always, json!({}), Some(userinfo)).await.unwrap_err();
        assert_eq!(failure(&error), expected);
    }
    for body in [r#"[{"sub":"alice"}]"#, r#"{"sub":"bob","sub":"alice"}"#, "null", "sub=alice"] {
        let world = World::with(always).await;
        world.idp.reply("/userinfo", Reply::text("application/json", body));
        let error = world.sign_in(|_| {}).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Answer { endpoint: Endpoint::Userinfo, problem: AnswerError::Form }
            ),
            "{body}: {error:?}"
        );
    }
}

#[tokio::test]
async fn userinfo_that_does_not_answer_fails_the_sign_in() {
    let world = World::with(always).await;
    world.idp.reply("/userinfo", Reply::text("text/plain", "").status(503));
    assert_eq!(world.sign_in(|_| {}).await.unwrap_err().reason(), Reason::IdpUnreachable);
    let redirect = Reply::text("text/plain", "").status(302).header("location", "/elsewhere");
    world.idp.reply("/userinfo", redirect);
    assert_eq!(world.sign_in(|_| {}).await.unwrap_err().reason(), Reason::IdpInvalid);
    assert!(world.idp.asked("/elsewhere").is_empty(), "the access token stays where it is");
}

#[tokio::test]
async fn userinfo_is_asked_when_something_is_missing() {
    let asked = async |id_token: Value| {
        let world = World::with(|settings| settings.userinfo = UserinfoUse::MissingClaims).await;
        let userinfo = json!({"sub": "alice", "groups": ["x"], "email": "alice@acme.com"});
        world.idp.reply("/userinfo", Reply::json(&userinfo));
        world.sign_in(claims(id_token)).await.unwrap();
        world.idp.asked("/userinfo").len()
    };
    let all = json!({"email": "alice@acme.com", "email_verified": false});
    assert_eq!(asked(all.clone()).await, 0);
    for lacking in ["email", "email_verified", "groups"] {
        let mut claims = all.clone();
        claims[lacking] = Value::Null;
        assert_eq!(asked(claims).await, 1, "without {lacking}");
    }
}

#[tokio::test]
async fn claims_that_the_configuration_requires_are_in_the_id_token() {
    let google = |settings: &mut Oidc| {
        always(settings);
        settings.required_claims = vec![("hd".into(), "acme.com".into())];
    };
    let userinfo = || Some(json!({"sub": "alice", "hd": "acme.com"}));
    assert!(sign_in(google, json!({"hd": "acme.com"}), userinfo()).await.is_ok());
    for hd in [json!("evil.example"), json!("ACME.com"), json!(["acme.com"]), Value::Null] {
        let error = sign_in(google, json!({"hd": hd}), userinfo()).await.unwrap_err();
        assert_eq!(failure(&error), "RequiredClaim", "{hd}");
    }
}

#[tokio::test]
async fn the_claim_that_names_the_person_is_in_the_id_token() {
    let by_oid = |settings: &mut Oidc| {
        always(settings);
        settings.subject_claim = "oid".to_owned();
    };
    let userinfo = || Some(json!({"sub": "alice", "oid": "evil"}));
    let verified = sign_in(by_oid, json!({"oid": "4711"}), userinfo()).await.unwrap();
    assert_eq!(verified.profile.subject.as_str(), "4711");
    let error = sign_in(by_oid, json!({}), userinfo()).await.unwrap_err();
    assert_eq!(failure(&error), "Malformed(\"sub\")");
}

/// The address that is believed of these claims.
async fn check_email(
    change: impl FnOnce(&mut Oidc),
    id_token: Value,
    userinfo: Option<Value>,
    expected: Option<&str>,
) {
    let case = format!("{id_token} {userinfo:?}");
    let verified = sign_in(change, id_token, userinfo).await.unwrap();
    assert_eq!(verified.profile.email.as_ref().map(|e| e.as_str()), expected, "{case}");
}

#[tokio::test]
async fn an_address_is_believed_when_its_provider_verified_it() {
    let alice = "alice@acme.com";
    let nothing = |_: &mut Oidc| {};
    for (verified, expected) in [
        (json!(true), Some(alice)),
        (json!("true"), Some(alice)),
        (json!(false), None),
        (json!("false"), None),
        (json!(1), None),
        (json!("yes"), None),
        (json!([true]), None),
        (Value::Null, None),
    ] {
        let claims = json!({"email": alice, "email_verified": verified});
        check_email(nothing, claims, None, expected).await;
    }
    for address in ["alice@evil.example@acme.com", "\"a@b\"@acme.com", "alice@\u{430}cme.com", ""] {
        check_email(nothing, json!({"email": address, "email_verified": true}), None, None).await;
    }
    check_email(nothing, json!({"email": [alice], "email_verified": true}), None, None).await;
    let never = |settings: &mut Oidc| settings.email_trust = EmailTrust::Never;
    check_email(never, json!({"email": alice, "email_verified": true}), None, None).await;
    let trusting = |settings: &mut Oidc| settings.email_trust = EmailTrust::Always;
    check_email(trusting, json!({"email": alice}), None, Some(alice)).await;
}

#[tokio::test]
async fn what_verifies_one_address_verifies_no_other() {
    let (alice, boss) = ("alice@acme.com", "boss@acme.com");
    let verified = json!({"sub": "alice", "email": alice, "email_verified": true});
    check_email(always, json!({}), Some(verified.clone()), Some(alice)).await;
    // The ID token names an address, userinfo says that another one is verified.
    check_email(always, json!({"email": boss}), Some(verified.clone()), None).await;
    // The same address in both is one address.
    check_email(always, json!({"email": alice}), Some(verified.clone()), Some(alice)).await;
    let denied = json!({"email": alice, "email_verified": false});
    check_email(always, denied, Some(verified.clone()), None).await;
    check_email(
        always,
        json!({"email_verified": true}),
        Some(json!({"sub": "alice", "email": boss, "email_verified": false})),
        None,
    )
    .await;
    let upn = |settings: &mut Oidc| settings.email_claim = "upn".to_owned();
    check_email(upn, json!({"upn": boss, "email": alice, "email_verified": true}), None, None)
        .await;
}

#[tokio::test]
async fn entras_address_is_believed_when_its_domains_owner_verified_it() {
    let alice = "alice@acme.com";
    let entra = |settings: &mut Oidc| settings.provider = OidcProvider::Entra;
    check_email(entra, json!({"email": alice, "email_verified": true}), None, None).await;
    check_email(entra, json!({"email": alice, "xms_edov": false}), None, None).await;
    check_email(entra, json!({"email": alice, "xms_edov": 0}), None, None).await;
    check_email(entra, json!({"email": alice, "xms_edov": true}), None, Some(alice)).await;
    check_email(entra, json!({"email": alice, "xms_edov": "1"}), None, Some(alice)).await;
    // For any other provider it is a claim like others.
    check_email(|_| {}, json!({"email": alice, "xms_edov": true}), None, None).await;
}

/// Claims of somebody with too many groups.
fn overage(endpoint: &str) -> Value {
    json!({
        "groups": null,
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": endpoint}},
    })
}

const FIRST_PAGE: &str = "/graph/v1.0/me/transitiveMemberOf";

async fn with_graph(role: &str) -> World {
    let graph = |settings: &mut Oidc| settings.group_overage = GroupOverage::MicrosoftGraph;
    World::with_role(role, graph).await
}

#[tokio::test]
async fn too_many_groups_are_asked_for_at_graph_and_nowhere_else() {
    let world = with_graph("$.groups").await;
    let base = world.idp.issuer.clone();
    let group = |id: &str| json!({"@odata.type": "#microsoft.graph.group", "id": id});
    world.idp.reply(
        FIRST_PAGE,
        Reply::json(&json!({
            "value": [group("g1"), {"@odata.type": "#microsoft.graph.directoryRole", "id": "r1"}],
            "@odata.nextLink": format!("{base}/graph/v1.0/page2?$skiptoken=x"),
        })),
    );
    world.idp.reply("/graph/v1.0/page2", Reply::json(&json!({"value": [group("g2")]})));
    for claims_of in [overage(&format!("{base}/evil")), json!({"groups": null, "hasgroups": true})]
    {
        let verified = world.sign_in(claims(claims_of)).await.unwrap();
        assert_eq!(verified.profile.claims["groups"], json!(["g1", "g2"]));
    }
    assert!(world.idp.asked("/evil").is_empty());
    let asked = world.idp.asked(FIRST_PAGE).pop().unwrap();
    assert_eq!(asked.headers["authorization"], "Bearer an-access-token");
}

#[tokio::test]
async fn groups_that_cannot_be_had_fail_the_sign_in() {
    let world = with_graph("groups").await;
    let base = world.idp.issuer.clone();
    let sign_in = async |reply: Reply| {
        world.idp.reply(FIRST_PAGE, reply);
        world.sign_in(claims(overage("https://graph.example"))).await.unwrap_err()
    };
    let page = |next: &str| Reply::json(&json!({"value": [], "@odata.nextLink": next}));
    let error = sign_in(Reply::json(&json!({})).status(403)).await;
    assert!(matches!(error, Error::Answer { problem: AnswerError::Status(403), .. }), "{error:?}");
    let error = sign_in(Reply::json(&json!({})).status(503)).await;
    assert!(matches!(error, Error::Unreachable { endpoint: Endpoint::Graph, .. }), "{error:?}");
    let error = sign_in(Reply::json(&json!({"value": {}}))).await;
    assert!(matches!(error, Error::Answer { problem: AnswerError::Form, .. }), "{error:?}");
    let error = sign_in(Reply::json(&json!({"value": [{"id": 7}]}))).await;
    assert!(matches!(error, Error::Answer { problem: AnswerError::Form, .. }), "{error:?}");
    for elsewhere in [format!("{base}/evil"), format!("{base}/graph.evil/x"), String::new()] {
        let error = sign_in(page(&elsewhere)).await;
        assert!(matches!(error, Error::Answer { problem: AnswerError::Form, .. }), "{error:?}");
    }
    assert!(world.idp.asked("/evil").is_empty() && world.idp.asked("/graph.evil/x").is_empty());
    let error = sign_in(page(&format!("{base}{FIRST_PAGE}"))).await;
    assert!(
        matches!(error, Error::Answer { problem: AnswerError::TooManyPages, .. }),
        "pages without end: {error:?}"
    );
}

#[tokio::test]
async fn too_many_groups_are_never_taken_for_none() {
    for role in ["groups", "$.groups", "$['groups'][*]", "$..groups", "$[*]", "$.*"] {
        let world = World::with_role(role, |_| {}).await;
        let error = world.sign_in(claims(overage("https://x.example"))).await.unwrap_err();
        assert!(matches!(error, Error::GroupOverage), "{role}: {error:?}");
    }
    // Groups that decide nothing may be too many.
    let world = World::with_role("$.roles", |_| {}).await;
    let verified = world.sign_in(claims(overage("https://x.example"))).await.unwrap();
    assert!(!verified.profile.claims.contains_key("groups"));
}

#[tokio::test]
async fn a_role_that_stands_elsewhere_is_refused_and_its_address_never_asked() {
    let world = World::with_role("$.entitlements", |_| {}).await;
    let evil = format!("{}/evil", world.idp.issuer);
    let distributed = json!({
        "_claim_names": {"entitlements": "src1", "shoe_size": "src1"},
        "_claim_sources": {"src1": {"endpoint": evil, "access_token": "x"}},
    });
    let error = world.sign_in(claims(distributed.clone())).await.unwrap_err();
    assert!(matches!(error, Error::DistributedClaim), "{error:?}");
    assert!(world.idp.asked("/evil").is_empty());
    let world = World::with_role("$.groups", |_| {}).await;
    let verified = world.sign_in(claims(distributed)).await.unwrap();
    assert!(!verified.profile.claims.contains_key("entitlements"));
}
