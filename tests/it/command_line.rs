//! The command line: the real binary, its output and its exit codes.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hubgate::clock::Clock;
use hubgate::demo::hub::{Access, Hub, Settings as HubSettings};
use hubgate::demo::provider::{Provider, Settings};
use hubgate::demo::{Listener, people};

use crate::documents::{Document, Folder};

/// Nothing that is printed may hold this.
const PLANTED: &str = "pl4nted-s3cret-0123456789abcdef0123456789";

/// Runs the binary with nothing but these variables.
fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(arguments)
        .env_clear()
        .env("SECRET", PLANTED)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with `hub.toml`.
fn written(document: &Document) -> Folder {
    let folder = Folder::new();
    folder.write("hub.toml", document.text().as_bytes());
    folder
}

fn path(folder: &Folder) -> String {
    folder.path("hub.toml").display().to_string()
}

#[track_caller]
fn check_exit(arguments: &[&str], expected: i32) -> Output {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(expected),
        "{arguments:?}\n{}{}",
        out(&output),
        err(&output)
    );
    output
}

#[test]
fn an_audit_log_that_cannot_be_opened_is_a_mistake_among_the_others() {
    let document = Document::minimal()
        .set("server.listen", "[\"127.0.0.1:0\"]")
        .set("audit.to", "\"./no-such-folder/audit.jsonl\"");
    let folder = written(&document.clone().set("hub.profile", "\"svn\""));
    let said = |command: &str, folder: &Folder| {
        err(&check_exit(&[command, "--config", &path(folder)], 78))
    };
    for text in [said("check", &folder), said("run", &folder)] {
        assert!(text.contains("2 mistakes in "), "{text}");
        assert!(text.contains("audit.to: ") && text.contains("hub.profile: "), "{text}");
        assert!(
            text.contains("no-such-folder/audit.jsonl cannot be opened: No such file"),
            "{text}"
        );
        assert!(text.contains("check the path, the mount and its permissions"), "{text}");
    }
    let folder = written(&document);
    let json = check_exit(&["check", "--format", "json", "--config", &path(&folder)], 78);
    let json: serde_json::Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!(json["mistakes"][0]["key"], "audit.to", "{json}");
    // Whoever only asks what would be decided writes no audit log.
    check_exit(&["explain", "--config", &path(&folder), "GET", "/acme/demo"], 0);
    std::fs::create_dir(folder.path("no-such-folder")).unwrap();
    check_exit(&["check", "--config", &path(&folder)], 0);
    let left = std::fs::read_dir(folder.path("no-such-folder")).unwrap().count();
    assert_eq!(left, 0, "a check writes nothing");
    std::fs::create_dir(folder.path("no-such-folder/audit.jsonl")).unwrap();
    let text = said("check", &folder);
    assert!(text.contains("audit.jsonl cannot be opened: Is a directory"), "{text}");
}

#[test]
fn links_that_could_not_be_written_are_a_mistake() {
    let document = Document::minimal()
        .set("server.listen", "[\"127.0.0.1:0\"]")
        .set("hub.identity", "\"hub\"")
        .set("hub.links", "\"state/links.jsonl\"");
    let folder = written(&document);
    for wrong in ["No such file", "Is a directory"] {
        for command in ["check", "run"] {
            let text = err(&check_exit(&[command, "--config", &path(&folder)], 78));
            assert!(text.contains("hub.links: ") && text.contains(wrong), "{text}");
            assert!(text.contains("check the path, the mount and its permissions"), "{text}");
        }
        std::fs::create_dir_all(folder.path("state/links.jsonl")).unwrap();
    }
    std::fs::remove_dir(folder.path("state/links.jsonl")).unwrap();
    check_exit(&["check", "--config", &path(&folder)], 0);
    assert!(!folder.path("state/links.jsonl").exists(), "a check writes nothing");
}

#[test]
fn the_exit_code_says_who_must_act() {
    let good = written(&Document::minimal());
    let bad = written(&Document::minimal().without("public_url"));
    let nowhere = good.path("nowhere.toml").display().to_string();
    check_exit(&["--help"], 0);
    check_exit(&["--version"], 0);
    check_exit(&["check", "--config", &path(&good)], 0);
    for command in ["check", "run"] {
        check_exit(&[command, "--config", &path(&bad)], 78);
        check_exit(&[command, "--config", &nowhere], 78);
        check_exit(&[command], 64);
    }
    check_exit(&["explain", "--config", &path(&bad), "GET", "/acme"], 78);
    check_exit(&["healthcheck", "--config", &nowhere], 78);
    check_exit(&[], 64);
    check_exit(&["serve"], 64);
    check_exit(&["check", "--colour"], 64);
    check_exit(&["explain", "--config", &path(&good)], 64);
    check_exit(&["explain", "--config", &path(&good), "GET"], 64);
}

#[test]
fn check_tells_every_mistake_and_nothing_else() {
    let folder = written(
        &Document::minimal().without("public_url").set("server.lisen", "[]").set("colour", "1"),
    );
    let output = check_exit(&["check", "--config", &path(&folder)], 78);
    assert_eq!(out(&output), "");
    let text = err(&output);
    assert!(text.starts_with(&format!("error: 3 mistakes in {}\n", path(&folder))), "{text}");
    for key in ["public_url", "server.lisen", "colour"] {
        assert!(text.contains(&format!("\n  {key}: ")), "{text}");
    }
    let output = check_exit(&["check", "--config", &path(&folder), "--format", "json"], 78);
    let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(json["good"], false);
    assert_eq!(json["mistakes"].as_array().unwrap().len(), 3);
    assert_eq!(json["mistakes"][1]["key"], "public_url");
}

#[test]
fn check_shows_what_a_good_configuration_does() {
    let folder = written(
        &Document::minimal()
            .set("organization.display_name", "\"ACME Corp\"")
            .set("organization.enforcement", "\"optional\"")
            .set("server.admin", "\"0.0.0.0:9090\""),
    );
    let text = out(&check_exit(&["check", "--config", &path(&folder)], 0));
    for shown in [
        "https://hub.example.com",
        "0.0.0.0:8080",
        "acme (ACME Corp)",
        "okta, https://acme.okta.com",
        "0oa1, client_secret_post",
        "https://hub.example.com/-/sso/acme/oidc/callback",
        "groups has hub-admins",
        "warning: organization[acme].enforcement: is optional",
        "warning: server.admin: is reachable from the network",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    let output = check_exit(&["check", "--config", &path(&folder), "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(json["good"], true);
    assert_eq!(
        json["organizations"][0]["redirect_uri"],
        "https://hub.example.com/-/sso/acme/oidc/callback"
    );
}

#[test]
fn the_environment_names_the_file_and_overrides_its_keys() {
    let folder = written(&Document::minimal());
    let file = path(&folder);
    let output = run_with(&["check"], &[("HUBGATE_CONFIG", &file)]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let variables =
        [("HUBGATE_CONFIG", file.as_str()), ("HUBGATE__SERVER__LISTEN", "127.0.0.1:7777")];
    let output = run_with(&["check"], &variables);
    assert!(out(&output).contains("127.0.0.1:7777"), "{}", out(&output));
    let variables = [("HUBGATE_CONFIG", file.as_str()), ("HUBGATE__SERVER__LISEN", "x")];
    let output = run_with(&["check"], &variables);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("HUBGATE__SERVER__LISEN: "), "{}", err(&output));
}

/// Asks `explain` and expects these fragments, in order.
#[track_caller]
fn check_explain(folder: &Folder, arguments: &[&str], expected: &[&str]) {
    let file = path(folder);
    let output = check_exit(&[&["explain", "--config", &file], arguments].concat(), 0);
    let text = out(&output);
    let mut rest = text.as_str();
    for fragment in expected {
        let Some(at) = rest.find(fragment) else { panic!("{fragment:?} is missing in\n{text}") };
        rest = &rest[at + fragment.len()..];
    }
}

#[test]
fn explain_knows_no_caller_of_an_organization_that_is_not_there() {
    let folder = written(&two());
    let asked = ["GET", "/acme/model", "--as", "globx/alice:read"];
    let output = check_exit(&[&["explain", "--config", &path(&folder)], &asked[..]].concat(), 64);
    let said = err(&output);
    assert!(said.contains("no organization \"globx\"; there are acme, globex"), "{said}");
}

/// Two organizations: acme with a domain, something public, and roles; globex.
fn two() -> Document {
    Document::minimal()
        .set("organization.display_name", "\"ACME Corp\"")
        .set("organization.email_domains", "[\"acme.com\"]")
        .set("organization.public", "[\"datasets/open-*\"]")
        .set("organization.role_mapping.roles.write", "[\"ml\"]")
        .and(&Document::organization("globex", ""))
}

#[test]
fn explain_tells_the_decision_step_by_step() {
    let folder = written(&two());
    let alice = ["--as", "alice@acme.com:write"];
    check_explain(
        &folder,
        &["GET", "/acme/model"],
        &[
            "1. target",
            "acme / model",
            "2. claims",
            "needs read, not public",
            "3. caller",
            "nobody",
            "4. decision",
            "challenge",
            "sign-in-required",
            "5. the client sees",
            "303 to /-/sso/acme/login?return_to=%2Facme%2Fmodel",
            "401 JSON",
            "403 JSON",
        ],
    );
    check_explain(
        &folder,
        &[&["GET", "/acme/model"][..], &alice].concat(),
        &[
            "signed in for acme as write",
            "allow",
            "5. the hub sees",
            "x-auth-user",
            "acme:alice@acme.com",
        ],
    );
    check_explain(
        &folder,
        &[&["GET", "/acme/model/settings"][..], &alice].concat(),
        &["needs admin", "deny", "role-too-low", "403"],
    );
    check_explain(
        &folder,
        &["GET", "/datasets/acme/open-x/tree/main"],
        &["needs read, public", "allow", "acme lets everyone do this", "anonymous"],
    );
    check_explain(
        &folder,
        &["GET", "https://hub.example.com/acme/model", "--as", "alice@acme.com:read:expired"],
        &["expired", "challenge", "session-expired"],
    );
    check_explain(
        &folder,
        &["GET", "/acme/model", "--as", "alice@acme.com:read:revoked"],
        &["revoked", "challenge", "session-revoked"],
    );
    check_explain(
        &folder,
        &["GET", "/acme/model", "--as", "globex/hank:admin"],
        &["signed in for globex as admin", "challenge", "sign-in-required"],
    );
    check_explain(
        &folder,
        &["GET", "/acme/model", "--as", "eve@evil.example:admin"],
        &["cannot sign in for acme (email-domain)", "challenge"],
    );
    check_explain(&folder, &["GET", "/nobody/model"], &["no organization claims it", "allow"]);
    let closed = two()
        .set("hub.rule.path", "\"/internal/**\"")
        .set("hub.rule.access", "\"deny\"")
        .set("hub.unclaimed", "\"deny\"");
    let closed = written(&closed);
    check_explain(
        &closed,
        &["GET", "/internal/x"],
        &["nobody's", "access = \"deny\"", "deny", "denied-by-rule", "403"],
    );
    check_explain(
        &closed,
        &["GET", "/nobody/x"],
        &["no organization claims it", "unclaimed-namespace"],
    );
    check_explain(&folder, &["GET", "/-/sso/acme/login"], &["a page of the gate's own"]);
    check_explain(
        &folder,
        &["GET", "/acme/model.git/info/refs?service=git-receive-pack"],
        &[
            "needs write",
            "challenge",
            "git",
            "401 one sentence, asks for credentials",
            "403 one sentence",
        ],
    );
}

#[test]
fn explain_says_what_an_account_of_the_hub_may_do() {
    let document = two()
        .set("hub.identity", "\"hub\"")
        .set("organization.public", "[]")
        .set("organization.external_collaborators", "[\"kim\"]");
    let folder = written(&document);
    let link = r#"{"organization":"acme","account":"1","issuer":"i","subject":"s","revoked_at":1}"#;
    folder.write("links.jsonl", format!("{link}\n").as_bytes());
    let text = std::fs::read_to_string(folder.path("hub.toml")).unwrap();
    let links = format!("[hub]\nlinks = {:?}\n", folder.path("links.jsonl").display().to_string());
    folder.write("hub.toml", text.replace("[hub]\n", &links).as_bytes());
    let whoami = |name: &str, organizations: &str| {
        let text = format!(
            "{{\"id\":\"1\",\"name\":{name:?},\"email\":\"{name}@acme.com\",\"emailVerified\":true,\"orgs\":[{organizations}]}}"
        );
        folder.write("whoami.json", text.as_bytes());
        folder.path("whoami.json").display().to_string()
    };
    let member = whoami("bob", "{\"name\":\"acme\"}");
    check_explain(
        &folder,
        &["GET", "/acme/model", "--account", &member],
        &[
            "bob",
            "id:1, with a token",
            "a member by name; tokens need a live sign-in",
            "acme as read, revoked since",
            "challenge",
            "session-revoked",
        ],
    );
    check_explain(
        &folder,
        &["GET", "/acme/model", "--account", &member, "--browser", "--as", "bob@acme.com:read"],
        &["signed in for acme", "in a browser", "allow"],
    );
    whoami("kim", "");
    check_explain(
        &folder,
        &["GET", "/acme/model", "--account", &member],
        &["an external collaborator", "allow"],
    );
    folder.write("whoami.json", b"{}");
    let file = path(&folder);
    let output =
        check_exit(&["explain", "--config", &file, "GET", "/acme/model", "--account", &member], 64);
    assert!(err(&output).contains("see [hub.whoami] in the configuration"), "{}", err(&output));
    // Where programs sign in by way of a browser, that is no page of the hub's.
    let folder = written(&two());
    check_explain(&folder, &["POST", "/oauth/device"], &["a page of the gate's own"]);
    check_explain(&folder, &["GET", "/api/whoami-v2"], &["a page of the gate's own"]);
}

#[test]
fn explain_refuses_what_has_two_readings() {
    let folder = written(&two());
    for target in
        ["/acme/../globex", "/acme%2fmodel", "/acme/%00", "/acme/a#b", "//acme", "/acme/a b"]
    {
        check_explain(
            &folder,
            &["GET", target],
            &["refused", "ambiguous-path", "the client sees", "400"],
        );
    }
}

#[test]
fn explain_reads_the_body_that_names_the_organization() {
    let folder = written(&two());
    let body = folder.write("body.json", b"{\"organization\": \"acme\", \"name\": \"x\"}");
    let create = ["POST", "/api/repos/create"];
    let with = [&create[..], &["--body", body.to_str().unwrap()]].concat();
    check_explain(&folder, &with, &["acme", "needs write", "challenge"]);
    let file = path(&folder);
    let output = check_exit(&[&["explain", "--config", &file], &create[..]].concat(), 64);
    assert!(err(&output).contains("--body"), "{}", err(&output));
    let twice =
        folder.write("twice.json", b"{\"organization\": \"x\", \"organization\": \"acme\"}");
    let with = [&create[..], &["--body", twice.to_str().unwrap()]].concat();
    check_explain(&folder, &with, &["refused", "ambiguous-body", "400"]);
}

#[test]
fn explain_maps_claims_to_a_role() {
    let folder = written(&two());
    let claims = |json: &str| folder.write("claims.json", json.as_bytes()).display().to_string();
    let good = r#""iss":"https://acme.okta.com","aud":"0oa1","sub":"00u1","email":"alice@acme.com","email_verified":true"#;
    let file = claims(&format!(r#"{{{good},"groups":["ml","other"]}}"#));
    let settings = ["POST", "/api/models/acme/m/commit/main", "--claims", &file];
    check_explain(
        &folder,
        &settings,
        &[
            "3. profile",
            "00u1",
            "is believed",
            "groups holds ml, other",
            "write, by ml",
            "write",
            "allow",
            "acme:00u1",
        ],
    );
    let alone = ["--claims", &file, "--organization", "acme"];
    check_explain(&folder, &alone, &["1. profile", "role", "write"]);

    let file = claims(&format!(r#"{{{good},"groups":["other"]}}"#));
    let alone = ["--claims", &file, "--organization", "acme"];
    check_explain(
        &folder,
        &alone,
        &["groups holds other", "read, the default: no mapping matches"],
    );

    let file = claims(&format!("{{{good}}}"));
    let alone = ["--claims", &file, "--organization", "acme"];
    check_explain(&folder, &alone, &["groups is not there", "refused", "role-attribute-missing"]);

    for (wrong, shown) in [
        (good.replace("true", "false"), "email-domain"),
        (good.replace("alice@acme.com", "alice@evil.example"), "email-domain"),
        (
            good.replace("https://acme.okta.com", "https://evil.example"),
            "iss is \"https://evil.example\"",
        ),
        (good.replace("0oa1", "other"), "aud does not name \"0oa1\""),
        (good.replace("\"sub\"", "\"sup\""), "there is no usable \"sub\""),
    ] {
        let file = claims(&format!(r#"{{{wrong},"groups":["ml"]}}"#));
        let read = ["GET", "/acme/model", "--claims", &file];
        check_explain(&folder, &read, &["refused", shown, "challenge", "sign-in-required"]);
    }
}

#[test]
fn explain_says_what_is_wrong_with_the_question() {
    let folder = written(&two());
    let file = path(&folder);
    let claims = folder.write("claims.json", PLANTED.as_bytes());
    let claims = claims.to_str().unwrap();
    for (arguments, shown) in [
        (&["GET", "acme/model"][..], "is no path"),
        (&["GET", "https://other.example/acme"], "is no path"),
        (&["G(T", "/acme"], "is no method"),
        (&["GET", "/acme/model", "--as", "alice"], "names no role"),
        (
            &["GET", "/acme/model", "--as", "alice:owner"],
            "is none of read, contributor, write, admin",
        ),
        (&["GET", "/nobody/model", "--as", "alice:read"], "several organizations can be meant"),
        (
            &["--claims", claims, "--organization", "initech"],
            "there is no organization \"initech\"",
        ),
        (&["--claims", claims], "several organizations can be meant"),
        (&["--claims", claims, "--organization", "acme"], "is no JSON object: line 1"),
    ] {
        let output = check_exit(&[&["explain", "--config", &file], arguments].concat(), 64);
        assert!(err(&output).contains(shown), "{arguments:?}\n{}", err(&output));
    }
}

#[test]
fn explain_answers_programs_too() {
    let folder = written(&two());
    let file = path(&folder);
    let ask = |target: &str| {
        let output =
            check_exit(&["explain", "--config", &file, "GET", target, "--format", "json"], 0);
        serde_json::from_str::<serde_json::Value>(&out(&output)).unwrap()
    };
    let json = ask("/acme/model");
    assert_eq!(json["decision"], "challenge");
    assert_eq!(json["reason"], "sign-in-required");
    assert_eq!(json["organization"], "acme");
    assert_eq!(json["steps"][1]["name"], "claims");
    assert_eq!(ask("/nobody/x")["decision"], "allow");
    assert_eq!(ask("/acme/../x")["reason"], "ambiguous-path");
}

/// Answers one request on the admin port with this status line.
fn admin(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // The whole head: a socket that closes with bytes unread resets the connection.
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        stream.write_all(format!("{status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    (address, served)
}

/// An address where nobody listens, and what keeps others from listening there.
fn closed() -> (socket2::Socket, String) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    (socket, address)
}

#[test]
fn healthcheck_asks_the_admin_port() {
    for (status, expected) in [
        ("HTTP/1.1 200 OK", 0),
        ("HTTP/1.1 503 Service Unavailable", 69),
        ("SSH-2.0-OpenSSH_9.9", 69),
    ] {
        let (address, served) = admin(status);
        check_exit(&["healthcheck", "--address", &address], expected);
        let request = served.join().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\nHost: "), "{request}");
    }
    let (_held, closed) = closed();
    check_exit(&["healthcheck", "--address", &closed], 69);
    check_exit(&["healthcheck", "--address", "nonsense"], 64);
}

#[test]
fn healthcheck_reads_nothing_but_the_admin_address() {
    let (address, served) = admin("HTTP/1.1 200 OK");
    let port = address.rsplit(':').next().unwrap();
    let document = Document::minimal()
        .without("public_url")
        .set("hub.upstream", "7")
        .set("server.admin", &format!("\"0.0.0.0:{port}\""));
    let folder = written(&document);
    check_exit(&["healthcheck", "--config", &path(&folder)], 0);
    served.join().unwrap();
    let none = written(&Document::minimal().set("server.admin", "\"\""));
    check_exit(&["healthcheck", "--config", &path(&none)], 78);
    let wrong = written(&Document::minimal().set("server.admin", "9090"));
    check_exit(&["healthcheck", "--config", &path(&wrong)], 78);
}

/// Runs `check --online` beside servers of this process.
async fn online(document: &Document, more: &'static [&'static str]) -> Output {
    let folder = written(document);
    let output = tokio::task::spawn_blocking(move || {
        let file = path(&folder);
        run(&[&["check", "--online", "--config", &file], more].concat())
    });
    output.await.unwrap()
}

#[tokio::test]
async fn check_online_reaches_the_hub_and_every_provider() {
    let hub = Hub::start(Listener::loopback().await.unwrap(), HubSettings::default()).unwrap();
    let settings = Settings::new("ACME", people::acme(), Clock::system());
    let provider = Provider::start(Listener::loopback().await.unwrap(), settings).unwrap();
    let good = Document::minimal()
        .set("hub.upstream", &format!("{:?}", hub.origin()))
        .set("organization.oidc.provider", "\"generic\"")
        .set("organization.oidc.issuer", &format!("{:?}", provider.issuer()));
    let output = online(&good, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    for shown in [
        format!("hub: {} answers", hub.origin()),
        format!("organization[acme]: {}", provider.issuer()),
    ] {
        assert!(out(&output).contains(&shown), "{shown}\n{}", out(&output));
    }
    silent(&output, "online");

    let (_held, closed) = closed();
    for key in ["hub.upstream", "organization.oidc.issuer"] {
        let bad = good.clone().set(key, &format!("\"http://{closed}\""));
        let output = online(&bad, &["--format", "json"]).await;
        assert_eq!(output.status.code(), Some(69), "{key}\n{}", out(&output));
        let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
        let reached: Vec<_> =
            json["online"].as_array().unwrap().iter().map(|f| f["reached"] == true).collect();
        assert_eq!(reached, if key == "hub.upstream" { [false, true] } else { [true, false] });
        silent(&output, key);
    }
    provider.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn check_online_asks_the_hub_whose_a_token_is() {
    let settings =
        HubSettings { access: Access::Accounts(people::accounts()), ..HubSettings::default() };
    let hub = Hub::start(Listener::loopback().await.unwrap(), settings).unwrap();
    let settings = Settings::new("ACME", people::acme(), Clock::system());
    let provider = Provider::start(Listener::loopback().await.unwrap(), settings).unwrap();
    let good = Document::minimal()
        .set("hub.upstream", &format!("{:?}", hub.origin()))
        .set("hub.identity", "\"hub\"")
        .set("organization.oidc.provider", "\"generic\"")
        .set("organization.oidc.issuer", &format!("{:?}", provider.issuer()));
    let ask = async |document: &Document, token: &'static str| {
        let folder = written(document);
        let output = tokio::task::spawn_blocking(move || {
            let file = path(&folder);
            run_with(&["check", "--online", "--config", &file], &[("HUBGATE_CHECK_TOKEN", token)])
        });
        let output = output.await.unwrap();
        (output.status.code(), out(&output) + &err(&output))
    };
    let (exit, text) = ask(&good, "").await;
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("/api/whoami-v2: refuses a token that nobody has made"), "{text}");
    assert!(text.contains("put a token of the hub's into HUBGATE_CHECK_TOKEN"), "{text}");
    let (exit, text) = ask(&good, "hf_bob").await;
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("names bob (id:5f0cbob, bob@acme.com), a member of acme"), "{text}");
    assert!(!text.contains("hf_bob"), "{text}");
    let (exit, text) = ask(&good, "hf_nobody").await;
    assert_eq!(exit, Some(69), "{text}");
    for (key, value, wanted) in [
        ("hub.whoami.path", "\"/health\"", "set hub.whoami.preset or hub.whoami.path"),
        ("hub.whoami.path", "\"/nothing/here\"", "set hub.whoami.preset or hub.whoami.path"),
        ("hub.whoami.id", "\"$.uuid\"", "correct id, name or organizations in [hub.whoami]"),
    ] {
        let (exit, text) = ask(&good.clone().set(key, value), "hf_bob").await;
        assert_eq!(exit, Some(69), "{key}: {text}");
        assert!(text.contains(wanted), "{text}");
    }
    provider.stop().await;
    hub.stop().await;
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = out(&check_exit(&["completions", shell], 0));
        assert!(text.contains("healthcheck"), "{shell}");
    }
}

#[test]
fn nothing_but_text_is_written_where_there_is_no_terminal() {
    // A key, a claim and a target that would colour a terminal, or worse.
    let folder = written(&Document::minimal().and("\"\\u001b[31mred\" = 1"));
    let output = check_exit(&["check", "--config", &path(&folder)], 78);
    assert!(!err(&output).contains('\u{1b}'), "{}", err(&output));
    let folder = written(&Document::minimal());
    let claims =
        folder.write("claims.json", br#"{"sub":"x","groups":["\u001b[31mred","hub-admins"]}"#);
    let file = path(&folder);
    let output =
        check_exit(&["explain", "--config", &file, "--claims", claims.to_str().unwrap()], 0);
    assert!(out(&output).contains("red, hub-admins"), "{}", out(&output));
    assert!(!out(&output).contains('\u{1b}'), "{}", out(&output));
}

/// Configurations with a secret wherever somebody might put one.
fn planted() -> Vec<String> {
    let secret = |key: &str, value: &str| {
        Document::minimal().set(key, &value.replace("SECRET!", PLANTED)).text()
    };
    let client_secret = "organization.oidc.client_secret";
    let mut all = vec![
        Document::minimal().text(),
        secret(client_secret, "\"SECRET!\""),
        secret(client_secret, "'''SECRET!'''"),
        secret(client_secret, "[\"SECRET!\"]"),
        secret(client_secret, "{ env = \"SECRET!\" }"),
        secret(client_secret, "{ value = \"SECRET!\" }"),
        secret(client_secret, "{ env = [\"SECRET!\"] }"),
        secret(client_secret, "\"SECRET!"),
        secret(client_secret, "SECRET!"),
        secret(client_secret, "{ SECRET!"),
        secret("organization.oidc.client_secert", "\"SECRET!\""),
        secret("organization.oidc.private_key", "\"SECRET!\""),
        secret("organization.oidc.private_key", "{ env = \"SECRET\" }"),
        secret("organization.oidc.extra_parameters", "{ client_secret = \"SECRET!\" }"),
        secret("organization.oidc.issuer", "\"https://me:SECRET!@acme.okta.com\""),
        secret("organization.oidc.issuer", "\"https://acme.okta.com/?key=SECRET!\""),
        secret("organization.oidc.discovery_url", "\"https://me:SECRET!@acme.okta.com\""),
        secret("session.keys", "[\"SECRET!\"]"),
        secret("session.keys", "\"SECRET!\""),
        secret("session.keys", "[{ env = \"SECRET\" }]"),
        secret("session.keys", "[{ env = \"SECRET\", file = \"x\" }]"),
        secret("session.store", "{ redis = \"rediss://:SECRET!@redis\" }"),
        secret("hub.upstream", "\"http://me:SECRET!@127.0.0.1\""),
        secret("public_url", "\"https://me:SECRET!@hub.example.com\""),
        secret("server.admin", "\"\"\n\"password\" = \"SECRET!\""),
    ];
    all.push(format!("{PLANTED}\n"));
    all.push(format!("\"{PLANTED}"));
    all
}

#[test]
fn no_output_holds_a_secret() {
    let claims = "{\"sub\": \"x\", \"groups\": [\"hub-admins\"]}";
    for text in planted() {
        let folder = Folder::new();
        let file = folder.write("hub.toml", text.as_bytes()).display().to_string();
        let claims = folder.write("claims.json", claims.as_bytes()).display().to_string();
        let commands: &[&[&str]] = &[
            &["check", "--config", &file],
            &["check", "--config", &file, "--format", "json"],
            &["explain", "--config", &file, "GET", "/acme/x", "--as", "alice:write"],
            &["explain", "--config", &file, "--claims", &claims, "--format", "json"],
            &["healthcheck", "--config", &file],
        ];
        for command in commands {
            silent(&run(command), &text);
        }
    }
}

#[test]
fn no_secret_file_or_override_is_shown() {
    let folder = written(
        &Document::minimal().set("organization.oidc.client_secret", "{ file = \"secret\" }"),
    );
    let file = path(&folder);
    for content in [format!("{PLANTED}\n"), format!("{PLANTED}\n{PLANTED}\n"), PLANTED.repeat(2000)]
    {
        folder.write("secret", content.as_bytes());
        silent(&run(&["check", "--config", &file]), &content[..PLANTED.len()]);
    }
    for name in [
        "HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_SECRET",
        "HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_SECRET__ENV",
        "HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_SECRET__VALUE",
        "HUBGATE__ORGANIZATION__ACME__OIDC__PRIVATE_KEY",
        "HUBGATE__SESSION__KEYS",
        "HUBGATE__SESSION__KEYS__0__ENV",
        "HUBGATE__CLIENT_SECRET",
    ] {
        let output = run_with(&["check", "--config", &file], &[(name, PLANTED)]);
        assert_eq!(output.status.code(), Some(78), "{name}");
        silent(&output, name);
    }
}

#[track_caller]
fn silent(output: &Output, what: &str) {
    let all = format!("{}{}", out(output), err(output));
    assert!(!all.contains(&PLANTED[..12]), "{what}\n{all}");
}

#[test]
fn the_example_is_accepted() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let example = example.to_str().unwrap();
    let output = run_with(&["check", "--config", example], &[("ACME_OIDC_SECRET", PLANTED)]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn explain_says_which_check_refuses_a_saml_response_and_accepts_nothing() {
    let folder = Folder::new();
    let pair = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["idp.example".into()]).unwrap();
    folder.write("idp.pem", parameters.self_signed(&pair).unwrap().pem().as_bytes());
    let config = "public_url = \"https://hub.example.com\"\n[hub]\n\
                  upstream = \"http://127.0.0.1:3000\"\n[[organization]]\nid = \"globex\"\n\
                  [organization.saml]\nsign_on_url = \"https://idp.example/sso\"\n\
                  entity_id = \"https://idp.example\"\ncertificates = [\"idp.pem\"]\n";
    let file = folder.write("hub.toml", config.as_bytes());
    let file = file.to_str().unwrap();
    let protocol = "urn:oasis:names:tc:SAML:2.0:protocol";
    let assertion = "urn:oasis:names:tc:SAML:2.0:assertion";
    let unsigned = format!(
        "<samlp:Response xmlns:samlp=\"{protocol}\" ID=\"_r\" Version=\"2.0\" \
         IssueInstant=\"2026-07-03T12:00:00Z\" Destination=\"https://elsewhere.example/acs\">\
         <saml:Issuer xmlns:saml=\"{assertion}\">https://idp.example</saml:Issuer>\
         <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>\
         </samlp:Status><saml:Assertion xmlns:saml=\"{assertion}\" ID=\"_a\" Version=\"2.0\" \
         IssueInstant=\"2026-07-03T12:00:00Z\"><saml:Issuer>https://idp.example</saml:Issuer>\
         </saml:Assertion></samlp:Response>"
    );
    let posted: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLResponse", &BASE64_STANDARD.encode(&unsigned))
        .append_pair("RelayState", "x")
        .finish();
    for (name, text) in [("xml", &unsigned), ("form", &posted)] {
        let response = folder.write(name, text.as_bytes());
        let response = response.to_str().unwrap();
        let output = run(&["explain", "--config", file, "--saml-response", response]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let told = out(&output);
        for part in [
            "signature-missing",
            "https://elsewhere.example/acs (here: https://hub.example.com/-/sso/globex/saml/acs)",
            "globex",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
        assert!(!told.contains("passes"), "{told}");
    }
    // It is measured by that one of our addresses which it names.
    let consume = "https://hub.example.com/organizations/globex/saml/consume";
    let meant = unsigned.replace("https://elsewhere.example/acs", consume);
    let response = folder.write("consume", meant.as_bytes());
    let told =
        out(&run(&["explain", "--config", file, "--saml-response", response.to_str().unwrap()]));
    assert!(told.contains(&format!("nothing (here: {consume})")), "{told}");
    let check = out(&run(&["check", "--config", file]));
    for part in ["/-/sso/globex/saml/acs", "/-/sso/globex/saml/metadata", "until 4096"] {
        assert!(check.contains(part), "{part} is not in\n{check}");
    }
}

#[test]
fn a_token_is_made_with_what_the_configuration_holds_of_it() {
    let arguments = ["token", "new", "nightly", "--role", "write", "--network", "10.0.0.0/8"];
    let output = check_exit(&[&arguments[..], &["--format", "json"]].concat(), 0);
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("hf_hubgate_s_"));
    let hash = hubgate::config::hash_text(&hubgate::credential::TokenHash::of(token).bytes());
    assert_eq!(made["hash"], hash);
    let document = Document::minimal().and(made["toml"].as_str().unwrap());
    let folder = written(&document);
    check_exit(&["check", "--config", &path(&folder)], 0);
    let text = out(&check_exit(&arguments, 0));
    assert!(text.contains("[[organization.service_account]]") && !text.contains(token));
    check_exit(&["token", "new", "Nightly", "--role", "write"], 64);
    check_exit(&["token", "new", "nightly", "--role", "root"], 64);
    check_exit(&["token", "new", "nightly"], 64);
}

#[test]
fn recovery_codes_are_made_with_their_hashes() {
    let arguments = ["recovery-codes", "--organization", "acme", "--count", "3"];
    let output = check_exit(&[&arguments[..], &["--format", "json"]].concat(), 0);
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["codes"].as_array().unwrap().len(), 3);
    let code = hubgate::recovery::RecoveryCode::parse(made["codes"][0].as_str().unwrap()).unwrap();
    let acme = hubgate::policy::OrganizationId::parse("acme").unwrap();
    assert_eq!(made["hashes"][0], hubgate::config::hash_text(&code.hash(&acme)));
    let hashes = made["hashes"].to_string();
    let folder = written(&Document::minimal().set("organization.recovery_codes", &hashes));
    check_exit(&["check", "--config", &path(&folder)], 0);
    check_exit(&["recovery-codes"], 64);
}

#[test]
fn report_says_who_would_be_locked_out() {
    let folder = written(&Document::minimal().set("organization.enforcement", "\"optional\""));
    let line = |second: u32, more: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-25T10:00:{second:02}.000Z\",\"level\":\"INFO\",\
             \"event\":\"request\",\"client.address\":\"10.0.0.1\",\"decision\":\"allow\",\
             \"organization\":\"acme\"{more}}}\n"
        )
    };
    let log = [
        line(1, ",\"subject\":\"bob\""),
        line(2, ",\"reason\":\"session-expired\",\"subject\":\"alice\""),
        line(3, ""),
    ];
    folder.write("access.log", log.concat().as_bytes());
    let access = folder.path("access.log").display().to_string();
    let config = path(&folder);
    let arguments = ["report", "--config", &config, "--access-log", &access];
    // Not on a terminal: for programs.
    let output = check_exit(&arguments, 1);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["requests"], 3);
    let acme = &told["organizations"][0];
    assert_eq!(acme["locked_out"][0]["who"], "alice");
    assert_eq!(acme["locked_out"].as_array().unwrap().len(), 1);
    assert_eq!(acme["signed_in"][0]["who"], "bob");
    let text = out(&check_exit(&[&arguments[..], &["--format", "text"]].concat(), 1));
    assert!(text.contains("subject alice") && text.contains("1 would notice nothing"), "{text}");
    folder.write("access.log", line(1, ",\"subject\":\"bob\"").as_bytes());
    check_exit(&arguments, 0);
    folder.write("access.log", b"200 allow GET hub.example.com/\n");
    check_exit(&arguments, 69);
    check_exit(&["report", "--config", &config, "--access-log", "/nowhere/at/all"], 69);
}
