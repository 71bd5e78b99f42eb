//! What one file of vectors is asked of: providers, a hub, and the gate as its world says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use hubgate::demo::hub::{self, Access, Hub, Received};
use hubgate::demo::people::Person;
use hubgate::demo::provider::{Client, ClientAuthentication, Provider, Settings};
use hubgate::demo::{Head, Listener};
use hubgate::policy::Role;

use super::answer::Answer;
use super::browser::{Browser, SESSION};
use super::grpc::{HttpRequest, Verdict};
use super::moving_clock::{MovingClock, minutes};
use super::served::Served;
use super::setup::{CLIENT_SECRET, SITE};
use super::tool;
use super::vectors::{Age, Carrier, Case, Outcome, SignInLine, Vectors};

/// How a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The request itself, which goes on to the hub.
    Proxy,
    /// nginx's `auth_request`, which never sends a body.
    Nginx,
    /// The same, as plainly as can be, over a connection that stays.
    NginxAtOnce,
    /// Traefik's, with `forwardBody`.
    Forward,
    /// The same, without a body, as plainly as can be, over a connection that stays.
    ForwardAtOnce,
    /// Envoy's, with `with_request_body`.
    Envoy,
    /// Envoy's, by gRPC, with the body as bytes.
    Grpc,
}

/// The names of the managed headers, in the preset of the vectors.
pub(crate) const MANAGED: [&str; 8] = [
    "x-auth-user",
    "x-auth-email",
    "x-auth-name",
    "x-auth-org",
    "x-auth-role",
    "x-auth-orgs",
    "x-auth-groups",
    "x-auth-assertion",
];

/// What the upstream is told, name by name; empty where it is told nothing.
pub(crate) type Told = [String; 8];

/// What one file of vectors is asked of.
pub(crate) struct Scene {
    hub: Hub,
    providers: HashMap<String, Provider>,
    clock: MovingClock,
    gate: Served,
    calls: AtomicU32,
}

impl Scene {
    pub(crate) async fn of(vectors: &Vectors) -> Self {
        let clock = MovingClock::new();
        let mut settings = hub::Settings::default();
        if !vectors.world.accounts.is_empty() {
            settings.access = Access::Accounts(vectors.world.accounts.clone());
        }
        let hub = Hub::start(Listener::loopback().await.unwrap(), settings).unwrap();
        let mut text = vectors.world.toml(hub.origin());
        let mut providers = HashMap::new();
        let ids: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"').map(str::to_owned))
            .collect();
        for id in ids {
            // One person for each role; the groups are called like the roles.
            let people = ["admin", "write", "contributor", "read"];
            let people = people
                .map(|role| Person::new(role, &format!("{role}@people.example"), &[role], ""));
            let mut settings = Settings::new(&id, people.to_vec(), clock.clock());
            let secret = ClientAuthentication::SecretPost(CLIENT_SECRET.to_owned());
            let callback = format!("{SITE}/-/sso/{id}/oidc/callback");
            settings.clients.push(Client::new("hubgate", secret, &callback));
            let provider = Provider::start(Listener::loopback().await.unwrap(), settings).unwrap();
            text = text
                .replace(&format!("\"https://{id}.example\""), &format!("{:?}", provider.issuer()));
            providers.insert(id, provider);
        }
        let here = "[server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"\"\nthreads = 1\n\
                    trusted_proxies = [\"127.0.0.1\"]\ngrpc = \"127.0.0.1:0\"\n\
                    [tokens]\ncli_sign_in = false\n[session]\ntimeout = \"1h\"\n[hub]\n";
        text = text.replacen("[hub]\n", here, 1);
        let client = "client_id = \"hubgate\"\n";
        text = text.replace(client, &format!("{client}algorithms = [\"ES256\"]\n"));
        let environment = [("SECRET".to_owned(), CLIENT_SECRET.to_owned())];
        let gate = Served::start(&text, &environment, &clock.clock());
        Self { hub, providers, clock, gate, calls: AtomicU32::new(0) }
    }

    fn browser(&self) -> Browser {
        let routes = HashMap::from([(SITE.to_owned(), self.gate.address)]);
        Browser::new(Arc::new(routes), self.clock.clone())
    }

    /// Signs in as the line says; a revoked one is ended by the provider's word afterwards.
    async fn sign_in(&self, browser: &mut Browser, line: &SignInLine) {
        self.clock.advance(Duration::from_secs(1)); // so that one session is the newest
        let organization = &line.organization;
        let role = line.role.as_str();
        let page = browser.open(&format!("/-/sso/{organization}/login")).await.expect(200);
        let clicked = browser.click(&page, role).await;
        browser.finish(clicked).await.expect(200);
        if line.standing == Age::Revoked {
            let provider = &self.providers[organization];
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("iss", provider.issuer()), ("sid", &provider.sid(role).unwrap())])
                .finish();
            let target = format!("/-/sso/{organization}/oidc/frontchannel-logout?{query}");
            browser.load(&target).await.expect(200);
        }
    }

    /// A session for each set of sign-ins that a file asks with, at the hub's account if there is
    /// one: the first that is shown.
    pub(crate) async fn sessions(&self, cases: &[Case]) -> Vec<(Browsing, String)> {
        let mut browsers: Vec<(Browsing, Browser)> = Vec::new();
        for case in cases {
            let of = browsing(case);
            if !case.sign_ins.is_empty() && !browsers.iter().any(|(own, _)| *own == of) {
                let mut browser = self.browser();
                if let Some(account) = &of.1 {
                    browser.plant("token", &format!("hf_{account}"));
                }
                browsers.push((of, browser));
            }
        }
        for ((lines, _), browser) in &mut browsers {
            for line in lines.iter().filter(|line| line.standing == Age::Expired) {
                self.sign_in(browser, line).await;
            }
        }
        self.clock.advance(minutes(60));
        for ((lines, _), browser) in &mut browsers {
            for line in lines.iter().filter(|line| line.standing != Age::Expired) {
                self.sign_in(browser, line).await;
            }
        }
        browsers.into_iter().map(|(of, browser)| (of, browser.session())).collect()
    }

    /// Asks, and reads the answer where it counts: at the hub, or in what a proxy is told, and in the
    /// access log.
    pub(crate) async fn ask(
        &self,
        mode: Mode,
        case: &Case,
        session: Option<&str>,
    ) -> (Outcome, Option<Told>) {
        self.hub.take_received();
        let answer = self.put(mode, case, session).await;
        let mut arrived = self.hub.take_received();
        arrived.retain(|received| !is_ours(received));
        let line = format!("{mode:?} {} {}", case.method, case.target);
        let nginx = matches!(mode, Mode::Nginx | Mode::NginxAtOnce);
        if nginx {
            assert!(matches!(answer.status, 200 | 401 | 403), "{line}: {answer:?}");
        }
        let refused = |reason: &str| {
            // nginx knows two ways to say no.
            let large = if reason == "body-too-large" { 413 } else { 400 };
            let status = if nginx { large } else { answer.status };
            Outcome::Refused { status, reason: reason.to_owned() }
        };
        let Some(id) = answer.header("x-request-id") else {
            // It was no request at all, and hyper has refused it.
            assert!(arrived.is_empty() && answer.status == 400, "{line}");
            return (refused("ambiguous-path"), None);
        };
        let log = self.gate.lines.of(id).await;
        let text = |name: &str| log[name].as_str().unwrap_or_default().to_owned();
        let (organization, reason) = (text("organization"), text("reason"));
        let named = (!organization.is_empty()).then(|| organization.clone());
        let decision = text("decision");
        let told = match (mode, decision.as_str(), arrived.as_slice()) {
            (Mode::Proxy, "allow", [received]) => Some(at_hub(&received.head)),
            // The demo's hub has no such page, and closes while a long body is on its way.
            (Mode::Proxy, "error", [received]) if case.body.is_some() => {
                Some(at_hub(&received.head))
            }
            (_, "challenge" | "deny", []) => None,
            (mode, "allow", []) if mode != Mode::Proxy => Some(vouched(&answer)),
            (_, _, arrived) => panic!("{line}: {log}, and {} at the hub", arrived.len()),
        };
        let outcome = match (&told, decision.as_str()) {
            (Some(_), "allow") if !reason.is_empty() => Outcome::Notice { organization, reason },
            (Some(told), _) => Outcome::Allow(caller(told)),
            (None, "challenge") => Outcome::Challenge { organization, reason },
            (None, _) if reason.starts_with("ambiguous") || reason == "body-too-large" => {
                refused(&reason)
            }
            (None, _) => Outcome::Deny { reason, organization: named },
        };
        assert!(told.is_some() || answer.status >= 300, "{line}: {answer:?}");
        (outcome, told)
    }

    /// Sends the question in the mode's own form.
    async fn put(&self, mode: Mode, case: &Case, session: Option<&str>) -> Answer {
        let mut cookies: Vec<String> = Vec::new();
        let mut headers = String::new();
        for (name, carrier) in &case.shown {
            match carrier {
                Carrier::Cookie => cookies.push(format!("token=hf_{name}")),
                Carrier::Token => headers += &format!("Authorization: Bearer hf_{name}\r\n"),
            }
        }
        // A token's requests come from no browser.
        let browser = case.shown.iter().all(|(_, carrier)| *carrier == Carrier::Cookie);
        cookies.extend(session.filter(|_| browser).map(|key| format!("{SESSION}={key}")));
        if !cookies.is_empty() {
            headers += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        if case.body.is_some() {
            headers += "Content-Type: application/json\r\n";
        }
        let (method, target) = (&case.method, &case.target);
        let mut body = case.body.as_deref().unwrap_or_default();
        let line = match mode {
            Mode::Proxy => format!("{method} {target}"),
            Mode::Nginx | Mode::NginxAtOnce => {
                body = b"";
                headers +=
                    &format!("X-Original-URL: {SITE}{target}\r\nX-Original-Method: {method}\r\n");
                "GET /-/sso/authz/nginx?x=/acme".to_owned()
            }
            Mode::Forward | Mode::ForwardAtOnce => {
                headers += &format!(
                    "X-Forwarded-Method: {method}\r\nX-Forwarded-Proto: https\r\n\
                     X-Forwarded-Host: hub.example.com\r\nX-Forwarded-Uri: {target}\r\n"
                );
                "GET /-/sso/authz/forward?x=/acme".to_owned()
            }
            Mode::Envoy => format!("{method} /-/sso/authz/envoy{target}"),
            Mode::Grpc => return self.call(&format!("{method} {target}"), &headers, body).await,
        };
        if matches!(mode, Mode::NginxAtOnce | Mode::ForwardAtOnce) {
            let (line, _) = line.split_once('?').unwrap();
            return tool::ask_on(self.gate.address, line, &headers).await;
        }
        tool::send(self.gate.address, &line, &headers, body).await
    }

    /// Asks by gRPC; a yes as the other contracts would say it.
    async fn call(&self, line: &str, headers: &str, body: &[u8]) -> Answer {
        let request_id = format!("X-Request-Id: call-{}\r\n", self.calls.fetch_add(1, Relaxed));
        let question = HttpRequest::new(line).with(headers).with(&request_id).body(body);
        match question.ask(self.gate.grpc.unwrap()).await {
            Verdict::Denied(answer) => answer,
            Verdict::Allowed { mut hub, .. } => {
                for name in MANAGED {
                    hub.entry(name).or_insert(const { HeaderValue::from_static("") });
                }
                hub.insert("cache-control", const { HeaderValue::from_static("no-store") });
                let url = SITE.parse().unwrap();
                Answer { url, status: 200, headers: hub, body: Bytes::new() }
            }
        }
    }
}

/// The sign-ins of a browser, and the account that it uses at the hub.
pub(crate) type Browsing = (Vec<SignInLine>, Option<String>);

pub(crate) fn browsing(case: &Case) -> Browsing {
    let account = case.shown.first().map(|(name, _)| name.clone());
    (case.sign_ins.clone(), account)
}

/// Whether it is the gate itself that asks, whose a credential is.
fn is_ours(received: &Received) -> bool {
    received.head.value("user-agent").is_some_and(|agent| agent.starts_with("hubgate/"))
}

/// What the hub was told.
fn at_hub(head: &Head) -> Told {
    MANAGED.map(|name| head.value(name).unwrap_or_default())
}

/// What a proxy was told to tell it: every managed header, once.
fn vouched(answer: &Answer) -> Told {
    assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.must("cache-control"), "no-store");
    MANAGED.map(|name| answer.must(name).to_owned())
}

/// As whom the hub was asked, by what it was told.
fn caller(told: &Told) -> Option<(String, Role)> {
    let [user, _, _, target, own_role, all, ..] = told;
    if user.is_empty() {
        return None;
    }
    // A hub with accounts hears its own name of the account.
    let first = all.split(':').next().unwrap();
    let first = if target.is_empty() { first } else { target };
    let organization = user.split_once(':').map_or(first, |(organization, _)| organization);
    let role = all
        .split(',')
        .filter_map(|one| one.split_once(':'))
        .find_map(|(own, role)| (own == organization).then_some(role))
        .unwrap();
    if !target.is_empty() {
        assert_eq!((target.as_str(), own_role.as_str()), (organization, role));
    }
    Some((organization.to_owned(), Role::named(role).unwrap()))
}
