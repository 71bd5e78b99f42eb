//! `vectors/decide` once more: through sockets, with real sign-ins, to the hub or not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hubgate::demo::Listener;
use hubgate::demo::hub::{self, Hub};
use hubgate::demo::people::Person;
use hubgate::demo::provider::{Client, ClientAuthentication, Provider, Settings};
use hubgate::policy::Role;

use crate::support::browser::{Browser, SESSION};
use crate::support::moving_clock::{MovingClock, minutes};
use crate::support::served::Served;
use crate::support::setup::{CLIENT_SECRET, SITE};
use crate::support::tool;
use crate::support::vectors::{Age, Case, Outcome, SignInLine, Vectors};

/// What one file of vectors is asked of.
struct Scene {
    hub: Hub,
    providers: HashMap<String, Provider>,
    clock: MovingClock,
    gate: Served,
}

impl Scene {
    async fn of(vectors: &Vectors) -> Self {
        let clock = MovingClock::new();
        let hub =
            Hub::start(Listener::loopback().await.unwrap(), hub::Settings::default()).unwrap();
        let mut text = vectors.world.toml(hub.origin());
        let mut providers = HashMap::new();
        let ids: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"').map(str::to_owned))
            .collect();
        for id in ids {
            // One person for each role; the groups are called like the roles.
            let people = ["admin", "write", "contributor", "read"];
            let people =
                people.map(|role| Person::new(role, &format!("{role}@{id}.example"), &[role], ""));
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
                    [tokens]\ncli_sign_in = false\n[session]\ntimeout = \"1h\"\n[hub]\n";
        text = text.replacen("[hub]\n", here, 1);
        let client = "client_id = \"hubgate\"\n";
        text = text.replace(client, &format!("{client}algorithms = [\"ES256\"]\n"));
        let environment = [("SECRET".to_owned(), CLIENT_SECRET.to_owned())];
        let gate = Served::start(&text, &environment, &clock.clock());
        Self { hub, providers, clock, gate }
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

    /// A session for each set of sign-ins that a file asks with.
    async fn sessions(&self, cases: &[Case]) -> Vec<(Vec<SignInLine>, String)> {
        let mut browsers: Vec<(Vec<SignInLine>, Browser)> = Vec::new();
        for case in cases {
            if !case.sign_ins.is_empty()
                && !browsers.iter().any(|(lines, _)| *lines == case.sign_ins)
            {
                browsers.push((case.sign_ins.clone(), self.browser()));
            }
        }
        for (lines, browser) in &mut browsers {
            for line in lines.iter().filter(|line| line.standing == Age::Expired) {
                self.sign_in(browser, line).await;
            }
        }
        self.clock.advance(minutes(60));
        for (lines, browser) in &mut browsers {
            for line in lines.iter().filter(|line| line.standing != Age::Expired) {
                self.sign_in(browser, line).await;
            }
        }
        browsers.into_iter().map(|(lines, browser)| (lines, browser.session())).collect()
    }

    /// Asks, and reads the answer where it counts: at the hub, and in the access log.
    async fn ask(&self, case: &Case, session: Option<&str>) -> Outcome {
        self.hub.take_received();
        let cookie = session.map(|session| format!("Cookie: {SESSION}={session}\r\n"));
        let mut headers = cookie.unwrap_or_default();
        if case.body.is_some() {
            headers += "Content-Type: application/json\r\n";
        }
        let line = format!("{} {}", case.method, case.target);
        let body = case.body.as_deref().unwrap_or_default();
        let answer = tool::send(self.gate.address, &line, &headers, body).await;
        let arrived = self.hub.take_received();
        let refused =
            |reason: &str| Outcome::Refused { status: answer.status, reason: reason.to_owned() };
        let Some(id) = answer.header("x-request-id") else {
            // It was no request at all, and hyper has refused it.
            assert!(arrived.is_empty(), "{line}");
            return refused("ambiguous-path");
        };
        let log = self.gate.lines.of(id).await;
        let text = |name: &str| log[name].as_str().unwrap_or_default().to_owned();
        let (organization, reason) = (text("organization"), text("reason"));
        let named = (!organization.is_empty()).then(|| organization.clone());
        match (text("decision").as_str(), arrived.as_slice()) {
            ("allow", [_]) if !reason.is_empty() => Outcome::Notice { organization, reason },
            ("allow", [received]) => Outcome::Allow(caller(&received.head)),
            // The demo's hub has no such page, and closes while a long body is on its way.
            ("error", [received]) if !body.is_empty() => Outcome::Allow(caller(&received.head)),
            ("challenge", []) => Outcome::Challenge { organization, reason },
            ("deny", []) if [400, 413].contains(&answer.status) => refused(&reason),
            ("deny", []) => Outcome::Deny { reason, organization: named },
            (_, arrived) => panic!("{line}: {log}, and {} at the hub", arrived.len()),
        }
    }
}

/// As whom the hub was asked, by what it was told.
fn caller(told: &hubgate::demo::Head) -> Option<(String, Role)> {
    let user = told.value("x-auth-user")?;
    let (organization, _) = user.split_once(':').unwrap();
    let all = told.value("x-auth-orgs").unwrap();
    let role = all
        .split(',')
        .filter_map(|one| one.split_once(':'))
        .find_map(|(own, role)| (own == organization).then_some(role))
        .unwrap();
    if let Some(target) = told.value("x-auth-org") {
        assert_eq!(
            (target.as_str(), told.value("x-auth-role").as_deref()),
            (organization, Some(role))
        );
    }
    Some((organization.to_owned(), Role::named(role).unwrap()))
}

#[tokio::test]
async fn every_vector_is_answered_as_it_says_through_the_served_gate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/decide");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for vectors in Vectors::all(&folder) {
        let scene = Scene::of(&vectors).await;
        let sessions = scene.sessions(&vectors.cases).await;
        for case in &vectors.cases {
            let session = sessions.iter().find(|(lines, _)| *lines == case.sign_ins);
            let answer = scene.ask(case, session.map(|(_, session)| session.as_str())).await;
            asked += 1;
            if answer != case.expected {
                let place = format!("{}:{}", vectors.name, case.line);
                let question = format!("{} {} {}", case.who, case.method, case.target);
                wrong.push(format!("{place}: {question} => {answer}, not {}", case.expected));
            }
        }
    }
    assert!(asked > 300, "only {asked} vectors were found");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}
