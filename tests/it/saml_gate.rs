//! An organization that signs in by SAML, through the served gate and a browser.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hubgate::demo::saml::orders::{Orders, Signs, SignsOut};
use hubgate::demo::saml::{Sent, ServiceProvider};
use serde_json::{Value, json};

use crate::saml::encryption::encrypted;
use crate::saml::provider::{EC, RSA};
use crate::support::answer::{Answer, Form};
use crate::support::browser::{Ask, Browser};
use crate::support::moving_clock::minutes;
use crate::support::served::cause_of;
use crate::support::setup::{SITE, Setup};
use crate::support::world::{World, all, service_provider};

async fn world() -> World {
    world_with(|_| {}).await
}

async fn world_with(change: impl FnOnce(&mut Setup)) -> World {
    World::with(|setup| {
        setup.by_saml("globex");
        change(setup);
    })
    .await
}

/// The page with which the provider posts its answer.
pub(crate) async fn answer_for(
    browser: &mut Browser,
    target: &str,
    person: &str,
) -> (Answer, Form) {
    let page = browser.open(target).await;
    let posting = browser.click(&page, person).await.expect(200);
    let form = posting.forms().remove(0);
    (posting, form)
}

type Order = fn(&mut Orders);

const LOGIN: &str = "/-/sso/globex/login";
const ACS: &str = "/-/sso/globex/saml/acs";

/// What a form sends.
fn pairs(form: &Form) -> Vec<(&str, &str)> {
    form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn a_deep_link_survives_a_sign_in_by_saml() {
    let world = world().await;
    let mut browser = world.browser();
    let landed = browser.sign_in_at("/globex/vision?tab=files", "hank").await.expect(200);
    assert_eq!(landed.url.as_str(), format!("{SITE}/globex/vision?tab=files"));
    let seen = world.last_at_hub();
    assert_eq!(seen.head.value("x-auth-user").as_deref(), Some("globex:00u-globex-hank"));
    assert_eq!(seen.head.value("x-auth-email").as_deref(), Some("hank@globex.com"));
    assert_eq!(seen.head.value("x-auth-name").as_deref(), Some("Hank Hill"));
    assert_eq!(seen.head.value("x-auth-org").as_deref(), Some("globex"));
    assert_eq!(seen.head.value("x-auth-role").as_deref(), Some("write"));
    assert_eq!(seen.head.value("x-auth-groups").as_deref(), Some("\"all-staff\", \"research\""));
    let line = r#"hubgate_sign_ins_total{organization="globex",protocol="saml",result="ok"}"#;
    assert_eq!(world.gate.metric(line), 1);
}

#[tokio::test]
async fn an_answer_that_another_site_posts_is_carried_back_by_a_page_of_ours() {
    let world = world().await;
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, LOGIN, "hank").await;
    // The form of another site brings none of our cookies along.
    let page = browser.submit(&posting, &form, None).await.expect(200);
    let carried = page.forms().remove(0);
    assert_eq!(carried.action.as_str(), format!("{SITE}/-/sso/globex/saml/acs"));
    assert_eq!(carried.fields, form.fields, "nothing is added, nothing is lost");
    assert!(page.text().contains("<button>Continue</button>"), "it works without a script");
    let policy = page.must("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    assert!(page.set_cookies().is_empty());
    browser.submit(&page, &carried, None).await.expect(303);
    assert_eq!(browser.sign_in_of("globex").await["role"], "write");
}

#[tokio::test]
async fn an_answer_is_carried_back_for_a_browser_that_names_its_origin_and_nothing_else() {
    let world = world().await;
    let mut browser = world.browser();
    let (_, form) = answer_for(&mut browser, LOGIN, "hank").await;
    for (origin, is_carried) in [
        (Some(world.saml().origin()), true),
        (Some("null"), true),
        // From here, or from a program: without the cookie it would go round and round.
        (Some(SITE), false),
        (None, false),
    ] {
        let mut ask = Ask::post(ACS).form(&pairs(&form)).header("Accept", "text/html");
        ask.headers.extend(origin.map(|origin| ("Origin".to_owned(), origin.to_owned())));
        let answer = browser.send(ask.sent_by_another_site()).await;
        if is_carried {
            assert_eq!(answer.expect(200).forms().remove(0).fields, form.fields, "{origin:?}");
        } else {
            answer.refused(400, "state-unknown");
        }
    }
}

#[tokio::test]
async fn an_answer_is_worth_nothing_in_another_browser() {
    let world = world().await;
    let mut browser = world.browser();
    let (_, form) = answer_for(&mut browser, LOGIN, "hank").await;
    let mut victim = world.browser();
    // As the thief's page posts it, and as the page that it is answered with.
    let thief = Ask::post(ACS).form(&pairs(&form)).sent_by_another_site().page();
    let page = victim.send(thief).await.expect(200);
    victim.finish(page).await.refused(400, "state-unknown");
    assert_eq!(victim.sign_in_of("globex").await, Value::Null);
    // With a sign-in of the victim's own under way, and its handle in the place of the thief's.
    let (posting, own) = answer_for(&mut victim, LOGIN, "gina").await;
    let mut mixed = form.clone();
    mixed.fields[1] = own.fields[1].clone();
    assert_eq!(mixed.fields[1].0, "RelayState");
    let page = victim.submit(&posting, &mixed, None).await;
    let refused = victim.finish(page).await.refused(400, "state-unknown");
    assert!(cause_of(&refused).contains("in-response-to"));
    assert_eq!(victim.sign_in_of("globex").await, Value::Null);
}

#[tokio::test]
async fn an_answer_is_used_once() {
    let world = world().await;
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, "/globex/vision", "hank").await;
    let mut copy = browser.clone();
    let page = browser.submit(&posting, &form, None).await;
    browser.finish(page).await.expect(200);
    // The same browser once more: whoever is signed in goes on, and nothing is made anew.
    let session = browser.session();
    let mut twice = browser.clone();
    let page = browser.submit(&posting, &form, None).await;
    let landed = browser.finish(page).await.expect(200);
    assert_eq!(landed.url.path(), "/-/sso/");
    assert_eq!(browser.session(), session);
    // A second click, sent before the first one has taken the sign-in's cookie away.
    let [handle] = &copy.pending()[..] else { panic!("one sign-in under way") };
    twice.plant(handle, copy.cookie(handle).unwrap());
    let page = twice.submit(&posting, &form, None).await;
    let landed = twice.finish(page).await.expect(200);
    assert_eq!(landed.url.as_str(), format!("{SITE}/globex/vision"));
    assert_eq!(twice.session(), session);
    // A copy of its cookies from before: the sign-in begins again, and is not finished.
    copy.jar.retain(|cookie| cookie.origin == SITE);
    let page = copy.submit(&posting, &form, None).await;
    let carried = page.forms().remove(0);
    let begun = copy.submit(&page, &carried, None).await.expect(303);
    let anew = format!("{SITE}{LOGIN}?return_to=%2Fglobex%2Fvision");
    assert_eq!(begun.location().unwrap().as_str(), anew);
    assert_eq!(copy.sign_in_of("globex").await, Value::Null);
}

#[tokio::test]
async fn a_sign_in_under_way_is_over_in_time_whatever_the_browser_keeps() {
    let world = world().await;
    let mut browser = world.browser();
    let names = browser.open(LOGIN).await;
    let handle = browser.pending().remove(0);
    let sealed = browser.cookie(&handle).unwrap().to_owned();
    world.clock.advance(minutes(11));
    browser.plant(&handle, &sealed);
    let posting = browser.click(&names, "hank").await;
    browser.finish(posting).await.refused(400, "state-unknown");
}

/// What is remembered of answers does not go with what is known of the provider.
#[tokio::test]
async fn an_answer_that_no_request_binds_is_used_once_over_new_keys_and_a_reload() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "idp_initiated", "true");
    })
    .await;
    let sent = world.saml().unsolicited(&entity_id(), "hank", None).unwrap();
    carry(&mut world.browser(), &sent).await.expect(200);
    let used = async |after: &str| {
        let mut thief = world.browser();
        let refused = carry(&mut thief, &sent).await.refused(400, "state-unknown");
        assert!(cause_of(&refused).contains("replayed"), "{after}: {}", cause_of(&refused));
    };
    used("nothing").await;
    world.saml().rotate_keys(true).unwrap();
    world.signed_in("globex", "gina").await;
    assert_eq!(world.saml().metadata_fetches(), 2);
    used("new keys").await;
    world.reload(|text| {
        text.replace("idp_initiated = true", "idp_initiated = true\nclock_skew = \"90s\"")
    });
    used("a reload").await;
}

#[tokio::test]
async fn a_sign_in_ends_with_the_organizations_time_or_the_providers_whichever_is_first() {
    let world = world_with(|setup| {
        setup.set("globex", "session_timeout", "\"2h\"");
    })
    .await;
    let now = world.clock.now();
    let mut long = world.signed_in("globex", "hank").await;
    world.saml().behave(|orders| {
        orders.say(move |says| says.session_not_on_or_after = Some(now + minutes(30)));
    });
    let mut short = world.signed_in("globex", "gina").await;
    world.clock.advance(minutes(31));
    short.fetch("/globex/vision").await.refused(401, "session-expired");
    long.fetch("/globex/vision").await.expect(200);
    world.clock.advance(minutes(90));
    long.fetch("/globex/vision").await.refused(401, "session-expired");
}

#[tokio::test]
async fn roles_come_from_attributes_by_name_friendly_name_or_path() {
    for (attribute, groups) in [
        ("$.groups", "groups"),
        ("$['urn:oid:1.3.6.1.4.1.5923.1.5.1.1']", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"),
        ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"),
        ("isMemberOf", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"),
        ("https://globex.example/claims/roles", "https://globex.example/claims/roles"),
    ] {
        let world = world_with(|setup| {
            setup.set("globex.role_mapping", "attribute", &format!("{attribute:?}"));
        })
        .await;
        world.saml().behave(|orders| {
            orders.say(move |says| {
                says.attributes[2].0 = groups.to_owned();
                says.attributes[2].1 = Some("isMemberOf".to_owned());
            });
        });
        let mut browser = world.signed_in("globex", "gina").await;
        assert_eq!(browser.sign_in_of("globex").await["role"], "admin", "{attribute}");
        // An attribute that is missing is not the same as one that maps to nothing.
        world.saml().behave(|orders| orders.say(|says| says.attributes.truncate(2)));
        let mut browser = world.browser();
        let refused = browser.sign_in_at(LOGIN, "gina").await;
        refused.refused(403, "role-attribute-missing");
        world.saml().behave(|orders| {
            orders.say(move |says| {
                says.attributes[2].0 = groups.to_owned();
                says.attributes[2].1 = Some("isMemberOf".to_owned());
                says.attributes[2].2.clear();
            });
        });
        let mut browser = world.signed_in("globex", "gina").await;
        assert_eq!(browser.sign_in_of("globex").await["role"], "read", "{attribute}");
    }
}

#[tokio::test]
async fn a_forged_or_unsigned_answer_signs_nobody_in() {
    let world = world().await;
    let orders: [(&str, Order); 6] = [
        ("signature-invalid", |orders| orders.stranger = true),
        ("signature-missing", |orders| orders.signs = Signs::Nothing),
        ("audience", |orders| orders.say(|says| says.audience = "https://other.example".into())),
        ("recipient", |orders| orders.say(|says| says.recipient = "https://other.example".into())),
        ("digest-mismatch", |orders| {
            orders.send(|xml| xml.replace("00u-globex-gina", "00u-globex-hank"));
        }),
        ("status-authn-failed", |orders| orders.sign_in = Some("nobody".into())),
    ];
    for (cause, order) in orders {
        world.saml().behave_well();
        world.saml().behave(order);
        let mut browser = world.browser();
        let refused = browser.sign_in_at(LOGIN, "gina").await;
        let reason = if cause.starts_with("status") { "idp-refused" } else { "idp-invalid" };
        let refused = refused.refused(403, reason);
        let told = cause_of(&refused);
        assert!(told.contains(cause), "{cause}: {told}");
        assert_eq!(browser.sign_in_of("globex").await, Value::Null, "{cause}");
        assert!(browser.pending().is_empty(), "the sign-in is over");
    }
}

#[tokio::test]
async fn every_signature_that_the_policy_asks_for_must_be_there() {
    for (policy, signs) in [
        ("assertion", &[Signs::Assertion, Signs::Both][..]),
        ("response", &[Signs::Response, Signs::Both]),
        ("both", &[Signs::Both]),
        ("either", &[Signs::Assertion, Signs::Response, Signs::Both]),
    ] {
        let world = world_with(|setup| {
            setup.set("globex.saml", "signatures", &format!("{policy:?}"));
        })
        .await;
        for how in [Signs::Assertion, Signs::Response, Signs::Both, Signs::Nothing] {
            world.saml().behave(|orders| orders.signs = how);
            let mut browser = world.browser();
            let landed = browser.sign_in_at(LOGIN, "gina").await;
            let good = signs.contains(&how);
            assert_eq!(landed.status == 200, good, "{policy} {how:?}");
            assert_eq!(browser.sign_in_of("globex").await != Value::Null, good);
        }
    }
}

#[tokio::test]
async fn the_metadata_tells_the_provider_what_it_needs() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "sign_requests", "true");
    })
    .await;
    let mut browser = world.browser();
    let metadata = browser.load("/-/sso/globex/saml/metadata").await.expect(200);
    assert_eq!(metadata.must("content-type"), "application/samlmetadata+xml");
    let text = metadata.text();
    for part in [
        format!("entityID=\"{SITE}/-/sso/globex/saml/metadata\""),
        format!("Location=\"{SITE}/-/sso/globex/saml/acs\""),
        format!("Location=\"{SITE}/-/sso/globex/saml/slo\""),
        "AuthnRequestsSigned=\"true\"".to_owned(),
        "use=\"signing\"".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} is not in {text}");
    }
    // An organization that does not speak the protocol has no such pages.
    browser.load("/-/sso/acme/saml/metadata").await.refused(404, "no-such-page");
    browser.load("/-/sso/globex/oidc/callback?state=x&code=y").await.refused(400, "state-unknown");
    let ask = Ask::post("/-/sso/acme/saml/acs").form(&[("SAMLResponse", "x")]).page();
    browser.send(ask).await.refused(404, "no-such-page");
}

#[tokio::test]
async fn requests_are_signed_when_the_provider_or_the_configuration_wants_it() {
    for (configured, wanted) in [(false, false), (true, false), (false, true)] {
        let world = world_with(|setup| {
            if configured {
                setup.set("globex.saml", "sign_requests", "true");
            }
        })
        .await;
        world.saml().behave(|orders| orders.wants_signed_requests = wanted);
        world.signed_in("globex", "gina").await;
        let request = world.saml().received().pop().unwrap();
        assert!(!request.by_post && !request.is_response);
        assert_eq!(request.query.contains("&Signature="), configured || wanted);
        assert_eq!(
            request.attribute("AssertionConsumerServiceURL").unwrap(),
            format!("{SITE}/-/sso/globex/saml/acs")
        );
        assert!(request.relay_state.as_ref().unwrap().len() <= 80);
        assert!(request.attribute("ID").map(|id| id.len()).unwrap() >= 33, "128 bits and more");
    }
}

#[tokio::test]
async fn a_provider_that_knows_our_key_takes_what_we_have_signed_and_nothing_else() {
    let world = world_with(|setup| {
        let pem = format!("{}{}", EC.private_key, EC.certificate);
        setup.environment.push(("SP_PEM".to_owned(), pem));
        setup.set("globex.saml", "signing_keys", "[{ env = \"SP_PEM\" }]");
        setup.set("globex.saml", "sign_requests", "true");
    })
    .await;
    world.saml().register(ServiceProvider { key: Some(EC.public()), ..service_provider("globex") });
    let mut browser = world.signed_in("globex", "gina").await;
    // Logout messages, too, ours and our answer to its own.
    let page = browser.load("/-/sso/logout").await.expect(200);
    let form = page.forms().remove(0);
    let leaving = browser.submit(&page, &form, None).await;
    let done = browser.finish(leaving).await.expect(200);
    assert!(done.text().contains("Signed out") && !done.text().contains("everywhere"));
    let sent = world.saml().logout_request(&entity_id(), "gina", &[], false).unwrap();
    let done = carry(&mut browser, &sent).await.expect(200);
    assert!(done.url.as_str().starts_with(world.saml().origin()));

    let good = world.browser().load(LOGIN).await.location().unwrap();
    let query = good.query().unwrap().to_owned();
    let (octets, _) = query.split_once("&SigAlg=").unwrap();
    let (message, rest) = query.split_once("&RelayState=").unwrap();
    let (_, signature) = rest.split_once("&SigAlg=").unwrap();
    for bad in [
        octets.to_owned(),
        format!("{message}&RelayState=another&SigAlg={signature}"),
        format!("{message}&SigAlg={signature}"),
        query.replacen("SAMLRequest=", "SAMLRequest=A", 1),
    ] {
        let mut url = good.clone();
        url.set_query(Some(&bad));
        browser.load_url(&url).await.expect(400);
        // Nor does a click lead on from a request that was not taken.
        let encoded = url.query_pairs().next().unwrap().1.into_owned();
        let fields = [("SAMLRequest", &*encoded), ("deflated", "1"), ("person", "gina")];
        url.set_query(None);
        browser.send(Ask::post("/").to(url).form(&fields)).await.expect(400);
    }
    browser.load_url(&good).await.expect(200);
}

#[tokio::test]
async fn a_request_says_what_the_configuration_wants() {
    let ours = "https://hub.example.com/organizations/globex/saml";
    let wanted: [(&str, &str, &str); 6] = [
        ("sp_entity_id", "\"https://hub.example.com/organizations/globex/saml\"", ours),
        ("sign_on_binding", "\"post\"", ""),
        ("force_authn", "true", " ForceAuthn=\"true\""),
        ("is_passive", "true", " IsPassive=\"true\""),
        ("name_id_format", "\"persistent\"", ":persistent\" AllowCreate="),
        ("requested_authn_context", "[\"urn:mfa\"]", ">urn:mfa</"),
    ];
    for (key, value, part) in wanted {
        let asked = async |is_configured: bool| {
            let world = world_with(|setup| {
                if is_configured {
                    setup.set("globex.saml", key, value);
                }
            })
            .await;
            let known =
                ServiceProvider { entity_id: ours.to_owned(), ..service_provider("globex") };
            world.saml().register(known);
            world.browser().open(LOGIN).await;
            world.saml().received().pop().unwrap()
        };
        let (plain, changed) = (asked(false).await, asked(true).await);
        assert!(!plain.by_post && (part.is_empty() || !plain.xml.contains(part)), "{key}");
        assert!(changed.xml.contains(part), "{key}: {}", changed.xml);
        assert_eq!(changed.by_post, key == "sign_on_binding");
    }
}

#[tokio::test]
async fn clocks_may_be_apart_as_far_as_the_configuration_says() {
    for (skew, good) in [("60s", false), ("3m", true)] {
        let world = world_with(|setup| {
            setup.set("globex.saml", "clock_skew", &format!("{skew:?}"));
        })
        .await;
        world.saml().behave(|orders| {
            orders.say(|says| says.issued += minutes(2));
        });
        let mut browser = world.browser();
        let landed = browser.sign_in_at(LOGIN, "gina").await;
        assert_eq!((landed.status == 200, landed.reason() == "idp-invalid"), (good, !good));
    }
}

#[tokio::test]
async fn requests_travel_by_post_where_nothing_else_is_offered() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "sign_requests", "true");
    })
    .await;
    world.saml().behave(|orders| orders.post_only = true);
    let mut browser = world.browser();
    let page = browser.load("/globex/vision").await;
    let page = browser.follow(&page).await.expect(200);
    assert!(page.sends_itself() && page.text().contains("<button>Continue</button>"));
    assert!(page.forms()[0].action.as_str().ends_with("/sso"));
    let names = browser.finish(page).await;
    let clicked = browser.click(&names, "gina").await;
    let landed = browser.finish(clicked).await.expect(200);
    assert_eq!(landed.url.as_str(), format!("{SITE}/globex/vision"));
    let request = world.saml().received().pop().unwrap();
    assert!(request.by_post && request.xml.contains("<ds:Signature"));
}

#[tokio::test]
async fn the_hubs_own_address_takes_answers_that_are_meant_for_it() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "acs_path", "\"/organizations/globex/saml/consume\"");
    })
    .await;
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, LOGIN, "gina").await;
    let consume = format!("{SITE}/organizations/globex/saml/consume");
    assert_eq!(form.action.as_str(), consume);
    // The same answer is not meant for the other address.
    let mut elsewhere = browser.clone();
    let mut other = form.clone();
    other.action.set_path("/-/sso/globex/saml/acs");
    let page = elsewhere.submit(&posting, &other, None).await;
    elsewhere.finish(page).await.refused(403, "idp-invalid");
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, LOGIN, "gina").await;
    let page = browser.submit(&posting, &form, None).await;
    browser.finish(page).await.expect(200);
    assert_eq!(browser.sign_in_of("globex").await["role"], "admin");
}

/// What a browser does with a message of the provider.
pub(crate) async fn carry(browser: &mut Browser, sent: &Sent) -> Answer {
    let ask = match sent {
        Sent::Redirect(url) => Ask::get("/").to(url.parse().unwrap()),
        Sent::Post { action, fields } => {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Ask::post("/").to(action.parse().unwrap()).form(&fields)
        }
    };
    let answer = browser.send(ask.sent_by_another_site().page()).await;
    browser.finish(answer).await
}

pub(crate) fn entity_id() -> String {
    format!("{SITE}/-/sso/globex/saml/metadata")
}

#[tokio::test]
async fn the_provider_begins_a_sign_in_only_where_that_is_allowed() {
    let closed = world().await;
    let mut browser = closed.browser();
    let sent = closed.saml().unsolicited(&entity_id(), "hank", None).unwrap();
    let refused = carry(&mut browser, &sent).await.refused(400, "state-unknown");
    assert!(cause_of(&refused).contains("not begun in this browser"), "and is not looked at");
    assert_eq!(browser.sign_in_of("globex").await, Value::Null);

    let open = world_with(|setup| {
        setup.set("globex.saml", "idp_initiated", "true");
    })
    .await;
    for (relay_state, lands) in [
        (None, "/-/sso/"),
        (Some("/globex/vision?tab=files"), "/globex/vision?tab=files"),
        (Some("https://evil.example/"), "/-/sso/"),
        (Some("//evil.example/"), "/-/sso/"),
        (Some("/\\evil.example"), "/-/sso/"),
    ] {
        let mut browser = open.signed_in("acme", "alice").await;
        let sent = open.saml().unsolicited(&entity_id(), "hank", relay_state).unwrap();
        let landed = carry(&mut browser, &sent).await.expect(200);
        assert_eq!(landed.url.as_str(), format!("{SITE}{lands}"));
        assert_eq!(browser.sign_in_of("globex").await["role"], "write");
        assert_eq!(browser.sign_in_of("acme").await["state"], "live", "the others stay");
        // Once.
        let mut other = open.browser();
        carry(&mut other, &sent).await.refused(400, "state-unknown");
    }
    // Nothing is loosened for the rest: an answer to somebody's request is no beginning.
    let mut asking = open.browser();
    let (_, form) = answer_for(&mut asking, LOGIN, "hank").await;
    let mut victim = open.browser();
    let fields = form.fields.into_iter().filter(|(name, _)| name == "SAMLResponse").collect();
    let sent = Sent::Post { action: form.action.to_string(), fields };
    carry(&mut victim, &sent).await.refused(400, "state-unknown");
    assert_eq!(victim.sign_in_of("globex").await, Value::Null);
    // Nor is an answer that brings the handle of a sign-in along, of whomever it was.
    let sent = open.saml().unsolicited(&entity_id(), "hank", Some(&"A".repeat(32))).unwrap();
    carry(&mut victim, &sent).await.refused(400, "state-unknown");
    assert_eq!(victim.sign_in_of("globex").await, Value::Null);
}

#[tokio::test]
async fn a_logout_of_the_provider_ends_every_session_that_it_names() {
    for by_post in [false, true] {
        let world = world().await;
        let mut first = world.signed_in("globex", "hank").await;
        let mut second = world.signed_in("globex", "hank").await;
        let mut third = world.signed_in("globex", "hank").await;
        let mut other = world.signed_in("globex", "gina").await;
        let indexes = world.saml().session_indexes("hank");
        assert_eq!(indexes.len(), 3);
        // Any browser may carry it: it is the signature that counts.
        let mut anybody = world.browser();
        let sent = world.saml().logout_request(&entity_id(), "hank", &indexes[..2], by_post);
        let done = carry(&mut anybody, &sent.unwrap()).await.expect(200);
        assert!(done.url.as_str().starts_with(world.saml().origin()), "it is answered");
        let answer = world.saml().received().pop().unwrap();
        assert!(answer.is_response && answer.xml.contains("status:Success"));
        assert_eq!(answer.relay_state.as_deref(), Some("from the provider"));
        let mut ended = 0;
        for browser in [&mut first, &mut second, &mut third] {
            let answer = browser.fetch("/globex/vision").await;
            ended += usize::from(answer.reason() == "session-revoked");
        }
        assert_eq!(ended, 2, "two sessions were named");
        let sent = world.saml().logout_request(&entity_id(), "hank", &[], by_post);
        carry(&mut anybody, &sent.unwrap()).await.expect(200);
        for browser in [&mut first, &mut second, &mut third] {
            browser.fetch("/globex/vision").await.refused(401, "session-revoked");
        }
        other.fetch("/globex/vision").await.expect(200);
    }
}

#[tokio::test]
async fn a_logout_names_people_as_the_provider_does_whatever_they_are_called_here() {
    for (by_session, since_then) in [(true, false), (false, false), (true, true), (false, true)] {
        let world = world_with(|setup| {
            setup.set("globex.saml", "subject", "\"employee\"");
        })
        .await;
        world.saml().behave(|orders| {
            let employee = || ("employee".to_owned(), None, vec!["e-7".to_owned()]);
            orders.say(move |says| says.attributes.push(employee()));
        });
        let mut browser = world.signed_in("globex", "hank").await;
        browser.fetch("/globex/vision").await.expect(200);
        assert_eq!(world.last_at_hub().head.value("x-auth-user").as_deref(), Some("globex:e-7"));
        if since_then {
            world.reload(|text| text.replace("subject = \"employee\"\n", ""));
        }
        let indexes = world.saml().session_indexes("hank");
        let named = if by_session { &indexes[..] } else { &[] };
        let sent = world.saml().logout_request(&entity_id(), "hank", named, false);
        carry(&mut world.browser(), &sent.unwrap()).await.expect(200);
        browser.fetch("/globex/vision").await.refused(401, "session-revoked");
    }
}

#[tokio::test]
async fn a_logout_that_nobody_signed_ends_nothing() {
    let world = world().await;
    let mut hank = world.signed_in("globex", "hank").await;
    let mut anybody = world.browser();
    for by_post in [false, true] {
        for order in [true, false] {
            world.saml().behave(|orders| {
                orders.logout_unsigned = order;
                orders.stranger = !order;
            });
            let sent = world.saml().logout_request(&entity_id(), "hank", &[], by_post);
            carry(&mut anybody, &sent.unwrap()).await.refused(400, "idp-invalid");
        }
    }
    hank.fetch("/globex/vision").await.expect(200);
    // A good one, twice: the second time it is refused.
    world.saml().behave_well();
    let sent = world.saml().logout_request(&entity_id(), "gina", &[], false).unwrap();
    carry(&mut anybody, &sent).await.expect(200);
    carry(&mut anybody, &sent).await.refused(400, "state-unknown");
}

#[tokio::test]
async fn a_logout_that_cannot_be_verified_now_may_come_again() {
    let world = world().await;
    world.saml().behave(|orders| orders.metadata_fault = Some(http::StatusCode::NOT_FOUND));
    let sent = world.saml().logout_request(&entity_id(), "hank", &[], false).unwrap();
    let mut anybody = world.browser();
    let refused = carry(&mut anybody, &sent).await.refused(503, "idp-unreachable");
    assert_eq!(refused.must("retry-after"), "5");
    world.saml().behave_well();
    world.clock.advance(minutes(1));
    let mut hank = world.signed_in("globex", "hank").await;
    carry(&mut anybody, &sent).await.expect(200);
    hank.fetch("/globex/vision").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_logout_outruns_a_sign_in_that_is_under_way() {
    let world = world().await;
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, LOGIN, "hank").await;
    let indexes = world.saml().session_indexes("hank");
    logged_out_on_the_way(&world, &indexes).await;
    let page = browser.submit(&posting, &form, None).await;
    browser.finish(page).await;
    assert_eq!(browser.sign_in_of("globex").await["state"], "revoked");
    browser.fetch("/globex/vision").await.refused(401, "session-revoked");
}

#[tokio::test]
async fn a_logout_outruns_a_sign_in_that_the_provider_began() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "idp_initiated", "true");
    })
    .await;
    let mut browser = world.browser();
    let begin = || world.saml().unsolicited(&entity_id(), "hank", None).unwrap();
    let sent = begin();
    logged_out_on_the_way(&world, &[]).await;
    carry(&mut browser, &sent).await.expect(200);
    assert_eq!(browser.sign_in_of("globex").await["state"], "revoked");
    browser.fetch("/globex/vision").await.refused(401, "session-revoked");
    // What it begins afterwards is another matter.
    carry(&mut browser, &begin()).await.expect(200);
    browser.fetch("/globex/vision").await.expect(200);
}

/// Its provider signs Hank out while an answer about him is on its way.
async fn logged_out_on_the_way(world: &World, indexes: &[String]) {
    world.clock.advance(Duration::from_secs(5));
    let sent = world.saml().logout_request(&entity_id(), "hank", indexes, false);
    carry(&mut world.browser(), &sent.unwrap()).await.expect(200);
    world.clock.advance(Duration::from_secs(5));
}

#[tokio::test]
async fn signing_out_here_signs_out_at_the_provider_too() {
    for post_only in [false, true] {
        let world = world().await;
        world.saml().behave(|orders| orders.post_only = post_only);
        let mut browser = world.signed_in("globex", "hank").await;
        let indexes = world.saml().session_indexes("hank");
        let page = browser.load("/-/sso/logout").await.expect(200);
        let form = page.forms().remove(0);
        let leaving = browser.submit(&page, &form, None).await;
        let done = browser.finish(leaving).await.expect(200);
        assert!(done.url.as_str().starts_with(SITE) && done.text().contains("Signed out"));
        assert!(!done.text().contains("everywhere"), "nothing is left");
        let request = world.saml().received().pop().unwrap();
        assert!(!request.is_response && request.xml.contains("LogoutRequest"));
        assert_eq!(request.text("SessionIndex").as_ref(), indexes.first());
        assert_eq!(request.text("NameID").as_deref(), Some("00u-globex-hank"));
        assert!(request.query.contains("&Signature=") || request.xml.contains("<ds:Signature"));
        assert!(world.saml().session_indexes("hank").is_empty());
        browser.fetch("/globex/vision").await.refused(401, "sign-in-required");
        // The provider asks who it is: its session has ended.
        let names = browser.open(LOGIN).await;
        assert!(names.url.as_str().starts_with(world.saml().origin()));
    }
}

#[tokio::test]
async fn a_logout_that_does_not_reach_everything_is_told() {
    for how in [SignsOut::Partly, SignsOut::Nowhere] {
        let world = world().await;
        world.saml().behave(|orders| orders.signs_out = how);
        let mut browser = world.signed_in("globex", "hank").await;
        let page = browser.load("/-/sso/logout").await.expect(200);
        let form = page.forms().remove(0);
        let leaving = browser.submit(&page, &form, None).await;
        let done = browser.finish(leaving).await.expect(200);
        assert!(done.text().contains("could not sign you out everywhere"), "{}", done.text());
    }
}

#[tokio::test]
async fn a_change_of_keys_in_the_metadata_locks_nobody_out_and_is_reported() {
    let world = world().await;
    world.signed_in("globex", "hank").await;
    world.saml().behave(|orders| orders.new_key_before_signing = true);
    let mut browser = world.signed_in("globex", "gina").await;
    assert_eq!(browser.sign_in_of("globex").await["role"], "admin");
    let key_changes = r#"hubgate_identity_provider_key_changes_total{organization="globex"}"#;
    assert_eq!(world.gate.metric(key_changes), 1);
    let ends = "hubgate_identity_provider_certificate_expiry_timestamp_seconds";
    let ends = world.gate.metric(&format!("{ends}{{organization=\"globex\"}}"));
    assert!(ends > world.clock.seconds(), "{ends}");
    // Signatures of unknown keys make nobody ask for the metadata again and again.
    world.saml().behave(|orders| {
        orders.new_key_before_signing = false;
        orders.stranger = true;
    });
    let asked = world.saml().metadata_fetches();
    for _ in 0..3 {
        let refused = world.browser().sign_in_at(LOGIN, "gina").await;
        refused.refused(403, "idp-invalid");
    }
    assert!(world.saml().metadata_fetches() <= asked + 1);
    // After a minute they may.
    world.saml().behave_well();
    world.saml().behave(|orders| orders.new_key_before_signing = true);
    world.clock.advance(minutes(1));
    world.signed_in("globex", "gina").await;
    assert_eq!(world.gate.metric(key_changes), 2);
}

#[tokio::test]
async fn a_change_of_keys_keeps_no_logout_out() {
    let world = world().await;
    let mut hank = world.signed_in("globex", "hank").await;
    world.saml().rotate_keys(false).unwrap();
    let sent = world.saml().logout_request(&entity_id(), "hank", &[], false).unwrap();
    carry(&mut world.browser(), &sent).await.expect(200);
    hank.fetch("/globex/vision").await.refused(401, "session-revoked");
}

/// Then no key that is known could have made the signature.
#[tokio::test]
async fn a_change_of_keys_may_be_one_of_their_kind() {
    let world = world().await;
    let rsa: String = RSA.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    world.saml().behave(|orders| {
        orders.publish(move |xml| {
            let (before, rest) = xml.split_once("<ds:X509Certificate>").unwrap();
            let (_, after) = rest.split_once("</ds:X509Certificate>").unwrap();
            format!("{before}<ds:X509Certificate>{rsa}</ds:X509Certificate>{after}")
        });
    });
    let mut browser = world.browser();
    let (posting, form) = answer_for(&mut browser, LOGIN, "gina").await;
    world.saml().behave_well();
    let page = browser.submit(&posting, &form, None).await;
    browser.finish(page).await.expect(200);
    assert_eq!(world.saml().metadata_fetches(), 2);
}

#[tokio::test]
async fn the_last_good_metadata_is_kept_until_it_ends() {
    let world = world().await;
    let end = world.clock.now() + minutes(120);
    world.saml().behave(|orders| orders.valid_until = Some(end));
    world.signed_in("globex", "hank").await;
    world.saml().behave(|orders| {
        orders.metadata_fault = Some(http::StatusCode::INTERNAL_SERVER_ERROR);
    });
    world.clock.advance(minutes(90));
    let mut browser = world.signed_in("globex", "gina").await;
    assert_eq!(browser.sign_in_of("globex").await["role"], "admin");
    world.clock.advance(minutes(31));
    let refused = world.browser().load("/-/sso/globex/login").await;
    refused.refused(503, "idp-unreachable");
    browser.fetch("/globex/vision").await.expect(200);
    world.saml().behave_well();
    world.clock.advance(minutes(1));
    world.signed_in("globex", "hank").await;
}

#[tokio::test]
async fn metadata_is_fetched_once_for_all_who_wait_for_it() {
    let world = world().await;
    let waiting = (0..4).map(|_| {
        let mut browser = world.browser();
        async move { browser.load(LOGIN).await.expect(303) }
    });
    all(waiting).await;
    assert_eq!(world.saml().metadata_fetches(), 1);
}

#[tokio::test]
async fn metadata_that_cannot_be_had_is_asked_for_every_ten_seconds() {
    let world = world().await;
    world.saml().behave(|orders| orders.metadata_fault = Some(http::StatusCode::NOT_FOUND));
    for (seconds, asked) in [(0, 1), (9, 1), (1, 2)] {
        world.clock.advance(Duration::from_secs(seconds));
        for _ in 0..2 {
            world.browser().load(LOGIN).await.refused(503, "idp-unreachable");
        }
        assert_eq!(world.saml().metadata_fetches(), asked);
    }
}

/// Whoever takes the address over is not the provider that the organization has chosen.
#[tokio::test]
async fn metadata_that_names_another_provider_than_before_is_not_taken() {
    let world = world().await;
    world.signed_in("globex", "hank").await;
    world.gate.tend(world.clock.now()).await;
    assert_eq!(world.saml().metadata_fetches(), 1, "it is not old");
    let own = world.saml().entity_id();
    world.saml().behave(|orders| {
        orders.publish(move |xml| xml.replace(&own, "https://idp.example/metadata"));
    });
    world.clock.advance(minutes(61));
    world.gate.tend(world.clock.now()).await;
    let up = "hubgate_identity_provider_up{organization=\"globex\"}";
    assert_eq!((world.saml().metadata_fetches(), world.gate.metric(up)), (2, 0));
    world.signed_in("globex", "gina").await;
    world.saml().behave_well();
    world.clock.advance(minutes(1));
    world.gate.tend(world.clock.now()).await;
    let key_changes = "hubgate_identity_provider_key_changes_total{organization=\"globex\"}";
    assert_eq!((world.gate.metric(up), world.gate.metric(key_changes)), (1, 0));
}

#[tokio::test]
async fn metadata_must_describe_the_provider_that_the_configuration_names() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "entity_id", "\"https://idp.example/metadata\"");
    })
    .await;
    let mut browser = world.browser();
    browser.load(LOGIN).await.refused(403, "idp-invalid");
    let own = world.saml().entity_id();
    world.saml().behave(|orders| {
        orders.publish(move |xml| xml.replace(&own, "https://idp.example/metadata"));
    });
    world.clock.advance(minutes(1));
    browser.load(LOGIN).await.expect(303);
}

#[tokio::test]
async fn a_person_may_be_asked_again_who_they_are() {
    let world = world().await;
    let mut browser = world.signed_in("globex", "hank").await;
    browser.open("/-/sso/globex/login?again").await;
    let request = world.saml().received().pop().unwrap();
    assert_eq!(request.attribute("ForceAuthn").as_deref(), Some("true"));
    let known = browser.open("/-/sso/globex/login").await.expect(200);
    assert_eq!(known.url.path(), "/-/sso/", "the provider still knew who it is");
}

#[tokio::test]
async fn a_name_that_changes_at_each_sign_in_names_nobody() {
    let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    let world = world().await;
    let order = move |world: &World| {
        world.saml().behave(move |orders| {
            orders.say(move |says| says.name_id_format = transient.to_owned());
        });
    };
    order(&world);
    let mut browser = world.browser();
    browser.sign_in_at(LOGIN, "hank").await.refused(403, "idp-invalid");
    let world = world_with(|setup| {
        setup.set("globex.saml", "subject", "\"email\"");
    })
    .await;
    order(&world);
    let mut browser = world.signed_in("globex", "hank").await;
    assert_eq!(browser.sign_in_of("globex").await["subject"], json!("hank@globex.com"));
    // Nor do two values name anybody.
    world.saml().behave(|orders| {
        orders.say(|says| says.attributes[0].2.push("gina@globex.com".to_owned()));
    });
    let mut browser = world.browser();
    browser.sign_in_at(LOGIN, "hank").await.refused(403, "idp-invalid");
}

#[tokio::test]
async fn people_are_told_of_by_the_attributes_that_the_configuration_names() {
    let world = world_with(|setup| {
        setup.set("globex.saml", "email_attribute", "\"mail\"");
        setup.set("globex.saml", "name_attribute", "\"nick\"");
        setup.set("globex.saml", "groups_attribute", "\"teams\"");
    })
    .await;
    world.saml().behave(|orders| {
        orders.say(|says| {
            let more = [("mail", "hh@globex.com"), ("nick", "Hanky"), ("teams", "platform")];
            let more = more.map(|(name, value)| (name.to_owned(), None, vec![value.to_owned()]));
            says.attributes.extend(more);
        });
    });
    let mut browser = world.signed_in("globex", "hank").await;
    browser.fetch("/globex/vision").await.expect(200);
    let head = world.last_at_hub().head;
    let told = ["x-auth-email", "x-auth-name", "x-auth-groups", "x-auth-role"];
    let told = told.map(|name| head.value(name).unwrap_or_default());
    assert_eq!(told, ["hh@globex.com", "Hanky", "\"platform\"", "admin"]);
}

/// The assertion in a response.
fn assertion_of(xml: &str) -> &str {
    let from = xml.find("<saml:Assertion").unwrap();
    let end = "</saml:Assertion>";
    &xml[from..xml.find(end).unwrap() + end.len()]
}

#[tokio::test]
async fn an_encrypted_assertion_is_read_with_our_key_and_its_signature_still_counts() {
    let world = world_with(|setup| {
        let pem = format!("{}{}", RSA.private_key, RSA.certificate);
        setup.environment.push(("SP_PEM".to_owned(), pem));
        setup.set("globex.saml", "decryption_keys", "[{ env = \"SP_PEM\" }]");
    })
    .await;
    let text = world.browser().load("/-/sso/globex/saml/metadata").await.expect(200).text();
    assert!(text.contains("use=\"encryption\""), "{text}");
    world.saml().behave(|orders| {
        orders.send(|xml| xml.replace(assertion_of(&xml), &encrypted(assertion_of(&xml))));
    });
    let mut browser = world.browser();
    let (_, form) = answer_for(&mut browser, LOGIN, "hank").await;
    let sent = BASE64_STANDARD.decode(&form.fields[0].1).unwrap();
    assert!(!String::from_utf8(sent).unwrap().contains("hank"), "nobody reads it on the way");
    let mut browser = world.signed_in("globex", "hank").await;
    assert_eq!(browser.sign_in_of("globex").await["role"], "write");
    // Encrypted by anybody, since the key to encrypt to is public.
    world.saml().behave(|orders| orders.signs = Signs::Nothing);
    let mut browser = world.browser();
    let refused = browser.sign_in_at(LOGIN, "gina").await.refused(403, "idp-invalid");
    assert!(cause_of(&refused).contains("signature-missing"), "{}", cause_of(&refused));
    // Without the key nothing is read.
    let closed = world_with(|_| {}).await;
    closed.saml().behave(|orders| {
        orders.send(|xml| xml.replace(assertion_of(&xml), &encrypted(assertion_of(&xml))));
    });
    let refused = closed.browser().sign_in_at(LOGIN, "hank").await;
    refused.refused(403, "idp-invalid");
}
