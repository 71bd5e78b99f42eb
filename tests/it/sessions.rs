//! Sessions and the sign-ins under way that lead to them, under attack and in several tabs.

use crate::support::browser::{Ask, Browser, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::served::cause_of;
use crate::support::setup::Setup;
use crate::support::tool;
use crate::support::world::World;

/// A browser that shows this session and nothing else.
fn showing(world: &World, session: &str) -> Browser {
    let mut browser = world.browser();
    browser.plant(SESSION, session);
    browser
}

#[tokio::test]
async fn every_sign_in_has_a_new_id_and_the_old_one_is_nobody() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let first = browser.session();
    browser.sign_in("globex", "gina").await;
    let second = browser.session();
    assert_ne!(first, second);
    showing(&world, &first).fetch("/acme/bert").await.refused(401, "sign-in-required");
    let mut again = showing(&world, &second);
    again.fetch("/acme/bert").await.expect(200);
    again.fetch("/globex/vision").await.expect(200);

    // The same organization once more: an id of its own again.
    browser.load("/-/sso/acme/login").await.expect(303);
    browser.open("/-/sso/acme/login").await.expect(200);
    let third = browser.session();
    assert_ne!(second, third);
    showing(&world, &second).fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/globex/vision").await.expect(200);
}

#[tokio::test]
async fn an_id_that_somebody_planted_before_the_sign_in_is_nobodys_afterwards() {
    let world = World::start().await;
    let planted = "A".repeat(43);
    let mut victim = showing(&world, &planted);
    victim.sign_in("acme", "alice").await;
    assert_ne!(victim.session(), planted);
    showing(&world, &planted).fetch("/acme/bert").await.refused(401, "sign-in-required");

    // Nor does a session of the attacker's own become the victim's.
    let mut attacker = world.signed_in("acme", "carol").await;
    let planted = attacker.session();
    let mut victim = showing(&world, &planted);
    victim.sign_in("acme", "alice").await;
    attacker.fetch("/acme/bert").await.refused(401, "sign-in-required");
    assert_eq!(victim.sign_in_of("acme").await["role"], "admin");
}

#[tokio::test]
async fn a_second_cookie_of_the_same_name_makes_both_nobodys() {
    let world = World::start().await;
    let attacker = world.signed_in("acme", "carol").await.session();
    let victim = world.signed_in("acme", "alice").await.session();
    let address = world.gate.address;
    for cookies in [
        format!("Cookie: {SESSION}={attacker}; {SESSION}={victim}\r\n"),
        format!("Cookie: {SESSION}={victim}; {SESSION}={attacker}\r\n"),
        format!("Cookie: {SESSION}={attacker}\r\nCookie: {SESSION}={victim}\r\n"),
        format!("Cookie: a=b; {SESSION}={victim}\r\nCookie: {SESSION}=x\r\n"),
    ] {
        let answer = tool::ask(address, "GET /acme/bert", &cookies).await;
        answer.refused(403, "sign-in-required");
    }
    assert!(world.hub.received().is_empty());
    let once = format!("Cookie: {SESSION}={victim}\r\n");
    tool::ask(address, "GET /acme/bert", &once).await.expect(200);
}

#[tokio::test]
async fn what_is_no_session_id_is_nobody() {
    let world = World::start().await;
    let session = world.signed_in("acme", "alice").await.session();
    let changed = if session.starts_with('A') { "B" } else { "A" };
    for value in [
        String::new(),
        "x".to_owned(),
        format!("{changed}{}", &session[1..]),
        format!("{session}A"),
        session[..42].to_owned(),
        format!("\"{session}\""),
        session.to_ascii_lowercase(),
        "A".repeat(8000),
        "%00".repeat(14) + "A",
    ] {
        let cookie = format!("Cookie: {SESSION}={value}\r\n");
        let answer = tool::ask(world.gate.address, "GET /acme/bert", &cookie).await;
        answer.refused(403, "sign-in-required");
    }
    for name in ["hubgate", "__Secure-hubgate", "__host-hubgate", "__Host-hubgate2", " __Host"] {
        let cookie = format!("Cookie: {name}={session}\r\n");
        let answer = tool::ask(world.gate.address, "GET /acme/bert", &cookie).await;
        answer.refused(403, "sign-in-required");
    }
}

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_both_arrive() {
    let world = World::start().await;
    let mut browser = world.browser();
    let first = browser.open("/acme/bert").await;
    let second = browser.open("/acme/tiny-gpt").await;
    assert_eq!(browser.pending().len(), 2);
    let clicked = browser.click(&second, "bob").await;
    let landed = browser.finish(clicked).await.expect(200);
    assert_eq!(landed.url.path(), "/acme/tiny-gpt");
    let clicked = browser.click(&first, "bob").await;
    let landed = browser.finish(clicked).await.expect(200);
    assert_eq!(landed.url.path(), "/acme/bert");
    assert!(browser.pending().is_empty());
}

#[tokio::test]
async fn a_tab_whose_state_was_used_goes_on_when_somebody_is_signed_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open("/acme/bert").await;
    let clicked = browser.click(&page, "bob").await;
    let callback = clicked.location().unwrap();
    // The same answer arrives twice: a double click, a reload.
    let mut twin = browser.clone();
    browser.load_url(&callback).await.expect(303);
    let tokens = world.acme.calls(hubgate::demo::provider::Endpoint::Token);
    twin.jar = [browser.jar.clone(), twin.jar].concat();
    let pending = twin.jar.iter().filter(|cookie| cookie.name.contains("-login-")).count();
    assert_eq!(pending, 1);
    let again = twin.load_url(&callback).await.expect(303);
    assert_eq!(again.must("location"), "/acme/bert");
    assert!(again.set_cookies().iter().all(|line| !line.starts_with("__Host-hubgate=")));
    // The way back through the history, when the state's cookie is gone as well.
    let back = browser.load_url(&callback).await.expect(303);
    assert_eq!(back.must("location"), "/-/sso/");
    assert_eq!(world.acme.calls(hubgate::demo::provider::Endpoint::Token), tokens);
}

#[tokio::test]
async fn a_state_that_was_used_signs_nobody_in_again() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    // Somebody has copied the cookies before the sign-in: code, state and cookie are all there.
    let mut thief = browser.clone();
    browser.load_url(&callback).await.expect(303);
    let answer = thief.load_url(&callback).await.expect(303);
    assert_eq!(answer.must("location"), "/-/sso/acme/login?return_to=%2F-%2Fsso%2F");
    assert_eq!(thief.cookie(SESSION), None);
    thief.fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_sign_in_of_another_browser_cannot_be_finished_in_this_one() {
    let world = World::start().await;
    // The attacker sends the victim a link that would sign the victim in as the attacker.
    let callback = world.browser().callback_of("acme", "carol").await;
    let mut victim = world.browser();
    victim.load_url(&callback).await.refused(400, "state-unknown");
    assert_eq!(victim.cookie(SESSION), None);
    // One who is signed in stays who they are.
    let mut victim = world.signed_in("acme", "alice").await;
    let answer = victim.load_url(&callback).await.expect(303);
    assert_eq!(answer.must("location"), "/-/sso/");
    assert_eq!(victim.sign_in_of("acme").await["role"], "admin");
    assert_eq!(world.acme.calls(hubgate::demo::provider::Endpoint::Token), 1, "alice's own");
}

#[tokio::test]
async fn a_state_for_another_state_is_unknown() {
    let world = World::start().await;
    let mut browser = world.browser();
    let first = browser.callback_of("acme", "bob").await;
    let [first_name] = &browser.pending()[..] else { panic!("one") };
    let sealed = browser.cookie(first_name).unwrap().to_owned();
    let mut other = world.browser();
    let second = other.callback_of("acme", "bob").await;
    let [second_name] = &other.pending()[..] else { panic!("one") };
    // The sealed value of one sign-in under the name of the other.
    let second_name = second_name.clone();
    other.plant(&second_name, &sealed);
    other.load_url(&second).await.refused(400, "state-unknown");
    browser.load_url(&first).await.expect(303);
}

#[tokio::test]
async fn a_sealed_state_that_was_changed_is_unknown() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let name = browser.pending().remove(0);
    let sealed = browser.cookie(&name).unwrap().to_owned();
    let mut values: Vec<String> = (0..sealed.len())
        .step_by(37)
        .map(|at| {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    values.extend([String::new(), "A".to_owned(), sealed[1..].to_owned(), format!("{sealed}AAAA")]);
    values.extend([sealed[..sealed.len() / 2].to_owned(), "{}".to_owned(), "%7B%7D".to_owned()]);
    for value in values {
        let mut browser = browser.clone();
        browser.plant(&name, &value);
        browser.load_url(&callback).await.refused(400, "state-unknown");
    }
    // Two of one name are two readings.
    let cookies = format!("Cookie: {name}={sealed}; {name}=x\r\n");
    let target = &callback[url::Position::BeforePath..];
    let answer = tool::ask(world.gate.address, &format!("GET {target}"), &cookies).await;
    answer.refused(400, "state-unknown");
    browser.load_url(&callback).await.expect(303);
}

#[tokio::test]
async fn a_sign_in_may_take_ten_minutes() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open("/acme/bert").await;
    world.clock.advance(minutes(9));
    let clicked = browser.click(&page, "bob").await;
    browser.finish(clicked).await.expect(200);

    let mut browser = world.browser();
    let page = browser.open("/acme/bert").await;
    let cookies = browser.jar.clone();
    world.clock.advance(minutes(11));
    let clicked = browser.click(&page, "bob").await;
    let late = browser.finish(clicked.clone()).await.refused(400, "state-unknown");
    assert!(late.text().contains("href=\"/-/sso/acme/login"), "one can begin again");
    // Also when the browser keeps its cookie for longer than it should.
    let name = cookies.iter().find(|cookie| cookie.name.contains("-login-")).unwrap();
    browser.plant(&name.name, &name.value);
    browser.finish(clicked).await.refused(400, "state-unknown");
}

#[tokio::test]
async fn thousands_of_sign_ins_under_way_leave_seven_cookies() {
    let world = World::start().await;
    let mut browser = world.browser();
    let mut names: Vec<String> = Vec::new();
    for _ in 0..12 {
        browser.load("/-/sso/acme/login").await.expect(303);
        names.extend(
            browser.pending().into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>(),
        );
        assert!(browser.pending().len() <= 7);
    }
    assert_eq!(names.len(), 12);
    assert_eq!(browser.pending(), names[5..], "the oldest have gone");
    browser.sign_in("acme", "bob").await;

    // Cookies of that look that are none of ours cost nothing but themselves.
    let mut planted = world.browser();
    for number in 0..30 {
        planted.plant(&format!("{SESSION}-login-{number:012x}"), &"x".repeat(100));
    }
    planted.load("/-/sso/acme/login").await.expect(303);
    assert_eq!(planted.pending().len(), 7);
    planted.sign_in("acme", "bob").await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_before_anything_is_decided() {
    let world = World::start().await;
    let cookie = format!("Cookie: {SESSION}={}\r\n", "A".repeat(100_000));
    let answer = tool::ask(world.gate.address, "GET /acme/demo", &cookie).await;
    assert_eq!(answer.status, 431);
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let answer = tool::ask(world.gate.address, "GET /acme/demo", &many).await;
    assert_eq!(answer.status, 431);
    // By HTTP/2 too, whose frames would hold them; a host is one more.
    for (count, status) in [(100, 200), (101, 431)] {
        let fields = vec![("x-many", "y"); count - 1];
        let answer = tool::http2(world.gate.address, "GET /-/sso/session", &fields).await;
        assert_eq!(answer.status, status, "{count}");
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn keys_can_be_rotated_while_people_sign_in() {
    let key = |letter: &str| (format!("KEY_{letter}"), letter.repeat(40));
    let world = World::with(|setup: &mut Setup| {
        setup.environment.extend([key("A"), key("B")]);
        setup.set("session", "keys", "[{ env = \"KEY_A\" }]");
    })
    .await;
    let with_keys = |keys: &'static str| {
        move |text: String| {
            text.replace("keys = [{ env = \"KEY_A\" }]", &format!("keys = [{keys}]"))
        }
    };
    let rotated = world.another_gate(with_keys("{ env = \"KEY_B\" }, { env = \"KEY_A\" }"));
    let forgotten = world.another_gate(with_keys("{ env = \"KEY_B\" }"));
    for (gate, status) in [(&rotated, 303), (&forgotten, 400)] {
        let mut browser = world.browser();
        let callback = browser.callback_of("acme", "bob").await;
        let jar = browser.jar.clone();
        let mut moved = world.browser_at(gate.address);
        moved.jar = jar;
        moved.load_url(&callback).await.expect(status);
        assert_eq!(moved.cookie(SESSION).is_some(), status == 303);
    }
}

#[tokio::test]
async fn without_configured_keys_a_restart_forgets_sign_ins_under_way() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let restarted = world.another_gate(|text| text);
    let jar = browser.jar.clone();
    let mut browser = world.browser_at(restarted.address);
    browser.jar = jar;
    browser.load_url(&callback).await.refused(400, "state-unknown");
    browser.sign_in("acme", "bob").await;
}

#[tokio::test]
async fn who_i_am_is_told_as_json_and_never_a_token() {
    let world = World::start().await;
    let nobody = world.browser().who().await;
    assert_eq!(nobody, serde_json::json!({ "signed_in": false, "sign_ins": [] }));
    let mut browser = world.signed_in("acme", "bob").await;
    let answer = browser.fetch("/-/sso/session").await.expect(200);
    assert!(answer.must("cache-control").contains("no-store"));
    let bob = answer.json()["sign_ins"][0].clone();
    let expected = serde_json::json!({
        "organization": "acme", "display_name": "ACME Corp", "user": "acme:00u-acme-bob",
        "subject": "00u-acme-bob", "email": "bob@acme.com", "name": "Bob Baker", "role": "write",
        "groups": ["everyone", "ml"], "state": "live",
        "signed_in_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-22T08:00:00Z",
    });
    assert_eq!(bob, expected);
    // Another site's script may send the request, and cannot read the answer.
    let ask = Ask::get("/-/sso/session")
        .sent_by_another_site()
        .script()
        .header("Origin", "https://evil.example");
    let answer = browser.send(ask).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_session_of_one_gate_is_nobody_at_another_that_does_not_share_it() {
    let world = World::start().await;
    let session = world.signed_in("acme", "bob").await.session();
    let other = world.another_gate(|text| text);
    let mut browser = world.browser_at(other.address);
    browser.plant(SESSION, &session);
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn on_a_loopback_address_the_cookie_is_plain_and_works() {
    let world = World::with(|setup| {
        setup.set("", "public_url", "\"http://localhost:8080\"");
        let callback = "http://localhost:8080/-/sso/acme/oidc/callback".to_owned();
        setup.acme.client.redirect_uris = vec![callback];
    })
    .await;
    let answer = tool::ask(world.gate.address, "GET /-/sso/acme/login", "").await.expect(303);
    let [cookie] = answer.set_cookies()[..] else { panic!("one cookie") };
    assert!(cookie.starts_with("hubgate-login-") && !cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; "), "{cookie}");
}

#[tokio::test]
async fn what_is_remembered_of_one_sign_in_is_not_taken_for_another() {
    let world = World::start().await;
    let mut browser = world.browser();
    let first = browser.callback_of("acme", "bob").await;
    let begun = browser.load("/-/sso/acme/login").await;
    let second = browser.follow(&begun).await.location().unwrap();
    let names = browser.pending();
    let sealed = [0, 1].map(|place| browser.cookie(&names[place]).unwrap().to_owned());
    browser.plant(&names[0], &sealed[1]);
    browser.plant(&names[1], &sealed[0]);
    for callback in [first, second] {
        let refused = browser.load_url(&callback).await.refused(400, "state-unknown");
        assert!(cause_of(&refused).contains("not begun in this browser"));
    }
}
