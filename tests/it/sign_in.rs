//! Signing in from end to end, as a person sees it and as the hub is told.

use std::time::Duration;

use hubgate::demo::Fault;
use hubgate::demo::provider::{ClientAuthentication, Endpoint};
use serde_json::json;

use crate::support::browser::{Ask, SESSION};
use crate::support::moving_clock::{days, minutes};
use crate::support::served::{cause_of, events};
use crate::support::setup::{CLIENT_SECRET, SITE, Setup};
use crate::support::world::{World, all};

/// Refresh tokens come with this scope.
const OFFLINE: &str = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";

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

#[tokio::test]
async fn the_hub_is_told_who_signed_in() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
    let told = world.last_at_hub().head;
    for (name, value) in [
        ("x-auth-user", "acme:00u-acme-bob"),
        ("x-auth-email", "bob@acme.com"),
        ("x-auth-name", "Bob Baker"),
        ("x-auth-org", "acme"),
        ("x-auth-role", "write"),
        ("x-auth-orgs", "acme:write"),
        ("x-auth-groups", "\"everyone\", \"ml\""),
    ] {
        assert_eq!(told.values(name), [value], "{name}");
    }
    assert_eq!(told.values("x-auth-assertion").len(), 1);
    let line = world.gate.lines.of(told.value("x-request-id").unwrap().as_str()).await;
    assert_eq!(line["decision"], "allow");
    assert_eq!(line["subject"], "00u-acme-bob");
    let signed_in = "hubgate_sign_ins_total{organization=\"acme\",protocol=\"oidc\",result=\"ok\"}";
    assert_eq!(world.gate.metric(signed_in), 1, "{}", world.gate.metrics());
}

#[tokio::test]
async fn the_session_cookie_cannot_be_read_by_scripts_or_planted_by_neighbours() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let answer = browser.load_url(&callback).await.expect(303);
    let cookies = answer.set_cookies();
    let session = cookies.iter().find(|line| line.starts_with("__Host-hubgate=")).unwrap();
    // The configured week, and thirty days in which an ended sign-in is known to be a member's.
    let lifetime = (days(7) + days(30)).as_secs();
    let expected = format!("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age={lifetime}");
    assert!(session.ends_with(&expected), "{session}");
    assert_eq!(session.len() - expected.len(), "__Host-hubgate=".len() + 43);
    let pending = cookies.iter().find(|line| line.starts_with("__Host-hubgate-login-")).unwrap();
    assert!(pending.ends_with("; Max-Age=0"), "the state is used up: {pending}");
    assert!(answer.must("cache-control").contains("no-store"));
}

#[tokio::test]
async fn the_most_privileged_group_decides_the_role_and_the_default_fills_in() {
    let world = World::with(|setup| {
        setup.set("acme", "default_role", "\"contributor\"");
    })
    .await;
    world.acme.change("carol", |carol| {
        carol.groups = ["other", "everyone", "ml"].map(str::to_owned).to_vec();
    });
    for (person, role) in
        [("alice", "admin"), ("bob", "write"), ("carol", "write"), ("dave", "contributor")]
    {
        let mut browser = world.signed_in("acme", person).await;
        browser.load("/acme/bert").await.expect(200);
        assert_eq!(world.last_at_hub().head.value("x-auth-role").unwrap(), role, "{person}");
    }
}

#[tokio::test]
async fn a_role_opens_what_it_suffices_for_and_nothing_more() {
    let world = World::start().await;
    for (person, may_write, may_administer) in
        [("alice", true, true), ("bob", true, false), ("carol", false, false)]
    {
        let mut browser = world.signed_in("acme", person).await;
        for (method, target, allowed) in [
            ("GET", "/acme/bert", true),
            ("POST", "/acme/bert/upload/main", may_write),
            ("GET", "/acme/bert/settings", may_administer),
        ] {
            let before = world.hub.received().len();
            let ask = Ask::new(method.parse().unwrap(), target).script();
            let answer = browser.send(ask).await;
            let arrived = world.hub.received().len() > before;
            assert_eq!(arrived, allowed, "{person} {method} {target}: {answer:?}");
            if !allowed {
                answer.refused(403, "role-too-low");
            }
        }
    }
}

#[tokio::test]
async fn a_profile_without_the_roles_attribute_is_refused() {
    let world = World::start().await;
    world.acme.behave(|behaviour| {
        behaviour.claim("groups", json!(null));
        behaviour.edit_userinfo(|claims| drop(claims.remove("groups")));
    });
    let mut browser = world.browser();
    let landed = browser.sign_in_at("/acme/bert", "alice").await;
    let landed = landed.refused(403, "role-attribute-missing");
    // The provider may be set up badly, or the person be in no group: nobody can know from here.
    let page = landed.text();
    assert!(page.contains("in no group") && page.contains("not set up"), "{page}");
    let told = cause_of(&landed);
    assert!(told.contains("$.groups") && told.contains("the person has none"), "{told}");
    assert!(told.contains("not set up") && told.contains("role_mapping.missing"), "{told}");
    let event = events().find(&format!("request_id=\"{}\"", landed.request_id())).unwrap();
    assert!(event.contains(" INFO "), "no fault of the provider's for each such person: {event}");
    assert_eq!(browser.cookie(SESSION), None);
    assert!(world.hub.received().is_empty());
    let refused =
        "hubgate_sign_ins_total{organization=\"acme\",protocol=\"oidc\",result=\"refused\"}";
    assert_eq!(world.gate.metric(refused), 1);
}

#[tokio::test]
async fn a_profile_without_the_roles_attribute_has_the_default_role_where_that_is_configured() {
    let world = World::with(|setup| {
        setup.set("acme.role_mapping", "missing", "\"default\"");
    })
    .await;
    world.acme.behave(|behaviour| {
        behaviour.claim("groups", json!(null));
        behaviour.edit_userinfo(|claims| drop(claims.remove("groups")));
    });
    let mut browser = world.signed_in("acme", "alice").await;
    assert_eq!(browser.sign_in_of("acme").await["role"], "read");
}

#[tokio::test]
async fn claims_may_come_from_userinfo_alone() {
    let world = World::with(|setup| setup.acme.claims_in_id_token = false).await;
    let mut browser = world.signed_in("acme", "bob").await;
    let bob = browser.sign_in_of("acme").await;
    assert_eq!((&bob["role"], &bob["email"]), (&json!("write"), &json!("bob@acme.com")));
    assert_eq!(world.acme.calls(Endpoint::UserInfo), 1);
}

#[tokio::test]
async fn a_wrong_client_secret_is_named_in_the_log_and_to_nobody_else() {
    let world = World::with(|setup| {
        setup.environment = vec![("CLIENT_SECRET".to_owned(), "another one".to_owned())];
    })
    .await;
    let mut browser = world.browser();
    let landed = browser.sign_in_at("/acme/bert", "alice").await.refused(403, "idp-refused");
    let told = cause_of(&landed);
    assert!(told.contains("answered invalid_client"), "{told}");
    assert!(told.contains("look at organization.oidc.client_secret, "), "{told}");
    let event = events().find(&format!("request_id=\"{}\"", landed.request_id())).unwrap();
    assert!(event.contains("organization=\"acme\""), "{event}");
    assert!(!landed.text().contains("client"), "{}", landed.text());
}

#[tokio::test]
async fn an_address_outside_the_organizations_domains_is_refused() {
    let world = World::start().await;
    let mut browser = world.browser();
    // Eve is in the administrators' group, at an address that is not the organization's.
    let landed = browser.sign_in_at("/acme/bert", "eve").await.refused(403, "email-domain");
    assert!(landed.text().contains("ACME Corp"));
    assert_eq!(browser.cookie(SESSION), None);
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn an_expired_session_is_challenged_on_public_content_too_until_it_signs_out() {
    let world = World::with(|setup| {
        setup.set("acme", "session_timeout", "\"2h\"");
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.clock.advance(minutes(119));
    browser.load("/acme/bert").await.expect(200);
    world.clock.advance(minutes(1));
    let at_hub = world.hub.received().len();
    browser.fetch("/acme/bert").await.refused(401, "session-expired");
    browser.fetch("/acme/demo").await.refused(401, "session-expired");
    let page = browser.load("/acme/demo").await.refused(303, "session-expired");
    assert_eq!(page.must("location"), "/-/sso/acme/login?return_to=%2Facme%2Fdemo");
    let line = world.gate.lines.of(page.request_id()).await;
    assert_eq!(
        (&line["decision"], &line["reason"]),
        (&json!("challenge"), &json!("session-expired"))
    );
    assert_eq!(world.hub.received().len(), at_hub, "nothing has reached the hub");
    assert_eq!(browser.sign_in_of("acme").await["state"], "expired");
    // Other organizations, and the rest of the site, are as for anybody.
    browser.load("/moe/open-model").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-user"), None);

    let post = Ask::post("/-/sso/logout").page().header("Origin", SITE);
    let left = browser.send(post).await;
    browser.finish(left).await.expect(200);
    browser.load("/acme/demo").await.expect(200);
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn a_session_lasts_a_week_unless_the_organization_says_otherwise() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.clock.advance(days(7) - minutes(1));
    browser.load("/acme/bert").await.expect(200);
    world.clock.advance(minutes(1));
    browser.fetch("/acme/bert").await.refused(401, "session-expired");
    browser.sign_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn two_organizations_in_one_browser_each_have_their_own_sign_in() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.fetch("/globex/vision").await.refused(401, "sign-in-required");
    browser.sign_in("globex", "alice").await;
    for (target, user, organization, role) in [
        ("/acme/bert", "acme:00u-acme-bob", "acme", "write"),
        ("/globex/vision", "globex:00u-globex-alice", "globex", "read"),
    ] {
        browser.load(target).await.expect(200);
        let told = world.last_at_hub().head;
        assert_eq!(told.values("x-auth-user"), [user]);
        assert_eq!(told.values("x-auth-org"), [organization]);
        assert_eq!(told.values("x-auth-role"), [role]);
        assert_eq!(told.values("x-auth-orgs"), ["acme:write,globex:read"]);
    }
    browser.load("/").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-auth-user"), ["acme:00u-acme-bob"], "the earliest sign-in");
    assert_eq!(told.values("x-auth-org"), [""; 0]);
    assert_eq!(told.values("x-auth-orgs"), ["acme:write,globex:read"]);
}

#[tokio::test]
async fn a_refresh_evaluates_the_role_again() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.acme.change("bob", |bob| bob.groups = vec!["everyone".to_owned()]);
    browser.load("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.values("x-auth-role"), ["write"], "not due yet");
    world.clock.advance(minutes(5));
    let role = world
        .until(async || {
            browser.load("/acme/bert").await.expect(200);
            world.last_at_hub().head.value("x-auth-role").filter(|role| role != "write")
        })
        .await;
    assert_eq!(role, "read");
    browser.send(Ask::post("/acme/bert/upload/main").script()).await.refused(403, "role-too-low");
    assert_eq!(world.acme.calls(Endpoint::Token), 2, "one code, one refresh");
}

#[tokio::test]
async fn a_refresh_that_brings_a_foreign_address_ends_the_session() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.acme.change("bob", |bob| bob.email = "bob@elsewhere.example".to_owned());
    world.clock.advance(minutes(5));
    revoked(&world, &mut browser).await;
}

#[tokio::test]
async fn a_refresh_token_that_the_provider_refuses_ends_the_session_at_once() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.acme.kill_refresh_tokens("bob");
    world.clock.advance(minutes(5));
    revoked(&world, &mut browser).await;
    browser.fetch("/acme/demo").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_refreshed_token_of_somebody_else_ends_the_session() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "carol").await;
    world.acme.behave(|behaviour| behaviour.claim("sub", "00u-acme-alice"));
    world.clock.advance(minutes(5));
    revoked(&world, &mut browser).await;
}

#[tokio::test]
async fn many_requests_at_once_refresh_once() {
    let world = refreshing().await;
    let browser = world.signed_in("acme", "bob").await;
    world.clock.advance(minutes(5));
    let asked = (0..20).map(|_| {
        let mut browser = browser.clone();
        async move { browser.fetch("/acme/bert").await.expect(200) }
    });
    all(asked).await;
    world.until(async || (world.acme.calls(Endpoint::Token) > 1).then_some(())).await;
    let mut browser = browser;
    browser.fetch("/acme/bert").await.expect(200);
    assert_eq!(world.acme.calls(Endpoint::Token), 2, "one code, one refresh");
}

#[tokio::test]
async fn an_outage_of_the_provider_leaves_live_sessions_alone() {
    let world = refreshing().await;
    let mut browser = world.signed_in("acme", "bob").await;
    for endpoint in [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token] {
        world.acme.behave(|behaviour| behaviour.fail(endpoint, Fault::Close));
    }
    world.clock.advance(minutes(5));
    // Every half minute another attempt is made, and each time the session lives on.
    world
        .until(async || {
            world.clock.advance(Duration::from_secs(31));
            browser.load("/acme/bert").await.expect(200);
            (world.acme.calls(Endpoint::Token) > 4).then_some(())
        })
        .await;
    world.acme.behave_well();
    world.acme.change("bob", |bob| bob.groups = vec!["everyone".to_owned()]);
    world
        .until(async || {
            world.clock.advance(Duration::from_secs(1));
            browser.load("/acme/bert").await.expect(200);
            (browser.sign_in_of("acme").await["role"] == "read").then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_outage_of_the_provider_is_told_to_those_who_want_to_sign_in() {
    let world = World::start().await;
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Discovery, Fault::Status(503)));
    let mut browser = world.browser();
    let page = browser.open("/acme/bert").await.refused(503, "idp-unreachable");
    assert!(page.text().contains("The identity provider of ACME Corp does not answer"));
    assert!(page.text().contains("href=\"/-/sso/acme/login?return_to=%2Facme%2Fbert\""));
    assert!(page.must("retry-after").parse::<u32>().unwrap() > 0);
    // The other organization's provider has nothing to do with it.
    browser.sign_in("globex", "hank").await;

    world.acme.behave_well();
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Token, Fault::Close));
    browser.load_url(&callback).await.refused(503, "idp-unreachable");
    assert_eq!(browser.cookie(SESSION), None);
}

#[tokio::test]
async fn the_providers_refusal_is_shown_without_its_words() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open("/acme/bert").await;
    let cancelled = browser.click(&page, "").await;
    let shown = browser.finish(cancelled).await.refused(403, "idp-refused");
    assert!(!shown.text().contains("nobody wanted to sign in"), "{}", shown.text());
    assert!(shown.text().contains("/-/sso/acme/login?return_to=%2Facme%2Fbert"));
}

#[tokio::test]
async fn an_answer_by_form_post_works_although_its_post_has_no_cookies() {
    let world = World::with(|setup| {
        setup.set("acme.oidc", "response_mode", "\"form_post\"");
    })
    .await;
    let mut browser = world.browser();
    let page = browser.open("/acme/bert?x=y").await;
    let posting = browser.click(&page, "bob").await.expect(200);
    let form = posting.forms().remove(0);
    assert_eq!(form.action.as_str(), format!("{SITE}/-/sso/acme/oidc/callback"));
    let posted = browser.submit(&posting, &form, None).await.expect(303);
    assert!(posted.set_cookies().is_empty());
    let landed = browser.finish(posted).await.expect(200);
    assert_eq!(landed.url.as_str(), format!("{SITE}/acme/bert?x=y"));
    assert_eq!(world.last_at_hub().head.values("x-auth-role"), ["write"]);
}

#[tokio::test]
async fn a_pushed_request_leaves_nothing_but_a_reference_in_the_browser() {
    let world = World::with(|setup| {
        setup.set("acme.oidc", "pushed_requests", "true");
        setup.acme.client.pushed_only = true;
    })
    .await;
    world.signed_in("acme", "bob").await;
    let [pushed] = &world.acme.asked(Endpoint::PushedAuthorization)[..] else { panic!("one push") };
    assert!(pushed.field("code_challenge").is_some() && pushed.field("nonce").is_some());
    let first = world.acme.asked(Endpoint::Authorize).remove(0);
    let names: Vec<&str> = first.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
}

#[tokio::test]
async fn a_secret_in_the_authorization_header_proves_who_we_are() {
    let world = World::with(|setup| {
        setup.set("acme.oidc", "client_auth", "\"client_secret_basic\"");
        let secret = ClientAuthentication::SecretBasic(CLIENT_SECRET.to_owned());
        setup.acme.client.authentication = secret;
    })
    .await;
    world.signed_in("acme", "bob").await;
    let token = world.acme.asked(Endpoint::Token).remove(0);
    assert_eq!((token.field("client_secret"), token.field("client_assertion")), (None, None));
    assert!(token.head.value("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn a_secret_in_the_form_proves_who_we_are() {
    let world = World::start().await;
    world.signed_in("acme", "bob").await;
    let token = world.acme.asked(Endpoint::Token).remove(0);
    assert_eq!(token.field("client_secret"), Some(CLIENT_SECRET));
    assert_eq!(token.head.value("authorization"), None);
}

#[tokio::test]
async fn a_signed_assertion_proves_who_we_are() {
    let key = rcgen::KeyPair::generate().unwrap();
    let point = key.public_key_raw();
    let half = |at: usize| {
        use base64::Engine;
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&point[at..at + 32])
    };
    let keys = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "mine",
        "x": half(1), "y": half(33),
    }]});
    let world = World::with(|setup| {
        setup.environment.push(("CLIENT_KEY".to_owned(), key.serialize_pem()));
        setup.unset("acme.oidc", "client_secret");
        setup.set("acme.oidc", "client_auth", "\"private_key_jwt\"");
        setup.set("acme.oidc", "private_key", "{ env = \"CLIENT_KEY\" }");
        setup.set("acme.oidc", "key_id", "\"mine\"");
        let keys = serde_json::from_value(keys).unwrap();
        setup.acme.client.authentication = ClientAuthentication::PrivateKeyJwt(keys);
    })
    .await;
    world.signed_in("acme", "bob").await;
    world.signed_in("acme", "carol").await;
    let assertions: Vec<String> = world
        .acme
        .asked(Endpoint::Token)
        .iter()
        .map(|asked| asked.field("client_assertion").unwrap().to_owned())
        .collect();
    assert_ne!(assertions[0], assertions[1], "each is good once");
}

#[tokio::test]
async fn a_public_client_proves_itself_by_pkce_alone() {
    let world = World::with(|setup| {
        setup.unset("acme.oidc", "client_secret");
        setup.set("acme.oidc", "client_auth", "\"none\"");
        setup.acme.client.authentication = ClientAuthentication::None;
    })
    .await;
    world.signed_in("acme", "bob").await;
    let token = world.acme.asked(Endpoint::Token).remove(0);
    assert_eq!((token.field("client_secret"), token.field("client_assertion")), (None, None));
    assert_eq!(token.field("code_verifier").unwrap().len(), 43);
}

#[tokio::test]
async fn an_application_that_was_made_for_the_hub_keeps_its_redirect_uri() {
    let consume = "/organizations/acme/oidc/consume";
    let world = World::with(|setup| {
        setup.set("acme.oidc", "callback_path", &format!("{consume:?}"));
        setup.acme.client.redirect_uris = vec![format!("{SITE}{consume}")];
    })
    .await;
    let mut browser = world.browser();
    assert_eq!(browser.callback_of("acme", "bob").await.path(), consume);
    world.signed_in("acme", "bob").await;
}

#[tokio::test]
async fn a_work_address_finds_the_organization_and_is_passed_on_as_a_hint() {
    let world = World::start().await;
    let mut browser = world.browser();
    let answer = browser.load("/-/sso/find?email=%20bob%40ACME.com%20").await.expect(303);
    assert_eq!(answer.must("location"), "/-/sso/acme/login?login_hint=bob%40ACME.com");
    browser.finish(answer).await.expect(200);
    let asked = world.acme.asked(Endpoint::Authorize).remove(0);
    assert_eq!(asked.field("login_hint"), Some("bob@ACME.com"));
    for stranger in
        ["bob%40acme.com.evil.example", "bob%40evil.example", "bob", "bob%40a%40acme.com"]
    {
        let page = browser.load(&format!("/-/sso/find?email={stranger}")).await.expect(404);
        assert!(page.text().contains("role=\"alert\""), "{stranger}");
    }
}

#[tokio::test]
async fn a_third_party_may_begin_a_sign_in_and_add_nothing_to_it() {
    let world = World::start().await;
    let mut browser = world.browser();
    let issuer: String =
        url::form_urlencoded::byte_serialize(world.acme.issuer().as_bytes()).collect();
    let target = format!(
        "/-/sso/acme/login?iss={issuer}&login_hint=bob&target_link_uri=https%3A%2F%2Fhub.example.com%2Facme%2Fbert%3Fa\
         &scope=evil&prompt=none&redirect_uri=https%3A%2F%2Fevil.example&max_age=0&state=evil&nonce=evil"
    );
    let page = browser.open(&target).await.expect(200);
    let asked = world.acme.asked(Endpoint::Authorize).remove(0);
    let fields = |name: &str| {
        asked
            .fields
            .iter()
            .filter(|(own, _)| own == name)
            .map(|(_, v)| v.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(fields("scope"), ["openid profile email groups"]);
    assert_eq!(fields("redirect_uri"), [format!("{SITE}/-/sso/acme/oidc/callback")]);
    assert_eq!(fields("login_hint"), ["bob"]);
    assert!(fields("prompt").is_empty() && fields("max_age").is_empty());
    assert_ne!(fields("state"), ["evil"]);
    assert_ne!(fields("nonce"), ["evil"]);
    let clicked = browser.click(&page, "bob").await;
    let landed = browser.finish(clicked).await.expect(200);
    assert_eq!(landed.url.as_str(), format!("{SITE}/acme/bert?a"));
    browser
        .load("/-/sso/acme/login?iss=https%3A%2F%2Fevil.example")
        .await
        .refused(400, "bad-parameters");
}

#[tokio::test]
async fn optional_sign_on_lets_everyone_through_and_says_so() {
    let world = World::with(|setup| {
        setup.set("acme", "enforcement", "\"optional\"");
    })
    .await;
    let mut browser = world.browser();
    let answer = browser.load("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-user"), None);
    let url = format!("{SITE}/-/sso/acme/login");
    assert_eq!(answer.must("x-hub-sso"), format!("optional; organization=acme; url={url}"));
    assert!(answer.must("x-hf-warning").contains(&url));
    let line = world.gate.lines.of(answer.request_id()).await;
    assert_eq!((&line["decision"], &line["reason"]), (&json!("allow"), &json!("sign-in-required")));
    browser.sign_in("acme", "bob").await;
    let answer = browser.load("/acme/bert").await.expect(200);
    assert_eq!(answer.header("x-hf-warning"), None);
    assert_eq!(world.last_at_hub().head.values("x-auth-role"), ["write"]);
}

#[tokio::test]
async fn an_organization_without_sign_on_is_everyones() {
    let world = World::with(|setup| {
        setup.set("acme", "enforcement", "\"off\"");
    })
    .await;
    let answer = world.browser().load("/acme/bert").await.expect(200);
    assert_eq!(answer.header("x-hub-sso"), None);
    assert_eq!(world.last_at_hub().head.value("x-auth-user"), None);
}

#[tokio::test]
async fn what_the_organization_lists_as_public_needs_no_sign_in_to_be_read() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.load("/acme/demo").await.expect(200);
    browser.load("/datasets/acme/open-corpus").await.expect(200);
    browser.load("/moe/open-model").await.expect(200);
    for target in
        ["/acme/bert", "/acme/Demos", "/datasets/acme/payroll", "/acme/open-corpus", "/acme"]
    {
        browser.fetch(target).await.refused(401, "sign-in-required");
    }
    let write = Ask::post("/acme/demo/upload/main").script();
    browser.send(write).await.refused(401, "sign-in-required");
}

/// A world whose sign-ins bring refresh tokens.
async fn refreshing() -> World {
    World::with(|setup: &mut Setup| {
        setup.set("acme.oidc", "scopes", OFFLINE);
    })
    .await
}

/// Asks until the session is known to be revoked; until then it lives.
async fn revoked(world: &World, browser: &mut crate::support::browser::Browser) {
    world
        .until(async || {
            let answer = browser.fetch("/acme/bert").await;
            (answer.status != 200).then(|| answer.refused(401, "session-revoked"))
        })
        .await;
}

#[tokio::test]
async fn a_sign_in_may_end_at_a_replica_whose_clock_is_a_little_behind() {
    let world = World::start().await;
    for (behind, good) in [(0, true), (59, true), (61, false)] {
        let mut browser = world.browser();
        let callback = browser.callback_of("acme", "bob").await;
        world.clock.fall_behind(Duration::from_secs(behind));
        let landed = browser.load_url(&callback).await;
        assert_eq!(landed.status, if good { 303 } else { 400 }, "{behind}: {}", landed.text());
        world.clock.advance(Duration::from_secs(behind));
    }
}
