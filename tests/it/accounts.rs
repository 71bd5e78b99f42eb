//! A hub with accounts: whose credential a request shows, and which sign-in belongs to it.

use hubgate::demo::Fault;
use hubgate::demo::people::{Account, Person};

use crate::saml_gate::carry;
use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser, SESSION};
use crate::support::moving_clock::minutes;
use crate::support::setup::{SITE, Setup};
use crate::support::tool;
use crate::support::world::{World, all};

const WHOAMI: &str = "/api/whoami-v2";
const BERT: &str = "GET /acme/bert/resolve/main/config.json";

async fn world() -> World {
    World::with(|setup| {
        setup.with_accounts();
    })
    .await
}

fn bearer(name: &str) -> String {
    format!("Authorization: Bearer hf_{name}\r\n")
}

/// A browser in which somebody uses the hub.
pub(crate) fn at_hub(world: &World, account: &str) -> Browser {
    let mut browser = world.browser();
    browser.plant("token", &format!("hf_{account}"));
    browser
}

async fn ask(world: &World, line: &str, headers: &str) -> Answer {
    tool::ask(world.gate.address, line, headers).await
}

#[tokio::test]
async fn a_thousand_clients_with_one_cold_token_make_one_question() {
    for threads in ["1", "4"] {
        let world = World::with(|setup| {
            setup.with_accounts().set("server", "threads", threads);
        })
        .await;
        let headers = bearer("moe");
        let line = "GET /acme/demo/resolve/main/config.json";
        let answers = all((0..1000).map(|_| ask(&world, line, &headers))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        let (questions, rest) = world.whoami_and_rest();
        assert_eq!((questions.len(), rest.len()), (1, 1000), "{threads} threads");
    }
}

#[tokio::test]
async fn the_word_on_a_credential_holds_a_minute_and_a_refusal_ten_seconds() {
    let world = world().await;
    let count = || world.whoami_and_rest().0.len();
    for (credential, seconds) in [("moe", 60), ("nobody", 10)] {
        let before = count();
        for wait in [0, seconds - 1, 1] {
            world.clock.advance(std::time::Duration::from_secs(wait));
            ask(&world, "GET /acme/demo", &bearer(credential)).await.expect(200);
        }
        assert_eq!(count() - before, 2, "{credential}");
    }
}

#[tokio::test]
async fn the_question_holds_one_credential_and_nothing_else_and_the_credential_goes_on() {
    let world = world().await;
    let headers = "Cookie: theme=dark; token=hf_moe; a=b\r\nX-Auth-User: evil\r\nX-Other: 1\r\n\
                   X-Forwarded-For: 1.2.3.4\r\n";
    ask(&world, "GET /acme/demo?x=1", headers).await.expect(200);
    let (questions, rest) = world.whoami_and_rest();
    let names = |head: &hubgate::demo::Head| {
        let mut names: Vec<String> =
            head.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    };
    assert_eq!(questions[0].head.target, WHOAMI.as_bytes());
    assert_eq!(names(&questions[0].head), ["accept", "cookie", "host", "user-agent"]);
    assert_eq!(questions[0].head.value("cookie").as_deref(), Some("token=hf_moe"));
    let forwarded = &rest[0].head;
    assert_eq!(forwarded.value("cookie").as_deref(), Some("theme=dark; token=hf_moe; a=b"));
    assert_eq!(forwarded.value("x-auth-user"), None);
}

#[tokio::test]
async fn every_carrier_is_asked_about_and_basic_by_its_password() {
    let world = world().await;
    for headers in [
        "Authorization: Bearer hf_bob\r\n",
        "Authorization: bearer hf_bob\r\n",
        "Authorization: Basic Ym9iOmhmX2JvYg==\r\n",
        "Authorization: Basic eDpoZl9ib2I=\r\n",
        "X-HF-Authorization: Bearer hf_bob\r\n",
        "Cookie: token=hf_bob\r\n",
    ] {
        let answer = ask(&world, BERT, headers).await;
        assert_eq!(answer.reason(), "sign-in-required", "{headers}");
        world.clock.advance(minutes(2));
    }
    assert!(world.whoami_and_rest().1.is_empty());
}

#[tokio::test]
async fn credentials_with_two_readings_are_refused() {
    let world = world().await;
    for headers in [
        "Authorization: Bearer hf_bob\r\nX-HF-Authorization: Bearer hf_moe\r\n",
        "Cookie: token=hf_moe\r\nAuthorization: Bearer hf_bob\r\n",
        "Authorization: Bearer hf_moe\r\nAuthorization: Bearer hf_bob\r\n",
        "X-HF-Authorization: Bearer hf_moe\r\nX-HF-Authorization: Bearer hf_bob\r\n",
        "X_HF_Authorization: Bearer hf_bob\r\n",
        "Cookie: token=hf_moe; token=hf_bob\r\n",
        "Cookie: token=hf_moe\r\nCookie: token=hf_bob\r\n",
        "Cookie: token =hf_bob\r\n",
        "Cookie: a=1, token=hf_bob\r\n",
        "Cookie: tok%65n=hf_bob\r\n",
    ] {
        ask(&world, "GET /acme/demo", headers).await.refused(400, "ambiguous-headers");
    }
    // A signature over one request, or a scheme that we do not know, is nobody's.
    for headers in ["Authorization: AWS4-HMAC-SHA256 Credential=x\r\n", "Authorization: x\r\n"] {
        let answer = ask(&world, "GET /acme/demo", headers).await;
        answer.refused(403, "credential-unidentified");
    }
    assert!(world.whoami_and_rest().1.is_empty());
}

#[tokio::test]
async fn while_the_hub_does_not_say_whose_a_credential_is_nothing_passes() {
    let world = World::with(|setup| {
        setup.with_accounts().set("hub.whoami", "answer_timeout", "\"50ms\"");
    })
    .await;
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Status(302),
        Fault::Status(429),
        Fault::Close,
        Fault::Hang,
        Fault::HangInBody,
        Fault::Huge(4 << 20),
        Fault::Body("text/html".to_owned(), "<html>".to_owned()),
        Fault::Body("application/json".to_owned(), "[]".to_owned()),
        Fault::Body("application/json".to_owned(), "{}".to_owned()),
        Fault::Body("application/json".to_owned(), r#"{"id":"1","name":"bob"}"#.to_owned()),
        Fault::Body("application/json".to_owned(), r#"{"name":"bob","orgs":[]}"#.to_owned()),
    ] {
        world.hub.fail(WHOAMI, Some(fault.clone()));
        let answer = ask(&world, "GET /acme/demo", &bearer("bob")).await;
        assert_eq!(answer.must("retry-after"), "5", "{fault:?}");
        answer.refused(503, "whoami-unavailable");
        // Without a credential there is nothing to ask.
        ask(&world, "GET /acme/demo", "").await.expect(200);
    }
    // Errors are not remembered.
    world.hub.fail(WHOAMI, None);
    ask(&world, "GET /acme/demo", &bearer("bob")).await.refused(403, "sign-in-required");
}

#[tokio::test]
async fn the_hub_hears_its_own_name_of_the_account_and_the_role_of_the_sign_in() {
    let world = world().await;
    let mut bob = at_hub(&world, "bob");
    bob.sign_in_at("/acme/bert", "bob").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.value("x-auth-user").as_deref(), Some("5f0cbob"));
    assert_eq!(told.value("x-auth-org").as_deref(), Some("acme"));
    assert_eq!(told.value("x-auth-role").as_deref(), Some("write"));
    bob.load("/moe/open-model").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-user").as_deref(), Some("5f0cbob"));
}

#[tokio::test]
async fn a_token_passes_while_its_owner_is_signed_in_somewhere_and_ends_at_once() {
    let world = World::with(|setup| {
        setup.with_accounts().set("globex", "link_by", "\"membership\"");
        setup.accounts[1].organizations.push(("globex".to_owned(), "read".to_owned()));
    })
    .await;
    ask(&world, BERT, &bearer("bob")).await.refused(403, "sign-in-required");
    let mut bob = at_hub(&world, "bob");
    bob.sign_in("acme", "bob").await;
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-user").as_deref(), Some("5f0cbob"));
    // Another's token gains nothing by it.
    ask(&world, BERT, &bearer("carol")).await.refused(403, "sign-in-required");
    // The browser's id changes when it signs in elsewhere; the token follows.
    bob.sign_in("globex", "hank").await;
    ask(&world, "GET /globex/vision", &bearer("bob")).await.expect(200);
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    let sid = world.acme.sid("bob").unwrap();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("iss", world.acme.issuer()), ("sid", &sid)])
        .finish();
    bob.load(&format!("/-/sso/acme/oidc/frontchannel-logout?{query}")).await.expect(200);
    ask(&world, BERT, &bearer("bob")).await.refused(403, "session-expired");
}

#[tokio::test]
async fn a_sign_in_is_not_inherited_by_another_account_in_the_same_browser() {
    let world = world().await;
    let mut browser = at_hub(&world, "bob");
    browser.sign_in_at("/acme/bert", "bob").await.expect(200);
    // The hub's cookie changes hands; the session stays.
    browser.plant("token", "hf_carol");
    let answer = browser.fetch("/acme/bert").await;
    answer.refused(401, "sign-in-required");
    browser.plant("token", "hf_bob");
    browser.fetch("/acme/bert").await.expect(200);
    // Nor by nobody.
    browser.jar.retain(|cookie| cookie.name != "token");
    browser.fetch("/acme/bert").await.expect(401);
    assert_eq!(world.last_at_hub().head.value("x-auth-user"), None);
}

#[tokio::test]
async fn a_changed_link_is_refused_until_an_administrator_allows_it() {
    let folder = std::env::temp_dir().join(format!("hubgate-links-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("links.jsonl");
    let world = World::with(|setup| {
        setup.with_accounts().set("hub", "links", &format!("{:?}", file.display().to_string()));
        // Bob's account was made anew at the hub, with another id.
        let mut again = Account::new("bob2", "bob@acme.com", &[("acme", "write")]);
        again.id = "another".to_owned();
        setup.accounts.push(again);
    })
    .await;
    let mut first = at_hub(&world, "bob");
    first.sign_in_at("/acme/bert", "bob").await.expect(200);
    let mut second = at_hub(&world, "bob2");
    let refused = second.sign_in_at("/acme/bert", "bob").await;
    assert!(refused.text().contains("an administrator of the hub can allow"), "{}", refused.text());
    refused.refused(403, "account-linked");
    ask(&world, BERT, &bearer("bob2")).await.refused(403, "sign-in-required");
    // The file survives the process: another gate refuses too.
    let other = world.another_gate(|text| text);
    let mut third = world.browser_at(other.address);
    third.plant("token", "hf_bob2");
    third.sign_in_at("/acme/bert", "bob").await.refused(403, "account-linked");
    // What an administrator writes counts at once.
    let line = "{\"organization\":\"acme\",\"account\":\"5f0cbob\",\"removed\":true}\n";
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    std::fs::write(&file, text + line).unwrap();
    second.sign_in_at("/acme/bert", "bob").await.expect(200);
    first.fetch("/acme/bert").await.refused(401, "sign-in-required");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn accounts_are_linked_by_an_address_that_both_sides_have_verified() {
    let world = World::with(|setup: &mut Setup| {
        setup.with_accounts();
        // Carol's account at the hub has another address; so has somebody at the provider.
        setup.accounts[2].email = "carol@home.example".to_owned();
        let mut dave = Account::new("dave", "dave@acme.com", &[("acme", "read")]);
        dave.email_verified = false;
        setup.accounts.push(dave);
        setup.acme.people.push(Person::new("Zoe", "zoe@acme.com", &["everyone"], ""));
    })
    .await;
    for (account, person) in [("carol", "carol"), ("dave", "dave"), ("bob", "zoe")] {
        let mut browser = at_hub(&world, account);
        let page = browser.sign_in_at("/acme/bert", person).await;
        page.refused(403, "account-unmatched");
        assert_eq!(browser.cookie(SESSION), None, "{account}");
    }
}

#[tokio::test]
async fn whoever_signs_in_before_the_hub_knows_them_is_linked_when_it_does() {
    let world = world().await;
    let mut bob = world.browser();
    bob.sign_in("acme", "bob").await;
    bob.fetch("/acme/bert").await.expect(401);
    assert_eq!(bob.fetch("/acme/bert").await.reason(), "", "the hub's own answer");
    bob.plant("token", "hf_bob");
    bob.fetch("/acme/bert").await.expect(200);
    ask(&world, BERT, &bearer("bob")).await.expect(200);
}

#[tokio::test]
async fn the_browser_of_a_member_whose_sign_in_ended_is_challenged_without_an_account_too() {
    let world = world().await;
    let mut bob = at_hub(&world, "bob");
    bob.sign_in("acme", "bob").await;
    bob.jar.retain(|cookie| cookie.name != "token");
    bob.fetch("/acme/demo").await.expect(200);
    world.clock.advance(minutes(60 * 24 * 8));
    bob.fetch("/acme/demo").await.refused(401, "session-expired");
    world.browser().fetch("/acme/demo").await.expect(200);
}

/// Gitea's API answers tokens alone, and 401 to the cookie that its pages go by.
#[tokio::test]
async fn a_cookie_of_which_the_hub_says_nothing_passes_for_nobody_and_needs_a_sign_in() {
    for setting in [("cookies_tell", "false"), ("preset", "\"gitea\"")] {
        let world = World::with(|setup| {
            let (key, value) = setting;
            setup.with_accounts().set("hub.whoami", key, value);
            setup.set("hub.whoami", "cookies", "[\"token\"]");
            // Another address says nothing of cookies.
            setup.set("hub.whoami", "path", "\"/api/whoami-v2\"");
        })
        .await;
        let mut bob = at_hub(&world, "bob");
        for path in ["/acme/bert", "/acme/demo"] {
            bob.fetch(path).await.refused(401, "sign-in-required");
            bob.load(path).await.expect(303);
        }
        assert!(world.whoami_and_rest().1.is_empty(), "nothing has reached the hub");
        // On pages of no organization nothing rests on it, and without a cookie the hub answers.
        bob.fetch("/initech/free").await.expect(404);
        world.browser().fetch("/acme/demo").await.expect(200);
        // Beside a token there would be two answers to who is asking.
        let both = format!("Cookie: token=hf_bob\r\n{}", bearer("bob"));
        if setting.0 == "cookies_tell" {
            ask(&world, BERT, &both).await.refused(403, "credential-unidentified");
        }
        bob.sign_in("acme", "bob").await;
        bob.fetch("/acme/bert").await.expect(200);
        bob.fetch("/globex/vision").await.refused(401, "sign-in-required");
        let settings = Ask::post("/acme/bert/settings").header("Origin", SITE);
        bob.send(settings).await.refused(403, "role-too-low");
        let asked = world.whoami_and_rest().0;
        assert!(
            asked.iter().all(|one| one.head.value("cookie").is_none()),
            "no cookie is asked about"
        );
        world.clock.advance(minutes(60 * 24 * 8));
        bob.fetch("/acme/demo").await.refused(401, "session-expired");
    }
}

#[tokio::test]
async fn a_page_load_that_the_hub_refuses_is_offered_the_sign_in_whether_or_not_there_is_something()
{
    let world = world().await;
    let mut pages = Vec::new();
    for name in ["bert", "nope"] {
        let mut answer = world.browser().load(&format!("/acme/{name}")).await.expect(401);
        let text = answer.text();
        assert!(text.contains(&format!("/-/sso/acme/login?return_to=%2Facme%2F{name}")), "{text}");
        assert!(answer.must("x-hub-sso").starts_with("offered; organization=acme; url="));
        let id = answer.request_id().to_owned();
        answer.headers.remove("x-request-id");
        answer.headers.remove("date");
        pages.push((answer.headers, text.replace(&id, "").replace(name, "")));
        let mut moe = at_hub(&world, "moe");
        assert_eq!(moe.load(&format!("/acme/{name}")).await.header("x-hub-sso"), None);
    }
    let [private, missing] = pages.as_slice() else { panic!() };
    let mut lengths = [private, missing].map(|(headers, _)| headers.clone());
    lengths.iter_mut().for_each(|headers| drop(headers.remove("content-length")));
    assert_eq!(lengths[0], lengths[1]);
    assert_eq!(private.1, missing.1);
    // The same work: one request each at the hub, and none of our own.
    let (questions, rest) = world.whoami_and_rest();
    assert!(questions.len() == 1 && rest.len() == 4, "{} {}", questions.len(), rest.len());
    // Programs and scripts get the hub's own answer, and what is there is nobody's business.
    ask(&world, BERT, "").await.expect(401);
    assert_eq!(ask(&world, BERT, "").await.reason(), "");
    world.browser().fetch("/acme/bert").await.expect(401);
    let page = world.browser().load("/acme/demo").await.expect(200);
    assert_eq!(page.header("x-hub-sso"), None);
}

#[tokio::test]
async fn lists_across_organizations_say_whose_sign_in_is_lacking() {
    let world = world().await;
    let sso = async |headers: &str| {
        let answer = ask(&world, "GET /api/models?author=acme", headers).await.expect(200);
        answer.header("x-hub-sso").map(str::to_owned)
    };
    let both = "partial-results; organizations=acme,globex";
    assert_eq!(sso(&bearer("alice")).await.as_deref(), Some(both));
    assert_eq!(sso(&bearer("moe")).await, None);
    assert_eq!(sso("").await, None);
    at_hub(&world, "alice").sign_in("acme", "alice").await;
    let one = "partial-results; organizations=globex";
    assert_eq!(sso(&bearer("alice")).await.as_deref(), Some(one));
}

#[tokio::test]
async fn every_list_of_the_url_map_says_so_and_nothing_else_does() {
    let world = world().await;
    let partial = async |line: &str| {
        let answer = ask(&world, line, &bearer("gina")).await;
        let told = answer.header("x-hub-sso").map(str::to_owned);
        assert!(told.is_none() || told.as_deref() == Some("partial-results; organizations=globex"));
        told.is_some()
    };
    let types = ["models", "datasets", "spaces", "kernels", "buckets"];
    for kind in types {
        for path in [format!("/api/{kind}"), format!("/{kind}"), format!("/hf/api/{kind}/")] {
            assert!(partial(&format!("GET {path}?author=acme&limit=30")).await, "{path}");
            assert!(partial(&format!("HEAD {path}")).await, "{path}");
            assert!(!partial(&format!("POST {path}")).await, "{path}");
        }
    }
    for path in [
        "/api/collections?owner=acme",
        "/collections",
        "/api/quicksearch?q=bert",
        "/api/trending?type=model",
        "/api/recent-activity",
        "/api/v1/codes",
        "/csg/api/v1/models",
    ] {
        assert!(partial(&format!("GET {path}")).await, "{path}");
    }
    for path in
        ["/", "/moe/open-model", "/api/models/moe/open-model", "/api/whoami-v2", "/v1/models"]
    {
        assert!(!partial(&format!("GET {path}")).await, "{path}");
    }
}

#[tokio::test]
async fn a_browser_of_which_the_hub_says_nothing_must_sign_in_and_is_asked_about_with_no_one() {
    let world = World::with(|setup| {
        setup.with_accounts().set("hub.whoami", "preset", "\"csghub\"");
        setup.set("hub.whoami", "cookies", "[\"token\"]");
    })
    .await;
    let mut bob = at_hub(&world, "bob");
    bob.fetch("/acme/demo").await.refused(401, "sign-in-required");
    assert!(world.whoami_and_rest().0.is_empty(), "it is not asked whose a cookie is");
    bob.sign_in("acme", "carol").await;
    bob.fetch("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-user"), None);
    bob.fetch("/acme/bert/settings").await.refused(403, "role-too-low");
    world.clock.advance(minutes(60 * 24 * 8));
    bob.fetch("/acme/demo").await.refused(401, "session-expired");
    // Nobody's browser has no cookie of the hub's.
    world.browser().fetch("/acme/demo").await.expect(200);
}

/// What an answer says beside the name that was asked for and the request's own marks.
fn told(mut answer: Answer, name: &str) -> (u16, http::HeaderMap, String) {
    let id = answer.request_id().to_owned();
    answer.headers.remove("x-request-id");
    answer.headers.remove("date");
    for value in answer.headers.values_mut() {
        *value = value.to_str().unwrap().replace(name, "____").parse().unwrap();
    }
    let text = answer.text().replace(&id, "").replace(name, "____");
    (answer.status, answer.headers, text)
}

#[tokio::test]
async fn what_is_private_and_what_is_missing_are_the_same_to_whoever_may_not_see_it() {
    let world = world().await;
    let page = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n";
    let script = "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nAccept: */*\r\n";
    let hf = "User-Agent: unknown/None; hf_hub/2.4.0; python/3.11.7\r\nAccept: */*\r\n";
    let git = "User-Agent: git/2.47.3\r\nAccept: */*\r\n";
    for caller in ["", "hf_nobody", "hf_moe", "hf_gina", "hf_bob"] {
        for (client, headers, lines) in [
            ("page", page, ["GET /acme/NAME", "GET /acme/NAME/tree/main"]),
            ("script", script, ["GET /acme/NAME", "GET /api/models/acme/NAME"]),
            ("hf", hf, ["HEAD /acme/NAME/resolve/main/config.json", "GET /api/models/acme/NAME"]),
            (
                "git",
                git,
                ["GET /acme/NAME.git/info/refs?service=git-upload-pack", "GET /acme/NAME.git/HEAD"],
            ),
        ] {
            let credential = match (caller, client) {
                ("", _) => String::new(),
                (_, "page" | "script") => format!("Cookie: token={caller}\r\n"),
                _ => format!("Authorization: Bearer {caller}\r\n"),
            };
            let headers = format!("{headers}{credential}");
            // The hub's word on the credential is had once.
            ask(&world, "GET /moe/open-model", &headers).await;
            for line in lines {
                let mut seen = Vec::new();
                for name in ["bert", "nope"] {
                    let before = world.hub.received().len();
                    let answer = ask(&world, &line.replace("NAME", name), &headers).await;
                    let work = world.hub.received().len() - before;
                    seen.push((told(answer, name), work));
                }
                assert_eq!(seen[0], seen[1], "{caller} {client} {line}");
                assert!(seen[0].0.0 >= 300, "{caller} {client} {line}: {seen:?}");
            }
        }
    }
}

/// Tells the gate that the provider takes its word back.
async fn back_channel(world: &World, subject: Option<&str>, session: Option<&str>) {
    let token = world.acme.logout_token("hub-at-acme", subject, session).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /-/sso/acme/oidc/backchannel-logout";
    let form = format!("logout_token={token}");
    tool::send(world.gate.address, line, kind, form.as_bytes()).await.expect(200);
}

#[tokio::test]
async fn the_end_of_a_session_that_the_provider_names_is_its_word_on_who_is_in_it() {
    let world = World::with(|setup| {
        setup.with_accounts().set("acme", "tokens", "\"authorized-once\"");
    })
    .await;
    at_hub(&world, "bob").sign_in("acme", "bob").await;
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    back_channel(&world, None, world.acme.sid("bob").as_deref()).await;
    ask(&world, BERT, &bearer("bob")).await.refused(403, "session-revoked");
}

#[tokio::test]
async fn the_providers_word_ends_the_tokens_of_somebody_who_has_signed_out_here() {
    for by_saml in [false, true] {
        let world = World::with(|setup| {
            setup.with_accounts().set("acme", "tokens", "\"authorized-once\"");
            if by_saml {
                setup.by_saml("acme");
            }
        })
        .await;
        let mut bob = at_hub(&world, "bob");
        bob.sign_in("acme", "bob").await;
        bob.fetch("/acme/bert").await.expect(200);
        let left = bob.send(Ask::post("/-/sso/logout").page().header("Origin", SITE)).await;
        bob.finish(left).await.expect(200);
        ask(&world, BERT, &bearer("bob")).await.expect(200);
        if by_saml {
            let entity_id = format!("{SITE}/-/sso/acme/saml/metadata");
            let sent = world.saml_of("acme").logout_request(&entity_id, "bob", &[], false).unwrap();
            carry(&mut world.browser(), &sent).await.expect(200);
        } else {
            back_channel(&world, Some("00u-acme-bob"), None).await;
        }
        ask(&world, BERT, &bearer("bob")).await.refused(403, "session-revoked");
    }
}

#[tokio::test]
async fn a_token_that_was_authorized_once_outlives_the_sign_in_and_not_the_providers_word() {
    let folder = Links::folder("once");
    let world = World::with(|setup| {
        setup.with_accounts().set("acme", "tokens", "\"authorized-once\"");
        setup.set("hub", "links", &folder.value());
    })
    .await;
    ask(&world, BERT, &bearer("bob")).await.refused(403, "sign-in-required");
    at_hub(&world, "bob").sign_in("acme", "bob").await;
    world.clock.advance(minutes(60 * 24 * 8));
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    // Nobody else's word counts.
    back_channel(&world, Some("00u-acme-carol"), None).await;
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    back_channel(&world, Some("00u-acme-bob"), None).await;
    ask(&world, BERT, &bearer("bob")).await.refused(403, "session-revoked");
    // After a restart too.
    let other = world.another_gate(|text| text);
    tool::ask(other.address, BERT, &bearer("bob")).await.refused(403, "session-revoked");
    // Another sign-in gives it anew, in whatever order account and person are seen.
    world.clock.advance(minutes(1));
    let mut bob = world.browser();
    bob.sign_in("acme", "bob").await;
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    world.clock.advance(minutes(60 * 24 * 8));
    ask(&world, BERT, &bearer("bob")).await.expect(200);
}

#[tokio::test]
async fn a_refresh_that_is_refused_ends_what_was_authorized_once() {
    let world = World::with(|setup| {
        setup.with_accounts().set("acme", "tokens", "\"authorized-once\"");
        let scopes = "[\"profile\", \"email\", \"groups\", \"offline_access\"]";
        setup.set("acme.oidc", "scopes", scopes);
    })
    .await;
    at_hub(&world, "bob").sign_in("acme", "bob").await;
    ask(&world, BERT, &bearer("bob")).await.expect(200);
    world.acme.change("bob", |bob| bob.active = false);
    world.clock.advance(minutes(60));
    let refused = async || {
        let answer = ask(&world, BERT, &bearer("bob")).await;
        (answer.status == 403).then_some(answer)
    };
    world.until(refused).await.refused(403, "session-revoked");
}

/// A folder for the links of a test.
struct Links(std::path::PathBuf);

impl Links {
    fn folder(name: &str) -> Self {
        let name = format!("hubgate-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The file, as the configuration names it.
    fn value(&self) -> String {
        format!("{:?}", self.0.join("links.jsonl").display().to_string())
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn an_administrator_lists_links_and_ends_one_while_the_gate_runs() {
    let folder = Links::folder("admin");
    let world = World::with(|setup| {
        setup.with_accounts().set("hub", "links", &folder.value());
        let mut again = Account::new("bob2", "bob@acme.com", &[("acme", "write")]);
        again.id = "another".to_owned();
        setup.accounts.push(again);
    })
    .await;
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_hubgate"))
            .arg("links")
            .args(arguments)
            .arg("--config")
            .arg(world.gate.folder.path("hub.toml"))
            .env("CLIENT_SECRET", crate::support::setup::CLIENT_SECRET)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout) + &text(output.stderr))
    };
    assert_eq!(run(&["list"]), (Some(0), "no links\n".to_owned()));
    let mut first = at_hub(&world, "bob");
    first.sign_in_at("/acme/bert", "bob").await.expect(200);
    let mut second = at_hub(&world, "bob2");
    second.sign_in_at("/acme/bert", "bob").await.refused(403, "account-linked");
    let (exit, listed) = run(&["show", "bob"]);
    let line = format!(
        "acme: account bob (id:5f0cbob) is 00u-acme-bob at {}, write\n",
        world.acme.issuer()
    );
    assert_eq!((exit, listed.as_str()), (Some(0), line.as_str()));
    assert_eq!(run(&["list", "--organization", "globex"]).1, "no links\n");
    let (exit, refused) = run(&["allow", "--organization", "acme", "carol"]);
    assert_eq!(exit, Some(64), "{refused}");
    let (exit, ended) = run(&["allow", "--organization", "acme", "subject:00u-acme-bob"]);
    assert_eq!(exit, Some(0), "{ended}");
    assert!(ended.contains("The next sign-in at ACME Corp links"), "{ended}");
    second.sign_in_at("/acme/bert", "bob").await.expect(200);
    first.fetch("/acme/bert").await.refused(401, "sign-in-required");
    let (_, json) = run(&["list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["links"][0]["account"], "another");
    assert_eq!(json["links"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tools_with_a_stored_token_are_refused_in_their_own_dialect() {
    let world = world().await;
    let git = "User-Agent: git/2.47.3\r\nAuthorization: Basic Ym9iOmhmX2JvYg==\r\n";
    let line = "GET /acme/demo.git/info/refs?service=git-upload-pack";
    let answer = ask(&world, line, git).await.refused(403, "sign-in-required");
    assert_eq!(answer.header("www-authenticate"), None, "a second 401 would erase the token");
    assert_eq!(answer.must("content-type"), "text/plain; charset=utf-8");
    let lfs =
        format!("{git}Accept: application/vnd.git-lfs+json\r\nContent-Type: application/json\r\n");
    let line = "POST /acme/demo.git/info/lfs/objects/batch";
    for operation in ["upload", "download"] {
        let body = format!("{{\"operation\":\"{operation}\",\"objects\":[]}}");
        let answer = tool::send(world.gate.address, line, &lfs, body.as_bytes()).await;
        let answer = answer.refused(403, "sign-in-required");
        assert!(answer.json()["message"].as_str().unwrap().contains("/-/sso/acme/login"));
        assert_eq!(answer.header("lfs-authenticate"), None);
    }
    let xet = "GET /api/models/acme/demo/xet-write-token/main";
    let answer = ask(&world, xet, &bearer("bob")).await.refused(403, "sign-in-required");
    assert!(answer.must("x-error-message").contains("/-/sso/acme/login"));
    assert_eq!(answer.header("x-error-code"), None);
    assert!(world.whoami_and_rest().1.is_empty());
    // Without a token git is asked for one, by the hub itself.
    let line = "GET /acme/bert.git/info/refs?service=git-upload-pack";
    let answer = ask(&world, line, "User-Agent: git/2.47.3\r\n").await.expect(401);
    assert_eq!(answer.must("www-authenticate"), "Basic realm=\"hub\"");
    // And with a token of somebody who is signed in, it goes on.
    at_hub(&world, "bob").sign_in("acme", "bob").await;
    ask(&world, line, git).await.expect(200);
}

#[tokio::test]
async fn a_script_may_send_its_own_token_beside_the_browsers_cookie() {
    let world = world().await;
    let mut bob = at_hub(&world, "bob");
    bob.sign_in("acme", "bob").await;
    let ask = Ask::get("/acme/bert").script().header("Authorization", "Bearer hf_bob");
    bob.send(ask).await.expect(200);
    let ask = Ask::get("/acme/bert").script().header("Authorization", "Bearer hf_carol");
    bob.send(ask).await.refused(400, "ambiguous-headers");
}
