//! Envoy's `ext_authz` by gRPC: the same answers, in its own messages.

use std::net::SocketAddr;

use crate::support::answer::Answer;
use crate::support::browser::SESSION;
use crate::support::grpc::{HttpRequest, Pair, Pairs, Verdict, call, raw};
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

async fn world() -> World {
    super::world_with(&[("server", "grpc", "\"127.0.0.1:0\"")]).await
}

fn port(world: &World) -> SocketAddr {
    world.gate.grpc.unwrap()
}

async fn allowed(world: &World, question: HttpRequest) -> (http::HeaderMap, http::HeaderMap) {
    match question.ask(port(world)).await {
        Verdict::Allowed { hub, client } => (hub, client),
        Verdict::Denied(answer) => panic!("{answer:?}"),
    }
}

async fn denied(world: &World, question: HttpRequest) -> Answer {
    match question.ask(port(world)).await {
        Verdict::Denied(answer) => answer,
        Verdict::Allowed { .. } => panic!("it was let through"),
    }
}

#[tokio::test]
async fn a_no_has_the_status_the_headers_and_the_body_of_the_clients_dialect() {
    let world = world().await;
    let page = denied(&world, HttpRequest::new("GET /acme/bert?x=1").with(super::PAGE)).await;
    let location = page.refused(303, "sign-in-required");
    let location = location.must("location");
    assert_eq!(location, format!("{SITE}/-/sso/acme/login?return_to=%2Facme%2Fbert%3Fx%3D1"));
    let tool = denied(&world, HttpRequest::new("GET /acme/bert")).await;
    let tool = tool.refused(403, "sign-in-required");
    assert_eq!(tool.must("content-type"), "application/json");
    assert_eq!(tool.json()["reason"], "sign-in-required");
    assert!(tool.must("x-error-message").contains("/-/sso/acme/login"));
    let git = HttpRequest::new("GET /acme/bert.git/info/refs?service=git-upload-pack");
    let git = denied(&world, git).await.refused(401, "sign-in-required");
    assert_eq!(git.must("www-authenticate"), "Basic realm=\"hub\"");
}

#[tokio::test]
async fn a_forged_identity_is_taken_out_in_every_spelling_and_never_one_that_is_written() {
    let world = world().await;
    let carol = super::cookie(&world, "acme", "carol").await;
    let forged = "X-Auth-User: evil\r\nX_Auth_User: evil\r\nx-auth_user: evil\r\nX.Auth.User: evil\r\n\
                  Remote-User: evil\r\nREMOTE_USER: evil\r\nX-Forwarded-User: evil\r\n\
                  X-Auth-Request-Email: evil\r\nX-HTTP-Method-Override: evil\r\nX_Original_URL: evil\r\n\
                  X-Auth-Role: evil\r\nX-Auth-Assertion: evil\r\nX-Other: kept\r\n";
    for (who, target) in [("", "/acme/demo"), ("", "/pub/x"), (carol.as_str(), "/acme/bert")] {
        let question = HttpRequest::new(&format!("GET {target}")).with(forged).with(who);
        let (hub, _) = allowed(&world, question).await;
        for (name, value) in &hub {
            assert_ne!(value, "evil", "{target}: {name}");
        }
        assert_eq!(hub["x-other"], "kept");
        let user = hub.get("x-auth-user");
        assert_eq!(user.is_some(), !who.is_empty(), "{target}");
        assert_eq!(hub.contains_key("x-auth-role"), !who.is_empty());
    }
}

#[tokio::test]
async fn our_cookies_are_taken_out_of_the_clients() {
    let world = world().await;
    let session = world.signed_in("acme", "carol").await.session();
    let cookie = format!("Cookie: a=1; {SESSION}={session}; b=2\r\n");
    let (hub, _) = allowed(&world, HttpRequest::new("GET /acme/bert").with(&cookie)).await;
    assert_eq!(hub["cookie"], "a=1; b=2");
    let cookie = format!("Cookie: {SESSION}={session}\r\n");
    let (hub, _) = allowed(&world, HttpRequest::new("GET /acme/bert").with(&cookie)).await;
    assert_eq!(hub.get("cookie"), None);
}

#[tokio::test]
async fn raw_headers_are_read_too() {
    let world = world().await;
    let session = world.signed_in("acme", "carol").await.session();
    let pair = |key: &str, raw: &str| Pair {
        key: key.to_owned(),
        value: String::new(),
        raw_value: raw.as_bytes().to_vec(),
    };
    let mut question = HttpRequest::new("GET /acme/bert");
    question.headers.clear();
    let own = format!("{SESSION}={session}");
    question.header_map =
        Some(Pairs { pairs: vec![pair(":path", "/acme/demo"), pair("cookie", &own)] });
    assert!(matches!(question.clone().ask(port(&world)).await, Verdict::Allowed { .. }));
    let twice = vec![pair("authorization", "Bearer a"), pair("authorization", "Bearer b")];
    question.header_map = Some(Pairs { pairs: twice });
    denied(&world, question).await.refused(400, "ambiguous-headers");
}

#[tokio::test]
async fn where_sign_in_is_optional_the_client_is_told() {
    let keys = [("server", "grpc", "\"127.0.0.1:0\""), ("acme", "enforcement", "\"optional\"")];
    let world = super::world_with(&keys).await;
    let (hub, client) = allowed(&world, HttpRequest::new("GET /acme/bert")).await;
    assert_eq!(hub.get("x-hf-warning"), None);
    assert!(client["x-hf-warning"].to_str().unwrap().contains("Sign in to ACME Corp"));
    assert!(client["x-hub-sso"].to_str().unwrap().starts_with("optional; organization=acme"));
}

#[tokio::test]
async fn a_body_is_judged_when_it_is_whole_and_as_it_came() {
    let world = world().await;
    let bob = super::cookie(&world, "acme", "bob").await;
    let json = "Content-Type: application/json\r\n";
    let ask = || HttpRequest::new("POST /api/repos/create").with(&bob).with(json);
    let ours = br#"{"name":"x","organization":"acme"}"#;
    let theirs = br#"{"name":"x","organization":"globex"}"#;
    allowed(&world, ask().body(ours)).await;
    denied(&world, ask().body(theirs)).await.refused(403, "sign-in-required");
    let mut cut = ask().body(&ours[..12]);
    cut.size = i64::try_from(ours.len()).unwrap();
    denied(&world, cut).await.refused(413, "body-too-large");
    let partial = ask().with("X-Envoy-Auth-Partial-Body: true\r\n").body(ours);
    denied(&world, partial).await.refused(413, "body-too-large");
    // As text, what is no UTF-8 has become "!": it is another body than the hub will get.
    let mut text = ask();
    text.body = String::from_utf8(theirs.to_vec()).unwrap();
    denied(&world, text.clone()).await.refused(403, "sign-in-required");
    text.headers.remove("cookie");
    text.body = "{\"name\":\"x\",\"organization\":\"globe!\"}".to_owned();
    denied(&world, text).await.refused(403, "body-unread");
    denied(&world, HttpRequest::new("POST /api/repos/create")).await.refused(403, "body-unread");
}

#[tokio::test]
async fn a_malformed_question_is_never_a_yes() {
    let world = world().await;
    for target in
        ["/acme/demo#x", "acme/demo", "*", "", "/acme/%2e%2e/x", "/acme/demo\u{e9}", "//acme/demo"]
    {
        denied(&world, HttpRequest::new(&format!("GET {target}")))
            .await
            .refused(400, "ambiguous-path");
    }
    for method in ["", "G T", "g\u{e9}t"] {
        let mut question = HttpRequest::new("GET /acme/demo");
        method.clone_into(&mut question.method);
        denied(&world, question).await.refused(400, "forward-auth-fields");
    }
    for host in ["evil.example", "", "hub.example.com@evil.example"] {
        let mut question = HttpRequest::new("GET /acme/demo");
        host.clone_into(&mut question.host);
        denied(&world, question).await.refused(400, "foreign-host");
    }
    let address = port(&world);
    for (message, status) in [(&b""[..], 3), (b"\xff\xff", 3), (b"\x0a\x00", 3), (b"\x22\x00", 3)] {
        assert_eq!(call(address, CHECK, message).await.status, status, "{message:?}");
    }
    let mut header = HttpRequest::new("GET /acme/demo");
    header.headers.insert("not a name".to_owned(), "x".to_owned());
    assert_eq!(call(address, CHECK, &header.message()).await.status, 3);
}

#[tokio::test]
async fn calls_are_bounded_and_only_the_known_ones_are_answered() {
    let world = world().await;
    let address = port(&world);
    let message = HttpRequest::new("GET /acme/demo").message();
    let framed =
        |flag: u8, length: u32| [&[flag], length.to_be_bytes().as_slice(), &message].concat();
    let length = u32::try_from(message.len()).unwrap();
    for (bytes, status) in [
        (framed(0, length), 0),
        (framed(1, length), 12),
        (framed(0, length + 1), 3),
        (framed(0, length - 1), 3),
        (framed(0, u32::MAX), 3),
        (vec![0; 4], 3),
        (Vec::new(), 3),
        (vec![0; 1024 * 1024 + 1], 8),
    ] {
        let called = raw(address, CHECK, "application/grpc", bytes).await;
        assert_eq!(called.status, status);
    }
    for (path, kind) in [
        (CHECK, "application/json"),
        (CHECK, "application/grpc-web"),
        ("/envoy.service.auth.v2.Authorization/Check", "application/grpc"),
        ("/envoy.service.auth.v3.Authorization/", "application/grpc"),
        ("/acme/demo", "application/grpc"),
    ] {
        let called = raw(address, path, kind, framed(0, length)).await;
        assert_eq!(called.status, 12, "{path} {kind}");
    }
    // The port is for nothing else, and the others are not for this.
    let answer = tool::ask_both_ways(address, "GET /acme/demo", "").await;
    assert_eq!((answer.must("grpc-status"), answer.text().as_str()), ("12", ""));
    assert!(world.hub.received().is_empty());
    let answer = tool::http2(world.gate.address, &format!("GET {CHECK}"), &[]).await;
    assert_eq!(answer.header("grpc-status"), None);
}

#[tokio::test]
async fn only_trusted_proxies_may_call_and_anybody_may_probe() {
    let world = World::with(|setup| {
        setup.set("server", "grpc", "\"127.0.0.1:0\"");
        setup.set("server", "trusted_proxies", "[\"10.0.0.0/8\"]");
    })
    .await;
    let question = HttpRequest::new("GET /acme/demo").with("X-Forwarded-For: 10.0.0.1\r\n");
    let called = call(port(&world), CHECK, &question.message()).await;
    assert_eq!((called.status, called.message.len()), (7, 0));
    for (service, status) in [("", 0), ("envoy.service.auth.v3.Authorization", 0), ("other", 5)] {
        let length = u8::try_from(service.len()).unwrap();
        let message = match length {
            0 => Vec::new(),
            _ => [&[0x0a, length], service.as_bytes()].concat(),
        };
        let called = call(port(&world), HEALTH, &message).await;
        assert_eq!(called.status, status, "{service}");
        if status == 0 {
            assert_eq!(called.message, &[0x08, 1][..], "SERVING");
        }
    }
}
