//! Our own pages: small, strict, readable by everyone, and deaf to markup in names.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use hubgate::demo::Fault;
use hubgate::demo::provider::Endpoint;

use crate::support::answer::{Answer, attribute};
use crate::support::browser::{Ask, Browser};
use crate::support::moving_clock::minutes;
use crate::support::setup::SITE;
use crate::support::world::World;

/// An organization and a person whose names would do harm in a page that does not escape them.
const ORGANIZATION: &str =
    "<b>A&B</b>\"'><script>alert(1)</script><img src=x onerror=alert(2)> Söhne";
const PERSON: &str = "</p><script>alert(3)</script>\" onfocus=\"alert(4)\" autofocus x=\"{{7*7}}";

async fn world() -> World {
    let world = World::with(|setup| {
        setup.set("acme", "display_name", &format!("{ORGANIZATION:?}"));
        setup.unset("acme", "email_domains");
        setup.set("acme", "session_timeout", "\"1h\"");
        setup.set("globex", "display_name", "\"Globex\"");
    })
    .await;
    // An address that is not verified is not shown: the name is.
    for person in ["bob", "carol"] {
        world.acme.change(person, |person| {
            person.name = PERSON.to_owned();
            person.email_verified = false;
        });
    }
    world
}

/// Every page that the gate can show, by what it is.
async fn pages(world: &World) -> Vec<(&'static str, Answer)> {
    let mut all = Vec::new();
    let mut nobody = world.browser();
    all.push(("account, nobody", nobody.load("/-/sso/").await));
    all.push(("account, unknown address", nobody.load("/-/sso/find?email=%3Cscript%3E").await));
    all.push(("account, unknown domain", nobody.load("/-/sso/find?email=a%40b.example").await));
    all.push(("sign out, nobody", nobody.load("/-/sso/logout").await));
    all.push(("signed out", nobody.load("/-/sso/signed-out").await));
    all.push(("no such page", nobody.load("/-/sso/acme/x").await));
    all.push(("no such organization", nobody.load("/-/sso/x/login").await));
    all.push(("two readings", nobody.load("/acme%2Fx").await));
    all.push(("challenge in a frame", nobody.send(Ask::get("/acme/bert").frame()).await));
    all.push((
        "account, where it may not be framed",
        nobody.send(Ask::get("/-/sso/").frame()).await,
    ));
    all.push(("challenge of a form", nobody.send(Ask::post("/acme/bert/x").page()).await));
    all.push(("bad parameters", nobody.load("/-/sso/acme/login?return_to=/a&return_to=/b").await));
    all.push(("unknown state", nobody.load("/-/sso/acme/oidc/callback?code=a&state=b").await));

    let mut bob = world.signed_in("acme", "bob").await;
    all.push(("account, signed in", bob.load("/-/sso/").await));
    all.push(("sign out", bob.load("/-/sso/logout").await));
    all.push(("role too low", bob.load("/acme/bert/settings").await));
    let foreign = Ask::post("/-/sso/logout").sent_by_another_site().page();
    all.push(("cross-site", bob.send(foreign).await));
    world.hub.fail("/acme/bert", Some(Fault::Close));
    all.push(("hub down", bob.load("/acme/bert").await));
    let mut carol = world.signed_in("acme", "carol").await;
    world.acme.end_sessions("carol").await;
    all.push(("account, revoked", carol.load("/-/sso/").await));

    let mut browser = world.browser();
    let page = browser.open("/acme/demo2").await;
    let cancelled = browser.click(&page, "").await;
    all.push(("provider refused", browser.finish(cancelled).await));
    world.acme.behave(|behaviour| behaviour.claim("nonce", "x"));
    all.push(("provider invalid", world.browser().sign_in_at("/acme/bert", "bob").await));
    world.acme.behave_well();
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Token, Fault::Close));
    all.push(("provider down", world.browser().sign_in_at("/acme/bert", "bob").await));
    world.acme.behave_well();
    world.acme.behave(|behaviour| {
        behaviour.claim("groups", serde_json::Value::Null);
        behaviour.edit_userinfo(|claims| drop(claims.remove("groups")));
    });
    all.push(("no role", world.browser().sign_in_at("/acme/bert", "bob").await));
    world.acme.behave_well();
    world.clock.advance(minutes(61));
    all.push(("account, expired", bob.load("/-/sso/").await));
    for (what, page) in &all {
        assert!(page.url.as_str().starts_with(SITE), "{what} is a page of ours: {}", page.url);
        assert_eq!(page.must("content-type"), "text/html; charset=utf-8", "{what}: {page:?}");
    }
    all
}

#[tokio::test]
async fn every_page_is_small_strict_and_whole() {
    let world = world().await;
    let pages = pages(&world).await;
    assert_eq!(pages.len(), 24);
    for (what, page) in &pages {
        let html = page.text();
        assert!(html.len() <= 20 * 1024, "{what} has {} bytes", html.len());
        policy(what, page);
        inert(what, &html);
        balanced(what, &html);
        legible(what, &html);
    }
    let text: String = pages.iter().map(|(_, page)| page.text()).collect();
    for shown in ["&#60;script&#62;alert(1)", "&#60;script&#62;alert(3)", "{{7*7}}", "Söhne"] {
        assert!(text.contains(shown), "the names are shown, as text: {shown}");
    }
}

/// Nothing may be loaded, run, framed or sent elsewhere, and the style's hash is the style's.
fn policy(what: &str, page: &Answer) {
    let html = page.text();
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::prelude::BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = page.must("content-security-policy");
    let mut directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    directives.sort_unstable();
    let (forms, rest): (Vec<&str>, Vec<&str>) =
        directives.into_iter().partition(|directive| directive.starts_with("form-action"));
    let style = format!("style-src 'sha256-{hash}'");
    let mut expected = vec!["base-uri 'none'", "default-src 'none'", &style];
    if what.contains("in a frame") {
        // It stands where the content would stand, and holds nothing but links that open at the top.
        assert_eq!(page.header("x-frame-options"), None, "{what}");
        let links = tags(&html).filter(|tag| tag.starts_with("a "));
        assert!(links.into_iter().all(|tag| tag.contains("target=\"_top\"")), "{what}: {html}");
        assert!(!html.contains("<form"), "{what}");
    } else {
        expected.insert(2, "frame-ancestors 'none'");
        assert_eq!(page.must("x-frame-options"), "DENY", "{what}");
    }
    assert_eq!(rest, expected, "{what}: {policy}");
    let expected = if html.contains("<form") {
        "form-action 'self' https: http:"
    } else {
        "form-action 'none'"
    };
    // A page without forms may share the policy of one with forms, not the other way round.
    assert!(
        forms == [expected] || forms == ["form-action 'self' https: http:"],
        "{what}: {policy}"
    );
    assert_eq!(page.must("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(page.must("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(page.must("cache-control"), "no-store", "{what}");
}

/// The tags of a page, without their brackets.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default())
}

/// No scripts, no handlers, no styles outside the one sheet, nothing from elsewhere.
fn inert(what: &str, html: &str) {
    let lower = html.to_ascii_lowercase();
    for word in [
        "<script",
        "<iframe",
        "<img",
        "<svg",
        "<link",
        "<object",
        "<base",
        "url(",
        "@import",
        "javascript:",
    ] {
        assert!(!lower.contains(word), "{what} holds {word}");
    }
    for tag in tags(html) {
        let outside: String = tag.split('"').step_by(2).collect();
        for name in outside.split_whitespace().skip(1) {
            let name = name.split('=').next().unwrap_or_default();
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{what}: {tag}");
        }
        for name in ["href", "action"] {
            if let Some(address) = attribute(tag, name) {
                assert!(address.starts_with("/-/sso/"), "{what}: {tag}");
            }
        }
    }
}

/// Every element is closed where it was opened.
fn balanced(what: &str, html: &str) {
    assert!(html.starts_with("<!doctype html>"), "{what}");
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(html).skip(1) {
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{what}: </{name}>"),
            None if ["meta", "input", "br"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{what}: {open:?}");
}

/// For people with a small screen, a dark room, or a screen reader.
fn legible(what: &str, html: &str) {
    assert!(html.contains("<html lang=\"en\">"), "{what}");
    assert!(
        html.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
    );
    assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"), "{what}");
    assert!(html.contains("@media (prefers-color-scheme: dark)"), "{what}");
    let title = html.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
    assert!(title.len() > 3, "{what} has a title");
    assert_eq!(html.matches("<h1>").count(), 1, "{what}");
    assert_eq!(html.matches("<main>").count(), 1, "{what}");
    for input in tags(html).filter(|tag| tag.starts_with("input")) {
        if attribute(input, "type").as_deref() != Some("hidden") {
            let id = attribute(input, "id").unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{what}: {input}");
        }
    }
    for element in ["button", "a"] {
        for rest in html.split(&format!("<{element} ")).skip(1) {
            let (tag, rest) = rest.split_once('>').unwrap();
            let label = rest.split('<').next().unwrap().trim();
            assert!(!label.is_empty() || attribute(tag, "aria-label").is_some(), "{what}: {tag}");
        }
    }
}

#[tokio::test]
async fn colours_contrast_in_light_and_dark() {
    let world = World::start().await;
    let html = world.browser().load("/-/sso/").await.text();
    let style = html.split_once("<style>").unwrap().1;
    let (light, rest) = style.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let dark = rest.split_once("}").unwrap().0;
    for (scheme, text) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| luminance(text.split_once(&format!("--{name}: #")).unwrap().1);
        for (front, back) in [
            ("fg", "bg"),
            ("fg", "card"),
            ("soft", "bg"),
            ("soft", "card"),
            ("accent", "card"),
            ("on-accent", "accent"),
            ("warn", "card"),
            ("good", "card"),
        ] {
            let (a, b) = (colour(front), colour(back));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "{scheme}: {front} on {back} has {ratio:.2}");
        }
    }
}

/// The relative luminance of a colour (WCAG 2.2) that a text begins with: `1c2024`, `fff`.
fn luminance(text: &str) -> f64 {
    let digits: Vec<u32> = text.chars().map_while(|c| c.to_digit(16)).collect();
    let parts: Vec<f64> = match digits.as_slice() {
        [r, g, b] => [r, g, b].map(|d| f64::from(d * 17)).to_vec(),
        _ => digits.chunks(2).map(|two| f64::from(two[0] * 16 + two[1])).collect(),
    };
    let linear = |part: f64| {
        let part = part / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(parts[0]) + 0.7152 * linear(parts[1]) + 0.0722 * linear(parts[2])
}

#[tokio::test]
async fn the_account_page_says_who_and_since_when_and_can_sign_out() {
    let world = World::with(|setup| {
        setup.set("acme", "session_timeout", "\"1h\"");
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    let page = browser.load("/-/sso/").await.expect(200);
    let html = page.text();
    for text in [
        "ACME Corp",
        "bob@acme.com",
        "<strong>write</strong>",
        "Since 15 January 2027, 08:00 UTC, until 15 January 2027, 09:00 UTC.",
        "href=\"/-/sso/globex/login\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    let form = page.forms().into_iter().find(|form| form.fields.len() == 1).unwrap();
    assert_eq!((form.method.as_str(), form.fields[0].1.as_str()), ("post", "acme"));
    let left = browser.submit(&page, &form, None).await;
    browser.finish(left).await.expect(200);
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn a_page_about_an_ended_sign_in_says_so() {
    let world = World::start().await;
    let shown = async |browser: &mut Browser| browser.load("/-/sso/").await.expect(200).text();
    let mut browser = world.signed_in("acme", "bob").await;
    world.acme.end_sessions("bob").await;
    assert!(shown(&mut browser).await.contains("Your sign-in as bob@acme.com was ended."));
    let mut browser = world.signed_in("globex", "gina").await;
    world.clock.advance(minutes(7 * 24 * 60));
    assert!(shown(&mut browser).await.contains("Your sign-in as gina@globex.com has expired."));
}
