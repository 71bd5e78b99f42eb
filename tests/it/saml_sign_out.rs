//! Single logout through several providers, of which one does not do its part; and floods.

use std::cell::Cell;

use hubgate::demo::saml::Sent;
use hubgate::demo::saml::orders::SignsOut;
use url::Url;

use crate::saml::hostile;
use crate::saml::provider::encode;
use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser};
use crate::support::moving_clock::minutes;
use crate::support::served::cause_of;
use crate::support::setup::{SITE, Setup};
use crate::support::world::{World, all};

/// Both organizations by SAML, each at its own identity provider, and a browser in both.
async fn in_both(change: impl FnOnce(&mut Setup)) -> (World, Browser) {
    let world = World::with(|setup| {
        setup.by_saml("acme").by_saml("globex");
        setup.unset("acme", "email_domains");
        change(setup);
    })
    .await;
    let mut browser = world.signed_in("acme", "alice").await;
    browser.sign_in("globex", "alice").await;
    (world, browser)
}

/// Presses the button; where that leads is not followed.
async fn leave(browser: &mut Browser) -> Answer {
    let page = browser.load("/-/sso/logout").await.expect(200);
    let form = page.forms().remove(0);
    browser.submit(&page, &form, None).await.expect(303)
}

/// What the provider that is asked to sign the person out gives back.
fn handle_of(leaving: &Answer) -> String {
    let url = leaving.location().unwrap();
    url.query_pairs().find(|(name, _)| name == "RelayState").unwrap().1.into_owned()
}

fn sessions(world: &World) -> [usize; 2] {
    ["acme", "globex"].map(|id| world.saml_of(id).session_indexes("alice").len())
}

#[tokio::test]
async fn signing_out_leads_through_every_provider() {
    let (world, mut browser) = in_both(|_| ()).await;
    assert_eq!(sessions(&world), [1, 1]);
    let leaving = leave(&mut browser).await;
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("Signed out") && !done.text().contains("everywhere"));
    assert_eq!(sessions(&world), [0, 0]);
    assert!(browser.jar.iter().all(|cookie| cookie.origin != SITE), "{:?}", browser.jar);
    let account = browser.load("/-/sso/").await.expect(200);
    assert!(!account.text().contains("has stopped"), "the sign-out is over");
}

/// What it gives back stands in addresses; its answer is signed.
#[tokio::test]
async fn only_its_own_answer_leads_on_from_a_saml_provider() {
    let (world, mut browser) = in_both(|_| ()).await;
    let leaving = leave(&mut browser).await;
    let address = format!("/-/sso/signed-out?state={}", handle_of(&leaving));
    browser.load(&address).await.expect(200);
    let done = browser.finish(leaving).await.expect(200);
    assert!(!done.text().contains("everywhere"));
    assert_eq!(sessions(&world), [0, 0]);
}

#[tokio::test]
async fn a_provider_without_single_logout_is_not_visited_and_nothing_is_said_of_it() {
    let (world, mut browser) = in_both(|_| ()).await;
    world.saml_of("acme").behave(|orders| {
        orders.publish(|xml| {
            let (before, rest) = xml.split_once("<md:SingleLogoutService").unwrap();
            let (_, after) = rest.split_once("<md:SingleSignOnService").unwrap();
            format!("{before}<md:SingleSignOnService{after}")
        });
    });
    world.clock.advance(minutes(61));
    world.gate.tend(world.clock.now()).await;
    let leaving = leave(&mut browser).await;
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("Signed out") && !done.text().contains("everywhere"));
    assert_eq!(sessions(&world), [1, 0]);
}

#[tokio::test]
async fn people_sign_out_where_the_configuration_says() {
    let (_world, mut browser) = in_both(|setup| {
        setup.set("acme.saml", "logout_url", "\"https://idp.example/out\"");
    })
    .await;
    let leaving = leave(&mut browser).await.location().unwrap();
    assert!(leaving.as_str().starts_with("https://idp.example/out?SAMLRequest="), "{leaving}");
}

#[tokio::test]
async fn an_answer_that_nobody_signed_is_believed_where_the_configuration_says() {
    let (world, mut browser) = in_both(|setup| {
        setup.set("acme.saml", "insecure_unsigned_logout_responses", "true");
    })
    .await;
    world.saml_of("acme").behave(|orders| orders.logout_unsigned = true);
    let leaving = leave(&mut browser).await;
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("Signed out") && !done.text().contains("everywhere"));
}

/// The address of a provider's message is good once, that of the page is not.
#[tokio::test]
async fn the_page_at_the_end_of_a_sign_out_can_be_loaded_again() {
    for (strict, partial) in [(false, false), (false, true), (true, true)] {
        let (world, mut browser) = in_both(|setup| {
            if strict {
                setup.set("session.cookie", "same_site", "\"strict\"");
            }
        })
        .await;
        if partial {
            world.saml_of("acme").behave(|orders| orders.signs_out = SignsOut::Partly);
        }
        let leaving = leave(&mut browser).await;
        let done = browser.finish(leaving).await.expect(200);
        assert_eq!(done.url.as_str(), format!("{SITE}/-/sso/signed-out"));
        let sentence = "<strong>ACME Corp</strong> could not sign you out everywhere";
        for address in ["/-/sso/signed-out", "/-/sso/signed-out?state=x", "/-/sso/signed-out?go-on"]
        {
            // The provider's message leads here, so that browsers take it for another site's way.
            let ask = Ask::get(address).sent_by_another_site().page();
            let again = browser.send(ask).await.expect(200);
            assert_eq!(again.text().contains(sentence), partial, "{address}");
        }
        // It is said to nobody else, and to whoever asks for it least of all.
        let mut other = world.browser();
        let address = "/-/sso/signed-out?partial=ACME&state=ACME";
        assert!(!other.load(address).await.expect(200).text().contains("everywhere"));
        // Nor of the next sign-out.
        world.saml_of("acme").behave_well();
        browser.sign_in("acme", "alice").await;
        let leaving = leave(&mut browser).await;
        let done = browser.finish(leaving).await.expect(200);
        assert!(!done.text().contains("everywhere"));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_verify_is_told_and_the_others_are_visited() {
    for (forged, post_only) in [(false, false), (true, false), (true, true)] {
        let (world, mut browser) = in_both(|_| ()).await;
        world.saml_of("acme").behave(|orders| {
            orders.logout_unsigned = !forged;
            orders.stranger = forged;
            orders.post_only = post_only;
        });
        let leaving = leave(&mut browser).await;
        let done = browser.finish(leaving).await.expect(200);
        assert!(done.url.as_str().starts_with(SITE), "{}", done.url);
        let told = done.text();
        assert!(told.contains("<strong>ACME Corp</strong> could not sign you out everywhere"));
        assert!(!told.contains("Globex"), "the other one could: {told}");
        assert_eq!(sessions(&world)[1], 0, "the other one was visited");
    }
}

#[tokio::test]
async fn a_provider_that_never_answers_does_not_keep_the_others_from_it() {
    let (world, mut browser) = in_both(|_| ()).await;
    let leaving = leave(&mut browser).await;
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/globex/vision").await.refused(401, "sign-in-required");
    // Whoever comes back by themselves is told, and may go on. Nobody else is.
    assert!(!world.browser().load("/-/sso/").await.text().contains("has stopped"));
    let account = browser.load("/-/sso/").await.expect(200);
    assert!(account.text().contains("has stopped at the identity provider of <strong>ACME Corp"));
    assert!(account.text().contains("href=\"/-/sso/signed-out?go-on\""));
    let on = browser.load("/-/sso/signed-out?go-on").await.expect(303);
    let done = browser.finish(on).await.expect(200);
    assert!(done.text().contains("<strong>ACME Corp</strong> could not sign you out everywhere"));
    assert_eq!(sessions(&world), [1, 0]);
    // Its answer comes too late: that sign-out is over.
    let answered = browser.follow(&leaving).await.expect(303);
    browser.follow(&answered).await.refused(400, "state-unknown");
    let again = browser.load("/-/sso/signed-out?go-on").await.expect(200);
    assert!(again.text().contains("Signed out"));
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_told_and_the_others_are_visited() {
    let (world, mut browser) = in_both(|_| ()).await;
    let end = world.clock.now() + minutes(90);
    for id in ["acme", "globex"] {
        world.saml_of(id).behave(|orders| orders.valid_until = Some(end));
    }
    // What was learned at the sign-in is asked for again after an hour.
    world.clock.advance(minutes(61));
    world.signed_in("acme", "alice").await;
    world.signed_in("globex", "alice").await;
    let ends = || {
        let fetched = |id: &str| world.saml_of(id).metadata_fetches();
        [fetched("acme"), fetched("globex")]
    };
    world.until(async || (ends() >= [2, 2]).then_some(())).await;
    world.saml_of("acme").behave(|orders| {
        orders.metadata_fault = Some(http::StatusCode::INTERNAL_SERVER_ERROR);
    });
    world.saml_of("globex").behave(|orders| orders.valid_until = None);
    world.clock.advance(minutes(31));
    let before = sessions(&world);
    let leaving = leave(&mut browser).await;
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("<strong>ACME Corp</strong> could not sign you out everywhere"));
    assert_eq!(sessions(&world), [before[0], before[1] - 1]);
}

#[tokio::test]
async fn an_answer_about_a_sign_out_is_good_once() {
    let (world, mut browser) = in_both(|_| ()).await;
    let leaving = leave(&mut browser).await;
    let answered = browser.follow(&leaving).await.expect(303);
    let url: Url = answered.location().unwrap();
    assert_eq!(url.path(), "/-/sso/acme/saml/slo");
    let on = browser.load_url(&url).await.expect(303);
    let refused = browser.load_url(&url).await.refused(400, "state-unknown");
    assert!(cause_of(&refused).contains("unsolicited"), "{}", cause_of(&refused));
    // Nor is it the answer of another sign-out, whose handle it is given.
    let mut other = world.signed_in("acme", "alice").await;
    let leaving = leave(&mut other).await;
    let handle = handle_of(&leaving);
    let mut mixed = url.clone();
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| match &*name {
            "RelayState" => (name.into_owned(), handle.clone()),
            _ => (name.into_owned(), value.into_owned()),
        })
        .collect();
    mixed.query_pairs_mut().clear().extend_pairs(pairs);
    let over = other.load_url(&mixed).await.expect(303);
    let told = other.finish(over).await.expect(200).text();
    assert!(told.contains("could not sign you out everywhere"), "{told}");
    // The first one goes on as if nothing had happened.
    let done = browser.finish(on).await.expect(200);
    assert!(!done.text().contains("everywhere"));
}

/// Anybody can send one, and whoever began the sign-out knows its handle.
#[tokio::test]
async fn a_request_that_does_not_verify_is_no_answer_about_a_sign_out() {
    let (world, mut browser) = in_both(|_| ()).await;
    let leaving = leave(&mut browser).await;
    world.saml_of("acme").behave(|orders| orders.stranger = true);
    let entity_id = format!("{SITE}/-/sso/acme/saml/metadata");
    let sent = world.saml_of("acme").logout_request(&entity_id, "alice", &[], true).unwrap();
    let Sent::Post { mut fields, .. } = sent else { panic!("a form") };
    fields.retain(|(name, _)| name != "RelayState");
    fields.push(("RelayState".to_owned(), handle_of(&leaving)));
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ask = Ask::post("/-/sso/acme/saml/slo").form(&fields).sent_by_another_site().page();
    browser.send(ask).await.refused(400, "idp-invalid");
    world.saml_of("acme").behave_well();
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("Signed out") && !done.text().contains("everywhere"));
}

/// Strangers who post what is expensive to verify, all at once, and what they are answered.
async fn flood(world: &World, id: &str) -> Vec<Answer> {
    let target = format!("/-/sso/{id}/saml/slo");
    let documents: Vec<String> =
        hostile::documents().iter().map(|(_, xml, _)| encode(xml)).collect();
    let posting = documents.iter().cycle().take(64).map(|document| {
        let mut stranger = world.browser();
        let fields = [("SAMLRequest", document.as_str()), ("RelayState", "x")];
        let ask = Ask::post(&target).form(&fields);
        async move { stranger.send(ask).await }
    });
    all(posting).await
}

/// A flood at one organization is verified beside everything else, and within bounds: each message
/// is refused for what it is, or is to come again; the hub and the other organization answer.
#[tokio::test]
async fn a_flood_at_one_organization_locks_nobody_out_of_another() {
    let (world, _) = in_both(|_| ()).await;
    let people = async {
        let mut alice = world.signed_in("acme", "alice").await;
        for _ in 0..8 {
            alice.fetch("/acme/bert").await.expect(200);
        }
    };
    let (answers, ()) = tokio::join!(flood(&world, "globex"), people);
    for answer in answers {
        let (status, again) =
            if answer.reason() == "busy" { (503, Some("5")) } else { (400, None) };
        assert_eq!((answer.status, answer.header("retry-after")), (status, again), "{answer:?}");
    }
    // And the flooded one is as good as before.
    let mut browser = world.signed_in("globex", "gina").await;
    assert_eq!(browser.sign_in_of("globex").await["role"], "admin");
}

/// An answer for which there is no room says nothing yet, and may come again.
#[tokio::test]
async fn a_sign_out_is_not_lost_in_a_flood() {
    let (world, mut browser) = in_both(|_| ()).await;
    let leaving = leave(&mut browser).await;
    let url = browser.follow(&leaving).await.expect(303).location().unwrap();
    let over = Cell::new(false);
    let flood = async {
        flood(&world, "acme").await;
        over.set(true);
    };
    let coming = async {
        let is_busy = || world.gate.lines.find("\"busy\"").is_some();
        world.until(async || (is_busy() || over.get()).then_some(())).await;
        browser.load_url(&url).await
    };
    let ((), mut on) = tokio::join!(flood, coming);
    if on.status == 503 {
        on = browser.load_url(&url).await;
    }
    let done = browser.finish(on.expect(303)).await.expect(200);
    assert!(!done.text().contains("everywhere"), "{}", done.text());
}
