//! Sign-ins: what the provider is asked, and which answers finish one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hubgate::config::{
    ClientAssertionAudience, ClientAuth, EmailTrust, Issuer, OidcProvider, ResponseMode, Secret,
    SigningAlgorithm, UserinfoUse,
};
use hubgate::oidc::{
    CallbackParameters, Error, OauthError, ParameterError, ProbeWarning, Prompt, RelyingParty,
    SettingsError, StateError, Wish,
};
use hubgate::policy::{Attribute, Reason};
use serde_json::{Value, json};

use crate::oidc_provider::{Answer, NOW, Reply, World, at, client, failure, now, party, settings};

#[tokio::test]
async fn a_sign_in_ends_in_a_verified_profile() {
    let world = World::new().await;
    let verified = world
        .sign_in(|answer| {
            answer.claim("email", "Alice@ACME.com".into());
            answer.claim("email_verified", true.into());
            answer.claim("name", "Alice\u{7} Liddell".into());
            answer.claim("sid", "s1".into());
            answer.tokens.insert("refresh_token".into(), "r1".into());
        })
        .await
        .unwrap();
    assert_eq!(verified.profile.subject.as_str(), "alice");
    assert_eq!(&*verified.profile.issuer, world.idp.issuer);
    assert_eq!(verified.profile.email.unwrap().as_str(), "Alice@acme.com");
    assert_eq!(verified.profile.name.as_deref(), Some("Alice Liddell"));
    assert_eq!(verified.profile.claims["groups"], json!(["ml"]));
    assert_eq!(verified.idp_session.as_deref(), Some("s1"));
    assert_eq!(verified.tokens.refresh_at(), Some(at(NOW + 800)));
}

#[tokio::test]
async fn the_authorization_request_asks_for_what_is_configured_and_no_more() {
    let world = World::with(|settings| {
        settings.scopes = vec!["openid".into(), "email".into(), "groups".into()];
        settings.response_mode = ResponseMode::FormPost;
        settings.extra_parameters =
            vec![("audience".into(), "x".into()), ("prompt".into(), "consent".into())];
        settings.max_age = Some(Duration::from_secs(600));
        settings.acr_values = vec!["mfa".into()];
    })
    .await;
    let wish = Wish {
        login_hint: Some("alice@acme.com".into()),
        prompt: Some(Prompt::SelectAccount),
        max_age: Some(Duration::from_secs(60)),
        acr_values: Vec::new(),
    };
    let begun = world.rp.begin(wish, now()).await.unwrap();
    let url = url::Url::parse(&begun.location).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let asked: HashMap<String, String> = pairs.iter().cloned().collect();
    assert_eq!(asked.len(), pairs.len(), "no parameter stands twice: {pairs:?}");
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], "hub");
    assert_eq!(asked["redirect_uri"], "https://hub.example/-/sso/acme/oidc/callback");
    assert_eq!(asked["scope"], "openid email groups");
    assert_eq!(asked["response_mode"], "form_post");
    assert_eq!(asked["audience"], "x");
    assert_eq!(asked["prompt"], "select_account");
    assert_eq!(asked["login_hint"], "alice@acme.com");
    assert_eq!(asked["max_age"], "60");
    assert_eq!(asked["acr_values"], "mfa");
    assert_eq!(asked["code_challenge_method"], "S256");
    for secret in ["state", "nonce", "code_challenge"] {
        assert_eq!(URL_SAFE_NO_PAD.decode(&asked[secret]).unwrap().len(), 32, "{secret}");
    }
    let again = world.rp.begin(Wish::default(), now()).await.unwrap();
    assert_ne!(begun.transaction.state(), again.transaction.state());
}

#[tokio::test]
async fn pkce_is_never_downgraded() {
    let world = World::new().await;
    world.idp.change_metadata(|m| m["code_challenge_methods_supported"] = json!(["plain"]));
    let (transaction, asked) = world.begin(Wish::default()).await;
    assert_eq!(asked["code_challenge_method"], "S256");
    world.answer(&transaction, &asked, |_| {}).await.unwrap();
    let form = world.idp.asked("/token")[0].form();
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    assert_eq!(challenge, asked["code_challenge"]);
    assert_eq!(form["code"], "a-code");
    assert_eq!(form["redirect_uri"], "https://hub.example/-/sso/acme/oidc/callback");
    assert_eq!(form["grant_type"], "authorization_code");
}

#[tokio::test]
async fn a_state_of_another_sign_in_is_refused_before_the_code_is_used() {
    let world = World::new().await;
    let (transaction, asked) = world.begin(Wish::default()).await;
    let (_, other) = world.begin(Wish::default()).await;
    let error = world
        .answer(&transaction, &asked, |answer| answer.callback[1].1 = other["state"].clone())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::State(StateError::Other)), "{error:?}");
    assert!(world.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn a_sign_in_begun_at_one_issuer_cannot_be_finished_at_another() {
    let (acme, globex) = (World::new().await, World::new().await);
    let (transaction, asked) = acme.begin(Wish::default()).await;
    let error = globex.answer(&transaction, &asked, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::State(StateError::Issuer)), "{error:?}");
    assert!(globex.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn a_sign_in_that_takes_too_long_is_refused() {
    let world = World::new().await;
    let (transaction, asked) = world.begin(Wish::default()).await;
    let late = world.answer_at(&transaction, &asked, at(NOW + 600), |_| {}).await.unwrap_err();
    assert!(matches!(late, Error::State(StateError::Age)), "{late:?}");
    let early = world.answer_at(&transaction, &asked, at(NOW - 61), |_| {}).await.unwrap_err();
    assert!(matches!(early, Error::State(StateError::Age)), "{early:?}");
    world.answer_at(&transaction, &asked, at(NOW + 599), |_| {}).await.unwrap();
}

/// A callback with these `iss`, at a provider that does or does not promise one.
#[track_caller]
fn check_issuer(outcome: &Result<hubgate::oidc::Verified, Error>, expected: bool, case: &str) {
    match outcome {
        Ok(_) => assert!(expected, "{case}"),
        Err(Error::Parameters(ParameterError::Issuer)) => assert!(!expected, "{case}"),
        Err(other) => panic!("{case}: {other:?}"),
    }
}

#[tokio::test]
async fn the_answers_issuer_is_the_one_that_was_asked() {
    let world = World::new().await;
    let right = world.idp.issuer.clone();
    let iss = |value: &str| {
        let value = value.to_owned();
        move |answer: &mut Answer| answer.callback.push(("iss".into(), value))
    };
    check_issuer(&world.sign_in(iss(&right)).await, true, "right");
    check_issuer(&world.sign_in(iss("https://evil.example")).await, false, "wrong");
    check_issuer(&world.sign_in(iss(&format!("{right}/"))).await, false, "with a slash");
    check_issuer(&world.sign_in(iss("")).await, false, "empty");
    check_issuer(&world.sign_in(|_| {}).await, true, "absent, not promised");

    let world = World::new().await;
    world
        .idp
        .change_metadata(|m| m["authorization_response_iss_parameter_supported"] = json!(true));
    check_issuer(&world.sign_in(|_| {}).await, false, "absent, promised");
    let right = world.idp.issuer.clone();
    check_issuer(&world.sign_in(iss(&right)).await, true, "there, promised");

    let world = World::with(|settings| settings.require_iss_parameter = true).await;
    check_issuer(&world.sign_in(|_| {}).await, false, "absent, required");
    assert!(world.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn an_error_from_another_issuer_is_not_believed_either() {
    let world = World::new().await;
    let (transaction, asked) = world.begin(Wish::default()).await;
    let error = world
        .answer(&transaction, &asked, |answer| {
            answer.callback[0] = ("error".into(), "access_denied".into());
            answer.callback.push(("iss".into(), "https://evil.example".into()));
        })
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Parameters(ParameterError::Issuer)), "{error:?}");
}

#[tokio::test]
async fn doubled_parameters_are_refused() {
    let world = World::new().await;
    for name in ["code", "state", "iss", "error"] {
        let error = world
            .sign_in(|answer| {
                answer.callback.push(("iss".into(), "x".into()));
                answer.callback.push(("error".into(), "x".into()));
                answer.callback.push((name.into(), "x".into()));
            })
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Parameters(ParameterError::Doubled(n)) if n == name));
    }
}

#[tokio::test]
async fn a_providers_no_is_told_apart_from_its_silence() {
    let world = World::new().await;
    let error = world
        .sign_in(|answer| {
            answer.callback[0] = ("error".into(), "access_denied".into());
            answer.callback.push(("error_description".into(), "not\r\nassigned\u{e9}".into()));
        })
        .await
        .unwrap_err();
    let Error::Refused { code: OauthError::AccessDenied, description, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(description.as_deref(), Some("notassigned"));
    assert_eq!(error.reason(), Reason::IdpRefused);

    let (transaction, asked) = world.begin(Wish::default()).await;
    let finish = async |reply: Reply| {
        world.idp.reply("/token", reply);
        let callback = format!("code=a-code&state={}", asked["state"]);
        let answer = CallbackParameters::parse(&callback).unwrap();
        world.rp.finish(&transaction, answer, now()).await.unwrap_err()
    };
    let no = Reply::json(&json!({"error": "invalid_grant", "error_description": 7}));
    let error = finish(no.status(400)).await;
    assert_eq!(error.reason(), Reason::IdpInvalid, "an error of the wrong form: {error:?}");
    let error = finish(Reply::json(&json!({"error": "invalid_grant"})).status(400)).await;
    assert!(matches!(error, Error::Refused { code: OauthError::InvalidGrant, .. }), "{error:?}");
    let error = finish(Reply::json(&json!({"error": "server_error"})).status(503)).await;
    assert_eq!(error.reason(), Reason::IdpUnreachable, "{error:?}");
    let error = finish(Reply::text("text/html", "<p>hello").status(200)).await;
    assert_eq!(error.reason(), Reason::IdpInvalid, "{error:?}");
    let moved = Reply::text("text/html", "").status(307).header("location", "/elsewhere");
    let error = finish(moved).await;
    assert_eq!(error.reason(), Reason::IdpInvalid, "{error:?}");
    assert!(world.idp.asked("/elsewhere").is_empty());
}

#[tokio::test]
async fn an_answer_without_an_id_token_or_with_another_token_type_is_refused() {
    let world = World::new().await;
    let none = world.sign_in(|a| drop(a.tokens.insert("id_token".into(), Value::Null))).await;
    assert_eq!(none.unwrap_err().reason(), Reason::IdpInvalid);
    let other = world.sign_in(|a| drop(a.tokens.insert("token_type".into(), "mac".into()))).await;
    assert_eq!(other.unwrap_err().reason(), Reason::IdpInvalid);
    let lower =
        world.sign_in(|a| drop(a.tokens.insert("token_type".into(), "bearer".into()))).await;
    assert!(lower.is_ok());
    let text = world.sign_in(|a| drop(a.tokens.insert("expires_in".into(), "1000".into()))).await;
    assert!(text.is_ok());
}

#[tokio::test]
async fn authentication_must_be_as_recent_and_as_strong_as_was_asked() {
    let world = World::with(|settings| {
        settings.max_age = Some(Duration::from_secs(100));
        settings.acr_values = vec!["mfa".into(), "phr".into()];
    })
    .await;
    let sign_in = async |auth_time: Value, acr: Value| {
        let outcome = world
            .sign_in(|answer| {
                answer.claim("auth_time", auth_time);
                answer.claim("acr", acr);
                answer.claims.retain(|_, value| !value.is_null());
            })
            .await;
        outcome.map_or_else(|error| failure(&error), |_| "ok".to_owned())
    };
    assert_eq!(sign_in((NOW - 160).into(), "phr".into()).await, "ok");
    assert_eq!(sign_in((NOW - 161).into(), "phr".into()).await, "AuthenticationTime");
    assert_eq!(sign_in(Value::Null, "phr".into()).await, "Missing(\"auth_time\")");
    assert_eq!(sign_in("now".into(), "phr".into()).await, "Malformed(\"auth_time\")");
    assert_eq!(sign_in(NOW.into(), "pwd".into()).await, "AuthenticationContext");
    assert_eq!(sign_in(NOW.into(), Value::Null).await, "AuthenticationContext");
    assert_eq!(sign_in(NOW.into(), json!(["phr"])).await, "AuthenticationContext");
}

#[tokio::test]
async fn the_client_proves_who_it_is_in_the_way_that_is_configured() {
    let auth = |world: &World| world.idp.asked("/token").pop().unwrap();
    let world = World::new().await;
    world.sign_in(|_| {}).await.unwrap();
    let form = auth(&world).form();
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("hub", "s3cret:%/"));

    let basic = |settings: &mut hubgate::config::Oidc| {
        settings.client_auth = ClientAuth::SecretBasic(Secret::new("s3cret:%/".to_owned()));
    };
    let world = World::with(basic).await;
    world.sign_in(|_| {}).await.unwrap();
    let asked = auth(&world);
    let header = asked.headers["authorization"].to_str().unwrap();
    let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(pair, b"hub:s3cret%3A%25%2F");
    assert!(!asked.body.contains("s3cret"));

    let world = World::with(|settings| settings.client_auth = ClientAuth::None).await;
    world.sign_in(|_| {}).await.unwrap();
    let asked = auth(&world);
    assert_eq!(asked.form()["client_id"], "hub");
    assert!(!asked.headers.contains_key("authorization"));
    assert!(!asked.form().contains_key("client_secret"));
}

#[tokio::test]
async fn a_proof_that_is_not_taken_names_the_keys_that_it_was_made_of() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let secret = || Secret::new("s3cret".to_owned());
    let key = ClientAuth::PrivateKeyJwt {
        key: Secret::new(pair.serialize_pem()),
        key_id: None,
        certificate: None,
        audience: ClientAssertionAudience::Issuer,
    };
    const SECRET: &str = "organization.oidc.client_secret, client_id and client_auth";
    const KEY: &str = "organization.oidc.private_key, key_id, certificate, assertion_audience, client_id and client_auth";
    for (auth, keys) in [
        (ClientAuth::SecretPost(secret()), SECRET),
        (ClientAuth::SecretBasic(secret()), SECRET),
        (key, KEY),
        (ClientAuth::None, "organization.oidc.client_id and client_auth"),
    ] {
        let world = World::with(|settings| settings.client_auth = auth).await;
        let issuer = world.idp.issuer.clone();
        world.idp.change_metadata(|metadata| {
            metadata["pushed_authorization_request_endpoint"] = json!(format!("{issuer}/par"));
        });
        // Keycloak says the latter of a wrong secret.
        for code in ["invalid_client", "unauthorized_client"] {
            let no = json!({"error": code, "error_description": "no such secret"});
            world.idp.reply("/par", Reply::json(&no).status(401));
            let error = world.rp.begin(Wish::default(), now()).await.unwrap_err();
            let endpoint = "pushed authorization request endpoint";
            let told = format!(
                "the identity provider's {endpoint} answered {code}: \"no such secret\"; look at {keys}"
            );
            assert_eq!(error.to_string(), told);
            world.idp.reply("/par", Reply::json(&json!({"request_uri": "urn:x:1"})).status(201));
            let (transaction, _) = world.begin(Wish::default()).await;
            world.idp.reply("/token", Reply::json(&no).status(401));
            let pushed = world.idp.asked("/par").pop().unwrap().form();
            let callback = format!("code=a-code&state={}", pushed["state"]);
            let answer = CallbackParameters::parse(&callback).unwrap();
            let error = world.rp.finish(&transaction, answer, now()).await.unwrap_err();
            assert_eq!(error.to_string(), told.replace(endpoint, "token endpoint"));
        }
        // What the provider says of the code, or of the person, is no matter of those keys.
        let (transaction, _) = world.begin(Wish::default()).await;
        let no = json!({"error": "invalid_grant"});
        world.idp.reply("/token", Reply::json(&no).status(400));
        let pushed = world.idp.asked("/par").pop().unwrap().form();
        let callback = format!("code=a-code&state={}", pushed["state"]);
        let answer = CallbackParameters::parse(&callback).unwrap();
        let error = world.rp.finish(&transaction, answer, now()).await.unwrap_err();
        assert!(!error.to_string().contains("look at"), "{error}");
    }
}

#[tokio::test]
async fn a_client_assertion_names_the_issuer_and_is_used_once() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let world = World::with(|settings| {
        settings.client_auth = ClientAuth::PrivateKeyJwt {
            key: Secret::new(pair.serialize_pem()),
            key_id: Some("ours".into()),
            certificate: None,
            audience: ClientAssertionAudience::Issuer,
        };
    })
    .await;
    world.sign_in(|_| {}).await.unwrap();
    world.sign_in(|_| {}).await.unwrap();
    let forms: Vec<_> = world.idp.asked("/token").iter().map(|asked| asked.form()).collect();
    let mut names = Vec::new();
    for form in &forms {
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let key = jsonwebtoken::DecodingKey::from_ec_pem(pair.public_key_pem().as_bytes()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        rules.set_audience(&[&world.idp.issuer]);
        rules.validate_exp = false;
        let token = jsonwebtoken::decode::<Value>(&form["client_assertion"], &key, &rules).unwrap();
        assert_eq!(token.header.kid.as_deref(), Some("ours"));
        assert_eq!(token.claims["iss"], "hub");
        assert_eq!(token.claims["sub"], "hub");
        assert_eq!(token.claims["aud"], world.idp.issuer.as_str());
        assert_eq!(token.claims["exp"], NOW + 60);
        names.push(token.claims["jti"].to_string());
    }
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn parameters_are_pushed_to_the_provider_where_it_offers_that() {
    let world = World::new().await;
    let issuer = world.idp.issuer.clone();
    world.idp.change_metadata(|metadata| {
        metadata["pushed_authorization_request_endpoint"] = json!(format!("{issuer}/par"));
    });
    let reference = json!({"request_uri": "urn:x:1", "expires_in": 60});
    world.idp.reply("/par", Reply::json(&reference).status(201));
    let (_, asked) = world.begin(Wish::default()).await;
    let expected: HashMap<String, String> = [("client_id", "hub"), ("request_uri", "urn:x:1")]
        .map(|(a, b)| (a.into(), b.into()))
        .into();
    assert_eq!(asked, expected);
    let pushed = world.idp.asked("/par").pop().unwrap().form();
    assert_eq!(pushed["client_secret"], "s3cret:%/");
    assert_eq!(pushed["code_challenge_method"], "S256");
    assert_eq!(pushed["response_type"], "code");

    world.idp.reply("/par", Reply::json(&json!({"error": "invalid_request"})).status(400));
    let error = world.rp.begin(Wish::default(), now()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { code: OauthError::InvalidRequest, .. }), "{error:?}");
}

#[tokio::test]
async fn a_pushed_request_names_the_client_once_however_it_proves_itself() {
    for auth in [
        ClientAuth::SecretBasic(Secret::new("s".to_owned())),
        ClientAuth::SecretPost(Secret::new("s".to_owned())),
        ClientAuth::None,
    ] {
        let case = format!("{auth:?}");
        let world = World::with(|settings| settings.client_auth = auth).await;
        let issuer = world.idp.issuer.clone();
        world.idp.change_metadata(|metadata| {
            metadata["pushed_authorization_request_endpoint"] = json!(format!("{issuer}/par"));
        });
        world.idp.reply("/par", Reply::json(&json!({"request_uri": "urn:x:1"})).status(201));
        world.begin(Wish::default()).await;
        let body = world.idp.asked("/par").pop().unwrap().body;
        assert_eq!(body.matches("client_id=hub").count(), 1, "{case}");
    }
}

#[test]
fn settings_that_would_lower_a_guard_make_no_relying_party() {
    let refused = |change: &dyn Fn(&mut hubgate::config::Oidc)| {
        let mut settings = settings("https://idp.example");
        change(&mut settings);
        let role = Attribute::parse("groups").unwrap();
        RelyingParty::new(settings, role, "https://hub.example/cb".into(), &client()).unwrap_err()
    };
    for name in ["state", "nonce", "redirect_uri", "code_challenge", "request", "scope"] {
        let error =
            refused(&|settings| settings.extra_parameters = vec![(name.into(), "x".into())]);
        assert!(matches!(error, SettingsError::ReservedParameter(n) if n == name), "{name}");
    }
    let error = refused(&|settings| settings.algorithms = Vec::new());
    assert!(matches!(error, SettingsError::NoAlgorithm));
    let error = refused(&|settings| {
        let common = "https://login.microsoftonline.com/common/v2.0";
        settings.issuer = Issuer::parse(common, OidcProvider::Entra).unwrap();
    });
    assert!(matches!(error, SettingsError::NoTenant));
    let error = refused(&|settings| settings.ca_certificates = vec!["/nonexistent.pem".into()]);
    assert!(matches!(error, SettingsError::Trust(_)));
    let error = refused(&|settings| {
        settings.client_auth = ClientAuth::PrivateKeyJwt {
            key: Secret::new("hunter2".into()),
            key_id: None,
            certificate: None,
            audience: ClientAssertionAudience::Issuer,
        };
    });
    assert!(matches!(error, SettingsError::ClientKey(_)));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_third_partys_issuer_is_compared_exactly() {
    let party = party(settings("https://idp.example"), "groups");
    assert!(party.issuer_matches("https://idp.example"));
    for other in ["https://idp.example/", "https://IDP.example", "https://evil.example", ""] {
        assert!(!party.issuer_matches(other), "{other}");
    }
}

#[tokio::test]
async fn a_probe_says_what_will_probably_not_work() {
    let world = World::with(|settings| {
        settings.algorithms = vec![SigningAlgorithm::ES256];
        settings.userinfo = UserinfoUse::Never;
        settings.email_trust = EmailTrust::Never;
    })
    .await;
    world.idp.change_metadata(|metadata| {
        metadata["code_challenge_methods_supported"] = json!(["plain"]);
        metadata["id_token_signing_alg_values_supported"] = json!(["RS256", "HS256"]);
        metadata["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        metadata["scopes_supported"] = json!(["openid", "profile"]);
        metadata["require_pushed_authorization_requests"] = json!(true);
    });
    let report = world.rp.probe(now()).await.unwrap();
    assert_eq!(report.keys, 6);
    assert_eq!(
        report.warnings,
        [
            ProbeWarning::NoS256,
            ProbeWarning::Algorithms("RS256, HS256".into()),
            ProbeWarning::ClientAuth("client_secret_post", "private_key_jwt".into()),
            ProbeWarning::Scope("email".into()),
            ProbeWarning::NoPushEndpoint,
        ]
    );
    let quiet = World::new().await.rp.probe(now()).await.unwrap();
    assert!(quiet.warnings.is_empty(), "{:?}", quiet.warnings);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let world = World::new().await;
    let begun = world.rp.begin(Wish::default(), now()).await.unwrap();
    let kept = format!("{:?}", begun.transaction);
    assert!(!kept.contains(begun.transaction.state()), "{kept}");
    let verified = world
        .sign_in(|answer| {
            answer.tokens.insert("refresh_token".into(), "a-refresh-token".into());
        })
        .await
        .unwrap();
    let printed = format!("{:?} {:?}", world.rp, verified.tokens);
    for secret in ["s3cret", "a-refresh-token", verified.tokens.id_token().expose_secret()] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn one_relying_party_serves_several_runtimes() {
    let (address, stop) = (std::sync::mpsc::channel(), tokio::sync::oneshot::channel::<()>());
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            let world = World::new().await;
            address.0.send(Arc::clone(&world.rp)).unwrap();
            stop.1.await.ok();
        });
    });
    let rp = address.1.recv().unwrap();
    for _ in 0..2 {
        // Each of them opens connections, and goes away.
        let rp = Arc::clone(&rp);
        let one = move || runtime().block_on(rp.probe(now())).unwrap().keys;
        assert_eq!(std::thread::spawn(one).join().unwrap(), 6);
    }
    let later = at(NOW + 2 * 3600);
    assert_eq!(runtime().block_on(rp.probe(later)).unwrap().keys, 6);
    stop.0.send(()).unwrap();
    server.join().unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The futures may be spawned on any runtime.
#[test]
fn futures_can_be_sent() {
    fn sent<T: Send>(_: T) {}
    let party = party(settings("https://idp.example"), "groups");
    sent(party.begin(Wish::default(), now()));
    sent(party.logout_token("", now()));
    sent(party.probe(now()));
}
