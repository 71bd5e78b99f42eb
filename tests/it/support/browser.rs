//! A small browser: cookies for each origin, redirects, forms, fetch metadata.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

use super::answer::{Answer, Form};
use super::moving_clock::MovingClock;
use super::setup::SITE;

/// Where origins are that are not what they seem: the site is on a loopback port here.
pub(crate) type Routes = Arc<HashMap<String, SocketAddr>>;

/// One person's browser.
#[derive(Clone)]
pub(crate) struct Browser {
    routes: Routes,
    clock: MovingClock,
    pub(crate) jar: Vec<Cookie>,
}

/// A cookie. Real browsers share them among the ports of a host; here each origin has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) origin: String,
    pub(crate) name: String,
    pub(crate) value: String,
    same_site: String,
    expires_at: Option<u64>,
}

/// What a browser is about to send.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether another site sends it.
    pub(crate) cross_site: bool,
}

const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

impl Ask {
    /// A request of this site, with nothing that the browser adds by itself.
    pub(crate) fn new(method: Method, target: &str) -> Self {
        let url = Url::parse(SITE).unwrap().join(target).unwrap();
        Self { method, url, headers: Vec::new(), body: Vec::new(), cross_site: false }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new(Method::POST, target)
    }

    pub(crate) fn to(mut self, url: Url) -> Self {
        self.url = url;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn body(self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = self.header("Content-Type", kind);
        ask.body = body.into();
        ask
    }

    pub(crate) fn sent_by_another_site(mut self) -> Self {
        self.cross_site = true;
        self
    }

    /// As a page load.
    pub(crate) fn page(self) -> Self {
        let site = match (self.cross_site, &self.method) {
            (true, _) => "cross-site",
            (false, &Method::GET | &Method::HEAD) => "none",
            (false, _) => "same-origin",
        };
        self.header("Accept", PAGE)
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .header("Sec-Fetch-User", "?1")
            .header("Sec-Fetch-Site", site)
            .header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0")
    }

    /// As a frame of a page of this site.
    pub(crate) fn frame(self) -> Self {
        self.header("Accept", PAGE)
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "iframe")
            .header("Sec-Fetch-Site", "same-origin")
    }

    /// As a script of the page sends it.
    pub(crate) fn script(self) -> Self {
        let site = if self.cross_site { "cross-site" } else { "same-origin" };
        self.header("Accept", "*/*")
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty")
            .header("Sec-Fetch-Site", site)
    }
}

impl Browser {
    pub(crate) fn new(routes: Routes, clock: MovingClock) -> Self {
        Self { routes, clock, jar: Vec::new() }
    }

    /// Loads a page; a redirect is not followed.
    pub(crate) async fn load(&mut self, target: &str) -> Answer {
        self.send(Ask::get(target).page()).await
    }

    /// Loads a page of any site; a redirect is not followed.
    pub(crate) async fn load_url(&mut self, url: &Url) -> Answer {
        self.send(Ask::get("/").to(url.clone()).page()).await
    }

    /// Loads a page, wherever it leads.
    pub(crate) async fn open(&mut self, target: &str) -> Answer {
        let answer = self.load(target).await;
        self.finish(answer).await
    }

    /// Asks as a script in a page of the site.
    pub(crate) async fn fetch(&mut self, target: &str) -> Answer {
        self.send(Ask::get(target).script()).await
    }

    /// Follows a redirect, one step.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        let to = answer.location().unwrap_or_else(|| panic!("no redirect: {answer:?}"));
        let mut ask = Ask::get("/").to(to);
        ask.cross_site = ask.url.origin() != answer.url.origin();
        self.send(ask.page()).await
    }

    /// Follows redirects, and pages whose only script sends their form, to their end.
    pub(crate) async fn finish(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..20 {
            answer = if answer.location().is_some() {
                self.follow(&answer).await
            } else if answer.sends_itself() {
                let form = answer.forms().remove(0);
                self.submit(&answer, &form, None).await
            } else {
                return answer;
            };
        }
        panic!("it goes round and round: {answer:?}");
    }

    /// Sends a form of a page as its button does; a redirect is not followed.
    pub(crate) async fn submit(
        &mut self,
        page: &Answer,
        form: &Form,
        button: Option<(&str, &str)>,
    ) -> Answer {
        let mut fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.extend(button);
        let mut ask = Ask::post("/").to(form.action.clone()).form(&fields);
        ask.cross_site = form.action.origin() != page.url.origin();
        let origin = page.url.origin().ascii_serialization();
        self.send(ask.header("Origin", &origin).page()).await
    }

    /// Clicks a person on a provider's page; a redirect is not followed.
    pub(crate) async fn click(&mut self, page: &Answer, person: &str) -> Answer {
        let forms = page.forms();
        let form = forms.first().unwrap_or_else(|| panic!("no form: {} {}", page.url, page.text()));
        self.submit(page, form, Some(("person", person))).await
    }

    /// Signs in as somebody, and lands on `target`.
    pub(crate) async fn sign_in_at(&mut self, target: &str, person: &str) -> Answer {
        let page = self.open(target).await;
        if page.url.as_str().starts_with(SITE) {
            return page; // the provider still knew who it is
        }
        let clicked = self.click(&page, person).await;
        self.finish(clicked).await
    }

    /// Signs in as somebody, from the organization's own address.
    pub(crate) async fn sign_in(&mut self, organization: &str, person: &str) -> Answer {
        let target = format!("/-/sso/{organization}/login");
        let landed = self.sign_in_at(&target, person).await.expect(200);
        assert_eq!(landed.url.path(), "/-/sso/", "{}", landed.text());
        landed
    }

    /// Begins a sign-in, and answers with the address at which the provider would finish it.
    pub(crate) async fn callback_of(&mut self, organization: &str, person: &str) -> Url {
        let page = self.open(&format!("/-/sso/{organization}/login")).await;
        let clicked = self.click(&page, person).await;
        clicked.location().unwrap_or_else(|| panic!("no way back: {clicked:?}"))
    }

    /// The site's cookie of that name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let found = self.jar.iter().find(|cookie| cookie.origin == SITE && cookie.name == name);
        found.map(|cookie| cookie.value.as_str())
    }

    /// The value of the session cookie.
    #[track_caller]
    pub(crate) fn session(&self) -> String {
        self.cookie(SESSION).expect("a session cookie").to_owned()
    }

    /// Puts a cookie of the site into the jar, as its own.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.jar.retain(|cookie| cookie.origin != SITE || cookie.name != name);
        self.jar.push(Cookie {
            origin: SITE.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            same_site: "lax".to_owned(),
            expires_at: None,
        });
    }

    /// The names of the cookies that stand for sign-ins under way.
    pub(crate) fn pending(&self) -> Vec<String> {
        let prefix = format!("{SESSION}-login-");
        let own = self.jar.iter().filter(|cookie| cookie.name.starts_with(&prefix));
        own.map(|cookie| cookie.name.clone()).collect()
    }

    /// What the gate says of the person.
    pub(crate) async fn who(&mut self) -> serde_json::Value {
        self.fetch("/-/sso/session").await.expect(200).json()
    }

    /// The organization's sign-in, as the gate says.
    pub(crate) async fn sign_in_of(&mut self, organization: &str) -> serde_json::Value {
        let who = self.who().await;
        let all = who["sign_ins"].as_array().unwrap();
        let own = all.iter().find(|sign_in| sign_in["organization"] == organization);
        own.cloned().unwrap_or_default()
    }

    /// Sends a request with the cookies that belong to it, and keeps those that come back.
    pub(crate) async fn send(&mut self, mut ask: Ask) -> Answer {
        if let Some(cookies) = self.cookies_for(&ask) {
            ask.headers.push(("Cookie".to_owned(), cookies));
        }
        let origin = ask.url.origin().ascii_serialization();
        let address = match self.routes.get(&origin) {
            Some(address) => *address,
            None => ask.url.socket_addrs(|| None).unwrap()[0],
        };
        let answer = exchange(address, ask).await;
        for line in answer.set_cookies() {
            self.keep(&origin, line);
        }
        answer
    }

    fn cookies_for(&self, ask: &Ask) -> Option<String> {
        let now = self.clock.seconds();
        let origin = ask.url.origin().ascii_serialization();
        let safe = ask.method == Method::GET || ask.method == Method::HEAD;
        let navigates =
            ask.headers.iter().any(|(name, value)| name == "Sec-Fetch-Mode" && value == "navigate");
        // RFC 6265bis §5.8.3: from another site, only with top-level navigations by safe methods.
        let lax = !ask.cross_site || safe && navigates;
        let pairs: Vec<String> = self
            .jar
            .iter()
            .filter(|cookie| cookie.origin == origin)
            .filter(|cookie| cookie.expires_at.is_none_or(|at| at > now))
            .filter(|cookie| match cookie.same_site.as_str() {
                "none" => true,
                "strict" => !ask.cross_site,
                _ => lax,
            })
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps a cookie as RFC 6265bis §5.7 says.
    fn keep(&mut self, origin: &str, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let attribute = |wanted: &str| {
            attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value)
        };
        let secure = attribute("secure").is_some();
        assert!(!secure || origin.starts_with("https:"), "refused by a browser: {line}");
        if name.starts_with("__Host-") {
            let good = secure && attribute("path") == Some("/") && attribute("domain").is_none();
            assert!(good, "refused by a browser: {line}");
        }
        let place = self.jar.iter().position(|own| own.origin == origin && own.name == name);
        let age: Option<i64> = attribute("max-age").map(|age| age.parse().unwrap());
        if age.is_some_and(|age| age <= 0) {
            place.map(|place| self.jar.remove(place));
            return;
        }
        let cookie = Cookie {
            origin: origin.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            same_site: attribute("samesite").unwrap_or("lax").to_ascii_lowercase(),
            expires_at: age.map(|age| self.clock.seconds() + age.unsigned_abs()),
        };
        match place {
            // Its place in the order is that of its creation (§5.7, step 23.3).
            Some(place) => self.jar[place] = cookie,
            None => self.jar.push(cookie),
        }
    }
}

/// The session cookie of a site on https.
pub(crate) const SESSION: &str = "__Host-hubgate";

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request on a connection of its own.
async fn exchange(address: SocketAddr, ask: Ask) -> Answer {
    let asked = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let target = &ask.url[Position::BeforePath..Position::AfterQuery];
        let host = &ask.url[Position::BeforeHost..Position::AfterPort];
        let mut request = Request::builder().method(ask.method).uri(target).header("Host", host);
        for (name, value) in &ask.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request = request.body(Full::new(bytes::Bytes::from(ask.body))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { url: ask.url, status: head.status.as_u16(), headers: head.headers, body }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("an answer")
}
