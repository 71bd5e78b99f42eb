//! What the provider shows: its metadata, its console, and forms that send themselves.

use std::sync::atomic::Ordering;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_SECURITY_POLICY;
use http::{Response, StatusCode};

use super::orders::Orders;
use super::{Ask, State, statement};
use crate::demo::answer::{self, Body, put};
use crate::demo::lock;
use crate::demo::people::Person;

impl State {
    /// Metadata §2.4.3.
    pub(super) fn metadata(&self) -> Response<Body> {
        self.metadata_fetches.fetch_add(1, Ordering::SeqCst);
        if let Some(fault) = lock(&self.orders).metadata_fault {
            return answer::text(fault, "no metadata\n");
        }
        let keys: String = lock(&self.keys)
            .published()
            .map(|der| {
                format!(
                    "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data>\
                     <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
                     </md:KeyDescriptor>",
                    STANDARD.encode(der)
                )
            })
            .collect();
        let Orders { wants_signed_requests, post_only, valid_until, metadata, .. } =
            lock(&self.orders).clone();
        let bindings: &[&str] = if post_only { &["POST"] } else { &["Redirect", "POST"] };
        let services = |name: &str, path: &str| -> String {
            let one = |binding: &&str| {
                format!(
                    "<md:{name} Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{binding}\" \
                     Location=\"{}{path}\"/>",
                    self.origin
                )
            };
            bindings.iter().map(one).collect()
        };
        let until = valid_until
            .map(|end| format!(" validUntil=\"{}\"", statement::time(end)))
            .unwrap_or_default();
        let xml = format!(
            "<?xml version=\"1.0\"?><md:EntityDescriptor \
             xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
             xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" entityID=\"{}\"{until}>\
             <md:IDPSSODescriptor \
             protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             WantAuthnRequestsSigned=\"{wants_signed_requests}\">{keys}{}{}\
             </md:IDPSSODescriptor></md:EntityDescriptor>",
            self.entity_id(),
            services("SingleLogoutService", "/slo"),
            services("SingleSignOnService", "/sso"),
        );
        let xml = match metadata {
            Some(edit) => edit(xml),
            None => xml,
        };
        answer::answer(StatusCode::OK, "application/samlmetadata+xml", answer::full(xml))
    }

    pub(super) fn console(&self, ask: &Ask) -> Response<Body> {
        let here = self.session(&ask.headers).map(|(_, session)| session.person);
        let entity_id = self.entity_id();
        let people = lock(&self.people).clone();
        let page = Console { people, here, entity_id: &entity_id };
        self.look().page(StatusCode::OK, &self.settings.name, &page)
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>People</h1>
<p class="quiet">Entity id and metadata: <code>{{ entity_id }}</code></p>
<ul>{% for person in people %}<li><strong>{{ person.name }}</strong> {{ person.email }} <span class="tag">{{ person.remark }}</span>
{% if here.as_deref() == Some(person.id.as_str()) %}<span class="tag">signed in here</span>{% endif %}
<span class="push"></span>
<form method="post" action="/initiate"><button name="person" value="{{ person.id }}">Start at the hub</button></form>
<form method="post" action="/end"><button name="person" value="{{ person.id }}">Sign out everywhere</button></form></li>
{% endfor %}</ul>"#
)]
struct Console<'p> {
    people: Vec<Person>,
    here: Option<String>,
    entity_id: &'p str,
}

/// A page whose form sends itself (Bindings §3.5.4).
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><title>One moment</title>
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

const SUBMIT: &str = "document.forms[0].submit()";

pub(super) fn form_post(action: &str, fields: &[(String, String)]) -> Response<Body> {
    let page = FormPost { action, fields, script: SUBMIT };
    let mut response = answer::html(StatusCode::OK, page.render().unwrap_or_default());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SUBMIT.as_bytes());
    let policy = format!("default-src 'none'; script-src 'sha256-{}'", STANDARD.encode(digest));
    put(&mut response, CONTENT_SECURITY_POLICY, &policy);
    response
}
