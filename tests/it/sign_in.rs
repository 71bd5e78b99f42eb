//! Signing in from end to end, as a person sees it and as the hub is told.

use crate::support::world::World;

#[tokio::test]
async fn a_deep_link_survives_the_sign_in_query_and_all() {
    let world = World::start().await;
    let mut browser = world.browser();
    let target = "/acme/bert/resolve/refs%2Fpr%2F1/config.json?download=true&a=%2F%2Fx&b";
    let answer = browser.load(target).await.expect(303);
    assert!(answer.must("location").starts_with("/-/sso/acme/login?return_to="));
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
    let landed = browser.sign_in_at(target, "bob").await;
    assert_eq!(landed.url.as_str(), format!("https://hub.example.com{target}"));
    assert_eq!(world.last_at_hub().head.target(), target);
}
