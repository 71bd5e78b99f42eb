//! Forward-auth under attack: each contract reads its own fields, from its own proxies, and says no
//! in a form that the proxy passes on.

mod apart;
mod credentials;
mod fields;
mod framing;
mod grpc;

use crate::support::answer::Answer;
use crate::support::browser::SESSION;
use crate::support::served::cause_of;
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

/// A contract, as its proxy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contract {
    Nginx,
    Forward,
    Envoy,
}

const ALL: [Contract; 3] = [Contract::Nginx, Contract::Forward, Contract::Envoy];
const PAGE: &str = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";

impl Contract {
    /// The question for `METHOD /path`: the request line, and the contract's own fields.
    fn question(self, line: &str) -> (String, String) {
        let (method, target) = line.split_once(' ').unwrap();
        match self {
            Self::Nginx => (
                "GET /-/sso/authz/nginx".to_owned(),
                format!("X-Original-URL: {SITE}{target}\r\nX-Original-Method: {method}\r\n"),
            ),
            Self::Forward => (
                "GET /-/sso/authz/forward".to_owned(),
                format!(
                    "X-Forwarded-Method: {method}\r\nX-Forwarded-Proto: https\r\n\
                     X-Forwarded-Host: hub.example.com\r\nX-Forwarded-Uri: {target}\r\n"
                ),
            ),
            Self::Envoy => (format!("{method} /-/sso/authz/envoy{target}"), String::new()),
        }
    }

    async fn ask(self, world: &World, line: &str, headers: &str) -> Answer {
        let (own, fields) = self.question(line);
        tool::ask_both_ways(world.gate.address, &own, &format!("{fields}{headers}")).await
    }

    /// The status of a refusal that is `status` where any can be passed on.
    fn passed_on(self, status: u16) -> u16 {
        match (self, status) {
            (Self::Nginx, 303) => 401,
            (Self::Nginx, 401) => 401,
            (Self::Nginx, _) => 403,
            (Self::Forward | Self::Envoy, _) => status,
        }
    }
}

async fn world() -> World {
    world_with(&[]).await
}

async fn world_with(keys: &[(&str, &str, &str)]) -> World {
    World::with(|setup| {
        setup.set("server", "trusted_proxies", "[\"127.0.0.1\"]");
        for (section, key, value) in keys {
            setup.set(section, key, value);
        }
    })
    .await
}

async fn cookie(world: &World, organization: &str, person: &str) -> String {
    let session = world.signed_in(organization, person).await.session();
    format!("Cookie: {SESSION}={session}\r\n")
}

#[tokio::test]
async fn a_page_load_is_led_to_the_sign_in_and_back() {
    let world = world().await;
    for contract in ALL {
        let line = "GET /acme/bert/blob/main/a%2Fb?x=1&y=%20";
        let refused = contract.ask(&world, line, PAGE).await;
        let refused = refused.refused(contract.passed_on(303), "sign-in-required");
        let location = refused.must("location");
        let begin = format!("{SITE}/-/sso/acme/login?return_to=");
        assert!(location.starts_with(&begin), "{contract:?}: {location}");
        let target = location.strip_prefix(SITE).unwrap().to_owned();
        let landed = world.browser().sign_in_at(&target, "bob").await;
        assert_eq!(landed.url.as_str(), format!("{SITE}/acme/bert/blob/main/a%2Fb?x=1&y=%20"));
    }
}

#[tokio::test]
async fn tools_get_their_own_dialect() {
    let world = world().await;
    let basic = "Authorization: Basic eDp5\r\n";
    let json = "Accept: application/vnd.git-lfs+json\r\n";
    for contract in ALL {
        for (line, headers, status) in [
            ("GET /acme/bert", "", 403),
            ("HEAD /acme/bert/resolve/main/x", "", 403),
            ("GET /acme/bert", "Sec-Fetch-Mode: cors\r\n", 401),
            ("GET /acme/bert", "Upgrade: websocket\r\nConnection: Upgrade\r\n", 401),
            ("GET /acme/bert", "Accept: text/event-stream\r\n", 401),
            ("GET /acme/bert", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", 403),
            ("POST /acme/bert", PAGE, 403),
            ("GET /acme/bert.git/info/refs?service=git-upload-pack", "", 401),
            ("GET /acme/bert.git/info/refs?service=git-upload-pack", basic, 403),
            ("POST /acme/bert.git/info/lfs/locks/verify", json, 401),
        ] {
            let answer = contract.ask(&world, line, headers).await;
            let answer = answer.refused(contract.passed_on(status), "sign-in-required");
            let what = format!("{contract:?} {line} {headers}");
            assert_eq!(answer.header("location"), None, "{what}");
            assert!(answer.must("x-error-message").contains("/-/sso/acme/login"), "{what}");
            let sso = answer.must("x-hub-sso");
            assert!(sso.starts_with("required; organization=acme; url=https://"), "{what}: {sso}");
            let asks = answer.header("www-authenticate").is_some();
            assert_eq!(asks, status == 401, "{what}");
        }
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_yes_names_every_header_once_and_nothing_else() {
    let world = world().await;
    let carol = cookie(&world, "acme", "carol").await;
    let names = ["user", "email", "name", "org", "role", "orgs", "groups", "assertion"]
        .map(|name| format!("x-auth-{name}"));
    let spoofed: String =
        names.iter().map(|name| format!("{name}: evil\r\n{name}: evil2\r\n")).collect();
    for contract in ALL {
        let nobody = contract.ask(&world, "GET /acme/demo", &spoofed).await.expect(200);
        assert!(names.iter().all(|name| nobody.must(name).is_empty()), "{nobody:?}");
        let carol = contract.ask(&world, "GET /acme/bert", &format!("{carol}{spoofed}")).await;
        let carol = carol.expect(200);
        assert_eq!(carol.must("x-auth-email"), "carol@acme.com");
        assert_eq!(carol.must("x-auth-orgs"), "acme:read");
        assert_eq!(carol.must("x-auth-groups"), "\"everyone\"");
        for answer in [nobody, carol] {
            assert!(names.iter().all(|name| answer.header(name).is_some()));
            assert_eq!((answer.text().as_str(), answer.must("cache-control")), ("", "no-store"));
            let others = answer.headers.keys().map(http::HeaderName::as_str).filter(|name| {
                !name.starts_with("x-auth-")
                    && !["cache-control", "x-request-id", "content-length", "date", "connection"]
                        .contains(name)
                    && !["cookie", "authorization", "x-hf-authorization"].contains(name)
            });
            assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{contract:?}");
        }
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_yes_says_what_is_left_of_the_cookies_without_ours() {
    let world = world().await;
    let session = world.signed_in("acme", "carol").await.session();
    for contract in ALL {
        let headers = format!(
            "Cookie: a=1; {SESSION}={session}; b=2\r\nCookie: {SESSION}-login-1=x; c=3\r\n"
        );
        let answer = contract.ask(&world, "GET /acme/bert", &headers).await.expect(200);
        assert_eq!(answer.must("cookie"), "a=1; b=2; c=3");
        let headers = format!("Cookie: {SESSION}={session}\r\n");
        let answer = contract.ask(&world, "GET /acme/bert", &headers).await.expect(200);
        assert_eq!(answer.must("cookie"), "");
        let answer = contract.ask(&world, "GET /acme/demo", "").await.expect(200);
        assert_eq!(answer.must("cookie"), "");
    }
}

#[tokio::test]
async fn a_role_that_is_too_low_is_no() {
    let world = world().await;
    let carol = cookie(&world, "acme", "carol").await;
    for contract in ALL {
        let answer = contract.ask(&world, "PUT /api/models/acme/bert/settings", &carol).await;
        answer.refused(403, "role-too-low");
    }
}

#[tokio::test]
async fn where_sign_in_is_optional_a_yes_says_that_it_is_offered() {
    let world = world_with(&[("acme", "enforcement", "\"optional\"")]).await;
    for contract in ALL {
        let answer = contract.ask(&world, "GET /acme/bert", "").await.expect(200);
        assert!(answer.must("x-hf-warning").contains("Sign in to ACME Corp at https://"));
        assert!(answer.must("x-hub-sso").starts_with("optional; organization=acme; url="));
        assert_eq!(answer.must("x-auth-user"), "");
    }
}

#[tokio::test]
async fn an_ended_session_is_nobody() {
    let world = world().await;
    let session = world.signed_in("acme", "carol").await.session();
    let carol = format!("Cookie: {SESSION}={session}\r\n");
    world.clock.advance(std::time::Duration::from_secs(8 * 24 * 60 * 60));
    for contract in ALL {
        contract.ask(&world, "GET /acme/bert", &carol).await.refused(403, "session-expired");
        contract.ask(&world, "GET /acme/demo", &carol).await.refused(403, "session-expired");
    }
}

#[tokio::test]
async fn our_own_pages_are_not_had_by_asking() {
    let world = world().await;
    for contract in ALL {
        for target in [
            "/-/sso/",
            "/-/sso/session",
            "/-/sso/authz/nginx",
            "/-/sso/authz/envoy/acme/demo",
            "/%2d/sso/acme/login",
            "/-/anything",
        ] {
            let answer = contract.ask(&world, &format!("GET {target}"), "").await;
            answer.refused(contract.passed_on(404), "no-such-page");
        }
        let answer = contract.ask(&world, "GET /organizations/acme/oidc/consume", "").await;
        answer.refused(contract.passed_on(404), "no-such-page");
    }
}

#[tokio::test]
async fn without_an_upstream_only_questions_and_sign_in_pages_are_answered() {
    let world = world().await;
    let gate = world.another_gate(|text| {
        text.lines()
            .filter(|line| !line.starts_with("upstream"))
            .map(|l| format!("{l}\n"))
            .collect()
    });
    let address = gate.address;
    for line in
        ["GET /", "GET /acme/demo", "GET /pub/x", "POST /api/repos/create", "GET /acme/bert"]
    {
        tool::ask(address, line, "").await.refused(421, "forward-auth-only");
        tool::ask(address, line, PAGE).await.refused(421, "forward-auth-only");
    }
    tool::ask(address, "GET /-/sso/", PAGE).await.expect(200);
    tool::ask(address, "GET /-/sso/acme/login", PAGE).await.expect(303);
    for contract in ALL {
        let (line, fields) = contract.question("GET /acme/demo");
        tool::ask(address, &line, &fields).await.expect(200);
        let (line, fields) = contract.question("GET /acme/bert");
        tool::ask(address, &line, &fields).await.refused(403, "sign-in-required");
    }
    assert!(world.hub.received().is_empty());
}

const CREATE: &str = "POST /api/repos/create";

#[tokio::test]
async fn a_body_that_is_not_sent_along_needs_some_session_unless_told_otherwise() {
    let world = world().await;
    let gina = cookie(&world, "globex", "gina").await;
    for contract in ALL {
        contract.ask(&world, CREATE, "").await.refused(403, "body-unread");
        let answer = contract.ask(&world, CREATE, &gina).await.expect(200);
        assert_eq!(answer.must("x-auth-orgs"), "globex:admin");
        // The path's own organization is asked all the same; a batch counts as an upload.
        let copy = "POST /api/models/acme/bert/duplicate";
        contract.ask(&world, copy, &gina).await.refused(403, "sign-in-required");
        let batch = "POST /acme/demo.git/info/lfs/objects/batch";
        contract.ask(&world, batch, "").await.refused(401, "sign-in-required");
    }
    for (word, status, batch) in [("deny", 403, 401), ("allow", 200, 200)] {
        let world = world_with(&[("hub", "body_unknown", &format!("{word:?}"))]).await;
        let gina = cookie(&world, "globex", "gina").await;
        for contract in ALL {
            for headers in ["", &gina] {
                let answer = contract.ask(&world, CREATE, headers).await.expect(status);
                assert_eq!(answer.reason(), if status == 403 { "body-unread" } else { "" });
            }
            let line = "POST /acme/demo.git/info/lfs/objects/batch";
            contract.ask(&world, line, "").await.expect(batch);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_sent_along_is_judged_whole_or_not_at_all() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    let json = "Content-Type: application/json\r\n";
    let ours = br#"{"name":"x","organization":"acme"}"#;
    let theirs = br#"{"name":"x","organization":"globex"}"#;
    let large = [ours.as_slice(), &[b' '; 70_000]].concat();
    for contract in [Contract::Forward, Contract::Envoy] {
        let (line, fields) = contract.question(CREATE);
        for (headers, body, status, reason) in [
            (json.to_owned(), ours.as_slice(), 200, ""),
            (json.to_owned(), theirs.as_slice(), 403, "sign-in-required"),
            (json.to_owned(), &ours[..10], 400, "ambiguous-body"),
            (json.to_owned(), &large, 413, "body-too-large"),
            (String::new(), ours.as_slice(), 400, "ambiguous-body"),
            (
                format!("{json}X-Envoy-Auth-Partial-Body: true\r\n"),
                ours.as_slice(),
                413,
                "body-too-large",
            ),
            (format!("{json}X-Envoy-Auth-Partial-Body: false\r\n"), ours.as_slice(), 200, ""),
        ] {
            let headers = format!("{fields}{bob}{headers}");
            let answer = tool::send(world.gate.address, &line, &headers, body).await;
            assert_eq!(
                (answer.status, answer.reason()),
                (status, reason),
                "{contract:?} {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_log_tells_of_the_clients_request_and_why_it_was_refused() {
    let world = world().await;
    for contract in ALL {
        let headers = "X-Forwarded-For: 203.0.113.9\r\n";
        let answer = contract.ask(&world, "DELETE /acme/bert", headers).await;
        let line = world.gate.lines.of(answer.request_id()).await;
        assert_eq!(
            (line["decision"].as_str(), line["reason"].as_str()),
            (Some("challenge"), Some("sign-in-required"))
        );
        let text = line.to_string();
        for part in ["DELETE", "/acme/bert", "203.0.113.9", "hub.example.com"] {
            assert!(text.contains(part), "{contract:?}: {part} is not in {text}");
        }
    }
    let answer = tool::ask(world.gate.address, "GET /-/sso/authz/nginx", "").await;
    assert!(cause_of(&answer.expect(400)).contains("x-original-url is missing"));
}
