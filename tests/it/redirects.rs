//! Nothing that a stranger writes leads off this site.

use url::Url;

use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser};
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

/// Places that some browser, at some time, has taken for another site; or that run as a script.
const ELSEWHERE: [&str; 57] = [
    "https://evil.example",
    "https://evil.example/acme/bert",
    "http://hub.example.com/",
    "HTTPS://EVIL.EXAMPLE",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\/evil.example",
    "//\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\u{0}/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\u{a0}//evil.example",
    "/ /evil.example",
    "/./\\evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/x/..//evil.example",
    "/x/../..//evil.example",
    "/%2e//evil.example",
    "/%2E%2e//evil.example",
    "/.%2e//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "@evil.example",
    ":@evil.example",
    ".evil.example",
    "evil.example",
    "https://hub.example.com@evil.example/",
    "https://hub.example.com.evil.example/",
    "https://hub.example.com:80@evil.example/",
    "https://hub.example.com\\@evil.example/",
    "https://evil.example#hub.example.com",
    "https://evil.example?hub.example.com",
    "https://hub.example.com:8443/",
    "//evil.example%2f@hub.example.com",
    "/\u{2215}evil.example",
    "\u{ff0f}\u{ff0f}evil.example",
    "/acme#@evil.example",
    "/acme\r\nLocation: https://evil.example",
    "/acme\r\n\r\n<script>alert(1)</script>",
    "/<script>alert(1)</script>",
    "",
];

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Follows redirects, none of which leaves the site or the provider, and returns the last answer.
async fn stay(world: &World, browser: &mut Browser, mut answer: Answer, what: &str) -> Answer {
    while let Some(to) = answer.location() {
        let known = [SITE, world.acme.issuer()]
            .iter()
            .any(|origin| Url::parse(origin).unwrap().origin() == to.origin());
        assert!(known, "{what:?} leads to {to}");
        let raw = answer.must("location").to_owned();
        assert!(raw.bytes().all(|b| b.is_ascii_graphic()), "{what:?}: {raw:?}");
        answer = browser.follow(&answer).await;
    }
    answer
}

#[tokio::test]
async fn a_sign_in_returns_to_this_site_whatever_a_link_says() {
    let world = World::start().await;
    world.acme.behave(|behaviour| behaviour.sign_in = Some("bob".to_owned()));
    for place in ELSEWHERE {
        for place in [place.to_owned(), encoded(place)] {
            let mut browser = world.browser();
            let target = format!("/-/sso/acme/login?return_to={}", encoded(&place));
            let answer = browser.load(&target).await;
            let landed = stay(&world, &mut browser, answer, &place).await.expect(200);
            assert_eq!(landed.url.as_str(), format!("{SITE}/-/sso/"), "{place:?}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_of_a_third_party_returns_to_this_site_whatever_a_link_says() {
    let world = World::start().await;
    world.acme.behave(|behaviour| behaviour.sign_in = Some("bob".to_owned()));
    let mut places: Vec<String> = ELSEWHERE.map(str::to_owned).to_vec();
    places.extend(
        ["//evil.example", "/\\evil.example", "/..//evil.example", "/x#y"]
            .map(|path| format!("{SITE}{path}")),
    );
    places.extend([
        format!("{SITE}@evil.example/"),
        SITE.replace("https", "http"),
        format!("{SITE}:444/acme"),
    ]);
    for place in places {
        let mut browser = world.browser();
        let target = format!("/-/sso/acme/login?target_link_uri={}", encoded(&place));
        let answer = browser.load(&target).await;
        let landed = stay(&world, &mut browser, answer, &place).await;
        assert_eq!(landed.url.origin().ascii_serialization(), SITE, "{place:?}");
    }
    let mut browser = world.browser();
    let good = encoded(&format!("{SITE}/acme/bert?x=y"));
    let landed = browser.open(&format!("/-/sso/acme/login?target_link_uri={good}")).await;
    assert_eq!(landed.url.as_str(), format!("{SITE}/acme/bert?x=y"));
}

#[tokio::test]
async fn a_sign_out_ends_on_this_site_whatever_a_link_says() {
    let world = World::start().await;
    for place in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let mut browser = world.signed_in("acme", "bob").await;
        let place = encoded(place);
        let query = ["return_to", "rd", "post_logout_redirect_uri", "redirect", "next"]
            .map(|name| format!("{name}={place}"))
            .join("&");
        let post = Ask::post(&format!("/-/sso/logout?{query}")).page().header("Origin", SITE);
        let post = post.body("application/x-www-form-urlencoded", query.clone());
        let left = browser.send(post).await;
        let landed = stay(&world, &mut browser, left, &place).await.expect(200);
        assert_eq!(landed.url.path(), "/-/sso/signed-out");
        assert!(!landed.text().contains("evil"));
        let asked = world.acme.asked(hubgate::demo::provider::Endpoint::EndSession).pop().unwrap();
        assert!(
            asked.fields.iter().all(|(_, value)| !value.contains("evil")),
            "{:?}",
            asked.fields
        );
        let answer =
            browser.load(&format!("/-/sso/signed-out?state=forged&{query}")).await.expect(200);
        assert_eq!(answer.header("location"), None);
        assert!(!answer.text().contains("evil"));
    }
}

#[tokio::test]
async fn the_name_that_a_client_gives_the_site_is_never_repeated() {
    let world = World::start().await;
    let forged = "X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nX-Original-Host: evil.example\r\n";
    for kind in [
        "Accept: text/html\r\n",
        "Accept: */*\r\n",
        "User-Agent: git/2\r\n",
        "Sec-Fetch-Mode: cors\r\n",
    ] {
        for target in
            ["/acme/bert", "/-/sso/acme/login", "/-/sso/", "/-/sso/logout", "/-/sso/nothing"]
        {
            let head = format!(
                "GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{kind}{forged}\r\n"
            );
            let answer = tool::raw(world.gate.address, head).await;
            let everything = format!("{:?} {}", answer.headers, answer.text());
            assert!(!everything.contains("evil"), "{target}: {everything}");
        }
    }
}

#[tokio::test]
async fn a_deep_link_comes_back_byte_for_byte_or_not_at_all() {
    let world = World::start().await;
    world.acme.behave(|behaviour| behaviour.sign_in = Some("bob".to_owned()));
    for target in [
        "/acme/bert",
        "/acme/bert/",
        "/acme/bert/resolve/refs%2Fpr%2F1/a%20b.json?download=true",
        "/acme/bert/blob/main/a+b?x=1&x=2&y=%26%3D%25&z=//evil.example",
        "/acme/bert/tree/main?return_to=https://evil.example/",
        "/acme/bert/tree/main?q='();!*~,$:@",
    ] {
        let mut browser = world.browser();
        let landed = browser.open(target).await;
        let arrived = &landed.url[url::Position::BeforePath..];
        assert_eq!(arrived.replace("%27", "'"), target);
        assert_eq!(world.last_at_hub().head.target().replace("%27", "'"), target);
    }
    // Too long to be remembered in a cookie: the sign-in works, and lands on the account page.
    let mut browser = world.browser();
    let landed =
        browser.open(&format!("/acme/bert/tree/main?q={}", "x".repeat(3000))).await.expect(200);
    assert_eq!(landed.url.path(), "/-/sso/");
}
