//! What proxies and their clients write into a question.

use super::{ALL, Contract, PAGE, cookie, world};
use crate::support::setup::SITE;
use crate::support::tool;
use crate::support::world::World;

#[tokio::test]
async fn only_trusted_proxies_may_ask() {
    for networks in ["[]", "[\"10.0.0.0/8\", \"::1\"]"] {
        let world = World::with(|setup| {
            setup.set("server", "trusted_proxies", networks);
        })
        .await;
        for contract in ALL {
            for line in ["GET /acme/demo", "GET /acme/bert", "OPTIONS /pub/x", "GET /"] {
                let answer = contract.ask(&world, line, "X-Forwarded-For: 10.0.0.1\r\n").await;
                answer.refused(403, "untrusted-proxy");
                let answer = contract.ask(&world, line, PAGE).await;
                answer.refused(403, "untrusted-proxy");
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_is_missing_empty_or_doubled_is_refused() {
    let world = world().await;
    for contract in [Contract::Nginx, Contract::Forward] {
        let (line, fields) = contract.question("GET /acme/demo");
        let fields: Vec<&str> = fields.split_inclusive("\r\n").collect();
        for (index, field) in fields.iter().enumerate() {
            let (name, value) = field.trim().split_once(": ").unwrap();
            let others: String =
                fields.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, f)| *f).collect();
            for bad in [
                String::new(),
                format!("{name}:\r\n"),
                format!("{name}: {value}\r\n{name}: {value}\r\n"),
                format!("{name}: {value}\r\n{name}: \r\n"),
                format!("{name}: {value}\r\n{}: /other\r\n", name.to_ascii_uppercase()),
                format!("{}: {value}\r\n", name.replace('-', "_")),
            ] {
                let asked = format!("{bad}{others}");
                let answer = tool::ask_both_ways(world.gate.address, &line, &asked).await;
                answer.refused(400, "forward-auth-fields");
            }
        }
        tool::ask_both_ways(world.gate.address, &line, &fields.concat()).await.expect(200);
    }
}

#[tokio::test]
async fn what_belongs_to_another_contract_says_nothing_here() {
    let world = world().await;
    let forwarded = "X-Forwarded-Uri: /acme/demo\r\nX-Forwarded-Method: GET\r\n\
                     X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n";
    for contract in [Contract::Nginx, Contract::Envoy] {
        let answer = contract.ask(&world, "PUT /acme/bert", forwarded).await;
        answer.refused(403, "sign-in-required");
    }
    let original =
        "X-Original-URL: https://hub.example.com/acme/demo\r\nX-Original-Method: GET\r\n";
    for contract in [Contract::Forward, Contract::Envoy] {
        // The proxy would pass it on to the hub.
        contract.ask(&world, "GET /acme/bert", original).await.refused(400, "ambiguous-headers");
        contract.ask(&world, "GET /acme/demo", original).await.refused(400, "ambiguous-headers");
    }
    // Each address wants its own fields, whatever else is there.
    let all = [forwarded, original].concat();
    let answer = tool::ask_both_ways(world.gate.address, "GET /-/sso/authz/nginx", forwarded).await;
    answer.refused(400, "forward-auth-fields");
    let answer =
        tool::ask_both_ways(world.gate.address, "GET /-/sso/authz/forward", original).await;
    answer.refused(400, "forward-auth-fields");
    for address in [
        "",
        "/",
        "s/nginx",
        "/nginx/",
        "/nginx/acme/demo",
        "/envoy",
        "/NGINX",
        "/%6eginx",
        "/forward;x",
    ] {
        let line = format!("GET /-/sso/authz{address}");
        let answer = tool::ask_both_ways(world.gate.address, &line, &all).await;
        assert_eq!(answer.status, 404, "{line}");
    }
}

#[tokio::test]
async fn a_foreign_host_is_refused_and_a_port_is_no_other_host() {
    let world = world().await;
    for (host, good) in [
        ("hub.example.com", true),
        ("HUB.example.COM", true),
        ("hub.example.com:443", true),
        ("hub.example.com:80", false),
        ("hub.example.com.", false),
        ("evil.example", false),
        ("evil.example@hub.example.com", false),
        ("hub.example.com@evil.example", false),
        ("hub.example.com, evil.example", false),
        ("xhub.example.com", false),
    ] {
        for contract in ALL {
            let (line, fields) = contract.question("GET /acme/demo");
            let head = match contract {
                Contract::Envoy => format!("{line} HTTP/1.1\r\nHost: {host}\r\n"),
                Contract::Nginx | Contract::Forward => {
                    let fields = fields.replace("hub.example.com", host);
                    format!("{line} HTTP/1.1\r\nHost: inside\r\n{fields}")
                }
            };
            let head = format!("{head}Connection: close\r\n\r\n");
            let answer = tool::raw(world.gate.address, &head).await;
            if good {
                answer.expect(200);
            } else {
                answer.refused(contract.passed_on(400), "foreign-host");
            }
        }
    }
}

/// Targets that no contract may let through, whoever asks.
const MALFORMED: [&str; 25] = [
    "/acme/demo#x",
    "/acme/demo?x#y",
    "/#/acme/bert",
    "/acme/demo/..%2f..%2facme%2fbert",
    "/acme/demo/../bert",
    "/acme/%2e%2e/acme/bert",
    "/pub//acme",
    "//acme/demo",
    "/acme%2Fdemo",
    "/acme/demo%00",
    "/acme/demo%",
    "/acme/demo%zz",
    "/acme/demo%5cx",
    "/acme\\demo",
    "/acme/dem\u{e9}",
    "/acme/demo\u{7f}",
    "/acme/demo\tx",
    "/acme/demo x",
    "*",
    "acme/demo",
    "https://hub.example.com/acme/demo",
    "http://evil.example/acme/demo",
    "",
    "?x=/acme/demo",
    "@evil.example/acme/demo",
];

#[tokio::test]
async fn a_malformed_target_is_never_a_yes() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    for target in MALFORMED {
        for contract in ALL {
            for agent in ["", "User-Agent: kube-probe/1.30\r\n", "User-Agent: GoogleHC/1.0\r\n"] {
                let headers = format!("{bob}{agent}");
                let answer = contract.ask(&world, &format!("GET {target}"), &headers).await;
                let what = format!("{contract:?} {target:?}: {answer:?}");
                match contract {
                    // Bytes that no header can hold are refused below us.
                    _ if answer.reason() == "unsupported-request" => {
                        assert_eq!(answer.status, 400, "{what}");
                    }
                    // nginx makes its own error of it.
                    Contract::Nginx if answer.reason() == "forward-auth-fields" => {
                        assert_eq!(answer.status, 400, "{what}");
                    }
                    Contract::Nginx => assert!(matches!(answer.status, 401 | 403), "{what}"),
                    // An address glued to another word is no address of ours.
                    Contract::Envoy => assert!(matches!(answer.status, 400 | 404), "{what}"),
                    Contract::Forward => assert_eq!(answer.status, 400, "{what}"),
                }
            }
        }
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_malformed_method_or_scheme_is_never_a_yes() {
    let world = world().await;
    for method in ["", " ", "GET /x", "G\u{e9}T", "GET,PUT", "TRACE", "CONNECT", "get\u{7f}"] {
        for contract in [Contract::Nginx, Contract::Forward] {
            let (line, fields) = contract.question("GET /acme/demo");
            let fields = fields.replace("Method: GET", &format!("Method: {method}"));
            let answer = tool::ask_both_ways(world.gate.address, &line, &fields).await;
            assert!(answer.status >= 400, "{contract:?} {method:?}: {answer:?}");
        }
    }
    for proto in ["", "ftp", "https,http", "HTTPS"] {
        let (line, fields) = Contract::Forward.question("GET /acme/demo");
        let fields = fields.replace("Proto: https", &format!("Proto: {proto}"));
        let answer = tool::ask_both_ways(world.gate.address, &line, &fields).await;
        answer.refused(400, "forward-auth-fields");
    }
    for url in ["ftp://hub.example.com/acme/demo", "//hub.example.com/acme/demo", "/acme/demo"] {
        let fields = format!("X-Original-URL: {url}\r\nX-Original-Method: GET\r\n");
        let answer =
            tool::ask_both_ways(world.gate.address, "GET /-/sso/authz/nginx", &fields).await;
        answer.refused(400, "forward-auth-fields");
    }
}

#[tokio::test]
async fn the_questions_own_method_does_not_matter() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        for contract in [Contract::Nginx, Contract::Forward] {
            let (line, fields) = contract.question("GET /acme/bert");
            let line = line.replace("GET", method);
            let answer = tool::ask_both_ways(world.gate.address, &line, &fields).await;
            assert_eq!(answer.reason(), "sign-in-required", "{line}");
            assert_eq!(answer.status, 403, "{line}");
            let yes =
                tool::ask_both_ways(world.gate.address, &line, &format!("{fields}{bob}")).await;
            assert_eq!(yes.expect(200).must("x-auth-email"), "bob@acme.com");
        }
    }
    // Envoy asks with the client's own.
    for method in ["HEAD", "OPTIONS", "POST"] {
        let answer = Contract::Envoy.ask(&world, &format!("{method} /acme/bert"), "").await;
        assert_eq!((answer.status, answer.reason()), (403, "sign-in-required"));
    }
}

#[tokio::test]
async fn a_spelling_that_the_proxy_would_pass_on_is_refused() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    for contract in ALL {
        for name in [
            "X_Auth_User",
            "x_auth-user",
            "X-Auth_User",
            "X.Auth.User",
            "Remote-User",
            "Remote_User",
            "X-Forwarded-User",
            "X-WebAuth-User",
            "X-Auth-Request-User",
            "X-HTTP-Method-Override",
            "X_HTTP_METHOD_OVERRIDE",
            "X-Rewrite-URL",
            "X-Original-URI",
            "X_Original_URL",
        ] {
            for target in ["/acme/demo", "/acme/bert", "/pub/x"] {
                let headers = format!("{bob}{name}: evil\r\n");
                let answer = contract.ask(&world, &format!("GET {target}"), &headers).await;
                answer.refused(contract.passed_on(400), "ambiguous-headers");
            }
        }
        // The ingress controller of nginx writes this one into each of its questions.
        let usual = "X-Auth-Request-Redirect: /acme/demo\r\n";
        let answer = contract.ask(&world, "GET /acme/demo", usual).await;
        assert_eq!(answer.status, if contract == Contract::Nginx { 200 } else { 400 });
    }
}

#[tokio::test]
async fn doubled_credentials_are_refused_as_in_the_proxy() {
    let world = world().await;
    for contract in ALL {
        let twice = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n";
        let answer = contract.ask(&world, "GET /acme/demo", twice).await;
        answer.refused(contract.passed_on(400), "ambiguous-headers");
    }
}

#[tokio::test]
async fn a_question_by_http2_is_read_by_its_authority() {
    let world = world().await;
    let address = world.gate.address;
    tool::http2(address, "GET /-/sso/authz/envoy/acme/demo", &[]).await.expect(200);
    let line = "GET /-/sso/authz/envoy/acme/bert";
    tool::http2(address, line, &[]).await.refused(403, "sign-in-required");
    let answer =
        tool::http2(address, "GET /-/sso/authz/envoy/acme/demo", &[("host", "evil.example")]).await;
    assert_eq!(answer.status, 400);
    let url = format!("{SITE}/acme/demo");
    let fields = [("x-original-url", url.as_str()), ("x-original-method", "GET")];
    tool::http2(address, "GET /-/sso/authz/nginx", &fields).await.expect(200);
}

#[tokio::test]
async fn an_upgrade_is_answered_and_not_switched_to() {
    let world = world().await;
    let bob = cookie(&world, "acme", "bob").await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for contract in ALL {
        let (line, fields) = contract.question("GET /acme/bert");
        for (who, status) in [("", 401), (bob.as_str(), 200)] {
            let head =
                format!("{line} HTTP/1.1\r\nHost: hub.example.com\r\n{fields}{who}{upgrade}\r\n");
            let mut wire = tool::Wire::open(world.gate.address, head).await;
            wire.until("\r\n\r\n").await;
            assert!(wire.text().starts_with(&format!("HTTP/1.1 {status} ")), "{}", wire.text());
        }
    }
}
