//! What the hub is told, and what it must never hear from a client.

use base64::Engine;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::browser::{Ask, Browser, SESSION};
use crate::support::moving_clock::days;
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

/// The claims of a token that nobody has verified.
pub(crate) fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(middle).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Every name by which a hub may be set up to know people, of every preset, and those by which
/// some servers replace the path or the method that was judged.
const MANAGED: [&str; 40] = [
    "X-Auth-User",
    "X-Auth-Email",
    "X-Auth-Name",
    "X-Auth-Org",
    "X-Auth-Role",
    "X-Auth-Orgs",
    "X-Auth-Groups",
    "X-Auth-Assertion",
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "X-Remote-User",
    "X-Remote-Email",
    "X-Remote-Name",
    "X-Remote-Groups",
    "X-WebAuth-User",
    "X-WebAuth-Email",
    "X-WebAuth-Fullname",
    "X-WebAuth-Groups",
    "X-WebAuth-Role",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Auth-Request-Anything",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Override-URL",
];

/// A name as CGI and WSGI servers see it.
fn folded(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect()
}

/// Ways to write a name that some server takes for the same.
fn spellings(name: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        name.replacen('-', "_", 1),
        name.replace('-', "_").to_ascii_uppercase(),
        name.replace('-', "."),
        name.replace('-', "~"),
        name.chars()
            .enumerate()
            .map(
                |(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() },
            )
            .collect(),
    ]
}

/// No header at the hub, in any spelling, holds what the client wrote.
#[track_caller]
fn nothing_of_the_clients(world: &World, what: &str) {
    for (name, value) in world.last_at_hub().head.headers {
        let value = String::from_utf8_lossy(&value).into_owned();
        assert!(!value.contains("evil"), "{what}: {name}: {value}");
        let ours = MANAGED.iter().any(|own| folded(own) == folded(&name));
        let plain = MANAGED.iter().any(|own| own.eq_ignore_ascii_case(&name));
        assert!(!ours || plain, "{what}: {name}");
    }
}

#[tokio::test]
async fn spoofed_identity_headers_never_reach_the_hub_in_any_spelling_on_any_path() {
    let world = World::with(|setup| {
        setup.set("globex", "enforcement", "\"off\"");
    })
    .await;
    let session = world.signed_in("acme", "carol").await.session();
    let signed_in = format!("Cookie: {SESSION}={session}\r\n");
    let address = world.gate.address;
    let all: Vec<String> = MANAGED.iter().flat_map(|name| spellings(name)).collect();
    for chunk in all.chunks(40) {
        let spoofed: String =
            chunk.iter().map(|name| format!("{name}: evil\r\n{name}: evil2\r\n")).collect();
        for (line, cookie) in [
            ("GET /acme/demo/echo", ""),
            ("HEAD /acme/demo/echo", ""),
            ("GET /moe/open-model/echo", ""),
            ("POST /moe/open-model/echo", ""),
            ("OPTIONS /moe/open-model/echo", ""),
            ("GET /", ""),
            ("GET /api/models", ""),
            ("GET /globex/vision/echo", ""),
            ("GET /acme/bert/echo", &*signed_in),
            ("GET /moe/open-model/echo", &signed_in),
        ] {
            let before = world.hub.received().len();
            let answer = tool::ask(address, line, &format!("{spoofed}{cookie}")).await;
            let arrived = world.hub.received().len() - before;
            assert_eq!(arrived, 1, "{line} has reached the hub: {answer:?}");
            nothing_of_the_clients(&world, line);
            let told = world.last_at_hub().head;
            let role = if line.contains("/acme/bert") { vec!["read"] } else { vec![] };
            assert_eq!(told.values("x-auth-role"), role, "{line}");
            assert_eq!(told.value("x-auth-user").is_some(), !cookie.is_empty(), "{line}");
        }
    }
}

#[tokio::test]
async fn spoofed_identity_headers_never_reach_the_hub_by_http_2() {
    let world = World::start().await;
    let cookie = format!("{SESSION}={}", world.signed_in("acme", "carol").await.session());
    let all: Vec<String> = MANAGED
        .iter()
        .flat_map(|name| spellings(&name.to_ascii_lowercase()))
        .map(|name| name.to_ascii_lowercase())
        .collect();
    for chunk in all.chunks(60) {
        for (line, own) in [("GET /acme/demo/echo", false), ("GET /acme/bert/echo", true)] {
            let mut headers: Vec<(&str, &str)> =
                chunk.iter().map(|name| (name.as_str(), "evil")).collect();
            headers.extend(own.then_some(("cookie", cookie.as_str())));
            tool::http2(world.gate.address, line, &headers).await.expect(200);
            nothing_of_the_clients(&world, line);
            let role = if own { vec!["read"] } else { vec![] };
            assert_eq!(world.last_at_hub().head.values("x-auth-role"), role, "{line}");
        }
    }
}

#[tokio::test]
async fn our_own_pages_believe_no_identity_header() {
    let world = World::start().await;
    let spoofed = "X-Auth-User: acme:alice\r\nX-Auth-Orgs: acme:admin\r\nRemote-User: alice\r\n";
    for target in ["/-/sso/session", "/-/sso/"] {
        let answer =
            tool::ask(world.gate.address, &format!("GET {target}"), spoofed).await.expect(200);
        assert!(!answer.text().contains("alice"), "{}", answer.text());
    }
    tool::ask(world.gate.address, "GET /acme/bert", spoofed).await.refused(403, "sign-in-required");
}

#[tokio::test]
async fn what_a_client_calls_hop_by_hop_takes_nothing_of_ours_away() {
    let world = World::start().await;
    let session = world.signed_in("acme", "bob").await.session();
    let names = MANAGED[..8].join(", ");
    for connection in [
        format!(
            "Connection: close, {names}, X-Forwarded-For, Forwarded, X-Request-Id, Host, Cookie\r\n"
        ),
        format!("Connection: {}\r\n", names.to_ascii_lowercase()),
        "Connection: X-Auth-User\r\nConnection: x-auth-role\r\n".to_owned(),
        "Connection: x_auth_user,,x_auth_role\r\n".to_owned(),
    ] {
        let head = format!(
            "GET /acme/bert/echo HTTP/1.1\r\nHost: hub.example.com\r\n{connection}\
             X-Auth-User: evil\r\nCookie: {SESSION}={session}; own=1\r\nConnection: close\r\n\r\n"
        );
        tool::raw(world.gate.address, head).await.expect(200);
        let told = world.last_at_hub().head;
        assert_eq!(told.values("x-auth-user"), ["acme:00u-acme-bob"], "{connection}");
        assert_eq!(told.values("x-auth-role"), ["write"], "{connection}");
        assert_eq!(told.values("x-auth-assertion").len(), 1, "{connection}");
        assert_eq!(told.values("x-forwarded-for"), ["127.0.0.1"], "{connection}");
        assert_eq!(told.values("x-request-id").len(), 1, "{connection}");
        assert_eq!(told.values("host"), ["hub.example.com"], "{connection}");
        assert_eq!(told.values("cookie"), ["own=1"], "{connection}");
    }
}

#[tokio::test]
async fn trailers_carry_no_identity() {
    let world = World::start().await;
    let answer = tool::raw(
        world.gate.address,
        "POST /moe/open-model/echo HTTP/1.1\r\nHost: hub.example.com\r\nConnection: close\r\n\
         TE: trailers\r\nTrailer: X-Auth-User, X-Checksum\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Auth-User: evil\r\nX_Auth_Role: evil\r\nX-Checksum: 42\r\n\r\n",
    )
    .await
    .expect(200);
    let trailers = answer.json()["trailers"].to_string();
    assert!(!trailers.contains("evil"), "{trailers}");
    assert!(trailers.contains("42"), "{trailers}");
}

#[tokio::test]
async fn forwarding_headers_of_strangers_are_replaced() {
    let world = World::start().await;
    let forged = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Host: evil\r\n\
                  X-Forwarded-Proto: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\n\
                  X_Forwarded_For: 1.2.3.4\r\nX_FORWARDED_HOST: evil\r\nX-Forwarded-Server: evil\r\n\
                  Forwarded: for=1.2.3.4;host=evil\r\nX-Real-IP: 1.2.3.4\r\nX_Real_IP: 1.2.3.4\r\n\
                  X-Client-IP: 1.2.3.4\r\nTrue-Client-IP: 1.2.3.4\r\nX-Request-Id: mine\r\n";
    let answer =
        tool::ask(world.gate.address, "GET /moe/open-model/echo", forged).await.expect(200);
    let told = world.last_at_hub().head;
    let about: Vec<String> = told
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {}", folded(name), String::from_utf8_lossy(value)))
        .filter(|line| line.contains("forwarded") || line.contains("-ip:"))
        .collect();
    let mut sorted = about.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "forwarded: for=127.0.0.1;host=\"hub.example.com\";proto=http",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: hub.example.com",
            "x-forwarded-proto: http",
        ]
    );
    let id = told.value("x-request-id").unwrap();
    assert!(id != "mine" && id.len() == 32 && answer.request_id() == id);
    let line = world.gate.lines.of(&id).await;
    assert_eq!(line["client.address"], "127.0.0.1");
}

#[tokio::test]
async fn forwarding_headers_of_a_trusted_proxy_are_continued() {
    let world = World::with(|setup| {
        setup.set("server", "trusted_proxies", "[\"127.0.0.0/8\"]");
    })
    .await;
    let given = "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Host: hub.example.com\r\n\
                 X-Forwarded-Proto: https\r\nX-Request-Id: abc.123\r\nX-Auth-User: evil\r\n";
    let answer = tool::ask(world.gate.address, "GET /moe/open-model/echo", given).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("x-forwarded-for"), ["198.51.100.7, 127.0.0.1"]);
    assert_eq!(told.values("x-forwarded-proto"), ["https"]);
    assert_eq!(told.values("x-request-id"), ["abc.123"]);
    assert_eq!(answer.request_id(), "abc.123");
    assert_eq!(told.value("x-auth-user"), None, "nobody vouches for people but the providers");
    let line = world.gate.lines.of("abc.123").await;
    assert_eq!(line["client.address"], "198.51.100.7");
    // What is no plain name is not repeated, from whomever it comes.
    let odd = "X-Request-Id: <script>alert(1)</script>\r\n";
    let answer = tool::ask(world.gate.address, "GET /acme/bert", odd).await;
    assert!(!answer.request_id().contains('<'));
}

/// Signs in with these claims, and asks for a page while claiming to be somebody else.
async fn told(world: &World, person: &str) -> hubgate::demo::Head {
    let mut browser = world.signed_in("acme", person).await;
    let mut ask = Ask::get("/acme/bert/echo").script();
    for name in &MANAGED[..8] {
        ask = ask.header(name, "evil");
    }
    browser.send(ask).await.expect(200);
    nothing_of_the_clients(world, person);
    world.last_at_hub().head
}

#[tokio::test]
async fn odd_names_and_groups_are_written_in_a_way_that_can_be_read_back() {
    let world = World::start().await;
    let plain =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    for name in [
        "Zoë Ångström",
        "爱丽丝",
        "100 % Bob",
        "Bob \"the\" Baker, Jr.; \\x",
        " Bob  ",
        "O'Bob <b>&amp;",
        "\u{1f600}",
        "a\u{7f}b\u{85}c",
        "%41",
    ] {
        world.acme.change("bob", |bob| bob.name = name.to_owned());
        let told = told(&world, "bob").await;
        let [written] = &told.values("x-auth-name")[..] else { panic!("one name") };
        assert!(written.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{written}");
        let expected: String = name.trim().chars().filter(|c| !c.is_control()).collect();
        assert_eq!(plain(written), expected.trim(), "{written}");
    }
    let groups = [
        "ml",
        "a, b",
        "x\", \"hub-admins",
        "back\\slash",
        "Zoë",
        "100%",
        "a\r\nX-Auth-Role: admin",
        "",
    ];
    world.acme.change("bob", |bob| bob.groups = groups.map(str::to_owned).to_vec());
    let told = told(&world, "bob").await;
    assert_eq!(told.values("x-auth-role"), ["write"]);
    let [written] = &told.values("x-auth-groups")[..] else { panic!("one list") };
    let read: Vec<String> = structured_list(written).iter().map(|item| plain(item)).collect();
    assert_eq!(read, groups);
    let assertion = claims(&told.value("x-auth-assertion").unwrap());
    assert_eq!(assertion["groups"], json!(groups));
}

/// A list of strings, as RFC 8941 §4.2.1 and §4.2.5 read one.
fn structured_list(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        assert_eq!(chars.next(), Some('"'), "{text}");
        let mut item = String::new();
        loop {
            match chars.next().unwrap() {
                '\\' => {
                    let escaped = chars.next().unwrap();
                    assert!(matches!(escaped, '"' | '\\'), "{text}");
                    item.push(escaped);
                }
                '"' => break,
                c => {
                    assert!((' '..='~').contains(&c), "{text}");
                    item.push(c);
                }
            }
        }
        items.push(item);
        match chars.next() {
            None => return items,
            Some(',') => while chars.next_if_eq(&' ').is_some() {},
            Some(other) => panic!("{other} in {text}"),
        }
    }
}

#[tokio::test]
async fn a_person_without_a_name_or_groups_is_told_without_them() {
    let world = World::start().await;
    world.acme.change("dave", |dave| dave.name = String::new());
    world.acme.behave(|behaviour| {
        behaviour.edit_id_token(|_, claims| drop(claims.remove("preferred_username")));
    });
    let told = told(&world, "dave").await;
    for name in ["x-auth-name", "x-auth-groups"] {
        assert_eq!(told.values(name), [""; 0], "{name}: and not the client's own");
    }
    assert_eq!(told.values("x-auth-role"), ["read"]);
}

#[tokio::test]
async fn our_cookies_stay_here_and_the_others_go_on() {
    let world = World::start().await;
    let session = world.signed_in("acme", "bob").await.session();
    let address = world.gate.address;
    for (cookies, expected) in [
        (format!("Cookie: {SESSION}={session}\r\n"), vec![]),
        (format!("Cookie: a=1; {SESSION}={session}; token=hf_x\r\n"), vec!["a=1; token=hf_x"]),
        (
            format!("Cookie: a=1\r\nCookie: {SESSION}={session}; b=\"2\"\r\n"),
            vec!["a=1", "b=\"2\""],
        ),
        (
            format!("Cookie: {SESSION}={session}; {SESSION}-login-0123456789ab=x; c=3\r\n"),
            vec!["c=3"],
        ),
        (
            format!("Cookie: {SESSION}={session}; __host-HUBGATE=x;__Host-hubgate2=y; d=4\r\n"),
            vec!["d=4"],
        ),
    ] {
        tool::ask(address, "GET /acme/bert/echo", &cookies).await.expect(200);
        assert_eq!(world.last_at_hub().head.values("cookie"), expected, "{cookies}");
    }
    // On every path that leads to the hub, and also when they open nothing.
    let cookies = format!("Cookie: {SESSION}=nothing; {SESSION}-login-0123456789ab=x; e=5\r\n");
    for line in [
        "GET /",
        "GET /acme/demo/echo",
        "OPTIONS /moe/open-model/echo",
        "POST /moe/open-model/echo",
    ] {
        tool::ask(address, line, &cookies).await;
        assert_eq!(world.last_at_hub().head.values("cookie"), ["e=5"], "{line}");
    }
    // By HTTP/2, where a browser may send each cookie in a field of its own (RFC 9113 §8.2.3).
    let ours = format!("{SESSION}={session}");
    let fields = [("cookie", "a=1"), ("cookie", &*ours), ("cookie", "b=2")];
    tool::http2(address, "GET /acme/bert/echo", &fields).await.expect(200);
    let told = world.last_at_hub().head;
    let rest = told.values("cookie").join("; ");
    assert_eq!(rest, "a=1; b=2");
    assert_eq!(told.values("x-auth-role"), ["write"]);
}

/// The claims of an assertion that the published keys verify, for this audience.
fn verified(keys: &Answer, assertion: &str, audience: &str) -> Value {
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let header = decode_header(assertion).unwrap();
    assert_eq!(header.alg, Algorithm::ES256);
    let key = keys.find(&header.kid.unwrap()).expect("a published key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false; // the world's clock is another one
    validation.set_audience(&[audience]);
    validation.set_issuer(&[SITE]);
    validation.set_required_spec_claims(&["aud", "iss", "sub", "exp"]);
    decode::<Value>(assertion, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

/// What the hub was told last, verified as a hub would.
async fn assertion(world: &World, browser: &mut Browser) -> Value {
    let keys = browser.fetch("/-/sso/jwks.json").await.expect(200);
    let told = world.last_at_hub().head.value("x-auth-assertion").unwrap();
    verified(&keys, &told, world.hub.origin())
}

#[tokio::test]
async fn the_assertion_says_the_same_and_can_be_verified() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
    let mut claims = assertion(&world, &mut browser).await;
    let now = world.clock.seconds();
    let sid = claims["sid"].take();
    assert_eq!(
        claims,
        json!({
            "iss": SITE, "aud": world.hub.origin(), "sub": "acme:00u-acme-bob", "org": "acme",
            "role": "write", "email": "bob@acme.com", "groups": ["everyone", "ml"],
            "sid": null, "iat": now, "exp": now + 60,
        })
    );
    let sid = sid.as_str().unwrap();
    assert!(!sid.is_empty() && !browser.session().contains(sid), "it opens nothing");
    // On a page of no organization it names none.
    browser.load("/").await.expect(200);
    let claims = assertion(&world, &mut browser).await;
    assert_eq!(
        (&claims["org"], &claims["role"], &claims["groups"]),
        (&json!(null), &json!(null), &json!([]))
    );
    // And there is none without a person.
    world.browser().load("/moe/open-model").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-assertion"), None);
}

#[tokio::test]
async fn an_assertion_at_the_hub_is_always_fresh() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    for _ in 0..20 {
        browser.load("/acme/bert").await.expect(200);
        let claims = assertion(&world, &mut browser).await;
        let left = claims["exp"].as_u64().unwrap() - world.clock.seconds();
        assert!((30..=60).contains(&left), "{left} seconds are left");
        world.clock.advance(std::time::Duration::from_secs(7));
    }
    world.clock.advance(days(6));
    browser.load("/acme/bert").await.expect(200);
    assertion(&world, &mut browser).await;
}

#[tokio::test]
async fn the_keys_of_the_assertion_are_public_and_hold_no_private_part() {
    let world = World::start().await;
    let answer = world.browser().fetch("/-/sso/jwks.json").await.expect(200);
    assert_eq!(answer.must("content-type"), "application/jwk-set+json");
    assert_eq!(answer.must("cache-control"), "public, max-age=300");
    for key in answer.json()["keys"].as_array().unwrap() {
        let mut names: Vec<&String> = key.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
}

#[tokio::test]
async fn every_preset_tells_under_its_own_names_and_no_other() {
    for (preset, expected) in [
        (
            "remote-user",
            vec![
                ("remote-email", "bob@acme.com"),
                ("remote-groups", "\"everyone\", \"ml\""),
                ("remote-name", "Bob Baker"),
                ("remote-user", "acme:00u-acme-bob"),
            ],
        ),
        (
            "webauth",
            vec![
                ("x-webauth-email", "bob@acme.com"),
                ("x-webauth-fullname", "Bob Baker"),
                ("x-webauth-user", "acme:00u-acme-bob"),
            ],
        ),
        (
            "auth-request",
            vec![
                ("x-auth-request-email", "bob@acme.com"),
                ("x-auth-request-groups", "\"everyone\", \"ml\""),
                ("x-auth-request-user", "acme:00u-acme-bob"),
            ],
        ),
    ] {
        let world = World::with(|setup| {
            setup.set("headers", "preset", &format!("{preset:?}"));
        })
        .await;
        let mut browser = world.signed_in("acme", "bob").await;
        let mut ask = Ask::get("/acme/bert/echo").script();
        for name in MANAGED {
            ask = ask.header(name, "evil");
        }
        browser.send(ask).await.expect(200);
        let managed = |name: &str| MANAGED.iter().any(|own| own.eq_ignore_ascii_case(name));
        let head = world.last_at_hub().head;
        let mut told: Vec<(String, String)> = head
            .headers
            .iter()
            .filter(|(name, _)| managed(name))
            .map(|(name, value)| {
                (name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned())
            })
            .collect();
        told.sort();
        let told: Vec<(&str, &str)> = told.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(told, expected, "{preset}");
    }
}

#[tokio::test]
async fn names_of_the_operators_own_are_guarded_too() {
    let world = World::with(|setup| {
        setup.set("headers", "user", "\"My-Hub-User\"");
        setup.set("headers", "role", "\"\"");
        setup.set("headers", "audience", "\"the hub\"");
    })
    .await;
    for name in ["My-Hub-User", "my_hub_user", "MY_HUB-USER"] {
        let spoofed = format!("{name}: evil\r\n");
        tool::ask(world.gate.address, "GET /acme/demo/echo", &spoofed).await.expect(200);
        nothing_of_the_clients(&world, name);
    }
    let mut browser = world.signed_in("acme", "bob").await;
    browser.load("/acme/bert").await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("my-hub-user"), ["acme:00u-acme-bob"]);
    assert_eq!((told.value("x-auth-user"), told.value("x-auth-role")), (None, None));
    let keys = browser.fetch("/-/sso/jwks.json").await;
    verified(&keys, &told.value("x-auth-assertion").unwrap(), "the hub");
}

#[tokio::test]
async fn the_clients_own_credentials_for_the_hub_go_on() {
    let world = World::start().await;
    let own = "Authorization: Bearer hf_own\r\nX-Other: kept\r\nAccept-Encoding: identity\r\n";
    tool::ask(world.gate.address, "GET /moe/open-model/echo", own).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("authorization"), ["Bearer hf_own"]);
    assert_eq!(told.values("x-other"), ["kept"]);
}
