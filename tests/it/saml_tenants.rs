//! The organization matrix, SAML: every artefact of one organization, tried on another.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hubgate::demo::saml::Sent;
use serde_json::Value;
use url::Url;

use crate::saml::encryption::encrypted;
use crate::saml::provider::{Key, OTHER_RSA, RSA};
use crate::support::answer::{Answer, Form};
use crate::support::browser::{Ask, Browser};
use crate::support::served::cause_of;
use crate::support::setup::SITE;
use crate::support::world::World;

/// Both organizations by SAML, each at its own identity provider.
async fn two() -> World {
    World::with(|setup| {
        setup.by_saml("acme").by_saml("globex");
        setup.unset("acme", "email_domains");
    })
    .await
}

/// Both organizations at the same identity provider, which knows them as two service providers.
async fn one_provider() -> World {
    World::with(|setup| {
        setup.one_saml_provider = true;
        setup.by_saml("acme").by_saml("globex");
        setup.unset("acme", "email_domains");
    })
    .await
}

/// The page with which the organization's provider posts its answer, and its form.
async fn answer_for(browser: &mut Browser, id: &str, person: &str) -> (Answer, Form) {
    let begun = browser.load(&format!("/-/sso/{id}/login")).await;
    let mut page = browser.follow(&begun).await;
    // A provider that still knows who it is does not ask.
    if !page.sends_itself() {
        page = browser.click(&page, person).await;
    }
    let form = page.forms().remove(0);
    (page, form)
}

fn field(form: &Form, name: &str) -> String {
    form.fields.iter().find(|(own, _)| own == name).unwrap().1.clone()
}

fn with(form: &Form, name: &str, value: &str) -> Form {
    let mut form = form.clone();
    form.fields.iter_mut().find(|(own, _)| own == name).unwrap().1 = value.to_owned();
    form
}

fn at(form: &Form, id: &str) -> Form {
    let mut form = form.clone();
    form.action.set_path(&format!("/-/sso/{id}/saml/acs"));
    form
}

fn xml(form: &Form) -> String {
    let bytes = BASE64_STANDARD.decode(field(form, "SAMLResponse")).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn assertion_of(xml: &str) -> &str {
    let from = xml.find("<saml:Assertion").unwrap();
    let end = "</saml:Assertion>";
    &xml[from..xml.find(end).unwrap() + end.len()]
}

async fn post(browser: &mut Browser, page: &Answer, form: &Form) -> Answer {
    let posted = browser.submit(page, form, None).await;
    // A page of ours carries it back; further than that nobody goes.
    if !posted.sends_itself() {
        return posted;
    }
    let again = posted.forms().remove(0);
    browser.submit(&posted, &again, None).await
}

async fn nobody_at(world: &World, browser: &mut Browser, id: &str) {
    assert_eq!(browser.sign_in_of(id).await, Value::Null);
    let before = world.hub.received().len();
    browser.fetch(&format!("/{id}/vision")).await.refused(401, "sign-in-required");
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

async fn carry(browser: &mut Browser, sent: &Sent, path: &str) -> Answer {
    let ask = match sent {
        Sent::Redirect(url) => {
            let mut url: Url = url.parse().unwrap();
            url.set_path(path);
            Ask::get("/").to(url)
        }
        Sent::Post { fields, .. } => {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Ask::post(path).form(&fields)
        }
    };
    browser.send(ask.sent_by_another_site().page()).await
}

#[tokio::test]
async fn a_response_of_one_organization_signs_nobody_in_at_another() {
    let world = two().await;
    let mut browser = world.browser();
    let (acme_page, acme) = answer_for(&mut browser, "acme", "alice").await;
    let (globex_page, globex) = answer_for(&mut browser, "globex", "gina").await;
    // Under its own handle, the other organization knows of no such sign-in.
    post(&mut browser, &acme_page, &at(&acme, "globex")).await.refused(400, "state-unknown");
    nobody_at(&world, &mut browser, "globex").await;
    // Under the other's handle it is signed by a stranger; that sign-in is over then.
    let mixed = with(&at(&acme, "globex"), "RelayState", &field(&globex, "RelayState"));
    let refused = post(&mut browser, &acme_page, &mixed).await.refused(403, "idp-invalid");
    assert!(cause_of(&refused).contains("signature"), "{}", cause_of(&refused));
    nobody_at(&world, &mut browser, "globex").await;
    // The attempts have used up nothing of the first one.
    post(&mut browser, &acme_page, &acme).await.expect(303);
    assert_eq!(browser.sign_in_of("acme").await["role"], "admin");
    post(&mut browser, &globex_page, &globex).await;
    nobody_at(&world, &mut browser, "globex").await;
}

#[tokio::test]
async fn an_assertion_of_one_organization_is_worth_nothing_in_anothers_response() {
    for world in [two().await, one_provider().await] {
        let mut browser = world.browser();
        let (_, acme) = answer_for(&mut browser, "acme", "alice").await;
        let acme = xml(&acme);
        let stolen = assertion_of(&acme).to_owned();
        world.saml_of("globex").behave(|orders| {
            orders.send(move |xml| xml.replace(assertion_of(&xml), &stolen));
        });
        let mut browser = world.browser();
        let (page, globex) = answer_for(&mut browser, "globex", "alice").await;
        assert!(!xml(&globex).contains("globex/saml/metadata"), "the assertion is acme's");
        post(&mut browser, &page, &globex).await.refused(403, "idp-invalid");
        nobody_at(&world, &mut browser, "globex").await;
    }
}

#[tokio::test]
async fn one_provider_for_two_organizations_signs_in_to_the_one_that_asked() {
    let world = one_provider().await;
    let mut browser = world.browser();
    let (page, acme) = answer_for(&mut browser, "acme", "gina").await;
    let (_, globex) = answer_for(&mut browser, "globex", "gina").await;
    // The signature is good, but everything in it names the other one.
    let mixed = with(&at(&acme, "globex"), "RelayState", &field(&globex, "RelayState"));
    let refused = post(&mut browser, &page, &mixed).await.refused(403, "idp-invalid");
    assert!(cause_of(&refused).contains("destination"), "{}", cause_of(&refused));
    nobody_at(&world, &mut browser, "globex").await;
    post(&mut browser, &page, &acme).await.expect(303);
    nobody_at(&world, &mut browser, "globex").await;
    assert_eq!(browser.sign_in_of("acme").await["state"], "live");
}

#[tokio::test]
async fn a_handle_and_its_sealed_state_are_good_for_their_own_organization_only() {
    let world = two().await;
    let mut browser = world.browser();
    answer_for(&mut browser, "acme", "alice").await;
    let [acme] = &browser.pending()[..] else { panic!("one sign-in under way") };
    let sealed = browser.cookie(acme).unwrap().to_owned();
    let (page, globex) = answer_for(&mut browser, "globex", "gina").await;
    let name = browser.pending().remove(1);
    browser.plant(&name, &sealed);
    post(&mut browser, &page, &globex).await.refused(400, "state-unknown");
    nobody_at(&world, &mut browser, "globex").await;
}

#[tokio::test]
async fn a_request_id_of_one_organization_is_answered_at_no_other() {
    let world = one_provider().await;
    let mut browser = world.browser();
    answer_for(&mut browser, "acme", "gina").await;
    let request = world.saml().received().pop().unwrap().attribute("ID");
    world.saml().behave(|orders| {
        orders.say(move |says| says.in_response_to.clone_from(&request));
    });
    let (page, globex) = answer_for(&mut browser, "globex", "gina").await;
    let refused = post(&mut browser, &page, &globex).await.refused(400, "state-unknown");
    assert!(cause_of(&refused).contains("in-response-to"), "{}", cause_of(&refused));
    nobody_at(&world, &mut browser, "globex").await;
}

#[tokio::test]
async fn a_logout_request_of_one_organization_ends_nothing_at_another() {
    for (world, alike) in [(two().await, "signature"), (one_provider().await, "destination")] {
        // One person with one name in both.
        let provider = world.saml_of("globex");
        if alike == "signature" {
            world.saml_of("acme").change("alice", |alice| alice.subject = "same".to_owned());
            provider.change("alice", |alice| alice.subject = "same".to_owned());
        }
        let mut browser = world.signed_in("acme", "alice").await;
        browser.sign_in("globex", "alice").await;
        let acme_provider = if alike == "signature" { world.saml_of("acme") } else { provider };
        let acme = format!("{SITE}/-/sso/acme/saml/metadata");
        for by_post in [false, true] {
            let sent = acme_provider.logout_request(&acme, "alice", &[], by_post).unwrap();
            let refused = carry(&mut world.browser(), &sent, "/-/sso/globex/saml/slo").await;
            let refused = refused.refused(400, "idp-invalid");
            assert!(cause_of(&refused).contains(alike), "{}", cause_of(&refused));
        }
        browser.fetch("/globex/vision").await.expect(200);
        browser.fetch("/acme/bert").await.expect(200);
        // At its own place it ends its own session and leaves the other.
        let sent = acme_provider.logout_request(&acme, "alice", &[], false).unwrap();
        carry(&mut world.browser(), &sent, "/-/sso/acme/saml/slo").await.expect(303);
        browser.fetch("/acme/bert").await.refused(401, "session-revoked");
        browser.fetch("/globex/vision").await.expect(200);
    }
}

#[tokio::test]
async fn a_logout_response_of_one_organization_finishes_nothing_at_another() {
    let world = two().await;
    let mut browser = world.signed_in("acme", "alice").await;
    let page = browser.load("/-/sso/logout").await.expect(200);
    let form = page.forms().remove(0);
    let leaving = browser.submit(&page, &form, None).await.expect(303);
    let answered = browser.follow(&leaving).await.expect(303);
    let mut url = answered.location().unwrap();
    assert_eq!(url.path(), "/-/sso/acme/saml/slo");
    url.set_path("/-/sso/globex/saml/slo");
    browser.load_url(&url).await.refused(400, "idp-invalid");
    url.set_path("/-/sso/acme/saml/slo");
    let over = browser.load_url(&url).await.expect(303);
    let done = browser.finish(over).await.expect(200);
    assert!(done.text().contains("Signed out"));
}

#[tokio::test]
async fn metadata_names_its_own_organization_and_an_assertion_for_another_is_refused() {
    let world = one_provider().await;
    let mut browser = world.browser();
    for id in ["acme", "globex"] {
        let text = browser.load(&format!("/-/sso/{id}/saml/metadata")).await.expect(200).text();
        assert!(text.contains(&format!("entityID=\"{SITE}/-/sso/{id}/saml/metadata\"")));
        let other = if id == "acme" { "globex" } else { "acme" };
        assert!(!text.contains(other), "{text}");
    }
    world.saml().behave(|orders| {
        orders.say(|says| says.audience = format!("{SITE}/-/sso/acme/saml/metadata"));
    });
    let (page, globex) = answer_for(&mut browser, "globex", "gina").await;
    let refused = post(&mut browser, &page, &globex).await.refused(403, "idp-invalid");
    assert!(cause_of(&refused).contains("audience"), "{}", cause_of(&refused));
}

/// Our own keys: each organization may have its own, and its provider encrypts to that one.
#[tokio::test]
async fn keys_for_one_organization_open_and_sign_nothing_for_another() {
    let keys = [("acme", &*RSA), ("globex", &*OTHER_RSA)];
    let world = World::with(|setup| {
        setup.by_saml("acme").by_saml("globex");
        setup.unset("acme", "email_domains");
        for (id, key) in keys {
            let pem = format!("{}{}", key.private_key, key.certificate);
            setup.environment.push((id.to_uppercase(), pem));
            let listed = format!("[{{ env = {:?} }}]", id.to_uppercase());
            let section = format!("{id}.saml");
            setup.set(&section, "decryption_keys", &listed).set(&section, "signing_keys", &listed);
            setup.set(&section, "sign_requests", "true");
        }
    })
    .await;
    let bare = |key: &Key| key.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let certificates: [String; 2] = keys.map(|(_, key)| bare(key));
    for (index, (id, key)) in keys.into_iter().enumerate() {
        let metadata = world.browser().load(&format!("/-/sso/{id}/saml/metadata")).await.text();
        assert!(metadata.contains(&certificates[index]), "{metadata}");
        assert!(!metadata.contains(&certificates[1 - index]), "{metadata}");
        // What is encrypted to ACME's key is read for ACME, and for nobody else.
        world.saml_of(id).behave(|orders| {
            orders.send(|xml| xml.replace(assertion_of(&xml), &encrypted(assertion_of(&xml))));
        });
        let mut browser = world.browser();
        let landed = browser.sign_in_at(&format!("/-/sso/{id}/login"), "alice").await;
        if id == "acme" {
            landed.expect(200);
            assert_eq!(browser.sign_in_of("acme").await["state"], "live");
        } else {
            let refused = landed.refused(403, "idp-invalid");
            assert!(cause_of(&refused).contains("decryption"), "{}", cause_of(&refused));
            nobody_at(&world, &mut browser, id).await;
        }
        let query = world.saml_of(id).received().pop().unwrap().query;
        let (octets, signature) = query.rsplit_once("&Signature=").unwrap();
        let signature = percent_encoding::percent_decode_str(signature).decode_utf8().unwrap();
        let signature = BASE64_STANDARD.decode(&*signature).unwrap();
        key.verify(key.algorithm(), octets.as_bytes(), &signature);
    }
}

#[tokio::test]
async fn an_organization_by_openid_connect_and_one_by_saml_take_nothing_from_each_other() {
    let world = World::with(|setup| {
        setup.by_saml("globex");
    })
    .await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "alice").await;
    let (page, globex) = answer_for(&mut browser, "globex", "gina").await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    // ACME's state as the handle of Globex's answer.
    let mixed = with(&globex, "RelayState", &state);
    post(&mut browser, &page, &mixed).await.refused(400, "state-unknown");
    // Globex's handle as the state of ACME's answer.
    let handle = field(&globex, "RelayState");
    let mut mixed = callback.clone();
    let pairs: Vec<(String, String)> = callback
        .query_pairs()
        .map(|(name, value)| {
            let value = if name == "state" { handle.clone() } else { value.into_owned() };
            (name.into_owned(), value)
        })
        .collect();
    mixed.query_pairs_mut().clear().extend_pairs(pairs);
    browser.load_url(&mixed).await.refused(400, "state-unknown");
    // Each one's sealed state under the other's name.
    let (oidc, saml) = (browser.pending().remove(0), browser.pending().remove(1));
    let (sealed_oidc, sealed_saml) =
        (browser.cookie(&oidc).unwrap().to_owned(), browser.cookie(&saml).unwrap().to_owned());
    let mut planted = browser.clone();
    planted.plant(&oidc, &sealed_saml);
    planted.plant(&saml, &sealed_oidc);
    planted.load_url(&callback).await.refused(400, "state-unknown");
    post(&mut planted, &page, &globex).await.refused(400, "state-unknown");
    // Addresses of the protocol that an organization does not speak.
    let fields: Vec<(&str, &str)> =
        globex.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ask = Ask::post("/-/sso/acme/saml/acs").form(&fields).page();
    browser.send(ask).await.refused(404, "no-such-page");
    let sent = world.saml().logout_request(
        &format!("{SITE}/-/sso/globex/saml/metadata"),
        "gina",
        &[],
        false,
    );
    carry(&mut browser, &sent.unwrap(), "/-/sso/acme/saml/slo").await.refused(404, "no-such-page");
    let mut elsewhere = callback.clone();
    elsewhere.set_path("/-/sso/globex/oidc/callback");
    browser.load_url(&elsewhere).await.refused(400, "state-unknown");
    let token = world.acme.logout_token("hub-at-acme", Some("00u-acme-alice"), None).unwrap();
    let ask = Ask::post("/-/sso/globex/oidc/backchannel-logout").form(&[("logout_token", &token)]);
    browser.send(ask).await.refused(404, "no-such-page");
    // Nothing was used up: both finish where they belong, in one browser.
    browser.load_url(&callback).await.expect(303);
    post(&mut browser, &page, &globex).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
    browser.fetch("/globex/vision").await.expect(200);
}
