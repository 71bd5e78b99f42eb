//! Signing out: here, at the provider, and by the provider's word; and the streams that end with it.

use std::time::Duration;

use hubgate::demo::provider::behaviour::{Behaviour, Signing};
use hubgate::demo::provider::{Algorithm, Endpoint};
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser, SESSION};
use crate::support::moving_clock::{days, minutes};
use crate::support::setup::{CLIENT_SECRET, SITE};
use crate::support::tool::{self, Wire};
use crate::support::world::World;

const CLIENT: &str = "hub-at-acme";

/// What a provider is ordered to do.
type Order = Box<dyn FnOnce(&mut Behaviour)>;

/// A logout token, sent as the provider sends it.
pub(crate) async fn back_channel(world: &World, token: &str) -> Answer {
    back_channel_form(world, &format!("logout_token={token}")).await
}

async fn back_channel_form(world: &World, form: &str) -> Answer {
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let target = "POST /-/sso/acme/oidc/backchannel-logout";
    tool::send(world.gate.address, target, kind, form.as_bytes()).await
}

pub(crate) fn token(world: &World, person: &str) -> String {
    world.acme.logout_token(CLIENT, Some(&format!("00u-acme-{person}")), None).unwrap()
}

#[tokio::test]
async fn signing_out_ends_the_session_here_and_at_the_provider() {
    let world = World::with(|setup| {
        setup.set(
            "acme.oidc",
            "scopes",
            "[\"profile\", \"email\", \"groups\", \"offline_access\"]",
        );
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    let session = browser.session();
    let confirm = browser.load("/-/sso/logout").await.expect(200);
    assert!(confirm.text().contains("ACME Corp"));
    browser.fetch("/acme/bert").await.expect(200);
    let form = confirm.forms().remove(0);
    let left = browser.submit(&confirm, &form, None).await.expect(303);
    assert_eq!(browser.cookie(SESSION), None);
    let landed = browser.finish(left).await.expect(200);
    assert_eq!(landed.url.path(), "/-/sso/signed-out");
    let asked = world.acme.asked(Endpoint::EndSession).remove(0);
    assert_eq!(
        asked.field("post_logout_redirect_uri"),
        Some("https://hub.example.com/-/sso/signed-out")
    );
    assert!(asked.field("id_token_hint").is_some());
    world.until(async || (world.acme.calls(Endpoint::Revocation) == 1).then_some(())).await;

    let mut thief = world.browser();
    thief.plant(SESSION, &session);
    thief.fetch("/acme/bert").await.refused(401, "sign-in-required");
    // The provider asks who it is again.
    let page = browser.open("/acme/bert").await;
    assert!(page.url.as_str().starts_with(world.acme.issuer()), "{}", page.url);
}

#[tokio::test]
async fn signing_out_of_everything_visits_every_provider() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    let left = browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    let landed = browser.finish(left).await.expect(200);
    assert_eq!(landed.url.path(), "/-/sso/signed-out");
    assert_eq!(
        (world.acme.calls(Endpoint::EndSession), world.globex.calls(Endpoint::EndSession)),
        (1, 1)
    );
    assert_eq!((world.acme.sid("bob"), world.globex.sid("gina")), (None, None));
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn the_way_back_from_a_provider_is_good_once() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    let left = browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    let back = browser.follow(&left).await.location().unwrap();
    let on = browser.load_url(&back).await.expect(303);
    browser.load_url(&back).await.expect(200);
    browser.finish(on).await.expect(200);
    assert_eq!(world.globex.calls(Endpoint::EndSession), 1);
}

#[tokio::test]
async fn a_sign_in_that_the_provider_has_ended_is_not_ended_there_once_more() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    let confirm = browser.load("/-/sso/logout").await.expect(200).text();
    assert!(confirm.contains("Globex") && !confirm.contains("ACME Corp"), "{confirm}");
    let left = browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    browser.finish(left).await.expect(200);
    let asked = [&world.acme, &world.globex].map(|own| own.calls(Endpoint::EndSession));
    assert_eq!(asked, [0, 1]);
}

#[tokio::test]
async fn a_sign_in_that_is_over_is_no_event_of_a_sign_out() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.clock.advance(days(8));
    browser.sign_in("globex", "gina").await;
    browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await.expect(303);
    world.until(async || world.gate.audit.find("\"event\":\"sign-out\"")).await;
    let noted = world.gate.audit.text();
    let signed_out: Vec<&str> =
        noted.lines().filter(|line| line.contains("\"event\":\"sign-out\"")).collect();
    assert!(signed_out.len() == 1 && signed_out[0].contains("\"globex\""), "{noted}");
}

#[tokio::test]
async fn a_sign_out_of_what_is_no_organization_is_none() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    for organization in ["", "ACME", "acme/..", "acme globex"] {
        let leave = Ask::post("/-/sso/logout").page().header("Origin", SITE);
        let answer = browser.send(leave.form(&[("organization", organization)])).await;
        answer.refused(400, "bad-parameters");
        browser.fetch("/acme/bert").await.expect(200);
    }
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_out() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    // What browsers send; the last two stand for browsers that say less.
    let headers: [&[(&str, &str)]; 7] = [
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
        &[("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.hub.example.com")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", SITE)],
        &[("Origin", "null")],
        &[("Origin", "https://hub.example.com.evil.example")],
        &[("Origin", "http://hub.example.com")],
    ];
    for headers in headers {
        let mut ask = Ask::post("/-/sso/logout").header("Accept", "text/html");
        ask.headers.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        // The cookie is sent all the same: a browser that knows no SameSite.
        browser.send(ask).await.refused(403, "cross-site");
        browser.fetch("/acme/bert").await.expect(200);
    }
    // A link does not sign out either: GET only asks.
    browser.load("/-/sso/logout").await.expect(200);
    browser.fetch("/acme/bert").await.expect(200);
    // And a browser that knows SameSite sends no cookie with such a form.
    let ask = Ask::post("/-/sso/logout")
        .sent_by_another_site()
        .page()
        .header("Origin", "https://evil.example");
    browser.send(ask).await.refused(403, "cross-site");
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_logout_token_ends_every_session_of_the_person() {
    let world = World::start().await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(world.signed_in("acme", "bob").await);
    }
    let mut carol = world.signed_in("acme", "carol").await;
    let answer = back_channel(&world, &token(&world, "bob")).await.expect(200);
    assert!(answer.must("cache-control").contains("no-store"));
    for browser in &mut browsers {
        browser.fetch("/acme/bert").await.refused(401, "session-revoked");
        browser.fetch("/acme/demo").await.refused(401, "session-revoked");
    }
    carol.fetch("/acme/bert").await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    browsers[0].sign_in("acme", "bob").await;
    browsers[0].fetch("/acme/bert").await.expect(200);
    browsers[1].fetch("/acme/bert").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_logout_token_that_names_a_session_ends_that_one() {
    let world = World::start().await;
    let mut first = world.signed_in("acme", "bob").await;
    let sid = world.acme.sid("bob").unwrap();
    let mut second = world.signed_in("acme", "bob").await;
    let token = world.acme.logout_token(CLIENT, Some("00u-acme-bob"), Some(&sid)).unwrap();
    back_channel(&world, &token).await.expect(200);
    first.fetch("/acme/bert").await.refused(401, "session-revoked");
    second.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn the_provider_ends_sessions_by_its_own_call() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let deliveries = world.acme.end_sessions("bob").await;
    let [delivery] = &deliveries[..] else { panic!("one client: {deliveries:?}") };
    assert_eq!(delivery.outcome.as_ref().unwrap().as_u16(), 200);
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_logout_of_somebody_who_is_not_here_is_no_error() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    back_channel(&world, &token(&world, "nobody")).await.expect(200);
    let token = world.acme.logout_token(CLIENT, None, Some("no such session")).unwrap();
    back_channel(&world, &token).await.expect(200);
    bob.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_logout_token_that_does_not_verify_ends_nothing() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    let now = world.clock.seconds();
    let public = world.acme.public_key(Algorithm::Es256).unwrap().to_string();
    let claim = |name: &'static str, value: serde_json::Value| {
        move |behaviour: &mut Behaviour| {
            behaviour.edit_logout_token(move |_, claims| {
                claims.remove(name);
                if !value.is_null() {
                    claims.insert(name.to_owned(), value.clone());
                }
            });
        }
    };
    let signing = |signing: Signing| move |behaviour: &mut Behaviour| behaviour.signing = signing;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let orders: Vec<(&str, Order)> = vec![
        ("alg none", Box::new(signing(Signing::Nothing))),
        ("a stranger's key under our kid", Box::new(signing(Signing::Stranger))),
        ("a stranger's key", Box::new(signing(Signing::Unpublished))),
        ("HMAC of the client secret", Box::new(signing(Signing::Hmac(CLIENT_SECRET.into())))),
        ("HMAC of the public key", Box::new(signing(Signing::Hmac(public.into())))),
        ("no iat", Box::new(claim("iat", json!(null)))),
        ("iat as text", Box::new(claim("iat", json!(now.to_string())))),
        ("iat in the future", Box::new(claim("iat", json!(now + 120)))),
        ("iat long ago", Box::new(claim("iat", json!(now - 5000)))),
        ("no jti", Box::new(claim("jti", json!(null)))),
        ("jti is a number", Box::new(claim("jti", json!(7)))),
        ("expired", Box::new(claim("exp", json!(now - 61)))),
        ("exp is huge", Box::new(claim("exp", json!(1e300)))),
        ("a nonce", Box::new(claim("nonce", json!("n")))),
        (
            "a nonce of null",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_logout_token(|_, claims| {
                    claims.insert("nonce".to_owned(), json!(null));
                });
            }),
        ),
        ("no events", Box::new(claim("events", json!(null)))),
        (
            "another event",
            Box::new(claim(
                "events",
                json!({ "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} }),
            )),
        ),
        ("events as a list", Box::new(claim("events", json!([event])))),
        ("an event that is no object", Box::new(claim("events", json!({ event: true })))),
        ("no audience", Box::new(claim("aud", json!(null)))),
        ("another audience", Box::new(claim("aud", json!("hub-at-globex")))),
        ("an audience with strangers", Box::new(claim("aud", json!([CLIENT, "stranger"])))),
        ("an empty audience", Box::new(claim("aud", json!([])))),
        ("another issuer", Box::new(claim("iss", json!("https://evil.example")))),
        ("no issuer", Box::new(claim("iss", json!(null)))),
        (
            "the issuer with a slash",
            Box::new(claim("iss", json!(format!("{}/", world.acme.issuer())))),
        ),
        ("nobody named", Box::new(claim("sub", json!(null)))),
        ("everybody named", Box::new(claim("sub", json!("")))),
        ("a list of people", Box::new(claim("sub", json!(["00u-acme-bob"])))),
        (
            "the type of an access token",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_logout_token(|header, _| {
                    header.insert("typ".to_owned(), json!("at+jwt"));
                });
            }),
        ),
        (
            "a critical extension",
            Box::new(|behaviour: &mut Behaviour| {
                behaviour.edit_logout_token(|header, _| {
                    header.insert("crit".to_owned(), json!(["b64"]));
                    header.insert("b64".to_owned(), json!(false));
                });
            }),
        ),
    ];
    for (what, order) in orders {
        world.acme.behave_well();
        world.acme.behave(order);
        let answer = back_channel(&world, &token(&world, "bob")).await;
        // OpenID Connect Back-Channel Logout 1.0 §2.8
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        bob.fetch("/acme/bert").await.expect(200);
    }
    world.acme.behave_well();
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    bob.fetch("/acme/bert").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn an_id_token_is_no_logout_token() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    let left = bob.clone().send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
    // Signing out in a copy of the browser shows an ID token; bob signs in again.
    let hint = left.location().unwrap();
    let hint = hint.query_pairs().find(|(name, _)| name == "id_token_hint").unwrap().1.into_owned();
    bob.sign_in("acme", "bob").await;
    back_channel(&world, &hint).await.expect(400);
    bob.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_logout_request_has_exactly_one_token() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    let good = token(&world, "bob");
    for form in [
        String::new(),
        "logout_token=".to_owned(),
        format!("token={good}"),
        format!("logout_token={good}&logout_token={good}"),
        format!("logout_token=x&logout_token={good}"),
        format!("logout_token={good}x"),
        "logout_token=".to_owned() + &"A".repeat(60_000),
    ] {
        back_channel_form(&world, &form).await.expect(400);
        bob.fetch("/acme/bert").await.expect(200);
    }
    let huge = "logout_token=".to_owned() + &"A".repeat(70_000);
    assert_eq!(back_channel_form(&world, &huge).await.status, 413);
    let target = format!("GET /-/sso/acme/oidc/backchannel-logout?logout_token={good}");
    tool::ask(world.gate.address, &target, "").await.refused(405, "method-not-allowed");
    bob.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_logout_token_is_good_once() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    let token = token(&world, "bob");
    back_channel(&world, &token).await.expect(200);
    bob.fetch("/acme/bert").await.refused(401, "session-revoked");
    world.clock.advance(Duration::from_secs(1));
    bob.sign_in("acme", "bob").await;
    back_channel(&world, &token).await.expect(400);
    bob.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_become_a_flood_at_the_provider() {
    let world = World::start().await;
    let mut bob = world.signed_in("acme", "bob").await;
    let before = world.acme.calls(Endpoint::Keys);
    world.acme.behave(|behaviour| behaviour.signing = Signing::Unpublished);
    for _ in 0..40 {
        back_channel(&world, &token(&world, "bob")).await.expect(400);
    }
    let asked = world.acme.calls(Endpoint::Keys) - before;
    assert!(asked <= 2, "the keys were asked for {asked} times");
    bob.fetch("/acme/bert").await.expect(200);
    // Those who sign in at that time find a key that is new.
    world.acme.behave_well();
    world.acme.rotate_keys(false).unwrap();
    world.signed_in("acme", "carol").await;
}

#[tokio::test]
async fn a_logout_outruns_the_sign_in_that_is_under_way() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    world.clock.advance(Duration::from_secs(5));
    // The provider ends everything of bob's, and the answer is still on its way through the browser.
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    world.clock.advance(Duration::from_secs(5));
    browser.load_url(&callback).await.expect(303);
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    assert!(world.hub.received().is_empty());
    // What is begun afterwards is another matter.
    world.clock.advance(Duration::from_secs(1));
    browser.open("/-/sso/acme/login").await.expect(200);
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_sign_in_that_begins_after_a_logout_is_good_at_once() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let sid = world.acme.sid("bob").unwrap();
    let subject = token(&world, "bob");
    let session = world.acme.logout_token(CLIENT, None, Some(&sid)).unwrap();
    let both = world.acme.logout_token(CLIENT, Some("00u-acme-bob"), Some(&sid)).unwrap();
    for token in [Some(subject), Some(session), Some(both), None] {
        world.clock.advance(Duration::from_millis(300));
        browser.fetch("/acme/bert").await.expect(200);
        match token {
            Some(token) => back_channel(&world, &token).await.expect(200),
            None => front_channel(&world, &sid).await.expect(200),
        };
        browser.fetch("/acme/bert").await.refused(401, "session-revoked");
        // The provider keeps its session, so its name is the same again.
        world.clock.advance(Duration::from_millis(1));
        browser.open("/-/sso/acme/login").await.expect(200);
        assert_eq!(world.acme.sid("bob").unwrap(), sid);
        browser.fetch("/acme/bert").await.expect(200);
    }
}

#[tokio::test]
async fn a_front_channel_call_is_no_word_on_a_sign_in_that_is_still_to_come() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    world.clock.advance(Duration::from_secs(1));
    // Anybody can call.
    front_channel(&world, &world.acme.sid("bob").unwrap()).await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    browser.load_url(&callback).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
}

/// A front-channel call that names a session, without a cookie.
async fn front_channel(world: &World, sid: &str) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("iss", world.acme.issuer()), ("sid", sid)])
        .finish();
    world.browser().load(&format!("/-/sso/acme/oidc/frontchannel-logout?{query}")).await
}

#[tokio::test]
async fn a_front_channel_call_ends_the_session_that_it_names_and_revokes_nothing() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let mut other = world.signed_in("acme", "carol").await;
    let sid = world.acme.sid("bob").unwrap();
    let call = async |pairs: &[(&str, &str)]| {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut frame = world.browser();
        frame.load(&format!("/-/sso/acme/oidc/frontchannel-logout?{query}")).await
    };
    let issuer = world.acme.issuer();
    for pairs in [
        &[("sid", sid.as_str())][..],
        &[("iss", issuer)],
        &[],
        &[("iss", issuer), ("sid", "")],
        &[("iss", "https://evil.example"), ("sid", &sid)],
        &[("iss", issuer), ("sid", &sid), ("sid", "x")],
        &[("iss", issuer), ("iss", issuer), ("sid", &sid)],
    ] {
        call(pairs).await.refused(400, "bad-parameters");
        browser.fetch("/acme/bert").await.expect(200);
    }
    call(&[("iss", issuer), ("sid", "another")]).await.expect(200);
    browser.fetch("/acme/bert").await.expect(200);
    let answer = call(&[("iss", issuer), ("sid", &sid)]).await.expect(200);
    assert!(answer.must("cache-control").contains("no-store"));
    assert_eq!(answer.header("x-frame-options"), None, "it is made for a frame");
    assert_eq!(answer.must("content-security-policy"), "default-src 'none'");
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    other.fetch("/acme/bert").await.expect(200);
    assert_eq!(world.acme.calls(Endpoint::Revocation), 0);
    assert!(world.acme.sid("bob").is_some());
}

/// An open event stream of the person, from which one event has come.
async fn event_stream(world: &World, browser: &Browser) -> Wire {
    let cookie = browser.session();
    let head = format!(
        "GET /acme/bert/events?on=signal HTTP/1.1\r\nHost: hub.example.com\r\n\
         Accept: text/event-stream\r\nCookie: {SESSION}={cookie}\r\n\r\n"
    );
    let mut wire = Wire::open(world.gate.address, head).await;
    wire.until("data: ready").await;
    wire
}

/// An upgraded connection of the person, over which something has gone to and fro.
async fn upgraded(world: &World, browser: &Browser) -> Wire {
    let cookie = browser.session();
    let head = format!(
        "GET /acme/bert/ws HTTP/1.1\r\nHost: hub.example.com\r\nConnection: Upgrade\r\n\
         Upgrade: bytes\r\nCookie: {SESSION}={cookie}\r\n\r\n"
    );
    let mut wire = Wire::open(world.gate.address, head).await;
    wire.until("HTTP/1.1 101").await;
    wire.until("\r\n\r\n").await;
    wire.write(b"hello").await;
    wire.until("hello").await;
    wire
}

/// The stream ends, and not as if it were complete.
async fn is_cut(mut stream: Wire, mut upgraded: Wire) {
    let seen = stream.rest().await;
    assert!(!seen.ends_with(b"0\r\n\r\n"), "it ended in good order: {}", stream.text());
    upgraded.rest().await;
}

#[tokio::test]
async fn streams_end_when_the_provider_ends_the_session() {
    let world = World::start().await;
    let browser = world.signed_in("acme", "bob").await;
    let carol = world.signed_in("acme", "carol").await;
    let (stream, upgrade) =
        (event_stream(&world, &browser).await, upgraded(&world, &browser).await);
    let mut hers = event_stream(&world, &carol).await;
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    is_cut(stream, upgrade).await;
    world.hub.signal();
    hers.until("data: signal").await;
}

#[tokio::test]
async fn streams_end_when_the_person_signs_out() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let (stream, upgrade) =
        (event_stream(&world, &browser).await, upgraded(&world, &browser).await);
    browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await.expect(303);
    is_cut(stream, upgrade).await;
}

#[tokio::test]
async fn streams_end_when_the_session_expires() {
    let world = World::start().await;
    let browser = world.signed_in("acme", "bob").await;
    world.clock.advance(days(7) - Duration::from_millis(300));
    let (stream, upgrade) =
        (event_stream(&world, &browser).await, upgraded(&world, &browser).await);
    is_cut(stream, upgrade).await;
}

#[tokio::test]
async fn streams_go_on_over_a_refresh_and_end_when_one_is_refused() {
    let world = World::with(|setup| {
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    let mut stream = event_stream(&world, &browser).await;
    world.acme.change("bob", |bob| bob.groups = vec!["everyone".to_owned()]);
    world.clock.advance(minutes(5));
    world
        .until(async || {
            browser.fetch("/acme/bert").await.expect(200);
            (browser.sign_in_of("acme").await["role"] == "read").then_some(())
        })
        .await;
    world.hub.signal();
    stream.until("data: signal").await;
    world.acme.kill_refresh_tokens("bob");
    world.clock.advance(minutes(5));
    browser.fetch("/acme/demo").await;
    stream.rest().await;
    browser.fetch("/acme/demo").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn streams_end_on_whichever_thread_they_are() {
    let world = World::with(|setup| {
        setup.set("server", "threads", "4");
    })
    .await;
    let browser = world.signed_in("acme", "bob").await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(event_stream(&world, &browser).await);
    }
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    for mut stream in streams {
        stream.rest().await;
    }
}

#[tokio::test]
async fn streams_of_a_sign_in_go_on_when_another_organization_is_added() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let mut stream = event_stream(&world, &browser).await;
    browser.sign_in("globex", "gina").await;
    world.hub.signal();
    stream.until("data: signal").await;
    // And they still hang on the sign-in that they rest on.
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    stream.rest().await;
    browser.fetch("/globex/vision").await.expect(200);
}

#[tokio::test]
async fn an_upload_breaks_off_when_the_session_ends() {
    let world = World::start().await;
    let browser = world.signed_in("acme", "bob").await;
    let cookie = browser.session();
    let head = format!(
        "POST /acme/bert/echo HTTP/1.1\r\nHost: hub.example.com\r\nTransfer-Encoding: chunked\r\n\
         Cookie: {SESSION}={cookie}\r\n\r\n5\r\nhello\r\n"
    );
    let mut wire = Wire::open(world.gate.address, head).await;
    world.hub.arrivals(1).await;
    back_channel(&world, &token(&world, "bob")).await.expect(200);
    let seen = wire.rest().await;
    assert!(!String::from_utf8_lossy(&seen).contains("sha256"), "the upload was completed");
}
