//! Programs that sign in by way of a browser (RFC 8628): as `hf auth login` does, and as thieves would.

use std::time::Duration;

use serde_json::json;

use crate::support::browser::Ask;
use crate::support::moving_clock::minutes;
use crate::support::program::{CLIENT_ID, Program, Tokens, oauth};
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// What an OAuth client is told.
#[track_caller]
fn refused(answer: crate::support::answer::Answer, error: &str) {
    let answer = answer.expect(400);
    assert_eq!(answer.json()["error"], error);
    assert_eq!(answer.must("cache-control"), "no-store");
    assert_eq!(answer.must("content-type"), "application/json");
}

#[tokio::test]
async fn a_program_is_signed_in_by_way_of_a_browser() {
    let world = World::start().await;
    let gate = world.gate.address;
    let answer = oauth(gate, "/oauth/device", &format!("client_id={CLIENT_ID}")).await;
    let told = answer.expect(200).json();
    assert_eq!(told["verification_uri"], format!("{SITE}/-/sso/device"));
    assert_eq!((&told["interval"], &told["expires_in"]), (&json!(5), &json!(900)));
    let program = Program::begin(gate).await;
    refused(program.poll().await, "authorization_pending");

    // The person is led through the sign-in, and back to the question.
    let mut browser = world.browser();
    let choice = program.question(&mut browser).await.expect(200);
    assert!(choice.text().contains("ACME Corp") && choice.text().contains("Globex"));
    let login = format!(
        "/-/sso/acme/login?return_to=%2F-%2Fsso%2Fdevice%3Fuser_code%3D{}",
        program.user_code
    );
    assert!(choice.text().contains(&login), "{}", choice.text());
    let question = browser.sign_in_at(&login, "bob").await.expect(200);
    let name = "hf (python-httpx2/2.16.2)";
    for told in [program.user_code.as_str(), name, "127.0.0.1", "ACME Corp", "bob@acme.com"] {
        assert!(question.text().contains(told), "{told}: {}", question.text());
    }
    refused(program.poll_after(&world, 5).await, "authorization_pending");
    let form = question.forms().remove(0);
    let done = browser.submit(&question, &form, Some(("answer", "allow"))).await.expect(200);
    assert!(done.text().contains("Go back to your program"));

    world.clock.advance(5 * SECOND);
    let tokens = Tokens::of(&program.poll().await.expect(200).json());
    assert!(tokens.access.starts_with("hf_hubgate_a_"), "{tokens:?}");
    assert!(tokens.refresh.starts_with("hf_hubgate_r_"));
    assert_eq!(tokens.expires_in, 2 * 24 * 3600);

    let who = world.bearing("GET /api/whoami-v2", &tokens.access).await.expect(200).json();
    assert_eq!(who["type"], "user");
    assert_eq!(who["id"], "acme:00u-acme-bob");
    assert_eq!((&who["name"], &who["fullname"]), (&json!("bob"), &json!("Bob Baker")));
    assert_eq!((&who["email"], &who["emailVerified"]), (&json!("bob@acme.com"), &json!(true)));
    let [organization] = &who["orgs"].as_array().unwrap()[..] else { panic!("{who}") };
    assert_eq!(organization["name"], "acme");
    assert_eq!(organization["fullname"], "ACME Corp");
    assert_eq!(organization["roleInOrg"], "write");
    assert_eq!(who["auth"]["type"], "oauth");

    world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-user"), ["acme:00u-acme-bob"]);
    assert_eq!(told.values("x-auth-role"), ["write"]);
    assert_eq!(told.value("authorization"), None, "the hub never sees our token");
}

impl Program {
    async fn poll_after(&self, world: &World, seconds: u32) -> crate::support::answer::Answer {
        world.clock.advance(seconds * SECOND);
        self.poll().await
    }
}

#[tokio::test]
async fn a_person_who_refuses_gives_nothing() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let program = Program::begin(world.gate.address).await;
    program.answered(&mut browser, "refuse").await.expect(200);
    refused(program.poll().await, "access_denied");
    refused(program.poll_after(&world, 10).await, "access_denied");
    program.question(&mut browser).await.expect(404);
}

#[tokio::test]
async fn a_code_that_nobody_answers_expires() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let program = Program::begin(world.gate.address).await;
    world.clock.advance(minutes(15));
    refused(program.poll().await, "expired_token");
    program.question(&mut browser).await.expect(404);
    // What was allowed and never fetched expires too.
    let late = Program::begin(world.gate.address).await;
    late.answered(&mut browser, "allow").await.expect(200);
    world.clock.advance(minutes(15));
    refused(late.poll().await, "expired_token");
}

#[tokio::test]
async fn a_program_that_asks_too_often_is_slowed_down() {
    let world = World::start().await;
    let program = Program::begin(world.gate.address).await;
    refused(program.poll().await, "authorization_pending");
    refused(program.poll_after(&world, 1).await, "slow_down");
    // Five seconds more from now on (RFC 8628 §3.5).
    refused(program.poll_after(&world, 5).await, "slow_down");
    refused(program.poll_after(&world, 15).await, "authorization_pending");
}

#[tokio::test]
async fn a_device_code_is_good_once_and_a_second_use_takes_back_what_it_gave() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let program = Program::begin(world.gate.address).await;
    program.answered(&mut browser, "allow").await.expect(200);
    let tokens = Tokens::of(&program.poll().await.expect(200).json());
    world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
    refused(program.poll_after(&world, 5).await, "invalid_grant");
    world.bearing("GET /acme/bert", &tokens.access).await.refused(403, "token-revoked");
    refused(world.refreshed(&tokens.refresh).await, "invalid_grant");
}

#[tokio::test]
async fn a_device_code_is_good_for_the_client_that_got_it_only() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let program = Program::begin(world.gate.address).await;
    program.answered(&mut browser, "allow").await.expect(200);
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    let stranger = format!("{grant}&device_code={}&client_id=other", program.device_code);
    refused(oauth(world.gate.address, "/oauth/token", &stranger).await, "invalid_grant");
    program.poll().await.expect(200);
}

#[tokio::test]
async fn malformed_requests_are_told_so_in_the_words_of_oauth() {
    let world = World::start().await;
    let gate = world.gate.address;
    let device = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    for (path, form, error) in [
        ("/oauth/device", String::new(), "invalid_request"),
        ("/oauth/device", "client_id=a&client_id=b".to_owned(), "invalid_request"),
        ("/oauth/device", "client_id=%00".to_owned(), "invalid_request"),
        ("/oauth/token", String::new(), "invalid_request"),
        ("/oauth/token", "grant_type=password&username=a".to_owned(), "unsupported_grant_type"),
        ("/oauth/token", "grant_type=refresh_token".to_owned(), "invalid_request"),
        ("/oauth/token", "grant_type=refresh_token&refresh_token=x".to_owned(), "invalid_grant"),
        ("/oauth/token", device.to_owned(), "invalid_request"),
        ("/oauth/token", format!("{device}&device_code=x&client_id=y"), "invalid_grant"),
        ("/oauth/token", format!("{device}&device_code=x&device_code=y"), "invalid_request"),
    ] {
        refused(oauth(gate, path, &form).await, error);
    }
    for line in ["GET /oauth/token", "GET /oauth/device", "PUT /oauth/token", "POST /api/whoami-v2"]
    {
        tool::ask(gate, line, "").await.refused(405, "method-not-allowed");
    }
    assert!(world.hub.received().is_empty(), "none of it has reached the hub");
}

#[tokio::test]
async fn another_site_cannot_answer_for_the_person() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let program = Program::begin(world.gate.address).await;
    let page = program.question(&mut browser).await.expect(200);
    let form = page.forms().remove(0);
    let fields: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let all = [&fields[..], &[("answer", "allow")]].concat();
    let post = || Ask::post("/-/sso/device").form(&all);
    let forged = post().header("Origin", "https://evil.example").sent_by_another_site().page();
    browser.send(forged).await.refused(403, "cross-site");
    // Even a browser that says nothing of itself, or a page that frames ours, has no proof that the
    // question was shown: then it is shown.
    for fields in [
        vec![("user_code", program.user_code.as_str()), ("answer", "allow")],
        vec![("user_code", program.user_code.as_str()), ("answer", "allow"), ("confirmation", "x")],
    ] {
        let shown = browser.send(Ask::post("/-/sso/device").form(&fields)).await.expect(200);
        assert!(shown.text().contains("Sign in this program?"));
    }
    // The proof of one browser is worth nothing in another, and for another code neither.
    let mut carol = world.signed_in("acme", "carol").await;
    let shown = carol.send(post()).await.expect(200);
    assert!(shown.text().contains("carol@acme.com"));
    let other = Program::begin(world.gate.address).await;
    let mut mixed = all.clone();
    mixed[0] = ("user_code", &other.user_code);
    browser.send(Ask::post("/-/sso/device").form(&mixed)).await.expect(200);
    refused(other.poll().await, "authorization_pending");
    refused(program.poll().await, "authorization_pending");
    assert_eq!(page.must("x-frame-options"), "DENY");
    assert!(page.must("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(page.must("content-security-policy").contains("form-action 'self';"));
}

#[tokio::test]
async fn nobody_answers_without_a_sign_in() {
    let world = World::start().await;
    let program = Program::begin(world.gate.address).await;
    let mut browser = world.browser();
    let fields = [("user_code", program.user_code.as_str()), ("answer", "allow")];
    let page = browser.send(Ask::post("/-/sso/device").form(&fields)).await.expect(200);
    assert!(page.text().contains("Sign in with your organization first"));
    refused(program.poll().await, "authorization_pending");
    // Nor with one that is over.
    let mut bob = world.signed_in("acme", "bob").await;
    world.clock.advance(crate::support::moving_clock::days(8));
    let program = Program::begin(world.gate.address).await;
    let page = program.question(&mut bob).await.expect(200);
    assert!(page.text().contains("Sign in with your organization first"));
}

#[tokio::test]
async fn codes_cannot_be_guessed_in_a_row() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    for _ in 0..10 {
        let page = browser.load("/-/sso/device?user_code=BCDF-GHJK").await.expect(404);
        assert!(page.text().contains("No program waits with that code"));
    }
    // Not even the right one is shown any more.
    let program = Program::begin(world.gate.address).await;
    program.question(&mut browser).await.expect(429);
    // Another browser of the same network has its own tries, and the network has an end as well.
    let mut exhausted = 0;
    for _ in 0..3 {
        let mut other = world.signed_in("acme", "carol").await;
        for _ in 0..10 {
            let page = other.load("/-/sso/device?user_code=BCDF-GHJK").await;
            exhausted += u32::from(page.status == 429);
        }
    }
    assert_eq!(exhausted, 10, "thirty for the network, of which ten were used before");
    world.clock.advance(minutes(2));
    let program = Program::begin(world.gate.address).await;
    program.question(&mut browser).await.expect(200);
}

#[tokio::test]
async fn one_network_cannot_fill_the_waiting_room() {
    let world = World::start().await;
    let form = format!("client_id={CLIENT_ID}");
    for _ in 0..30 {
        oauth(world.gate.address, "/oauth/device", &form).await.expect(200);
    }
    let refused = oauth(world.gate.address, "/oauth/device", &form).await.expect(429);
    assert_eq!(refused.must("retry-after"), "10");
    world.clock.advance(10 * SECOND);
    oauth(world.gate.address, "/oauth/device", &form).await.expect(200);
}

#[tokio::test]
async fn a_program_on_another_network_is_shown_as_such() {
    let world = World::with(|setup| {
        setup.set("server", "trusted_proxies", "[\"127.0.0.0/8\"]");
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    let headers = "X-Forwarded-For: 203.0.113.9\r\nUser-Agent: <b>hf</b>\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\n";
    let form = format!("client_id={CLIENT_ID}");
    let begun =
        tool::send(world.gate.address, "POST /oauth/device", headers, form.as_bytes()).await;
    let code = begun.expect(200).json()["user_code"].as_str().unwrap().to_owned();
    let page = browser.load(&format!("/-/sso/device?user_code={code}")).await.expect(200);
    assert!(page.text().contains("203.0.113.9"));
    assert!(page.text().contains("on another network than this browser"));
    assert!(!page.text().contains("<b>hf"), "{}", page.text());
}

#[tokio::test]
async fn who_has_no_credential_is_nobody() {
    let world = World::start().await;
    let nobody = tool::ask(world.gate.address, "GET /api/whoami-v2", "").await.expect(401);
    assert!(nobody.json()["error"].is_string());
    let stranger = "Authorization: Bearer hf_somebody_elses\r\n";
    tool::ask(world.gate.address, "GET /api/whoami-v2", stranger).await.expect(401);
    world.bearing("GET /api/whoami-v2", "hf_hubgate_a_x").await.expect(401);
    assert!(world.hub.received().is_empty());
    let mut browser = world.signed_in("globex", "gina").await;
    let who = browser.fetch("/api/whoami-v2").await.expect(200).json();
    assert_eq!((&who["name"], &who["orgs"][0]["name"]), (&json!("gina"), &json!("globex")));
}

#[tokio::test]
async fn without_the_switch_these_addresses_are_the_hubs() {
    let world = World::with(|setup| {
        setup.set("tokens", "cli_sign_in", "false");
    })
    .await;
    oauth(world.gate.address, "/oauth/device", "client_id=x").await;
    tool::ask(world.gate.address, "GET /api/whoami-v2", "").await;
    let seen: Vec<String> = world.hub.received().into_iter().map(|r| r.head.target()).collect();
    assert_eq!(seen, ["/oauth/device", "/api/whoami-v2"]);
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/-/sso/device").await.refused(404, "no-such-page");
}
