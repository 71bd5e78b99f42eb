//! A configuration that is put to work while the gate serves: whole, and without forgetting anybody.

use crate::support::browser::SESSION;
use crate::support::world::World;

fn with_headers(text: &str, lines: &str) -> String {
    text.replace("[headers]\n", &format!("[headers]\n{lines}\n"))
}

#[tokio::test]
async fn a_session_survives() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let before = browser.session();
    world.swap(|text| text);
    browser.fetch("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-role").as_deref(), Some("write"));
    assert_eq!(browser.session(), before);
}

#[tokio::test]
async fn a_sign_in_that_is_under_way_is_finished_once() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let mut thief = browser.clone();
    world.swap(|text| text);
    browser.load_url(&callback).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
    world.swap(|text| text);
    thief.load_url(&callback).await.expect(303);
    assert_eq!(thief.cookie(SESSION), None);
}

#[tokio::test]
async fn what_the_hub_is_told_follows_the_new_configuration_at_once() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.fetch("/acme/bert").await.expect(200);
    assert!(world.last_at_hub().head.value("x-auth-user").is_some());
    world.swap(|text| with_headers(&text, "preset = \"remote-user\""));
    browser.fetch("/acme/bert").await.expect(200);
    let head = world.last_at_hub().head;
    assert!(head.value("remote-user").is_some());
    assert_eq!(head.value("x-auth-user"), None);
}

#[tokio::test]
async fn a_policy_that_changes_is_kept_from_the_next_request_on() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.fetch("/acme/demo").await.expect(200);
    world.swap(|text| text.replace("\"demo\", ", ""));
    browser.fetch("/acme/demo").await.refused(401, "sign-in-required");
    world.swap(|text| text);
    browser.fetch("/acme/demo").await.expect(200);
}
