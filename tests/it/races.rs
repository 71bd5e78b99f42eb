//! What happens at the same time: answers that come twice, logouts while something is on its way.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hubgate::demo::Fault;
use hubgate::demo::provider::Endpoint;

use crate::support::browser::{Ask, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

/// Holds the provider's token answers until it is opened.
#[derive(Clone, Default)]
struct Barrier(Arc<(Mutex<bool>, Condvar)>);

impl Barrier {
    /// Holds every answer of acme's token endpoint from now on.
    fn hold(world: &World) -> Self {
        let barrier = Self::default();
        let held = barrier.clone();
        world.acme.behave(move |behaviour| {
            behaviour.edit_token_response(move |_| {
                let (open, opened) = &*held.0;
                let mut open = open.lock().unwrap();
                while !*open {
                    open = opened.wait(open).unwrap();
                }
            });
        });
        barrier
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A world whose sign-ins bring refresh tokens, and ask userinfo after each token.
async fn refreshing() -> World {
    World::with(|setup| {
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
        setup.acme.claims_in_id_token = false;
        setup.acme.own_thread = true;
    })
    .await
}

async fn tokens(world: &World, count: usize) {
    world.until(async || (world.acme.calls(Endpoint::Token) == count).then_some(())).await;
}

async fn logout(world: &World) {
    let token = world.acme.logout_token("hub-at-acme", Some("00u-acme-bob"), None).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /-/sso/acme/oidc/backchannel-logout";
    let form = format!("logout_token={token}");
    tool::send(world.gate.address, line, kind, form.as_bytes()).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_comes_twice_at_once_signs_in_once() {
    let world = World::start().await;
    let mut first = world.browser();
    let callback = first.callback_of("acme", "bob").await;
    let mut second = first.clone();
    let (one, two) = tokio::join!(first.load_url(&callback), second.load_url(&callback));
    assert_eq!((one.status, two.status), (303, 303));
    assert_eq!(world.acme.calls(Endpoint::Token), 1);
    let signed_in = [&first, &second].iter().filter(|b| b.cookie(SESSION).is_some()).count();
    assert_eq!(signed_in, 1);
    // In a browser both share their cookies, and the second one just goes on.
    second.jar.extend(first.jar.clone());
    first.jar.clone_from(&second.jar);
    first.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_logout_outruns_the_exchange_of_the_code() {
    let world = World::with(|setup| setup.acme.own_thread = true).await;
    world.signed_in("acme", "carol").await; // so that the gate knows the keys
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let barrier = Barrier::hold(&world);
    let meanwhile = async {
        tokens(&world, 2).await;
        world.clock.advance(Duration::from_secs(1));
        logout(&world).await;
        barrier.open();
    };
    let (answer, ()) = tokio::join!(browser.load_url(&callback), meanwhile);
    answer.expect(303);
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_logout_outruns_the_refresh_that_is_under_way() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.clock.advance(minutes(5));
    let barrier = Barrier::hold(&world);
    browser.fetch("/acme/bert").await.expect(200);
    tokens(&world, 2).await;
    logout(&world).await;
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    barrier.open();
    world.until(async || (world.acme.calls(Endpoint::UserInfo) == 2).then_some(())).await;
    for _ in 0..50 {
        browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    }
}

#[tokio::test]
async fn a_sign_out_outruns_the_refresh_that_is_under_way() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let mut thief = browser.clone();
    world.clock.advance(minutes(5));
    let barrier = Barrier::hold(&world);
    browser.fetch("/acme/bert").await.expect(200);
    tokens(&world, 2).await;
    browser.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await.expect(303);
    barrier.open();
    world.until(async || (world.acme.calls(Endpoint::UserInfo) == 2).then_some(())).await;
    for _ in 0..50 {
        thief.fetch("/acme/bert").await.refused(401, "sign-in-required");
    }
}

#[tokio::test]
async fn a_slow_refresh_holds_no_request() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.clock.advance(minutes(5));
    let barrier = Barrier::hold(&world);
    for _ in 0..10 {
        browser.fetch("/acme/bert").await.expect(200);
    }
    tokens(&world, 2).await;
    barrier.open();
}

#[tokio::test]
async fn metadata_that_does_not_come_holds_nobody_else() {
    let world = World::start().await;
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Discovery, Fault::Hang));
    let mut waiting = world.browser();
    let elsewhere = async {
        world.until(async || (world.acme.calls(Endpoint::Discovery) > 0).then_some(())).await;
        world.browser().load("/acme/demo").await.expect(200);
        world.signed_in("globex", "gina").await.fetch("/globex/vision").await.expect(200);
    };
    let (answer, _) = tokio::join!(waiting.load("/-/sso/acme/login"), elsewhere);
    answer.refused(503, "idp-unreachable");
}

#[tokio::test]
async fn many_first_sign_ins_ask_for_metadata_once() {
    let world = World::start().await;
    let mut browsers: Vec<_> = (0..10).map(|_| world.browser()).collect();
    let asked = browsers.iter_mut().map(|browser| browser.load("/-/sso/acme/login"));
    for answer in crate::support::world::all(asked).await {
        answer.expect(303);
    }
    assert_eq!(world.acme.calls(Endpoint::Discovery), 1);
}
