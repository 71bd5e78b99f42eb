//! Break-glass: codes for the day when a provider is down, good once, and loud.

use hubgate::config::hash_text;
use hubgate::policy::OrganizationId;
use hubgate::recovery::RecoveryCode;

use crate::documents::Folder;
use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser};
use crate::support::moving_clock::minutes;
use crate::support::served::events;
use crate::support::setup::{SITE, Setup};
use crate::support::world::World;

pub(crate) fn code() -> RecoveryCode {
    RecoveryCode::random().unwrap()
}

fn hashed(organization: &str, codes: &[&RecoveryCode]) -> String {
    let id = OrganizationId::parse(organization).unwrap();
    let hashes: Vec<String> = codes.iter().map(|code| hash_text(&code.hash(&id))).collect();
    format!("{hashes:?}")
}

pub(crate) fn with(setup: &mut Setup, organization: &str, codes: &[&RecoveryCode]) {
    setup.set(organization, "recovery_codes", &hashed(organization, codes));
}

pub(crate) async fn enter(browser: &mut Browser, organization: &str, code: &str) -> Answer {
    let target = format!("/-/sso/{organization}/recovery");
    let page = browser.load(&target).await.expect(200);
    let ask = Ask::post(&target).page().header("Origin", SITE).form(&[("code", code)]);
    assert_eq!(page.forms()[0].action, ask.url);
    browser.send(ask).await
}

#[tokio::test]
async fn a_code_makes_an_administrator_for_a_day() {
    let (first, second) = (code(), code());
    let world = World::with(|setup| with(setup, "acme", &[&first, &second])).await;
    world.acme.behave(|behaviour| {
        use hubgate::demo::provider::Endpoint;
        for endpoint in [Endpoint::Discovery, Endpoint::Keys, Endpoint::Authorize] {
            behaviour.fail(endpoint, hubgate::demo::Fault::Status(503));
        }
    });
    let mut browser = world.browser();
    let typed = first.expose().to_lowercase().replace('-', " ");
    enter(&mut browser, "acme", &typed).await.expect(303);
    browser.fetch("/acme/bert/settings").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-role"), ["admin"]);
    let user = told.value("x-auth-user").unwrap();
    assert!(user.starts_with("acme:recovery:"), "{user}");
    browser.fetch("/globex/vision").await.refused(401, "sign-in-required");
    world.clock.advance(minutes(24 * 60 - 1));
    browser.fetch("/acme/bert").await.expect(200);
    world.clock.advance(minutes(1));
    browser.fetch("/acme/bert").await.refused(401, "session-expired");
    // Loud, and without the code.
    let subject = user.strip_prefix("acme:").unwrap();
    let line = events().find(subject).expect("an event");
    assert!(line.contains("WARN") && line.contains("recovery-code-used"), "{line}");
    assert!(!events().text().contains(&first.expose()));
}

#[tokio::test]
async fn at_a_hub_with_accounts_a_code_holds_for_the_account_in_its_own_browser() {
    let first = code();
    let world = World::with(|setup| {
        setup.with_accounts();
        with(setup, "acme", &[&first]);
    })
    .await;
    let mut browser = world.browser();
    browser.plant("token", "hf_bob");
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
    enter(&mut browser, "acme", &first.expose()).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-role"), ["admin"]);
    let mut elsewhere = world.browser();
    elsewhere.plant("token", "hf_bob");
    elsewhere.fetch("/acme/bert").await.refused(401, "sign-in-required");
    world.bearing("GET /acme/bert", "hf_bob").await.refused(403, "sign-in-required");
    world.clock.advance(minutes(24 * 60));
    browser.fetch("/acme/bert").await.refused(401, "session-expired");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let (first, second) = (code(), code());
    let world = World::with(|setup| with(setup, "acme", &[&first, &second])).await;
    enter(&mut world.browser(), "acme", &first.expose()).await.expect(303);
    let again = enter(&mut world.browser(), "acme", &first.expose()).await.expect(403);
    assert!(again.set_cookies().is_empty());
    assert!(again.text().contains("not good here, or it was used before"));
    enter(&mut world.browser(), "acme", &second.expose()).await.expect(303);
}

#[tokio::test]
async fn a_code_stays_used_after_a_restart_where_that_is_remembered() {
    let used = code();
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("used")).unwrap();
    let place = format!("{:?}", folder.path("used").display().to_string());
    let world = World::with(|setup| {
        with(setup, "acme", &[&used]);
        setup.set("", "recovery_state", &place);
    })
    .await;
    enter(&mut world.browser(), "acme", &used.expose()).await.expect(303);
    let restarted = world.another_gate(|text| text);
    let mut browser = world.browser_at(restarted.address);
    enter(&mut browser, "acme", &used.expose()).await.expect(403);
    // What cannot be remembered is not taken.
    let other = code();
    let hashes = hashed("acme", &[&used, &other]);
    let world = World::with(|setup| {
        setup.set("acme", "recovery_codes", &hashes);
        setup.set("", "recovery_state", &place);
    })
    .await;
    std::fs::remove_dir_all(folder.path("used")).unwrap();
    let mut browser = world.browser();
    let down = enter(&mut browser, "acme", &other.expose()).await;
    down.refused(503, "store-unavailable");
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn a_code_of_one_organization_is_nothing_at_another() {
    let (acme, globex) = (code(), code());
    let world = World::with(|setup| {
        with(setup, "acme", &[&acme]);
        // Even its hash in the wrong place does not make it good there.
        let id = OrganizationId::parse("acme").unwrap();
        let strange = format!("[{:?}]", hash_text(&acme.hash(&id)));
        setup.set("globex", "recovery_codes", &strange);
    })
    .await;
    enter(&mut world.browser(), "globex", &acme.expose()).await.expect(403);
    enter(&mut world.browser(), "acme", &globex.expose()).await.expect(403);
    enter(&mut world.browser(), "acme", &acme.expose()).await.expect(303);
}

#[tokio::test]
async fn codes_cannot_be_tried_in_a_row() {
    let good = code();
    let world = World::with(|setup| with(setup, "acme", &[&good])).await;
    let mut browser = world.browser();
    for _ in 0..5 {
        enter(&mut browser, "acme", "00000-00000-00000-00000-00000").await.expect(403);
    }
    enter(&mut browser, "acme", &good.expose()).await.expect(429);
    enter(&mut world.browser(), "acme", "x").await.expect(429);
    world.clock.advance(minutes(1));
    enter(&mut browser, "acme", &good.expose()).await.expect(303);
}

#[tokio::test]
async fn another_site_cannot_enter_a_code() {
    let good = code();
    let world = World::with(|setup| with(setup, "acme", &[&good])).await;
    let mut browser = world.browser();
    let forged = Ask::post("/-/sso/acme/recovery").form(&[("code", &good.expose())]);
    let forged = forged.header("Origin", "https://evil.example").sent_by_another_site().page();
    browser.send(forged).await.refused(403, "cross-site");
    enter(&mut browser, "acme", &good.expose()).await.expect(303);
}

#[tokio::test]
async fn without_codes_there_is_no_such_page() {
    let world = World::start().await;
    world.browser().load("/-/sso/acme/recovery").await.refused(404, "no-such-page");
    world.browser().load("/-/sso/initech/recovery").await.refused(404, "unknown-organization");
}
