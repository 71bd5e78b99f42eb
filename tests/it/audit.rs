//! The audit log: what somebody may want to prove later, and nothing secret.

use serde_json::Value;

use crate::support::browser::{Ask, SESSION};
use crate::support::setup::CLIENT_SECRET;
use crate::support::tool;
use crate::support::world::World;

/// The event of a request.
async fn event_of(world: &World, request_id: &str) -> Value {
    world.gate.audit.of(request_id).await
}

#[tokio::test]
async fn a_sign_in_and_a_sign_out_say_who_where_and_from_where() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let signed_in = browser.load_url(&callback).await.expect(303);
    let event = event_of(&world, signed_in.request_id()).await;
    assert_eq!(event["event"], "sign-in");
    assert_eq!((&event["organization"], &event["role"]), (&"acme".into(), &"write".into()));
    assert_eq!(event["client.address"], "127.0.0.1");
    let subject = event["subject"].clone();
    assert!(subject.is_string() && event["time"].is_string(), "{event}");
    let left = browser.send(Ask::post("/-/sso/logout").form(&[]).page()).await;
    let event = event_of(&world, left.request_id()).await;
    assert_eq!((&event["event"], &event["subject"]), (&"sign-out".into(), &subject));
    assert_eq!(event["organization"], "acme");
}

#[tokio::test]
async fn refusals_say_why_and_what_is_let_through_is_no_event() {
    let world = World::start().await;
    let refused = world.browser().fetch("/acme/bert").await.refused(401, "sign-in-required");
    let event = event_of(&world, refused.request_id()).await;
    assert_eq!(
        (&event["event"], &event["reason"]),
        (&"challenge".into(), &"sign-in-required".into())
    );
    let mut browser = world.signed_in("acme", "carol").await;
    let through = browser.fetch("/acme/bert").await.expect(200);
    let denied = browser.fetch("/acme/bert/settings").await.refused(403, "role-too-low");
    let event = event_of(&world, denied.request_id()).await;
    assert_eq!((&event["event"], &event["reason"]), (&"deny".into(), &"role-too-low".into()));
    assert!(!world.gate.audit.text().contains(through.request_id()));
    let callback = world.browser().callback_of("acme", "bob").await;
    let refused = world.browser().load_url(&callback).await.refused(400, "state-unknown");
    let event = event_of(&world, refused.request_id()).await;
    assert_eq!(event["event"], "sign-in-refused");
}

#[tokio::test]
async fn a_reload_is_an_event() {
    let world = World::start().await;
    world.reload(|text| text.replace("\"demo\", ", ""));
    world.reload(|text| text.replace("[hub]\n", "[hub]\nnonsense = 1\n"));
    world
        .until(async || {
            let text = world.gate.audit.text();
            let both = ["\"reason\":\"ok\"", "\"reason\":\"failed\""];
            both.iter().all(|reason| text.contains(reason)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn nothing_secret_and_nothing_that_a_client_writes_stands_in_it() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let state: Vec<String> = callback.query_pairs().map(|(_, value)| value.into_owned()).collect();
    browser.load_url(&callback).await.expect(303);
    let session = browser.session();
    let planted = format!("Cookie: {SESSION}=PLANTED\r\nAuthorization: Bearer PLANTED\r\n");
    let ask = "GET /acme/bert?token=PLANTED";
    let refused = tool::ask(world.gate.address, ask, &planted).await;
    event_of(&world, refused.request_id()).await;
    let text = world.gate.audit.text();
    for secret in state.iter().map(String::as_str).chain([&*session, "PLANTED", CLIENT_SECRET]) {
        // The issuer is no secret, and stands nowhere in it either.
        assert!(!text.contains(secret), "{secret} stands in\n{text}");
    }
}

/// The table of events and fields that people read is the one that is written.
#[test]
fn every_event_and_field_is_documented() {
    let source = include_str!("../../src/observe/audit.rs");
    let table = include_str!("../../deploy/observability/README.md");
    let names = source.split("const fn as_str").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let events: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    let fields: Vec<&str> =
        source.split("field(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(events.len() > 10 && fields.len() > 7);
    for name in events.iter().chain(&fields) {
        assert!(table.contains(&format!("| `{name}` |")), "{name} is in no table");
    }
    let listed = table.split("## Audit log").nth(1).unwrap();
    let listed = listed.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in listed {
        assert!(events.contains(&name) || fields.contains(&name) || name == "time", "{name}");
    }
}
