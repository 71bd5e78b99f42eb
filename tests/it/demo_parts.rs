//! The demo's hub and provider keep what they promise to the tests that build on them.

use std::time::SystemTime;

use hubgate::clock::Clock;
use hubgate::demo::hub::{Access, Hub, Settings as HubSettings};
use hubgate::demo::provider::behaviour::Signing;
use hubgate::demo::provider::{
    Algorithm, Client, ClientAuthentication, Endpoint, Provider, Settings,
};
use hubgate::demo::{Fault, Listener, people};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// Sends bytes on a connection of their own and returns everything that comes back.
async fn raw(origin: &str, bytes: &str) -> String {
    let host = origin.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(origin: &str, target: &str, headers: &str) -> String {
    raw(origin, &format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n"))
        .await
}

async fn post(origin: &str, target: &str, headers: &str, fields: &[(&str, &str)]) -> String {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let head = format!("POST {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}");
    raw(origin, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await
}

fn header(answer: &str, name: &str) -> Option<String> {
    let lines = answer.lines().take_while(|line| !line.is_empty());
    let mut pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

async fn hub(access: Access) -> Hub {
    let settings = HubSettings { access, ..HubSettings::default() };
    Hub::start(Listener::loopback().await.unwrap(), settings).unwrap()
}

#[tokio::test]
async fn the_hub_remembers_heads_as_they_were_on_the_wire() {
    let hub = hub(Access::TrustHeaders).await;
    let answer = raw(
        hub.origin(),
        "PUT /a%2Fb/c/echo?q=%zz#frag HTTP/1.1\r\nHost: h\r\nX_Auth-USER: 1\r\nx-auth-user: 2\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: v\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let echoed = json(&answer);
    assert_eq!(echoed["target"], "/a%2Fb/c/echo?q=%zz#frag");
    assert_eq!(echoed["headers"][1], serde_json::json!(["X_Auth-USER", "1"]));
    assert_eq!(echoed["body"]["length"], 5);
    assert_eq!(echoed["trailers"][0], serde_json::json!(["x-t", "v"]));
    let [received] = &hub.take_received()[..] else { panic!("one request") };
    assert_eq!(received.head.target(), "/a%2Fb/c/echo?q=%zz#frag");
    assert_eq!(received.body_length(), 5);
}

#[tokio::test]
async fn a_hub_with_accounts_shows_private_repositories_to_members_only() {
    let hub = hub(Access::Accounts(people::accounts())).await;
    let target = "/acme/bert/resolve/main/config.json";
    for (headers, expected) in [
        ("", "HTTP/1.1 401"),
        ("Authorization: Bearer hf_moe\r\n", "HTTP/1.1 404"),
        ("Authorization: Bearer hf_bob\r\n", "HTTP/1.1 200"),
        ("Cookie: a=b; token=hf_bob\r\n", "HTTP/1.1 200"),
        ("X-Auth-User: bob\r\nX-Auth-Orgs: acme:admin\r\n", "HTTP/1.1 401"),
    ] {
        let answer = get(hub.origin(), target, headers).await;
        assert!(answer.starts_with(expected), "{headers}: {answer}");
    }
    let missing = get(hub.origin(), "/acme/missing/resolve/main/config.json", "").await;
    assert!(missing.starts_with("HTTP/1.1 401"), "private and missing look alike: {missing}");
}

#[tokio::test]
async fn the_hubs_pages_escape_what_the_gate_says() {
    let hub = hub(Access::TrustHeaders).await;
    let page = get(hub.origin(), "/acme/bert", "X-Auth-Name: <script>alert(1)</script>\r\n").await;
    assert!(page.contains("alert(1)") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn a_test_decides_when_the_hub_goes_on() {
    let hub = hub(Access::TrustHeaders).await;
    let held = async {
        let answer = get(hub.origin(), "/acme/bert/held", "").await;
        assert!(answer.ends_with("released\n"), "{answer}");
    };
    let release = async {
        hub.arrivals(1).await;
        hub.release();
    };
    tokio::join!(held, release);

    let host = hub.origin().trim_start_matches("http://").to_owned();
    let mut events = TcpStream::connect(&host).await.unwrap();
    events.write_all(b"GET /acme/bert/events?on=signal HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    for expected in ["data: ready", "data: signal"] {
        while !seen.contains(expected) {
            let mut buffer = [0; 1024];
            let read = events.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(buffer.get(..read).unwrap()));
        }
        hub.signal();
    }
    hub.stop().await;
    while events.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn the_hub_fails_on_order() {
    let hub = hub(Access::TrustHeaders).await;
    for (fault, expected) in [
        (Fault::Close, 0),
        (Fault::Huge(100_000), 100_000),
        (Fault::Body("text/html".to_owned(), "<p>".repeat(1000)), 3000),
    ] {
        hub.fail("/api/whoami-v2", Some(fault));
        let length = get(hub.origin(), "/api/whoami-v2?x=y", "").await.len();
        assert!((expected..=expected + expected / 2).contains(&length), "{expected}: {length}");
    }
    hub.fail("/api/whoami-v2", None);
    let told = get(hub.origin(), "/api/whoami-v2", "X-Auth-User: acme:1\r\n").await;
    assert_eq!(json(&told)["id"], "acme:1");
}

const CALLBACK: &str = "http://127.0.0.1:1/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
// RFC 7636, appendix B
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn provider() -> Provider {
    let clock = Clock::from_fn(|| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30));
    let mut settings = Settings::new("ACME", people::acme(), clock);
    let secret = ClientAuthentication::SecretPost("secret".to_owned());
    settings.clients.push(Client::new("gate", secret, CALLBACK));
    Provider::start(Listener::loopback().await.unwrap(), settings).unwrap()
}

fn request(more: &[(&str, &str)]) -> String {
    let own = [
        ("client_id", "gate"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email offline_access"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let own = own.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(own)
        .extend_pairs(more)
        .finish();
    format!("/authorize?{query}")
}

/// Asks, with the person signed in by order, and returns the fields of the answer.
async fn authorize(provider: &Provider, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let answer = get(provider.issuer(), &request(more), "").await;
    let location = header(&answer, "location").unwrap_or_else(|| panic!("{answer}"));
    Url::parse(&location).unwrap().query_pairs().into_owned().collect()
}

async fn token(provider: &Provider, fields: &[(&str, &str)]) -> Value {
    let own = [("client_id", "gate"), ("client_secret", "secret")];
    json(&post(provider.issuer(), "/token", "", &[&own[..], fields].concat()).await)
}

async fn exchange(provider: &Provider, code: &str, verifier: &str) -> Value {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    token(provider, &fields).await
}

fn claims(token: &Value) -> Value {
    use base64::Engine;
    let middle = token["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_code_is_good_once_and_with_its_verifier_only() {
    let provider = provider().await;
    provider.behave(|behaviour| behaviour.sign_in = Some("bob".to_owned()));
    let fields = authorize(&provider, &[]).await;
    let issuer = provider.issuer().to_owned();
    assert_eq!(fields[1..], [("state".into(), "s".into()), ("iss".into(), issuer)]);
    let wrong = exchange(&provider, &fields[0].1, &VERIFIER.replace('d', "e")).await;
    assert_eq!(wrong["error"], "invalid_grant");
    let code = authorize(&provider, &[]).await[0].1.clone();
    let tokens = exchange(&provider, &code, VERIFIER).await;
    let claims = claims(&tokens);
    assert_eq!((&claims["email"], &claims["nonce"]), (&"bob@acme.com".into(), &"n".into()));
    assert_eq!(exchange(&provider, &code, VERIFIER).await["error"], "invalid_grant");
    // RFC 6749 §4.1.2: the second use ends what the first one gave.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(token(&provider, &fields).await["error"], "invalid_grant");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let provider = provider().await;
    for (name, value) in [("redirect_uri", "http://127.0.0.1:1/callback/"), ("client_id", "gates")]
    {
        let answer = get(provider.issuer(), &request(&[(name, value)]), "").await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{name}: {answer}");
        assert_eq!(header(&answer, "location"), None);
    }
    for (name, value, error) in [
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "email", "invalid_scope"),
        ("response_type", "token", "unsupported_response_type"),
        ("prompt", "none", "login_required"),
    ] {
        assert_eq!(authorize(&provider, &[(name, value)]).await[0].1, error, "{name}={value}");
    }
}

#[tokio::test]
async fn a_click_opens_a_session_that_needs_no_second_click() {
    let provider = provider().await;
    let page = get(provider.issuer(), &request(&[]), "").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Bob Baker"), "{page}");
    let query = request(&[]).split_once('?').unwrap().1.to_owned();
    let mut fields: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    fields.push(("person".to_owned(), "bob".to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let evil =
        post(provider.issuer(), "/authorize", "Origin: http://evil.example\r\n", &fields).await;
    assert_eq!(header(&evil, "set-cookie"), None);
    let clicked = post(provider.issuer(), "/authorize", "", &fields).await;
    let cookie = header(&clicked, "set-cookie").unwrap();
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let again = get(provider.issuer(), &request(&[("prompt", "none")]), &cookie).await;
    assert!(header(&again, "location").unwrap().contains("code="), "{again}");
    provider.end_sessions("bob").await;
    let ended = get(provider.issuer(), &request(&[("prompt", "none")]), &cookie).await;
    assert!(header(&ended, "location").unwrap().contains("login_required"), "{ended}");
}

#[tokio::test]
async fn an_ended_session_takes_its_tokens_along_and_the_client_is_told() {
    let (provider, hub) = (provider().await, hub(Access::TrustHeaders).await);
    let secret = ClientAuthentication::SecretPost("secret".to_owned());
    let mut client = Client::new("gate", secret, CALLBACK);
    client.backchannel_logout_uri = Some(format!("{}/any/where/echo", hub.origin()));
    provider.register(client).unwrap();
    provider.behave(|behaviour| behaviour.sign_in = Some("bob".to_owned()));
    let code = authorize(&provider, &[]).await[0].1.clone();
    let tokens = exchange(&provider, &code, VERIFIER).await;
    let [told] = &provider.end_sessions("bob").await[..] else { panic!("one client") };
    assert_eq!((&told.outcome.as_ref().unwrap().as_u16(), told.client.as_str()), (&200, "gate"));
    assert_eq!(claims(&tokens)["sid"], told.sid);
    assert!(hub.received()[0].body_length() > 200);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(token(&provider, &fields).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_provider_misbehaves_on_order_only() {
    let provider = provider().await;
    provider.behave(|behaviour| {
        behaviour.sign_in = Some("bob".to_owned());
        behaviour.claim("aud", "another");
        behaviour.signing = Signing::Nothing;
        behaviour.edit_authorization_response(|fields| fields.retain(|(name, _)| name != "iss"));
        behaviour.fail(Endpoint::Keys, Fault::Status(503));
    });
    let fields = authorize(&provider, &[]).await;
    assert_eq!(fields.len(), 2);
    let tokens = exchange(&provider, &fields[0].1, VERIFIER).await;
    assert_eq!(claims(&tokens)["aud"], "another");
    assert!(tokens["id_token"].as_str().unwrap().ends_with('.'));
    assert!(get(provider.issuer(), "/keys", "").await.starts_with("HTTP/1.1 503"));
    assert_eq!(provider.calls(Endpoint::Token), 1);
    provider.behave_well();
    let keys = json(&get(provider.issuer(), "/keys", "").await);
    assert_eq!(Some(&keys["keys"][0]), provider.public_key(Algorithm::Es256).as_ref());
    provider.rotate_keys(false).unwrap();
    let rotated = json(&get(provider.issuer(), "/keys", "").await);
    assert_eq!(rotated["keys"].as_array().map(Vec::len), Some(1));
    assert_ne!(keys, rotated);
}

#[tokio::test]
async fn every_button_of_the_providers_console_says_whom_it_is_about() {
    let provider = provider().await;
    let page = get(provider.issuer(), "/", "").await;
    let buttons: Vec<&str> = page.split("<button ").skip(1).collect();
    let mut labels: Vec<&str> =
        buttons.iter().filter_map(|b| b.split("aria-label=\"").nth(1)?.split('"').next()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert!(buttons.len() >= 6, "{page}");
    assert_eq!(labels.len(), buttons.len(), "{page}");
}
