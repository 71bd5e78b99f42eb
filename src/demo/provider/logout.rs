//! The end of sessions: asked for by a client, or by the provider itself.

use askama::Template;
use http::header::CONTENT_SECURITY_POLICY;
use http::{Response, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use super::book::Session;
use super::clients::verified;
use super::{Asked, Client, Delivery, Endpoint, Object, State, deliver, unguessable};
use crate::demo::answer::{Body, put, see_other};
use crate::demo::lock;

impl State {
    /// `/logout` (OpenID Connect RP-Initiated Logout 1.0 §2)
    pub(super) async fn end_session(&self, asked: &Asked) -> Response<Body> {
        let hint = asked.field("id_token_hint").and_then(|token| self.read_hint(token));
        let client = match (&hint, asked.field("client_id")) {
            (Some((own, _)), Some(named)) if own.id != named => {
                let sentence = "The ID token was made for another application.";
                return self.look().notice(StatusCode::BAD_REQUEST, "Not signed out", sentence);
            }
            (Some((own, _)), _) => Some(own.clone()),
            (None, Some(named)) => self.client(named),
            (None, None) => None,
        };
        let back = asked.field("post_logout_redirect_uri").filter(|uri| {
            let registered =
                |client: &Client| client.post_logout_redirect_uris.iter().any(|own| own == uri);
            client.as_ref().is_some_and(registered)
        });
        let cookie = asked.cookie(&self.cookie_name());
        let open = cookie.as_deref().is_some_and(|own| lock(&self.book).session(own).is_some());
        let confirmed =
            asked.is_post() && self.is_same_origin(asked) && asked.field("confirm").is_some();
        if hint.is_none() && open && !confirmed {
            return self.confirmation(asked);
        }
        let sid = hint.map(|(_, sid)| sid);
        let ended = lock(&self.book).end_sessions(|own, session| match &sid {
            Some(sid) => session.sid == *sid,
            None => cookie.as_deref() == Some(own),
        });
        let frames = self.frames(&ended);
        self.tell(&ended).await;
        let state = asked.field("state").map(|state| [("state", state)]);
        let back = back.map(|uri| with_query(uri, state.as_ref().map_or(&[], |pairs| pairs)));
        match back {
            Some(back) if frames.is_empty() => see_other(&back),
            back => self.goodbye(back, frames),
        }
    }

    /// The client and the session of an ID token of ours, however old.
    fn read_hint(&self, token: &str) -> Option<(Client, String)> {
        let keys = Value::Object(lock(&self.keys).jwks());
        let keys: JwkSet = serde_json::from_value(keys).ok()?;
        let claims = verified(&keys, token)?;
        let text = |name: &str| Some(claims.get(name)?.as_str()?.to_owned());
        (text("iss")? == self.issuer).then_some(())?;
        Some((self.client(&text("aud")?)?, text("sid")?))
    }

    /// Ends every session of a person, and tells the clients.
    pub(super) async fn end_sessions_of(&self, person: &str) -> Vec<Delivery> {
        let ended = lock(&self.book).end_sessions(|_, session| session.person == person);
        self.tell(&ended).await
    }

    /// Sends the logout tokens of ended sessions, one after the other.
    async fn tell(&self, ended: &[Session]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for (session, client) in self.told(ended) {
            let Some(uri) = &client.backchannel_logout_uri else { continue };
            let token = self.logout_token(&client, Some(&session.subject), Some(&session.sid));
            let outcome = deliver::post(uri, &token.unwrap_or_default()).await;
            deliveries.push(Delivery { client: client.id, sid: session.sid.clone(), outcome });
        }
        deliveries
    }

    /// A logout token (OpenID Connect Back-Channel Logout 1.0 §2.4)
    pub(super) fn logout_token(
        &self,
        client: &Client,
        subject: Option<&str>,
        sid: Option<&str>,
    ) -> Option<String> {
        let now = self.now();
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let mut claims = Object::from_iter([
            ("iss".to_owned(), self.issuer.clone().into()),
            ("aud".to_owned(), client.id.clone().into()),
            ("iat".to_owned(), now.into()),
            ("exp".to_owned(), (now + 120).into()),
            ("jti".to_owned(), unguessable().into()),
            ("events".to_owned(), json!({ event: {} })),
        ]);
        claims.extend(subject.map(|subject| ("sub".to_owned(), subject.into())));
        claims.extend(sid.map(|sid| ("sid".to_owned(), sid.into())));
        let edit = lock(&self.behaviour).logout_token.clone();
        self.sign_for(client, "logout+jwt", claims, edit)
    }

    /// Each ended session with each client that knew of it.
    fn told<'s>(&self, ended: &'s [Session]) -> Vec<(&'s Session, Client)> {
        let clients = |session: &'s Session| {
            session.clients.iter().filter_map(move |id| Some((session, self.client(id)?)))
        };
        ended.iter().flat_map(clients).collect()
    }

    /// OpenID Connect Front-Channel Logout 1.0 §3
    fn frames(&self, ended: &[Session]) -> Vec<String> {
        let frame = |(session, client): (&Session, Client)| {
            let pairs = [("iss", self.issuer.as_str()), ("sid", session.sid.as_str())];
            Some(with_query(&client.frontchannel_logout_uri?, &pairs))
        };
        self.told(ended).into_iter().filter_map(frame).collect()
    }

    fn confirmation(&self, asked: &Asked) -> Response<Body> {
        let action = self.address_of(Endpoint::EndSession);
        let page = Confirm { action, fields: &asked.fields };
        self.look().page(StatusCode::OK, "Sign out", &page)
    }

    fn goodbye(&self, back: Option<String>, frames: Vec<String>) -> Response<Body> {
        let mut response =
            self.look().page(StatusCode::OK, "Signed out", &Goodbye { back, frames: &frames });
        if !frames.is_empty() {
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src http: https:";
            put(&mut response, CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return uri.to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{query}")
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Sign out?</h1>
<p>This ends your session here, and in every application that you reached with it.</p>
<form method="post" action="{{ action }}">
{% for field in fields %}<input type="hidden" name="{{ field.0 }}" value="{{ field.1 }}">
{% endfor %}<button name="confirm" value="yes">Sign out</button></form>"#
)]
struct Confirm<'p> {
    action: String,
    fields: &'p [(String, String)],
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Signed out</h1>
<p>Your session at the identity provider has ended.</p>
{% if let Some(back) = back %}<p><a href="{{ back }}">Back to the application</a></p>{% endif %}
{% for frame in frames %}<iframe src="{{ frame }}" title="signing out of an application" width="0" height="0" style="border: 0"></iframe>
{% endfor %}"#
)]
struct Goodbye<'p> {
    back: Option<String>,
    frames: &'p [String],
}
