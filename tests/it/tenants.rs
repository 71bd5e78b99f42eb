//! The organization matrix: every artefact of one organization, tried on another, is worth nothing.

use hubgate::demo::provider::behaviour::Signing;
use hubgate::demo::provider::{Algorithm, Endpoint};
use serde_json::{Map, Value, json};
use url::Url;

use crate::recovery;
use crate::service_accounts::{self, CLAIMS, Ci};
use crate::support::browser::{Ask, Browser};
use crate::support::moving_clock::days;
use crate::support::program::{Program, Tokens};
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

/// Nobody is signed in to Globex in this browser, as the gate and the hub see it.
async fn nobody_at_globex(world: &World, browser: &mut Browser) {
    assert_eq!(browser.sign_in_of("globex").await, Value::Null);
    let before = world.hub.received().len();
    browser.fetch("/globex/vision").await.refused(401, "sign-in-required");
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

/// The same address at the other organization's callback.
fn at_globex(acme: &Url) -> Url {
    assert_eq!(acme.path(), "/-/sso/acme/oidc/callback");
    let mut url = acme.clone();
    url.set_path("/-/sso/globex/oidc/callback");
    url
}

/// The address with another value of one parameter, or without it.
fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.retain(|(own, _)| own != name);
    pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_session_opens_its_own_organization_only() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "alice").await;
    for target in [
        "/globex/vision",
        "/globex/reactor/resolve/main/config.json",
        "/api/models/globex/vision",
        "/datasets/globex/turbines",
        "/organizations/globex/settings",
        "/v2/globex/vision/manifests/latest",
    ] {
        browser.fetch(target).await.refused(401, "sign-in-required");
    }
    let body = r#"{"fromRepo":"acme/bert","toRepo":"globex/bert"}"#;
    let ask = Ask::post("/api/repos/move").script().body("application/json", body);
    browser.send(ask).await.refused(401, "sign-in-required");
    nobody_at_globex(&world, &mut browser).await;
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn an_answer_for_one_organization_finishes_nothing_at_anothers_callback() {
    let world = World::start().await;
    let mut browser = world.browser();
    let acme = browser.callback_of("acme", "alice").await;
    let globex = at_globex(&acme);
    browser.load_url(&globex).await.refused(400, "state-unknown");
    let issuer = with(&globex, "iss", Some(world.globex.issuer()));
    browser.load_url(&issuer).await.refused(400, "state-unknown");
    browser.load_url(&with(&globex, "iss", None)).await.refused(400, "state-unknown");
    let mut consume = globex.clone();
    consume.set_path("/organizations/globex/oidc/consume");
    browser.load_url(&consume).await.refused(400, "state-unknown");
    for provider in [&world.acme, &world.globex] {
        assert_eq!(provider.calls(Endpoint::Token), 0, "the code was shown to nobody");
    }
    nobody_at_globex(&world, &mut browser).await;
    // The state was not used up by the attempts.
    browser.load_url(&acme).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn an_answer_by_form_post_finishes_nothing_at_anothers_callback() {
    let world = World::with(|setup| {
        setup.set("acme.oidc", "response_mode", "\"form_post\"");
    })
    .await;
    let mut browser = world.browser();
    let page = browser.open("/-/sso/acme/login").await;
    let posting = browser.click(&page, "alice").await;
    let mut form = posting.forms().remove(0);
    form.action = at_globex(&form.action);
    let posted = browser.submit(&posting, &form, None).await;
    browser.finish(posted).await.refused(400, "state-unknown");
    assert_eq!(world.globex.calls(Endpoint::Token), 0);
    nobody_at_globex(&world, &mut browser).await;
}

#[tokio::test]
async fn a_sealed_state_opens_for_its_own_organization_only() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.callback_of("acme", "alice").await;
    let [acme] = &browser.pending()[..] else { panic!("one sign-in under way") };
    let sealed = browser.cookie(acme).unwrap().to_owned();
    let globex = browser.callback_of("globex", "gina").await;
    let name = browser.pending().remove(1);
    browser.plant(&name, &sealed);
    browser.load_url(&globex).await.refused(400, "state-unknown");
    nobody_at_globex(&world, &mut browser).await;
}

#[tokio::test]
async fn a_code_of_one_provider_is_worth_nothing_in_anothers_sign_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let code = parameter(&browser.callback_of("acme", "alice").await, "code");
    let globex = browser.callback_of("globex", "gina").await;
    let mixed = with(&globex, "code", Some(&code));
    browser.load_url(&mixed).await.refused(403, "idp-refused");
    nobody_at_globex(&world, &mut browser).await;
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_never_shows_its_code_to_anyone() {
    let world = World::start().await;
    for issuer in [Some(world.acme.issuer()), None, Some("https://evil.example"), Some("")] {
        let mut browser = world.browser();
        let globex = browser.callback_of("globex", "gina").await;
        let mixed = with(&globex, "iss", issuer);
        browser.load_url(&mixed).await.refused(400, "bad-parameters");
        nobody_at_globex(&world, &mut browser).await;
    }
    assert_eq!(world.globex.calls(Endpoint::Token), 0);
    assert_eq!(world.acme.calls(Endpoint::Token), 0);
}

/// Claims that Globex' ID token would have, by which acme's provider wants to be believed.
fn forged(world: &World, issuer: &str) -> Map<String, Value> {
    let now = world.clock.seconds();
    let claims = json!({
        "iss": issuer, "sub": "00u-globex-gina", "aud": "hub-at-globex", "iat": now,
        "exp": now + 300, "email": "gina@globex.com", "email_verified": true, "groups": ["platform"],
    });
    claims.as_object().unwrap().clone()
}

#[tokio::test]
async fn an_id_token_that_another_provider_signed_is_refused() {
    let world = World::start().await;
    let acme = world.acme.public_key(Algorithm::Es256).unwrap()["kid"].clone();
    let globex = world.globex.public_key(Algorithm::Es256).unwrap()["kid"].clone();
    for (issuer, kid) in [
        (world.acme.issuer(), &acme),
        (world.globex.issuer(), &acme),
        (world.globex.issuer(), &globex),
        (world.acme.issuer(), &globex),
    ] {
        let mut browser = world.browser();
        let callback = browser.callback_of("globex", "gina").await;
        // The nonce is the right one, as a colluding provider could learn it.
        let asked = world.globex.asked(Endpoint::Authorize);
        let nonce = asked.iter().rev().find_map(|asked| asked.field("nonce")).unwrap();
        let mut claims = forged(&world, issuer);
        claims.insert("nonce".to_owned(), nonce.into());
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": kid });
        let token = world.acme.sign(Algorithm::Es256, header.as_object().unwrap(), &claims);
        let token = Value::from(token.unwrap());
        world.globex.behave(|behaviour| {
            behaviour.edit_token_response(move |tokens| {
                tokens.insert("id_token".to_owned(), token.clone());
            });
        });
        browser.load_url(&callback).await.refused(403, "idp-invalid");
        nobody_at_globex(&world, &mut browser).await;
    }
}

#[tokio::test]
async fn a_logout_token_ends_nothing_of_another_organization() {
    let world = World::start().await;
    // The same name at both providers: a name means something at its issuer only.
    world.globex.change("gina", |gina| gina.subject = "00u-acme-alice".to_owned());
    let mut browser = world.signed_in("acme", "alice").await;
    browser.sign_in("globex", "gina").await;
    let address = world.gate.address;
    let globex_sid = world.globex.sid("gina").unwrap();
    let post = async |organization: &str, token: &str| {
        let target = format!("POST /-/sso/{organization}/oidc/backchannel-logout");
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("logout_token={token}");
        crate::support::tool::send(address, &target, kind, body.as_bytes()).await
    };
    let acme_client = "hub-at-acme";
    let mut tokens = Vec::new();
    tokens.push(world.acme.logout_token(acme_client, Some("00u-acme-alice"), None).unwrap());
    let issuer = world.globex.issuer().to_owned();
    world.acme.behave(|behaviour| {
        behaviour.edit_logout_token(move |_, claims| {
            claims.insert("iss".to_owned(), issuer.clone().into());
            claims.insert("aud".to_owned(), "hub-at-globex".into());
        });
    });
    tokens.push(world.acme.logout_token(acme_client, Some("00u-acme-alice"), None).unwrap());
    world.acme.behave(|behaviour| behaviour.signing = Signing::Unpublished);
    tokens.push(world.acme.logout_token(acme_client, None, Some(&globex_sid)).unwrap());
    for token in &tokens {
        let refused = post("globex", token).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
    browser.fetch("/globex/vision").await.expect(200);
    browser.fetch("/acme/bert").await.expect(200);

    // At its own address acme's word counts, for acme's sign-in and no other.
    world.acme.behave_well();
    let token = world.acme.logout_token(acme_client, None, Some(&globex_sid)).unwrap();
    post("acme", &token).await.expect(200);
    browser.fetch("/acme/bert").await.expect(200);
    let token = world.acme.logout_token(acme_client, Some("00u-acme-alice"), None).unwrap();
    post("acme", &token).await.expect(200);
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    browser.fetch("/globex/vision").await.expect(200);
    assert_eq!(world.last_at_hub().head.values("x-auth-orgs"), ["globex:admin"]);
}

#[tokio::test]
async fn a_front_channel_call_ends_nothing_of_another_organization() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "alice").await;
    browser.sign_in("globex", "gina").await;
    let globex_sid = world.globex.sid("gina").unwrap();
    for (organization, issuer, status) in [
        ("acme", world.acme.issuer(), 200),
        ("acme", world.globex.issuer(), 400),
        ("globex", world.acme.issuer(), 400),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("iss", issuer), ("sid", &globex_sid)])
            .finish();
        let target = format!("/-/sso/{organization}/oidc/frontchannel-logout?{query}");
        world.browser().load(&target).await.expect(status);
        browser.fetch("/globex/vision").await.expect(200);
        browser.fetch("/acme/bert").await.expect(200);
    }
}

#[tokio::test]
async fn a_sign_in_that_leads_to_anothers_content_is_asked_for_again_there() {
    let world = World::start().await;
    let mut browser = world.browser();
    let target = "/-/sso/acme/login?return_to=%2Fglobex%2Fvision&login_hint=gina%40globex.com";
    let landed = browser.sign_in_at(target, "alice").await.expect(200);
    assert!(landed.url.as_str().starts_with(world.globex.issuer()), "{}", landed.url);
    nobody_at_globex(&world, &mut browser).await;
}

#[tokio::test]
async fn one_provider_cannot_vouch_for_anothers_members() {
    let world = World::start().await;
    // Globex says that Hank has acme's administrator's address and groups.
    world.globex.change("hank", |hank| {
        hank.email = "alice@acme.com".to_owned();
        hank.subject = "00u-acme-alice".to_owned();
        hank.groups.extend(["hub-admins", "platform"].map(str::to_owned));
    });
    let mut browser = world.signed_in("globex", "hank").await;
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/globex/vision").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-user"), ["globex:00u-acme-alice"]);
    assert_eq!(told.values("x-auth-orgs"), ["globex:admin"]);
    // And acme's provider cannot make one of Globex' addresses its own.
    world.acme.change("carol", |carol| carol.email = "gina@globex.com".to_owned());
    let landed = world.browser().sign_in_at("/acme/bert", "carol").await;
    landed.refused(403, "email-domain");
}

#[tokio::test]
async fn a_third_partys_wish_for_one_issuer_begins_nothing_at_another() {
    let world = World::start().await;
    let issuer: String =
        url::form_urlencoded::byte_serialize(world.acme.issuer().as_bytes()).collect();
    let target = format!("/-/sso/globex/login?iss={issuer}");
    let answer = world.browser().load(&target).await.refused(400, "bad-parameters");
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn what_is_prepared_for_one_organization_is_never_told_of_another() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    for _ in 0..3 {
        for (target, organization, subject, email) in [
            ("/acme/bert", "acme", "acme:00u-acme-bob", "bob@acme.com"),
            ("/globex/vision", "globex", "globex:00u-globex-gina", "gina@globex.com"),
            ("/acme-labs/x/echo", "acme", "acme:00u-acme-bob", "bob@acme.com"),
        ] {
            browser.fetch(target).await.expect(200);
            let told = world.last_at_hub().head;
            assert_eq!(told.values("x-auth-org"), [organization], "{target}");
            assert_eq!(told.values("x-auth-user"), [subject]);
            assert_eq!(told.values("x-auth-email"), [email]);
            let assertion = crate::headers::claims(&told.value("x-auth-assertion").unwrap());
            assert_eq!(assertion["org"], organization);
            assert_eq!(assertion["sub"], subject);
        }
    }
}

#[tokio::test]
async fn signing_out_of_one_organization_leaves_the_other() {
    let world = World::with(|setup| {
        for oidc in ["acme.oidc", "globex.oidc"] {
            let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
            setup.set(oidc, "scopes", scopes);
        }
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    let leave = Ask::post("/-/sso/logout").page().header("Origin", SITE);
    let answer = browser.send(leave.form(&[("organization", "acme")])).await;
    browser.finish(answer).await.expect(200);
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/globex/vision").await.expect(200);
    assert_eq!(world.last_at_hub().head.values("x-auth-orgs"), ["globex:admin"]);
    // Nor is the other one's provider told anything.
    world.until(async || (world.acme.calls(Endpoint::Revocation) == 1).then_some(())).await;
    for endpoint in [Endpoint::EndSession, Endpoint::Revocation] {
        let calls = [&world.acme, &world.globex].map(|provider| provider.calls(endpoint));
        assert_eq!(calls, [1, 0], "{endpoint:?}");
    }
    world.until(async || world.gate.audit.find("\"event\":\"sign-out\"")).await;
    let noted = world.gate.audit.text();
    assert_eq!(noted.matches("\"event\":\"sign-out\"").count(), 1, "{noted}");
}

#[tokio::test]
async fn an_organization_that_is_not_here_has_no_pages() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "alice").await;
    for target in
        ["initech/login", "ACME/login", "acme%2Fx/login", "initech/oidc/callback?code=a&state=b"]
    {
        let answer = browser.load(&format!("/-/sso/{target}")).await;
        assert!([400, 404].contains(&answer.status), "{target}: {}", answer.status);
        assert_eq!(answer.header("x-hub-sso"), None);
    }
    let metrics = world.gate.metrics();
    assert!(!metrics.contains("initech") && !metrics.contains("ACME"), "{metrics}");
}

#[tokio::test]
async fn what_programs_and_machines_of_one_organization_hold_opens_nothing_of_another() {
    let ci = Ci::start().await;
    let (machine, code) = (service_accounts::token('N'), recovery::code());
    let world = World::with(|setup| {
        service_accounts::account(setup, "acme", "nightly", &machine, "role = \"admin\"");
        ci.workload(setup, "acme", CLAIMS);
        recovery::with(setup, "acme", &[&code]);
    })
    .await;
    let mut alice = world.signed_in("acme", "alice").await;
    let tokens = world.program_of(&mut alice).await;
    let program = Program::begin(world.gate.address).await;
    let job = ci.sign(&ci.job());
    for credential in [&tokens.access, &machine, &job] {
        world.bearing("GET /acme/bert", credential).await.expect(200);
        let before = world.hub.received().len();
        for line in [
            "GET /globex/vision",
            "GET /globex/vision/resolve/main/config.json",
            "GET /api/models/globex/vision",
            "GET /globex/vision.git/info/refs?service=git-upload-pack",
            "PUT /api/models/globex/vision/settings",
            "GET /organizations/globex/settings",
        ] {
            world.bearing(line, credential).await.refused(403, "sign-in-required");
        }
        assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
    }
    // What is no bearer's credential opens nothing anywhere.
    let unused = recovery::code().expose();
    for credential in [&tokens.refresh, &program.device_code, &program.user_code, &unused] {
        let before = world.hub.received().len();
        for line in ["GET /acme/bert", "GET /globex/vision"] {
            assert_eq!(world.bearing(line, credential).await.status, 403, "{line}");
        }
        assert_eq!(world.hub.received().len(), before);
    }
    let mut restored = world.browser();
    restored.load("/-/sso/globex/recovery").await.expect(404);
    recovery::enter(&mut restored, "acme", &code.expose()).await.expect(303);
    nobody_at_globex(&world, &mut restored).await;

    // What Alice was asked is not Gina's to answer: she is asked anew.
    let mut gina = world.signed_in("globex", "gina").await;
    let page = program.question(&mut alice).await.expect(200);
    let form = page.forms().remove(0);
    gina.submit(&page, &form, Some(("answer", "allow"))).await.expect(200);
    assert_eq!(program.poll().await.status, 400);
    // A code that Gina allows gives what is hers.
    program.answered(&mut gina, "allow").await.expect(200);
    world.clock.advance(std::time::Duration::from_secs(10));
    let theirs = Tokens::of(&program.poll().await.expect(200).json());
    world.bearing("GET /globex/vision", &theirs.access).await.expect(200);
    world.bearing("GET /acme/bert", &theirs.access).await.refused(403, "sign-in-required");
}

#[tokio::test]
async fn a_token_of_the_hub_and_a_link_count_where_the_sign_in_was_made() {
    let world = World::with(|setup| {
        setup.with_accounts().set("globex", "link_by", "\"membership\"");
        for id in ["acme", "globex"] {
            setup.set(id, "tokens", "\"authorized-once\"");
        }
        setup.accounts[1].organizations.push(("globex".to_owned(), "read".to_owned()));
    })
    .await;
    // The same name at both providers: a name means something at its issuer only.
    world.globex.change("hank", |hank| hank.subject = "00u-acme-bob".to_owned());
    let mut bob = world.browser();
    bob.plant("token", "hf_bob");
    bob.sign_in("globex", "hank").await;
    world.bearing("GET /globex/vision", "hf_bob").await.expect(200);
    world.bearing("GET /acme/bert", "hf_bob").await.refused(403, "sign-in-required");
    bob.sign_in("acme", "bob").await;
    world.clock.advance(days(8));
    world.bearing("GET /acme/bert", "hf_bob").await.expect(200);
    world.bearing("GET /globex/vision", "hf_bob").await.expect(200);
    // ACME's word ends what is ACME's.
    let token = world.acme.logout_token("hub-at-acme", Some("00u-acme-bob"), None).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /-/sso/acme/oidc/backchannel-logout";
    let form = format!("logout_token={token}");
    tool::send(world.gate.address, line, kind, form.as_bytes()).await.expect(200);
    world.bearing("GET /acme/bert", "hf_bob").await.refused(403, "session-revoked");
    world.bearing("GET /globex/vision", "hf_bob").await.expect(200);
}
