//! What is secret is told to nobody who has no part in it: not to logs, pages or other sites.

use std::collections::BTreeSet;

use hubgate::demo::provider::Endpoint;
use hubgate::demo::provider::behaviour::Signing;

use crate::recovery;
use crate::service_accounts::{self, CLAIMS, Ci};
use crate::support::browser::{Ask, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::program::Program;
use crate::support::served::events;
use crate::support::setup::{CLIENT_SECRET, SITE};
use crate::support::tool;
use crate::support::world::World;

/// What a provider was told and told, that nobody else may learn.
const SECRET_FIELDS: [&str; 11] = [
    "state",
    "nonce",
    "code",
    "code_verifier",
    "code_challenge",
    "client_secret",
    "client_assertion",
    "refresh_token",
    "token",
    "id_token_hint",
    "logout_token",
];

#[tokio::test]
async fn no_log_and_no_metric_shows_a_secret() {
    let world = World::with(|setup| {
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
        setup.acme.claims_in_id_token = false;
    })
    .await;
    let mut secrets: BTreeSet<String> = BTreeSet::from([CLIENT_SECRET.to_owned()]);

    // A sign-in, a refresh, a failed sign-in, a stolen answer, logouts of each kind.
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    secrets.extend(browser.jar.iter().map(|cookie| cookie.value.clone()));
    secrets.extend(callback.query_pairs().filter(|(n, _)| n != "iss").map(|(_, v)| v.into_owned()));
    world.browser().load_url(&callback).await.expect(400);
    browser.load_url(&callback).await.expect(303);
    secrets.insert(browser.session());
    browser.load("/acme/bert?query=a-secret-query").await.expect(200);
    browser.fetch("/acme/bert/settings?query=a-secret-query").await.expect(403);
    secrets.insert("a-secret-query".to_owned());
    secrets.extend(world.last_at_hub().head.values("x-auth-assertion"));
    world.clock.advance(minutes(5));
    browser.fetch("/acme/bert").await.expect(200);
    world.until(async || (world.acme.calls(Endpoint::UserInfo) > 1).then_some(())).await;
    world.acme.behave(|behaviour| behaviour.signing = Signing::Stranger);
    let mut failing = world.browser();
    failing.sign_in_at("/acme/bert", "carol").await.expect(403);
    let token = world.acme.logout_token("hub-at-acme", Some("00u-acme-bob"), None).unwrap();
    secrets.insert(token.clone());
    let form = format!("logout_token={token}");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /-/sso/acme/oidc/backchannel-logout";
    tool::send(world.gate.address, line, kind, form.as_bytes()).await.expect(400);
    world.acme.behave_well();
    let bearer = "Authorization: Bearer hf_a_secret_token\r\nX-Api-Key: a-secret-key\r\n";
    tool::ask(world.gate.address, "GET /acme/bert", bearer).await.expect(403);
    secrets.extend(["hf_a_secret_token".to_owned(), "a-secret-key".to_owned()]);
    let planted = format!("Cookie: {SESSION}=a-planted-cookie\r\n");
    tool::ask(world.gate.address, "GET /acme/bert?a-planted-cookie", &planted).await.expect(403);
    secrets.insert("a-planted-cookie".to_owned());
    let left = browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    browser.finish(left).await.expect(200);
    world.until(async || (world.acme.calls(Endpoint::Revocation) > 0).then_some(())).await;

    for endpoint in [
        Endpoint::Authorize,
        Endpoint::Token,
        Endpoint::UserInfo,
        Endpoint::EndSession,
        Endpoint::Revocation,
    ] {
        for asked in world.acme.asked(endpoint) {
            let named = asked.fields.iter().filter(|(n, _)| SECRET_FIELDS.contains(&n.as_str()));
            secrets.extend(named.map(|(_, value)| value.clone()));
            let bearer = asked.head.values("authorization");
            secrets
                .extend(bearer.iter().map(|value| value.trim_start_matches("Bearer ").to_owned()));
        }
    }
    secrets.retain(|secret| secret.len() >= 10);
    assert!(secrets.len() > 20, "{secrets:?}");
    let logs = [events().text(), world.gate.lines.text(), world.gate.metrics()];
    assert!(logs.iter().all(|log| log.lines().count() > 5));
    for secret in &secrets {
        for log in &logs {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{secret}");
        }
    }
}

/// None of these stands in a log, in a metric, or in an answer to whoever was refused.
#[track_caller]
fn told_nowhere(world: &World, secrets: &[String], refusals: &[crate::support::answer::Answer]) {
    let logs = [events().text(), world.gate.lines.text(), world.gate.metrics()];
    for secret in secrets {
        assert!(secret.len() >= 8, "{secret:?} is found everywhere");
        for log in &logs {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{secret}");
        }
        for refusal in refusals {
            let said = format!("{:?} {}", refusal.headers, refusal.text());
            assert!(!said.contains(secret.as_str()), "{secret}: {said}");
        }
    }
}

#[tokio::test]
async fn no_log_no_metric_and_no_refusal_shows_what_a_program_or_a_machine_holds() {
    let ci = Ci::start().await;
    let (machine, code, wrong) = (service_accounts::token('M'), recovery::code(), recovery::code());
    let world = World::with(|setup| {
        service_accounts::account(setup, "acme", "nightly", &machine, "role = \"read\"");
        ci.workload(setup, "acme", CLAIMS);
        recovery::with(setup, "acme", &[&code]);
    })
    .await;
    let mut alice = world.signed_in("acme", "alice").await;
    let waiting = Program::begin(world.gate.address).await;
    let tokens = world.program_of(&mut alice).await;
    let again = world.refreshed(&tokens.refresh).await.expect(200).json();
    let job = ci.sign(&ci.job());
    let stranger = service_accounts::token('X');
    let mut secrets = vec![
        machine,
        job,
        stranger,
        tokens.access,
        tokens.refresh.clone(),
        waiting.device_code.clone(),
        waiting.user_code.clone(),
        code.expose(),
        wrong.expose(),
    ];
    for name in ["access_token", "refresh_token"] {
        secrets.push(again[name].as_str().unwrap().to_owned());
    }
    let mut refusals = Vec::new();
    for secret in &secrets {
        world.bearing("GET /acme/bert", secret).await;
        refusals.push(world.bearing("GET /globex/vision", secret).await);
        refusals.push(world.bearing("GET /globex/vision/settings", secret).await);
        let git = "GET /globex/vision.git/info/refs?service=git-upload-pack";
        refusals.push(world.bearing(git, secret).await);
    }
    // Used twice: the family ends.
    refusals.push(world.refreshed(&tokens.refresh).await);
    refusals.push(waiting.poll().await);
    let mut browser = world.browser();
    refusals.push(recovery::enter(&mut browser, "acme", &wrong.expose()).await);
    recovery::enter(&mut browser, "acme", &code.expose()).await.expect(303);
    refusals.push(recovery::enter(&mut world.browser(), "acme", &code.expose()).await);
    assert!(refusals.iter().all(|refusal| refusal.status >= 400));
    told_nowhere(&world, &secrets, &refusals);
}

#[tokio::test]
async fn no_log_no_metric_and_no_refusal_shows_a_credential_of_the_hub() {
    let world = World::with(|setup| {
        setup.with_accounts();
        for (account, name) in setup.accounts.iter_mut().zip(["1", "2", "3", "4", "5", "6"]) {
            account.token = format!("hf_a_secret_of_the_hub_{name}");
        }
    })
    .await;
    let secrets: Vec<String> = (1..8).map(|n| format!("hf_a_secret_of_the_hub_{n}")).collect();
    let mut refusals = Vec::new();
    for fault in [None, Some(hubgate::demo::Fault::Status(500))] {
        world.hub.fail("/api/whoami-v2", fault);
        world.clock.advance(minutes(2));
        for secret in &secrets {
            let cookie = format!("Cookie: token={secret}\r\n");
            let both = format!("{cookie}Authorization: Bearer hf_a_secret_of_the_hub_6\r\n");
            for headers in [cookie, both] {
                let answer = tool::ask(world.gate.address, "GET /acme/bert", &headers).await;
                refusals.push(answer);
            }
            refusals.push(world.bearing("GET /acme/bert", secret).await);
            refusals.push(world.bearing("GET /api/models?author=acme", secret).await);
        }
    }
    assert!(refusals.iter().any(|refusal| refusal.reason() == "whoami-unavailable"));
    assert!(refusals.iter().any(|refusal| refusal.reason() == "ambiguous-headers"));
    told_nowhere(&world, &secrets, &refusals);
}

#[tokio::test]
async fn no_redirect_tells_the_next_site_where_one_comes_from() {
    let world = World::start().await;
    let mut browser = world.browser();
    let login = browser.load("/-/sso/acme/login?return_to=/acme/bert").await.expect(303);
    let callback = browser.callback_of("acme", "bob").await;
    let finished = browser.load_url(&callback).await.expect(303);
    let left = browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    for answer in [login, finished, left.expect(303)] {
        assert_eq!(answer.must("referrer-policy"), "no-referrer");
        assert_eq!(answer.must("cache-control"), "no-store");
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn what_a_client_invents_becomes_no_label_of_a_metric() {
    let world = World::start().await;
    for line in [
        "INVENTED /acme/invented",
        "GET /invented/x",
        "GET /-/sso/invented/login",
        "GET /a%2Finvented",
    ] {
        tool::ask(world.gate.address, line, "User-Agent: invented\r\n").await;
    }
    let metrics = world.gate.metrics();
    assert!(!metrics.to_ascii_lowercase().contains("invented"), "{metrics}");
}
