//! Tokens of programs: as good as the sign-in that they rest on, and not a moment longer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::support::browser::SESSION;
use crate::support::moving_clock::{days, minutes};
use crate::support::program::{Program, Tokens, sign_out};
use crate::support::tool;
use crate::support::world::World;

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn a_token_is_taken_in_every_place_where_clients_put_one() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    let git = "GET /acme/bert.git/info/refs?service=git-upload-pack";
    for (line, headers) in [
        ("GET /acme/bert", format!("Authorization: Bearer {token}\r\n")),
        ("GET /acme/bert", format!("authorization: bearer {token}\r\n")),
        ("GET /acme/bert", format!("X-HF-Authorization: Bearer {token}\r\n")),
        (git, basic("bob", &token)),
        (git, basic(&token, "")),
        ("GET /acme/bert/resolve/main/config.json", basic("x", &token)),
    ] {
        tool::ask(world.gate.address, line, &headers).await.expect(200);
        let told = world.last_at_hub().head;
        assert_eq!(told.values("x-auth-user"), ["acme:00u-acme-bob"], "{headers}");
        assert_eq!(told.value("authorization"), None);
        assert_eq!(told.value("x-hf-authorization"), None);
        assert!(!format!("{told:?}").contains(&token), "the hub never sees our token");
    }
    // The application behind has a credential of its own, and keeps it.
    let headers = format!("{}X-HF-Authorization: Bearer {token}\r\n", basic("app", "its own"));
    tool::ask(world.gate.address, "GET /acme/bert", &headers).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("authorization"), [basic("app", "its own").trim()[15..].to_owned()]);
    assert_eq!(told.value("x-hf-authorization"), None);
}

#[tokio::test]
async fn a_token_of_somebody_else_goes_on_byte_for_byte() {
    let world = World::start().await;
    for value in ["Bearer hf_xyz", "bearer  hf_xyz|a,b", "Basic dTpw", "Negotiate YII=", "hf_bare"]
    {
        let headers = format!("Authorization: {value}\r\nX-HF-Authorization: {value}\r\n");
        tool::ask(world.gate.address, "GET /initech/free", &headers).await;
        let told = world.last_at_hub().head;
        assert_eq!(told.values("authorization"), [value]);
        assert_eq!(told.values("x-hf-authorization"), [value]);
        tool::ask(world.gate.address, "GET /acme/bert", &headers)
            .await
            .refused(403, "sign-in-required");
    }
}

#[tokio::test]
async fn a_token_of_ours_that_opens_nothing_is_refused_and_never_forwarded() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let Tokens { access, refresh, .. } = world.program_of(&mut browser).await;
    let unknown = format!("hf_hubgate_a_{}", "A".repeat(43));
    let before = world.hub.received().len();
    for token in [
        unknown.as_str(),
        &refresh,
        "hf_hubgate_",
        "hf_hubgate_a_short",
        &format!("{access}x"),
        &format!("{access}|site,hf_other"),
        &format!("hf_other,{access}"),
    ] {
        for line in ["GET /acme/demo", "GET /initech/free", "GET /"] {
            let answer = world.bearing(line, token).await.refused(403, "token-unknown");
            assert!(answer.must("x-error-message").contains("hf auth login"), "{answer:?}");
        }
    }
    let value = format!("Authorization: Token {access}\r\n");
    let answer = tool::ask(world.gate.address, "GET /initech/free", &value).await;
    answer.refused(403, "token-unknown");
    // git must not forget the token that it has stored (a 401 would make it), nor must git-lfs.
    let git = "GET /acme/bert.git/info/refs?service=git-upload-pack";
    let answer = tool::ask(world.gate.address, git, &basic("u", &unknown)).await;
    let answer = answer.refused(403, "token-unknown");
    assert!(answer.must("content-type").starts_with("text/plain"));
    let lfs = "POST /acme/bert.git/info/lfs/objects/batch";
    let headers = format!("{}Content-Type: application/vnd.git-lfs+json\r\n", basic("u", &unknown));
    let body = br#"{"operation":"download","objects":[]}"#;
    let answer = tool::send(world.gate.address, lfs, &headers, body).await;
    assert!(answer.refused(403, "token-unknown").json()["message"].is_string());
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

#[tokio::test]
async fn two_credentials_are_two_answers_to_who_is_asking() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    let mut alice = world.signed_in("acme", "alice").await;
    let other = world.program_of(&mut alice).await.access;
    let before = world.hub.received().len();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for headers in [
        format!("{bearer}Cookie: {SESSION}={}\r\n", browser.session()),
        format!("{bearer}Cookie: {SESSION}={}\r\n", alice.session()),
        format!("{bearer}Cookie: {SESSION}={}\r\n", "a".repeat(43)),
        format!("{bearer}X-HF-Authorization: Bearer {other}\r\n"),
        format!("{bearer}X-HF-Authorization: Bearer {token}\r\n"),
        basic(&token, &other),
    ] {
        let answer = tool::ask(world.gate.address, "GET /acme/bert", &headers).await;
        answer.refused(400, "mixed-credentials");
    }
    let doubled = format!("{bearer}Authorization: Bearer {other}\r\n");
    tool::ask(world.gate.address, "GET /acme/bert", &doubled)
        .await
        .refused(400, "ambiguous-headers");
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

#[tokio::test]
async fn a_token_has_the_role_that_the_sign_in_has_now() {
    let world = World::with(|setup| {
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    world.bearing("PUT /acme/bert/upload/main/x", &token).await;
    assert_eq!(world.last_at_hub().head.values("x-auth-role"), ["write"]);
    world.acme.change("bob", |bob| bob.groups = vec!["everyone".to_owned()]);
    world.clock.advance(minutes(5));
    // The token's own request is what makes the provider be asked again.
    world
        .until(async || {
            let answer = world.bearing("POST /api/models/acme/bert/commit/main", &token).await;
            (answer.reason() == "role-too-low").then_some(())
        })
        .await;
    world.acme.change("bob", |bob| bob.active = false);
    world.clock.advance(minutes(5));
    world
        .until(async || {
            let answer = world.bearing("GET /acme/bert", &token).await;
            (answer.reason() == "session-revoked").then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_token_follows_its_browser_to_a_second_organization() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let tokens = world.program_of(&mut browser).await;
    world.bearing("GET /globex/vision", &tokens.access).await.refused(403, "sign-in-required");
    let before = browser.session();
    browser.sign_in("globex", "gina").await;
    assert_ne!(browser.session(), before, "the session's id is new");
    world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
    world.bearing("GET /globex/vision", &tokens.access).await.expect(200);
    assert_eq!(world.last_at_hub().head.values("x-auth-user"), ["globex:00u-globex-gina"]);
    let again = Tokens::of(&world.refreshed(&tokens.refresh).await.expect(200).json());
    world.bearing("GET /acme/bert", &again.access).await.expect(200);
    // Signing in again before the end does not break it either.
    world.acme.change("bob", |_| {});
    browser.open("/-/sso/acme/login?again=1").await;
    world.bearing("GET /acme/bert", &again.access).await.expect(200);
}

#[tokio::test]
async fn a_token_ends_with_the_sign_out() {
    let world = World::start().await;
    for organization in [None, Some("acme")] {
        let mut browser = world.signed_in("acme", "bob").await;
        let tokens = world.program_of(&mut browser).await;
        world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
        let answer = browser.send(sign_out(organization)).await;
        browser.finish(answer).await.expect(200);
        let over = world.bearing("GET /acme/bert", &tokens.access).await;
        assert_eq!((over.status, over.reason()), (403, "token-revoked"));
        assert_eq!(
            world.refreshed(&tokens.refresh).await.expect(400).json()["error"],
            "invalid_grant"
        );
        // And does not come back with the next sign-in of the same person.
        browser.sign_in("acme", "bob").await;
        let over = world.bearing("GET /acme/bert", &tokens.access).await;
        over.refused(403, "token-revoked");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_sign_in_and_says_where_to_sign_in_again() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let tokens = world.program_of(&mut browser).await;
    world.clock.advance(days(2));
    world.bearing("GET /acme/bert", &tokens.access).await.refused(403, "token-expired");
    let next = Tokens::of(&world.refreshed(&tokens.refresh).await.expect(200).json());
    world.clock.advance(days(2) - minutes(1));
    world.bearing("GET /acme/bert", &next.access).await.expect(200);
    world.clock.advance(days(2));
    let last = Tokens::of(&world.refreshed(&next.refresh).await.expect(200).json());
    assert_eq!(last.expires_in, 24 * 3600 + 60, "no longer than the sign-in");
    world.clock.advance(days(1) + minutes(1));
    let over = world.bearing("GET /acme/bert", &last.access).await;
    let over = over.refused(403, "session-expired");
    assert!(over.must("x-error-message").contains("/-/sso/acme/login"), "{over:?}");
    assert_eq!(world.refreshed(&last.refresh).await.expect(400).json()["error"], "invalid_grant");
    // The next sign-in of the same person in the same browser is another one.
    browser.sign_in("acme", "bob").await;
    let over = world.bearing("GET /acme/bert", &last.access).await;
    assert_eq!(over.status, 403);
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_token_ends_when_the_provider_says_so() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let tokens = world.program_of(&mut browser).await;
    let token = world.acme.logout_token("hub-at-acme", Some("00u-acme-bob"), None).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /-/sso/acme/oidc/backchannel-logout";
    let form = format!("logout_token={token}");
    tool::send(world.gate.address, line, kind, form.as_bytes()).await.expect(200);
    world.bearing("GET /acme/bert", &tokens.access).await.refused(403, "session-revoked");
    assert_eq!(world.refreshed(&tokens.refresh).await.expect(400).json()["error"], "invalid_grant");
    browser.sign_in("acme", "bob").await;
    assert_eq!(world.bearing("GET /acme/bert", &tokens.access).await.status, 403);
}

#[tokio::test]
async fn a_token_never_acts_as_the_next_person_at_the_same_browser() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "alice").await;
    browser.sign_in("globex", "gina").await;
    let tokens = world.program_of(&mut browser).await;
    let waiting = Program::begin(world.gate.address).await;
    waiting.answered(&mut browser, "allow").await.expect(200);
    // Somebody else takes the place of one of them, without a sign-out in between.
    let page = browser.open("/-/sso/acme/login?again=1").await;
    let clicked = browser.click(&page, "bob").await;
    browser.finish(clicked).await.expect(200);
    assert_eq!(browser.sign_in_of("acme").await["subject"], "00u-acme-bob");
    world.bearing("GET /acme/bert", &tokens.access).await.refused(403, "token-revoked");
    let over = world.bearing("GET /globex/vision", &tokens.access).await;
    assert_eq!(over.status, 403, "{}", over.text());
    assert_eq!(waiting.poll().await.expect(400).json()["error"], "access_denied");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_every_token_of_its_family() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let first = world.program_of(&mut browser).await;
    let bystander = world.program_of(&mut browser).await;
    let second = Tokens::of(&world.refreshed(&first.refresh).await.expect(200).json());
    let third = Tokens::of(&world.refreshed(&second.refresh).await.expect(200).json());
    for token in [&first.access, &second.access, &third.access] {
        world.bearing("GET /acme/bert", token).await.expect(200);
    }
    let replayed = world.refreshed(&first.refresh).await.expect(400);
    assert_eq!(replayed.json()["error"], "invalid_grant");
    for token in [&first.access, &second.access, &third.access] {
        world.bearing("GET /acme/bert", token).await.refused(403, "token-revoked");
    }
    assert_eq!(world.refreshed(&third.refresh).await.expect(400).json()["error"], "invalid_grant");
    world.bearing("GET /acme/bert", &bystander.access).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_that_is_used_at_the_same_time_gives_one_answer() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let tokens = world.program_of(&mut browser).await;
    let both = (0..8).map(|_| world.refreshed(&tokens.refresh));
    let answers = crate::support::world::all(both).await;
    let given = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(given, 1);
}

#[tokio::test]
async fn a_person_sees_the_programs_and_takes_one_back() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let tokens = world.program_of(&mut browser).await;
    let kept = world.program_of(&mut browser).await;
    world.clock.advance(minutes(10));
    world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
    let page = browser.load("/-/sso/").await.expect(200);
    assert!(page.text().contains("Programs that act as you"));
    assert!(page.text().contains("hf (python-httpx2/2.16.2)"));
    for secret in [&tokens.access, &tokens.refresh] {
        assert!(!page.text().contains(secret.as_str()));
    }
    let revokes = |page: &crate::support::answer::Answer| {
        let forms = page.forms();
        let own = forms.into_iter().filter(|form| form.action.path() == "/-/sso/tokens/revoke");
        own.collect::<Vec<_>>()
    };
    let forms = revokes(&page);
    assert_eq!(forms.len(), 2);
    // Nobody else can: not another person, not another site.
    let mut stranger = world.signed_in("acme", "carol").await;
    stranger.submit(&page, &forms[1], None).await.expect(303);
    world.bearing("GET /acme/bert", &tokens.access).await.expect(200);
    let fields: Vec<(&str, &str)> =
        forms[1].fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let forged = crate::support::browser::Ask::post("/-/sso/tokens/revoke").form(&fields);
    let forged = forged.header("Origin", "https://evil.example").sent_by_another_site().page();
    browser.send(forged).await.refused(403, "cross-site");
    // The oldest one stands last.
    browser.submit(&page, &forms[1], None).await.expect(303);
    world.bearing("GET /acme/bert", &tokens.access).await.refused(403, "token-revoked");
    assert_eq!(world.refreshed(&tokens.refresh).await.expect(400).json()["error"], "invalid_grant");
    world.bearing("GET /acme/bert", &kept.access).await.expect(200);
    let page = browser.load("/-/sso/").await.expect(200);
    assert_eq!(revokes(&page).len(), 1);
}

#[tokio::test]
async fn a_token_that_opens_nothing_any_more_says_where_to_sign_in_wherever_it_is_shown() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let revoked = world.program_of(&mut browser).await.access;
    let page = browser.load("/-/sso/").await.expect(200);
    let forms = page.forms();
    let form = forms.iter().find(|form| form.action.path() == "/-/sso/tokens/revoke").unwrap();
    browser.submit(&page, form, None).await.expect(303);
    // With the option that `hf` needs when it has a token stored.
    let remedy = "Sign in to ACME Corp at https://hub.example.com/-/sso/acme/login, \
                  or run: hf auth login --force";
    let whoami = "GET /api/whoami-v2";
    for line in ["GET /acme/bert", "GET /initech/free", "GET /globex/vision", whoami] {
        let answer = world.bearing(line, &revoked).await.refused(403, "token-revoked");
        assert!(answer.must("x-error-message").ends_with(remedy), "{line}: {answer:?}");
    }
    let kept = world.program_of(&mut browser).await.access;
    browser.send(sign_out(None)).await;
    for line in ["GET /acme/bert", whoami] {
        let answer = world.bearing(line, &kept).await.refused(403, "token-revoked");
        assert!(answer.must("x-error-message").ends_with(remedy), "{line}: {answer:?}");
    }
    // One that nobody knows is refused by whose content it was shown for.
    let unknown = format!("hf_hubgate_a_{}", "A".repeat(43));
    let answer = world.bearing("GET /acme/bert", &unknown).await.refused(403, "token-unknown");
    assert!(answer.must("x-error-message").ends_with(remedy), "{answer:?}");
    assert_eq!(
        answer.must("x-hub-sso"),
        "required; organization=acme; url=https://hub.example.com/-/sso/acme/login"
    );
    let answer = world.bearing("GET /initech/free", &unknown).await.refused(403, "token-unknown");
    assert!(answer.must("x-error-message").ends_with("Run: hf auth login --force"), "{answer:?}");
    // Clients know what to say of it themselves.
    world.bearing(whoami, &unknown).await.expect(401);
    // Who shows none has none stored.
    let nobody = tool::ask(world.gate.address, "GET /acme/bert", "").await.expect(403);
    assert!(nobody.must("x-error-message").ends_with("or run: hf auth login"), "{nobody:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in_of_its_token() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    let head = format!(
        "GET /acme/bert/events?on=signal HTTP/1.1\r\nHost: hub.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let mut wire = tool::Wire::open(world.gate.address, head).await;
    wire.until("text/event-stream").await;
    browser.send(sign_out(None)).await;
    wire.rest().await;
}
