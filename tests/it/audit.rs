//! The audit log: what somebody may want to prove later, and nothing secret.

use serde_json::Value;

use crate::accounts::at_hub;
use crate::logout::{back_channel, token as logout_token};
use crate::recovery::{code, enter, with};
use crate::saml_gate::{answer_for, carry, entity_id};
use crate::service_accounts::{CLAIMS, Ci, account, token};
use crate::support::browser::{Ask, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::program::{Program, oauth};
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

/// The last event of that name, once it is there.
async fn last(world: &World, name: &str) -> Value {
    let wanted = format!("\"event\":\"{name}\"");
    let line = world.until(async || world.gate.audit.find(&wanted)).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn a_reload_is_an_event_and_so_is_what_it_ends_and_what_it_arms() {
    let world = World::start().await;
    let _bob = world.signed_in("acme", "bob").await;
    world.reload(|text| text.replace("\"demo\", ", ""));
    assert_eq!(last(&world, "reload").await["result"], "ok");
    world.reload(|text| text.replace("[hub]\n", "[hub]\nnonsense = 1\n"));
    world.until(async || world.gate.audit.find("\"result\":\"failed\"")).await;
    let id = hubgate::policy::OrganizationId::parse("acme").unwrap();
    let hash = hubgate::config::hash_text(&code().hash(&id));
    let armed = format!("id = \"acme\"\nrecovery_codes = [{hash:?}]");
    world.reload(|text| {
        text.replace("[hub]\nnonsense = 1\n", "[hub]\n").replace("id = \"acme\"", &armed)
    });
    let event = last(&world, "recovery-codes-changed").await;
    assert_eq!((&event["organization"], &event["codes"]), (&"acme".into(), &1.into()));
    let other = world.globex.issuer();
    world.reload(|text| text.replace(world.acme.issuer(), other));
    assert_eq!(last(&world, "sign-out-by-reload").await["sessions"], 1);
}

#[tokio::test]
async fn what_a_program_may_do_is_an_event_from_beginning_to_end() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let no = Program::begin(world.gate.address).await;
    no.answered(&mut browser, "refuse").await.expect(200);
    assert_eq!(last(&world, "device-refused").await["subject"], "00u-acme-bob");
    let tokens = world.program_of(&mut browser).await;
    let allowed = last(&world, "device-allowed").await;
    assert_eq!(
        (&allowed["organization"], &allowed["subject"]),
        (&"acme".into(), &"00u-acme-bob".into())
    );
    let issued = last(&world, "token-issued").await;
    let grant = issued["grant"].clone();
    assert!(grant.is_string() && issued["client.address"] == "127.0.0.1", "{issued}");
    let form = format!("grant_type=refresh_token&refresh_token={}", tokens.refresh);
    oauth(world.gate.address, "/oauth/token", &form).await.expect(200);
    assert_eq!(last(&world, "token-refreshed").await["grant"], grant);
    oauth(world.gate.address, "/oauth/token", &form).await.expect(400);
    let replayed = last(&world, "token-replayed").await;
    assert_eq!((&replayed["grant"], &replayed["subject"]), (&grant, &"00u-acme-bob".into()));
    world.program_of(&mut browser).await;
    let page = browser.load("/-/sso/").await.expect(200);
    let forms = page.forms();
    let form = forms.iter().find(|form| form.action.path() == "/-/sso/tokens/revoke").unwrap();
    browser.submit(&page, form, None).await.expect(303);
    assert_eq!(last(&world, "token-revoked").await["organization"], "acme");
}

#[tokio::test]
async fn sign_ins_and_sign_outs_of_every_kind_are_events() {
    let world = World::with(|setup| {
        setup.by_saml("globex");
        setup.set("globex.saml", "idp_initiated", "true");
    })
    .await;
    let _bob = world.signed_in("acme", "bob").await;
    let event = last(&world, "sign-in").await;
    assert_eq!((&event["protocol"], &event["begun_by"]), (&"oidc".into(), &"person".into()));
    let mut hank = world.signed_in("globex", "hank").await;
    let event = last(&world, "sign-in").await;
    assert_eq!((&event["protocol"], &event["begun_by"]), (&"saml".into(), &"person".into()));
    back_channel(&world, &logout_token(&world, "bob")).await.expect(200);
    let event = last(&world, "sign-out-by-provider").await;
    assert_eq!((&event["by"], &event["sessions"]), (&"back-channel".into(), &1.into()));
    assert_eq!(
        (&event["organization"], &event["subject"]),
        (&"acme".into(), &"00u-acme-bob".into())
    );
    back_channel(&world, "eyJ.no.token").await.expect(400);
    assert_eq!(last(&world, "sign-out-refused").await["organization"], "acme");
    let sent = world.saml().logout_request(&entity_id(), "hank", &[], true).unwrap();
    carry(&mut world.browser(), &sent).await.expect(200);
    let event = last(&world, "sign-out-by-provider").await;
    assert_eq!((&event["by"], &event["sessions"]), (&"saml".into(), &1.into()));
    hank.fetch("/globex/vision").await.refused(401, "session-revoked");
    // A sign-in of the same moment would count as one that the sign-out has outrun.
    world.clock.advance(minutes(1));
    let sent = world.saml().unsolicited(&entity_id(), "hank", None).unwrap();
    carry(&mut hank, &sent).await.expect(200);
    let event = last(&world, "sign-in").await;
    assert_eq!(
        (&event["begun_by"], &event["subject"]),
        (&"provider".into(), &"00u-globex-hank".into())
    );
    // The way out over the provider and back is one sign-out, and no second one at its answer.
    let left = hank.send(Ask::post("/-/sso/logout").form(&[]).page()).await;
    hank.finish(left).await.expect(200);
    last(&world, "sign-out").await;
    let text = world.gate.audit.text();
    assert_eq!(text.matches("\"by\":\"saml\"").count(), 1, "{text}");
}

#[tokio::test]
async fn machines_are_noted_once_a_day_for_each_address_and_whenever_they_are_refused() {
    let ci = Ci::start().await;
    let world = World::with(|setup| {
        setup.set("server", "trusted_proxies", "[\"127.0.0.0/8\"]");
        let networks = "role = \"read\"\nnetworks = [\"10.1.0.0/16\"]";
        account(setup, "acme", "nightly", &token('N'), networks);
        ci.workload(setup, "acme", CLAIMS);
    })
    .await;
    let from = async |address: &str, bearer: &str| {
        let headers = format!("Authorization: Bearer {bearer}\r\nX-Forwarded-For: {address}\r\n");
        tool::ask(world.gate.address, "GET /acme/bert", &headers).await
    };
    for address in ["10.1.0.7", "10.1.0.7", "10.1.0.8"] {
        from(address, &token('N')).await.expect(200);
    }
    from("10.2.0.7", &token('N')).await.expect(403);
    let refused = last(&world, "service-account-refused").await;
    assert_eq!(
        (
            &refused["organization"],
            &refused["subject"],
            &refused["reason"],
            &refused["client.address"]
        ),
        (
            &"acme".into(),
            &"service-account:nightly".into(),
            &"network-not-allowed".into(),
            &"10.2.0.7".into()
        )
    );
    let job = ci.sign(&ci.job());
    from("10.1.0.7", &job).await.expect(200);
    assert_eq!(last(&world, "workload-used").await["subject"], "workload:train");
    let mut claims = ci.job();
    claims["ref"] = "refs/heads/other".into();
    from("10.1.0.7", &ci.sign(&claims)).await.expect(403);
    assert_eq!(last(&world, "workload-refused").await["reason"], "workload-refused");
    let text = world.gate.audit.text();
    assert_eq!(text.matches("service-account-used").count(), 2, "{text}");
}

#[tokio::test]
async fn the_way_for_emergencies_is_noted_both_ways() {
    let good = code();
    let world = World::with(|setup| with(setup, "acme", &[&good])).await;
    enter(&mut world.browser(), "acme", "00000-00000-00000-00000-00000").await.expect(403);
    assert_eq!(last(&world, "break-glass-refused").await["organization"], "acme");
    enter(&mut world.browser(), "acme", &good.expose()).await.expect(303);
    let event = last(&world, "break-glass").await;
    assert!(event["subject"].as_str().unwrap().starts_with("recovery:"), "{event}");
    assert!(!world.gate.audit.text().contains(&good.expose()));
}

#[tokio::test]
async fn a_link_between_an_account_and_a_person_is_an_event() {
    let world = World::with(|setup| {
        setup.with_accounts();
    })
    .await;
    at_hub(&world, "bob").sign_in_at("/acme/bert", "bob").await.expect(200);
    let made = last(&world, "link-made").await;
    assert_eq!((&made["organization"], &made["subject"]), (&"acme".into(), &"00u-acme-bob".into()));
    assert!(made["account"].is_string(), "{made}");
    at_hub(&world, "bob").sign_in_at("/acme/bert", "carol").await;
    assert_eq!(last(&world, "link-refused").await["subject"], "00u-acme-carol");
}

#[tokio::test]
async fn a_role_that_changes_at_a_refresh_is_an_event() {
    let world = World::with(|setup| {
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.acme.change("bob", |person| person.groups = vec!["hub-admins".to_owned()]);
    world.clock.advance(minutes(5));
    browser.fetch("/acme/bert").await.expect(200);
    let event = last(&world, "role-change").await;
    assert_eq!(
        (&event["role.before"], &event["subject"]),
        (&"write".into(), &"00u-acme-bob".into())
    );
}

#[tokio::test]
async fn a_flood_of_refusals_is_cut_and_counted_and_drowns_nothing_else() {
    let world = World::start().await;
    for _ in 0..70 {
        tool::ask(world.gate.address, "GET /acme/bert", "").await.refused(403, "sign-in-required");
    }
    world.signed_in("acme", "bob").await;
    last(&world, "sign-in").await;
    let event = last(&world, "refusals-omitted").await;
    let omitted = event["count"].as_u64().unwrap();
    let noted = world.gate.audit.text().matches("\"event\":\"challenge\"").count();
    assert!(noted >= 60, "{noted}");
    // The clock stands still: no room is made meanwhile.
    assert_eq!(noted as u64, 60);
    let lost = "hubgate_audit_lines_lost_total{cause=\"budget\"}";
    assert!(world.gate.metric(lost) >= omitted && omitted >= 1, "{omitted}");
}

#[tokio::test]
async fn nothing_secret_and_nothing_that_a_client_writes_stands_in_it() {
    let recovery = code();
    let world = World::with(|setup| {
        setup.by_saml("globex");
        with(setup, "acme", &[&recovery]);
        account(setup, "acme", "nightly", &token('N'), "role = \"read\"");
    })
    .await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let mut secrets: Vec<String> = callback
        .query_pairs()
        .filter(|(n, _)| n != "iss")
        .map(|(_, value)| value.into_owned())
        .collect();
    browser.load_url(&callback).await.expect(303);
    secrets.push(browser.session());
    let program = Program::begin(world.gate.address).await;
    secrets.extend([program.device_code.clone(), program.user_code.clone()]);
    let tokens = world.program_of(&mut browser).await;
    world.bearing("GET /acme/bert/settings", &tokens.access).await.expect(403);
    let form = format!("grant_type=refresh_token&refresh_token={}", tokens.refresh);
    for status in [200, 400] {
        oauth(world.gate.address, "/oauth/token", &form).await.expect(status);
    }
    secrets.extend([tokens.access, tokens.refresh, token('N'), recovery.expose()]);
    world.bearing("GET /acme/bert", &token('N')).await.expect(200);
    enter(&mut world.browser(), "acme", &recovery.expose()).await.expect(303);
    let mut hank = world.browser();
    let (posting, form) = answer_for(&mut hank, "/-/sso/globex/login", "hank").await;
    secrets.extend(form.fields.iter().map(|(_, value)| value.clone()));
    let page = hank.submit(&posting, &form, None).await;
    hank.finish(page).await.expect(200);
    secrets.push(hank.session());
    let logout = logout_token(&world, "bob");
    back_channel(&world, &logout).await.expect(200);
    secrets.extend([logout, "PLANTED".to_owned(), CLIENT_SECRET.to_owned()]);
    let planted = format!(
        "Cookie: {SESSION}=PLANTED\r\nAuthorization: Bearer PLANTED\r\nUser-Agent: PLANTED\r\n"
    );
    let ask = "GET /acme/bert?token=PLANTED";
    let refused = tool::ask(world.gate.address, ask, &planted).await;
    event_of(&world, refused.request_id()).await;
    let text = world.gate.audit.text();
    let kinds =
        text.lines().filter_map(|line| line.split("\"event\":\"").nth(1)?.split('"').next());
    let kinds: std::collections::BTreeSet<&str> = kinds.collect();
    assert!(kinds.len() > 9, "{kinds:?}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} stands in\n{text}");
    }
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

/// The table of events and fields that people read is the one that is written.
#[test]
fn every_event_and_field_is_documented() {
    let events = include_str!("../../src/observe/audit/event.rs");
    let lines = include_str!("../../src/observe/audit.rs");
    let writer = include_str!("../../src/observe/audit/writer.rs");
    let table = include_str!("../../deploy/observability/README.md");
    let quoted = |text: &'static str, before: &'static str| {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
    };
    let names = events.split("const fn as_str(&self)").nth(1).unwrap();
    let names = names.split("\n    }\n").next().unwrap();
    let mut known: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert!(known.len() > 25, "{known:?}");
    known.extend(quoted(writer, "begin(at, \""));
    known.extend(quoted(writer, "end_with(\""));
    known.extend(quoted(lines, "field(\""));
    known.extend(quoted(events, "field(\""));
    known.extend(quoted(events, "Some((\""));
    known.extend(["time", "event"]);
    for name in &known {
        assert!(table.contains(&format!("| `{name}` |")), "{name} is in no table");
    }
    let listed = table.split("## Audit log").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed = listed.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for name in listed {
        assert!(known.contains(&name), "{name} is not written");
    }
}
