//! The authorization endpoint: the request, the sign-in page, the response with its code.

use std::collections::BTreeSet;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, SET_COOKIE};
use http::{Response, StatusCode};
use serde_json::json;

use super::book::{Code, Grant, Session};
use super::wish::{Reply, Wish};
use super::{Asked, Client, Endpoint, Fields, Refusal, State};
use crate::demo::answer::{self, Body, field, put, see_other};
use crate::demo::lock;
use crate::demo::people::Person;

const CODE_LIFETIME: u64 = 60;
const PUSHED_LIFETIME: u64 = 90;

impl State {
    /// `/authorize`, by GET, by POST, and by POST with the `person` that was clicked.
    pub(super) fn authorize(&self, asked: &Asked) -> Response<Body> {
        let pushed = asked.field("request_uri").map(str::to_owned);
        let request = self
            .request(asked, pushed.as_deref())
            .and_then(|(client, fields)| Ok((Reply::read(&client, &fields)?, client, fields)));
        let (reply, client, fields) = match request {
            Ok(request) => request,
            // Nothing is sent to an address that is not known to be the client's.
            Err(sentence) => {
                let title = "This sign-in cannot go on";
                return self.look().notice(StatusCode::BAD_REQUEST, title, sentence);
            }
        };
        let answered = Wish::read(&client, &fields).and_then(|wish| self.decide(asked, &wish));
        if !matches!(answered, Ok(Outcome::Ask(_)))
            && let Some(pushed) = pushed
        {
            lock(&self.book).forget_pushed(&pushed);
        }
        match answered {
            Ok(Outcome::Ask(hint)) => self.sign_in_page(asked, hint.as_deref()),
            Ok(Outcome::Code(code, cookie)) => {
                let mut response = self.respond(&reply, vec![("code".to_owned(), code)]);
                self.set_cookie(&mut response, &cookie);
                response
            }
            Err(refusal) => {
                let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
                let fields = vec![
                    pair("error", refusal.error),
                    pair("error_description", refusal.description),
                ];
                self.respond(&reply, fields)
            }
        }
    }

    /// `/par` (RFC 9126 §2): the same request, from an authenticated client, for later.
    pub(super) fn push(&self, asked: &Asked) -> Response<Body> {
        let pushed = self.authenticate(asked).and_then(|client| {
            if asked.field("request_uri").is_some() {
                return Err(Refusal::new("invalid_request", "request_uri is not pushed"));
            }
            let mut fields = asked.fields.clone();
            fields.retain(|(name, _)| !name.starts_with("client_"));
            fields.push(("client_id".to_owned(), client.id.clone()));
            Reply::read(&client, &fields)
                .map_err(|sentence| Refusal::new("invalid_request", sentence))?;
            Wish::read(&client, &fields)?;
            Ok(lock(&self.book).push(fields, self.now() + PUSHED_LIFETIME))
        });
        match pushed {
            Ok(name) => answer::json(
                StatusCode::CREATED,
                &json!({ "request_uri": name, "expires_in": PUSHED_LIFETIME }),
            ),
            Err(refusal) => refusal.answer(),
        }
    }

    /// The client and its request, pushed or not.
    fn request(
        &self,
        asked: &Asked,
        pushed: Option<&str>,
    ) -> Result<(Client, Fields), &'static str> {
        let mut names = BTreeSet::new();
        // RFC 6749 §3.1: no parameter more than once.
        if !asked.fields.iter().all(|(name, _)| names.insert(name)) {
            return Err("The request says something twice.");
        }
        let client = asked.field("client_id").and_then(|id| self.client(id));
        let client = client.ok_or("No application with this client_id is registered.")?;
        let Some(pushed) = pushed else {
            let plain = (!client.pushed_only).then(|| asked.fields.clone());
            return Ok((client, plain.ok_or("This application must push its requests.")?));
        };
        let fields = lock(&self.book).pushed(pushed, self.now());
        let fields = fields.filter(|fields| field(fields, "client_id") == Some(&client.id));
        Ok((client, fields.ok_or("The pushed request is unknown or has expired.")?))
    }

    /// Whether somebody is signed in, as the request wants it; a click signs in.
    fn decide(&self, asked: &Asked, wish: &Wish) -> Result<Outcome, Refusal> {
        let now = self.now();
        let cookie = asked.cookie(&self.cookie_name());
        let session = cookie.as_deref().and_then(|own| lock(&self.book).session(own).cloned());
        if asked.is_post()
            && let Some(clicked) = asked.field("person")
        {
            if !self.is_same_origin(asked) || clicked.is_empty() {
                return Err(Refusal::new("access_denied", "nobody wanted to sign in"));
            }
            return self.sign_in(wish, clicked, cookie.zip(session));
        }
        let prompted = ["login", "select_account", "consent"];
        let suits = |session: &&Session| {
            let person = self.person(|own| own.id == session.person);
            person.is_some_and(|person| {
                person.active && wish.login_hint.as_deref().is_none_or(|hint| person.is(hint))
            }) && !prompted.iter().any(|value| wish.prompt.contains(*value))
                && wish.max_age.is_none_or(|age| age > 0 && session.authenticated + age >= now)
        };
        if let (Some(cookie), Some(session)) = (&cookie, session.as_ref().filter(suits)) {
            return Ok(Outcome::Code(self.issue_code(wish, session, cookie), cookie.clone()));
        }
        if wish.prompt.contains("none") {
            return Err(Refusal::new("login_required", "nobody is signed in"));
        }
        let ordered = lock(&self.behaviour).sign_in.clone();
        match ordered {
            Some(person) => self.sign_in(wish, &person, cookie.zip(session)),
            None => Ok(Outcome::Ask(wish.login_hint.clone())),
        }
    }

    /// Opens a session, or renews the person's own, and issues a code in it.
    fn sign_in(
        &self,
        wish: &Wish,
        person: &str,
        open: Option<(String, Session)>,
    ) -> Result<Outcome, Refusal> {
        let person = self
            .person(|own| own.id == person && own.active)
            .ok_or_else(|| Refusal::new("access_denied", "the account is closed or unknown"))?;
        let now = self.now();
        let mut book = lock(&self.book);
        let cookie = match open {
            Some((cookie, session)) if session.person == person.id => cookie,
            Some(_) | None => book.open_session(&person.id, &person.subject, now),
        };
        let session = book.session_mut(&cookie).map(|session| {
            session.authenticated = now;
            session.clone()
        });
        drop(book);
        let session =
            session.ok_or_else(|| Refusal::new("server_error", "the session has just ended"))?;
        Ok(Outcome::Code(self.issue_code(wish, &session, &cookie), cookie))
    }

    fn issue_code(&self, wish: &Wish, session: &Session, cookie: &str) -> String {
        let mut book = lock(&self.book);
        if let Some(session) = book.session_mut(cookie) {
            session.clients.insert(wish.client.clone());
        }
        let grant = book.add_grant(Grant {
            client: wish.client.clone(),
            subject: session.subject.clone(),
            sid: session.sid.clone(),
            authenticated: session.authenticated,
            scopes: wish.scopes.clone(),
            refresh: None,
            dead: false,
        });
        book.add_code(Code {
            grant,
            redirect_uri: wish.redirect_uri.clone(),
            challenge: wish.challenge.clone(),
            nonce: wish.nonce.clone(),
            expires: self.now() + CODE_LIFETIME,
            used: false,
        })
    }

    fn respond(&self, reply: &Reply, mut fields: Fields) -> Response<Body> {
        fields.extend(reply.state.clone().map(|state| ("state".to_owned(), state)));
        fields.push(("iss".to_owned(), self.issuer.clone())); // RFC 9207 §2
        let edit = lock(&self.behaviour).authorization_response.clone();
        if let Some(edit) = edit {
            edit(&mut fields);
        }
        if !reply.form_post {
            let query =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            let joint = if reply.redirect_uri.contains('?') { '&' } else { '?' };
            return see_other(&format!("{}{joint}{query}", reply.redirect_uri));
        }
        let page = FormPost { action: &reply.redirect_uri, fields: &fields, script: SUBMIT };
        let mut response = answer::html(StatusCode::OK, page.render().unwrap_or_default());
        let hash = STANDARD.encode(digest(&SHA256, SUBMIT.as_bytes()));
        let policy = format!("default-src 'none'; script-src 'sha256-{hash}'");
        put(&mut response, CONTENT_SECURITY_POLICY, &policy);
        response
    }

    fn sign_in_page(&self, asked: &Asked, hint: Option<&str>) -> Response<Body> {
        let mut people: Vec<Person> = lock(&self.people).clone();
        people.retain(|person| person.active);
        people.sort_by_key(|person| !hint.is_some_and(|hint| person.is(hint)));
        let fields = asked.fields.iter().filter(|(name, _)| name != "person").cloned().collect();
        let action = self.address_of(Endpoint::Authorize);
        let page = SignIn { provider: &self.settings.name, action, fields, people };
        self.look().page(StatusCode::OK, "Sign in", &page)
    }

    /// Different on each port, since cookies are shared between the ports of a host.
    pub(super) fn cookie_name(&self) -> String {
        let port = url::Url::parse(&self.issuer).ok().and_then(|url| url.port_or_known_default());
        format!("provider_{}", port.unwrap_or_default())
    }

    fn set_cookie(&self, response: &mut Response<Body>, value: &str) {
        let secure = if self.issuer.starts_with("https:") { "; Secure" } else { "" };
        let (name, path) =
            (self.cookie_name(), if self.base.is_empty() { "/" } else { &self.base });
        let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}");
        put(response, SET_COOKIE, &cookie);
    }

    /// Whether a form came from a page of ours, or from a program.
    pub(super) fn is_same_origin(&self, asked: &Asked) -> bool {
        let own = url::Url::parse(&self.issuer).map(|url| url.origin().ascii_serialization());
        asked.head.value("origin").is_none_or(|origin| own == Ok(origin))
    }
}

enum Outcome {
    /// A code, and the cookie of the session.
    Code(String, String),
    /// The page with the names has to be shown; the hinted one is first.
    Ask(Option<String>),
}

impl Person {
    fn is(&self, hint: &str) -> bool {
        self.email.eq_ignore_ascii_case(hint) || self.id == hint || self.subject == hint
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Sign in</h1>
<p class="quiet">{{ provider }} has no passwords: click whoever you want to be.</p>
<form class="choices" method="post" action="{{ action }}" style="display: block">
{% for field in fields %}<input type="hidden" name="{{ field.0 }}" value="{{ field.1 }}">
{% endfor %}{% for person in people %}<button name="person" value="{{ person.id }}"><strong>{{ person.name }}</strong> {{ person.email }} <span class="tag push">{{ person.remark }}</span></button>
{% endfor %}<button name="person" value="">Cancel</button>
</form>"#
)]
struct SignIn<'p> {
    provider: &'p str,
    action: String,
    fields: Fields,
    people: Vec<Person>,
}

const SUBMIT: &str = "document.forms[0].submit()";

/// OAuth 2.0 Form Post Response Mode §2
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><title>Signing in</title>
<form method="post" action="{{ action }}">
{% for field in fields %}<input type="hidden" name="{{ field.0 }}" value="{{ field.1 }}">
{% endfor %}<button>Continue</button></form>
<script>{{ script|safe }}</script>"#
)]
struct FormPost<'p> {
    action: &'p str,
    fields: &'p [(String, String)],
    script: &'static str,
}
