//! How a refusal looks: to each kind of client in its own dialect.

use hubgate::demo::Fault;
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::browser::SESSION;
use crate::support::setup::SITE;
use crate::support::tool::{self, Wire};
use crate::support::world::World;

/// A kind of client, by what it sends.
struct Kind {
    name: &'static str,
    line: &'static str,
    headers: &'static str,
    dialect: Dialect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// A page load: redirected, or given a page.
    Page,
    /// A frame or a form: given a page, never redirected.
    Notice,
    /// A script: 401.
    Script,
    /// Git: whether it is asked for a password.
    Git { asked: bool },
    /// Git LFS: likewise.
    Lfs { asked: bool },
    /// Everything else.
    Tool,
}

const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

const KINDS: [Kind; 27] = [
    Kind {
        name: "a browser's page load",
        line: "GET /acme/bert",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: none\r\n",
        dialect: Dialect::Page,
    },
    Kind {
        name: "a browser that wants the head only",
        line: "HEAD /acme/bert",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        dialect: Dialect::Page,
    },
    Kind { name: "an old browser", line: "GET /acme/bert", headers: HTML, dialect: Dialect::Page },
    Kind {
        name: "a browser that downloads a file",
        line: "GET /acme/bert/resolve/main/model.safetensors",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        dialect: Dialect::Page,
    },
    Kind {
        name: "a frame",
        line: "GET /acme/bert",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
        dialect: Dialect::Notice,
    },
    Kind {
        name: "an embedded object",
        line: "GET /acme/bert",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: object\r\n",
        dialect: Dialect::Notice,
    },
    Kind {
        name: "a form",
        line: "POST /acme/bert/upload/main",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        dialect: Dialect::Notice,
    },
    Kind {
        name: "an old browser's form",
        line: "POST /acme/bert/upload/main",
        headers: HTML,
        dialect: Dialect::Notice,
    },
    Kind {
        name: "fetch",
        line: "GET /api/models/acme/bert",
        headers: "Accept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "fetch that says it takes HTML",
        line: "GET /acme/bert",
        headers: "Accept: text/html\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "an image",
        line: "GET /acme/bert/resolve/main/a.png",
        headers: "Accept: image/*\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "a posting script",
        line: "POST /api/models/acme/bert/commit/main",
        headers: "Accept: */*\r\nSec-Fetch-Mode: same-origin\r\nSec-Fetch-Dest: empty\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "XHR of an old browser",
        line: "GET /acme/bert",
        headers: "Accept: text/html\r\nX-Requested-With: XMLHttpRequest\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "an event stream",
        line: "GET /acme/bert/events",
        headers: "Accept: text/event-stream\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "a WebSocket",
        line: "GET /acme/bert/ws",
        headers: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        dialect: Dialect::Script,
    },
    Kind {
        name: "git by its path",
        line: "GET /acme/bert/info/refs?service=git-upload-pack",
        headers: "",
        dialect: Dialect::Git { asked: true },
    },
    Kind {
        name: "git by its name",
        line: "GET /acme/bert.git/HEAD",
        headers: "User-Agent: git/2.47.3\r\nAccept: */*\r\n",
        dialect: Dialect::Git { asked: true },
    },
    Kind {
        name: "git with a token",
        line: "GET /acme/bert/info/refs?service=git-upload-pack",
        headers: "User-Agent: git/2.47.3\r\nAuthorization: Basic Ym9iOmhmX2JvYg==\r\n",
        dialect: Dialect::Git { asked: false },
    },
    Kind {
        name: "git that pushes with a token",
        line: "POST /acme/bert.git/git-receive-pack",
        headers: "User-Agent: git/2.47.3\r\nAuthorization: Basic Ym9iOmhmX2JvYg==\r\n",
        dialect: Dialect::Git { asked: false },
    },
    Kind {
        name: "git-lfs",
        line: "POST /acme/bert.git/info/lfs/locks/verify",
        headers: "Accept: application/vnd.git-lfs+json\r\nUser-Agent: git-lfs/3.6.1\r\n",
        dialect: Dialect::Lfs { asked: true },
    },
    Kind {
        name: "git-lfs by its path",
        line: "GET /acme/bert.git/info/lfs/locks",
        headers: "",
        dialect: Dialect::Lfs { asked: true },
    },
    Kind {
        name: "git-lfs with a token",
        line: "POST /acme/bert.git/info/lfs/locks/verify",
        headers: "Accept: application/vnd.git-lfs+json\r\nAuthorization: Basic Ym9iOmhmX2JvYg==\r\n",
        dialect: Dialect::Lfs { asked: false },
    },
    Kind {
        name: "hf",
        line: "GET /acme/bert/resolve/main/config.json",
        headers: "User-Agent: unknown/None; hf_hub/0.34.4; python/3.12\r\nAccept: */*\r\nAuthorization: Bearer hf_bob\r\n",
        dialect: Dialect::Tool,
    },
    Kind {
        name: "hf that looks before it downloads",
        line: "HEAD /acme/bert/resolve/main/config.json",
        headers: "User-Agent: unknown/None; hf_hub/0.34.4; python/3.12\r\nAccept: */*\r\n",
        dialect: Dialect::Tool,
    },
    Kind {
        name: "curl",
        line: "GET /acme/bert",
        headers: "User-Agent: curl/8.14\r\nAccept: */*\r\n",
        dialect: Dialect::Tool,
    },
    Kind {
        name: "a program that says nothing",
        line: "GET /acme/bert",
        headers: "",
        dialect: Dialect::Tool,
    },
    Kind {
        name: "a program that puts",
        line: "PUT /acme/bert/x",
        headers: HTML,
        dialect: Dialect::Tool,
    },
];

const LOGIN: &str = "https://hub.example.com/-/sso/acme/login";

/// What every refusal carries that is an organization's.
#[track_caller]
fn common(answer: &Answer, what: &str, reason: &str) {
    assert_eq!(answer.must("cache-control"), "no-store", "{what}");
    assert_eq!(answer.request_id().len(), 32, "{what}");
    assert_eq!(
        answer.must("x-hub-sso"),
        format!("required; organization=acme; url={LOGIN}"),
        "{what}"
    );
    assert_eq!(answer.reason(), reason, "{what}");
    assert_eq!(answer.must("x-content-type-options"), "nosniff", "{what}");
    // huggingface_hub shows this line, and takes the code for an error of its own kinds.
    let message = answer.must("x-error-message");
    assert!(message.contains(LOGIN) && message.len() <= 512, "{what}: {message}");
    assert!(message.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{what}: {message}");
    assert_eq!(answer.header("x-error-code"), None, "{what}");
    assert!(answer.set_cookies().is_empty(), "{what}");
    for name in ["cookie", "authorization", "accept", "sec-fetch-mode", "sec-fetch-dest"] {
        assert!(
            answer.must("vary").to_ascii_lowercase().contains(name),
            "{what}: Vary lacks {name}"
        );
    }
}

#[track_caller]
fn is_page(answer: &Answer, what: &str) {
    assert_eq!(answer.must("content-type"), "text/html; charset=utf-8", "{what}");
    assert!(answer.must("content-security-policy").starts_with("default-src 'none'"), "{what}");
    assert_eq!(answer.header("location"), None, "{what}");
}

#[track_caller]
fn is_json(answer: &Answer, what: &str, reason: &str) {
    assert_eq!(answer.must("content-type"), "application/json", "{what}");
    if answer.body.is_empty() {
        return; // of a HEAD
    }
    let body = answer.json();
    assert_eq!(
        (&body["reason"], &body["organization"], &body["url"]),
        (&json!(reason), &json!("acme"), &json!(LOGIN))
    );
    assert!(body["error"].as_str().unwrap().contains(LOGIN), "{what}");
}

#[tokio::test]
async fn a_challenge_speaks_the_clients_dialect() {
    let world = World::start().await;
    for Kind { name, line, headers, dialect } in KINDS {
        let answer = tool::ask(world.gate.address, line, headers).await;
        common(&answer, name, "sign-in-required");
        match dialect {
            Dialect::Page => {
                assert_eq!(answer.status, 303, "{name}");
                let path = line.split_once(' ').unwrap().1;
                let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
                assert_eq!(answer.must("location"), format!("/-/sso/acme/login?return_to={path}"));
                assert_eq!(answer.must("referrer-policy"), "no-referrer");
            }
            Dialect::Notice => {
                assert_eq!(answer.status, 403, "{name}");
                is_page(&answer, name);
                let page = answer.text();
                assert!(page.contains("href=\"/-/sso/acme/login"), "{name}: {page}");
                assert!(page.contains("target=\"_top\""), "{name}");
                assert_eq!(page.contains("What the form held"), line.starts_with("POST"), "{name}");
            }
            Dialect::Script => {
                assert_eq!(answer.status, 401, "{name}");
                is_json(&answer, name, "sign-in-required");
                assert!(
                    answer.must("www-authenticate").starts_with("Bearer "),
                    "no box for a password"
                );
            }
            Dialect::Git { asked } => {
                assert_eq!(answer.status, if asked { 401 } else { 403 }, "{name}");
                assert_eq!(answer.must("content-type"), "text/plain; charset=utf-8", "{name}");
                assert_eq!(answer.text().lines().count(), 1, "{name}");
                assert!(answer.text().contains(LOGIN), "{name}");
                let basic = asked.then_some("Basic realm=\"hub\"");
                assert_eq!(answer.header("www-authenticate"), basic, "{name}");
            }
            Dialect::Lfs { asked } => {
                assert_eq!(answer.status, if asked { 401 } else { 403 }, "{name}");
                assert_eq!(answer.must("content-type"), "application/vnd.git-lfs+json", "{name}");
                assert!(answer.json()["message"].as_str().unwrap().contains(LOGIN), "{name}");
                let basic = asked.then_some("Basic realm=\"hub\"");
                assert_eq!(answer.header("lfs-authenticate"), basic, "{name}");
            }
            Dialect::Tool => {
                assert_eq!(answer.status, 403, "{name}");
                is_json(&answer, name, "sign-in-required");
                assert_eq!(answer.header("www-authenticate"), None, "{name}");
            }
        }
        assert_eq!(
            line.starts_with("HEAD") || dialect == Dialect::Page,
            answer.body.is_empty(),
            "{name}"
        );
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
    let challenges = "hubgate_decisions_total{organization=\"acme\",decision=\"challenge\",reason=\"sign-in-required\"}";
    assert_eq!(world.gate.metric(challenges), KINDS.len() as u64, "{}", world.gate.metrics());
}

#[tokio::test]
async fn a_denial_speaks_the_clients_dialect() {
    let world = World::start().await;
    let session = world.signed_in("acme", "carol").await.session();
    for Kind { name, line, headers, dialect } in KINDS {
        let (method, target) = line.split_once(' ').unwrap();
        // The same client, for something that an administrator may do.
        let target = match dialect {
            Dialect::Git { .. } => "/acme/bert/info/refs?service=git-receive-pack",
            Dialect::Lfs { .. } => "/acme/bert.git/info/lfs/locks/verify",
            Dialect::Page | Dialect::Notice | Dialect::Script | Dialect::Tool => match method {
                "GET" | "HEAD" => "/acme/bert/settings",
                _ => target,
            },
        };
        let method = if matches!(dialect, Dialect::Lfs { .. }) { "POST" } else { method };
        let method = if target.contains("receive-pack") { "GET" } else { method };
        let cookie = format!("Cookie: {SESSION}={session}\r\n{headers}");
        let answer = tool::ask(world.gate.address, &format!("{method} {target}"), &cookie).await;
        common(&answer, name, "role-too-low");
        assert_eq!(answer.status, 403, "{name}");
        assert_eq!(answer.header("location"), None, "{name}");
        match dialect {
            Dialect::Page | Dialect::Notice => {
                is_page(&answer, name);
                if method != "HEAD" {
                    assert!(answer.text().contains("Ask an administrator of ACME Corp"), "{name}");
                }
            }
            Dialect::Script | Dialect::Tool => is_json(&answer, name, "role-too-low"),
            Dialect::Git { .. } => {
                assert_eq!(answer.must("content-type"), "text/plain; charset=utf-8", "{name}");
                assert_eq!(answer.header("www-authenticate"), None, "a password would not help");
            }
            Dialect::Lfs { .. } => {
                assert_eq!(answer.must("content-type"), "application/vnd.git-lfs+json", "{name}");
                assert_eq!(answer.header("lfs-authenticate"), None, "a password would not help");
            }
        }
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
}

/// The dialect's own way to say something that is no organization's.
#[track_caller]
fn in_dialect(answer: &Answer, kind: &Kind) {
    let Kind { name, dialect, .. } = kind;
    let expected = match dialect {
        Dialect::Page | Dialect::Notice => "text/html; charset=utf-8",
        Dialect::Script | Dialect::Tool => "application/json",
        Dialect::Git { .. } => "text/plain; charset=utf-8",
        Dialect::Lfs { .. } => "application/vnd.git-lfs+json",
    };
    assert_eq!(answer.must("content-type"), expected, "{name}");
    assert_eq!(answer.must("cache-control"), "no-store", "{name}");
    assert_eq!(answer.header("location"), None, "{name}");
    assert_eq!(answer.header("www-authenticate"), None, "{name}");
    assert_eq!(answer.request_id().len(), 32, "{name}");
}

#[tokio::test]
async fn a_path_with_two_readings_is_refused_in_the_clients_dialect() {
    let world = World::start().await;
    for kind in &KINDS {
        let (method, target) = kind.line.split_once(' ').unwrap();
        for path in ["/acme/", "/acme%2F", "/moe/..;/", "/acme%5C"] {
            let target = target.replacen("/acme/", &format!("{path}/"), 1);
            let answer =
                tool::ask(world.gate.address, &format!("{method} {target}"), kind.headers).await;
            let answer = answer.refused(400, "ambiguous-path");
            in_dialect(&answer, kind);
            assert_eq!(answer.header("x-hub-sso"), None, "{}", kind.name);
        }
    }
    assert!(world.hub.received().is_empty(), "nothing has reached the hub");
}

#[tokio::test]
async fn a_hub_that_is_down_is_said_so_in_the_clients_dialect() {
    let world = World::with(|setup| {
        setup.set("hub", "connect_timeout", "\"2s\"");
    })
    .await;
    let session = world.signed_in("acme", "alice").await.session();
    for kind in &KINDS {
        let path = kind.line.split_once(' ').unwrap().1.split('?').next().unwrap();
        world.hub.fail(path, Some(Fault::Close));
        let headers = format!("Cookie: {SESSION}={session}\r\n{}", kind.headers);
        let answer = tool::ask(world.gate.address, kind.line, &headers).await;
        assert_eq!(answer.status, 502, "{}: {}", kind.name, answer.reason());
        assert!(answer.reason().starts_with("upstream-"), "{}: {}", kind.name, answer.reason());
        in_dialect(&answer, kind);
        assert!(answer.must("retry-after").parse::<u32>().unwrap() > 0, "{}", kind.name);
        assert_eq!(answer.header("x-hub-sso"), None, "{}: a sign-in would not help", kind.name);
        assert!(!answer.text().contains("No access"), "{}", answer.text());
        let line = world.gate.lines.of(answer.request_id()).await;
        assert_eq!(line["decision"], "error");
        world.hub.fail(path, None);
    }
    // Nobody listens at all.
    let gate = world.another_gate(|text| text.replace(world.hub.origin(), "http://127.0.0.1:9"));
    let answer = tool::ask(gate.address, "GET /acme/demo", "").await;
    let answer = answer.refused(502, "upstream-unreachable");
    assert!(answer.must("retry-after").parse::<u32>().unwrap() > 0);
    // Our own pages are there all the same.
    tool::ask(gate.address, "GET /-/sso/", HTML).await.expect(200);
}

#[tokio::test]
async fn the_hubs_own_refusals_pass_as_they_are() {
    let world = World::start().await;
    let target = "GET /moe/open-model/answer?status=401&header=WWW-Authenticate:Basic&body=own";
    let answer = tool::ask(world.gate.address, target, HTML).await.expect(401);
    assert_eq!((answer.text().as_str(), answer.must("www-authenticate")), ("own", "Basic"));
    assert_eq!((answer.header("x-hub-sso"), answer.reason()), (None, ""));
    let target = "GET /moe/open-model/answer?status=302&header=Location:https://elsewhere.example/";
    let answer = tool::ask(world.gate.address, target, HTML).await.expect(302);
    assert_eq!(answer.must("location"), "https://elsewhere.example/");
}

#[tokio::test]
async fn headers_that_contradict_each_other_are_refused() {
    let world = World::start().await;
    let session = world.signed_in("acme", "alice").await.session();
    let address = world.gate.address;
    let before = world.hub.received().len();
    let cookie = format!("Cookie: {SESSION}={session}\r\n");
    let host = "Host: hub.example.com\r\n";
    for (line, headers) in [
        ("GET /acme/bert HTTP/1.1", format!("{host}Host: other.example\r\n")),
        ("GET /acme/bert HTTP/1.1", format!("{host}{host}")),
        ("GET /acme/bert HTTP/1.1", String::new()),
        ("GET /acme/bert HTTP/1.1", "Host: hub.example.com/x\r\n".to_owned()),
        ("GET /acme/bert HTTP/1.1", "Host: a@hub.example.com\r\n".to_owned()),
        ("GET /acme/bert HTTP/1.1", "Host: hub.example.com, other\r\n".to_owned()),
        ("GET http://evil.example/acme/bert HTTP/1.1", host.to_owned()),
        ("GET http://evil.example/acme/bert HTTP/1.1", "Host: evil.example\r\n".to_owned()),
        ("GET https://hub.example.com/acme/bert HTTP/1.1", "Host: evil.example\r\n".to_owned()),
        ("GET //evil.example/acme/bert HTTP/1.1", host.to_owned()),
        ("GET * HTTP/1.1", host.to_owned()),
        ("GET acme/bert HTTP/1.1", host.to_owned()),
        (
            "GET /acme/bert HTTP/1.1",
            format!("{host}Authorization: Basic eDp5\r\nAuthorization: Bearer x\r\n"),
        ),
        (
            "POST /acme/bert/echo HTTP/1.1",
            format!("{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ),
        (
            "POST /acme/bert/echo HTTP/1.1",
            format!("{host}Content-Length: 5\r\nContent-Length: 6\r\n"),
        ),
        ("POST /acme/bert/echo HTTP/1.1", format!("{host}Content-Length: +5\r\n")),
        (
            "POST /acme/bert/echo HTTP/1.1",
            format!("{host}Transfer-Encoding: gzip, chunked, identity\r\n"),
        ),
        ("GET /acme/bert#x HTTP/1.1", host.to_owned()),
    ] {
        let head = format!("{line}\r\n{headers}{cookie}Connection: close\r\n\r\n");
        let answer = tool::raw(address, &head).await;
        assert_eq!(answer.status, 400, "{head}: {}", answer.text());
    }
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "CONNECT" { "evil.example:443" } else { "/acme/bert" };
        let head = format!("{method} {target} HTTP/1.1\r\n{host}{cookie}Connection: close\r\n\r\n");
        let answer = tool::raw(address, &head).await;
        assert!([400, 405].contains(&answer.status), "{method}: {}", answer.status);
    }
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
    // The absolute form is read for ourselves (RFC 9112 §3.2.2).
    let head = format!(
        "GET https://hub.example.com/acme/bert/echo HTTP/1.1\r\n{host}{cookie}Connection: close\r\n\r\n"
    );
    let answer = tool::raw(address, head).await.expect(200);
    assert_eq!(answer.json()["target"], "/acme/bert/echo");
}

#[tokio::test]
async fn what_stands_under_our_prefix_and_is_no_page_never_reaches_the_hub() {
    let world = World::start().await;
    let session = world.signed_in("acme", "alice").await.session();
    let cookie = format!("Cookie: {SESSION}={session}\r\n");
    let before = world.hub.received().len();
    for (line, status, reason) in [
        ("GET /-/sso/acme/evil", 404, "no-such-page"),
        ("GET /-/sso/acme", 404, "no-such-page"),
        ("GET /-/sso/a/b/c/d/e/f", 404, "no-such-page"),
        ("GET /-/other", 404, "no-such-page"),
        ("GET /-/", 404, "no-such-page"),
        ("GET /%2D/sso/nothing/login", 404, "unknown-organization"),
        ("GET /-/sso/nothing/login", 404, "unknown-organization"),
        ("DELETE /-/sso/", 405, "method-not-allowed"),
        ("POST /-/sso/session", 405, "method-not-allowed"),
        ("POST /-/sso/acme/login", 405, "method-not-allowed"),
        ("PUT /-/sso/acme/oidc/callback", 405, "method-not-allowed"),
        ("OPTIONS /-/sso/logout", 405, "method-not-allowed"),
        ("GET /-/sso/acme/saml/acs", 405, "method-not-allowed"),
        ("GET /-/sso/acme/oidc/callback", 400, "bad-parameters"),
    ] {
        let answer = tool::ask(world.gate.address, line, &cookie).await.refused(status, reason);
        let allowed = match line {
            "DELETE /-/sso/" | "POST /-/sso/session" | "POST /-/sso/acme/login" => {
                Some("GET, HEAD")
            }
            "PUT /-/sso/acme/oidc/callback" | "OPTIONS /-/sso/logout" => Some("GET, HEAD, POST"),
            "GET /-/sso/acme/saml/acs" => Some("POST"),
            _ => None,
        };
        assert_eq!(answer.header("allow"), allowed, "{line}");
        let line = world.gate.lines.of(answer.request_id()).await;
        assert_eq!((&line["decision"], &line["reason"]), (&json!("own"), &json!(reason)));
    }
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_everything_else_is() {
    let world = World::start().await;
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    for (line, fields, status, reason) in [
        ("GET /acme#x", "", 400, "ambiguous-path"),
        ("GET /acme?x#y", "", 400, "ambiguous-path"),
        ("GET /acme/\u{e9}", "", 400, "ambiguous-path"),
        (
            "GET /acme",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            400,
            "ambiguous-headers",
        ),
        ("GET /acme", "Content-Length: 1\r\nContent-Length: 2\r\n", 400, "ambiguous-headers"),
        ("GET /acme", "X: y\r\n folded\r\n", 400, "unsupported-request"),
        ("GET /acme", &many, 431, "unsupported-request"),
        ("GET /acme", &large, 431, "unsupported-request"),
    ] {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: hub.example.com\r\nConnection: close\r\n{fields}\r\n"
        );
        let answer = tool::raw(world.gate.address, head).await.refused(status, reason);
        assert_eq!(answer.header("connection"), Some("close"), "{line} {reason}");
        let line = world.gate.lines.of(answer.request_id()).await;
        assert_eq!((&line["decision"], &line["reason"]), (&json!("deny"), &json!(reason)));
    }
    // Behind a request that could be read, too.
    let two =
        "GET /-/sso/session HTTP/1.1\r\nHost: hub.example.com\r\n\r\nGET /acme HTTP/9\r\n\r\n";
    let mut wire = Wire::open(world.gate.address, two).await;
    let both = String::from_utf8(wire.rest().await).unwrap();
    assert_eq!(both.matches("HTTP/1.1 ").count(), 2, "{both}");
    assert!(both.contains("\"reason\":\"unsupported-request\""), "{both}");
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn namespaces_of_nobody_are_refused_where_only_organizations_are_served() {
    let world = World::with(|setup| {
        setup.set("hub", "unclaimed", "\"deny\"");
    })
    .await;
    for kind in &KINDS {
        let line = kind.line.replacen("acme", "moe", 1);
        let answer = tool::ask(world.gate.address, &line, kind.headers).await;
        let answer = answer.refused(403, "unclaimed-namespace");
        in_dialect(&answer, kind);
    }
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn what_an_operators_rule_closes_is_refused_with_a_reason_of_its_own() {
    let world = World::with(|setup| {
        setup.set("hub", "rule", "[{ path = \"/**\", access = \"deny\" }]");
    })
    .await;
    for kind in &KINDS {
        let answer = tool::ask(world.gate.address, kind.line, kind.headers).await;
        let answer = answer.refused(403, "denied-by-rule");
        in_dialect(&answer, kind);
        let line = world.gate.lines.of(answer.request_id()).await;
        assert_eq!(
            (&line["decision"], &line["reason"]),
            (&json!("deny"), &json!("denied-by-rule"))
        );
    }
    let denied =
        "hubgate_decisions_total{organization=\"\",decision=\"deny\",reason=\"denied-by-rule\"}";
    assert_eq!(world.gate.metric(denied), KINDS.len() as u64);
    assert!(world.hub.received().is_empty());
}

#[tokio::test]
async fn a_body_that_names_the_organization_is_read_once_and_goes_on_as_it_was() {
    let world = World::start().await;
    let session = world.signed_in("acme", "bob").await.session();
    let address = world.gate.address;
    let headers = format!("Cookie: {SESSION}={session}\r\nContent-Type: application/json\r\n");
    let line = "POST /api/repos/create";
    let body = br#"{ "name":"new" ,"organization":"acme", "x":"\u00e9" }"#;
    tool::send(address, line, &headers, body).await;
    assert_eq!(world.last_at_hub().body_length(), body.len() as u64);
    let before = world.hub.received().len();
    for (body, status, reason) in [
        (
            &br#"{"name":"new","organization":"globex","organization":"acme"}"#[..],
            400,
            "ambiguous-body",
        ),
        (br#"{"name":"new","organization":"acme""#, 400, "ambiguous-body"),
        (br#"["acme"]"#, 400, "ambiguous-body"),
        (br#"{"name":"new","organization":"globex"}"#, 403, "sign-in-required"),
    ] {
        tool::send(address, line, &headers, body).await.refused(status, reason);
    }
    let large =
        [br#"{"name":"new","organization":"acme","x":""#, &[b'x'; 70_000][..], b"\"}"].concat();
    tool::send(address, line, &headers, &large).await.refused(413, "body-too-large");
    assert_eq!(world.hub.received().len(), before, "nothing has reached the hub");
}

#[tokio::test]
async fn an_answer_says_that_the_connection_ends_when_a_body_stands_in_the_way() {
    let world = World::start().await;
    let head = |path: &str, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: hub.example.com\r\nContent-Type: application/json\r\n\
             {more}\r\n"
        )
    };
    for (path, status) in
        [("/acme/bert/upload", 403), ("/-/sso/session", 405), ("/api/repos/create", 413)]
    {
        // Nobody waits for what has not come, and who waits to be asked for it is not asked.
        for more in
            ["Content-Length: 100000\r\n", "Expect: 100-continue\r\nContent-Length: 70000\r\n"]
        {
            let mut wire = Wire::open(world.gate.address, head(path, more)).await;
            let answer = tool::parse(&wire.rest().await);
            assert_eq!(
                (answer.status, answer.header("connection")),
                (status, Some("close")),
                "{path}"
            );
        }
    }
    // Much does, even if it is on its way already.
    let much = format!(
        "{}{}",
        head("/acme/bert/upload", "Content-Length: 300000\r\n"),
        "x".repeat(300_000)
    );
    let mut wire = Wire::open(world.gate.address, much).await;
    assert_eq!(tool::parse(&wire.rest().await).header("connection"), Some("close"));
    // What is here already does not stand in the way.
    let whole = |body: &str, more: &str| format!("{}{body}", head("/acme/bert/upload", more));
    for first in [
        whole(&"x".repeat(5000), "Content-Length: 5000\r\n"),
        whole("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n"),
        whole("", "Content-Length: 0\r\n"),
    ] {
        let next =
            "GET /-/sso/session HTTP/1.1\r\nHost: hub.example.com\r\nConnection: close\r\n\r\n";
        let mut wire = Wire::open(world.gate.address, format!("{first}{next}")).await;
        let both = String::from_utf8(wire.rest().await).unwrap();
        assert_eq!(both.matches("HTTP/1.1 ").count(), 2, "{both}");
        assert_eq!(both.matches("connection: close").count(), 1, "{both}");
    }
}

#[tokio::test]
async fn a_link_after_a_form_leads_back_to_the_page_that_held_it() {
    let world = World::start().await;
    let form = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    for (referer, expected) in [
        (
            format!("{SITE}/acme/bert/edit?x=y"),
            "href=\"/-/sso/acme/login?return_to=%2Facme%2Fbert%2Fedit%3Fx%3Dy\"",
        ),
        ("https://evil.example/acme/bert/edit".to_owned(), "href=\"/-/sso/acme/login\""),
        (format!("{SITE}.evil.example/acme"), "href=\"/-/sso/acme/login\""),
        (format!("{SITE}//evil.example"), "href=\"/-/sso/acme/login\""),
    ] {
        let headers = format!("{form}Referer: {referer}\r\n");
        let answer = tool::ask(world.gate.address, "POST /acme/bert/upload/main", &headers).await;
        let page = answer.refused(403, "sign-in-required").text();
        assert!(page.contains(expected), "{referer}: {page}");
        assert!(!page.contains("evil"), "{page}");
    }
}
