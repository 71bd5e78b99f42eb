//! The hub's pages: what there is, and who the gate says is asking.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Response, StatusCode};
use serde_json::Value;

use super::identity::Caller;
use super::repositories::Repository;
use super::{Access, Refusal, State, Visit};
use crate::demo::answer::Body;
use crate::demo::lock;
use crate::demo::page::Look;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ title }}</h1>
<p class="quiet">{{ sentence }}</p>
{% if !rows.is_empty() %}<h2>Repositories</h2>
<ul>{% for row in rows %}
<li><a href="{{ row.path }}">{{ row.id }}</a> <small>{{ row.kind }}</small> <span class="tag push">{{ row.visibility }}</span></li>{% endfor %}
</ul>{% endif %}
{% if !files.is_empty() %}<h2>Files</h2>
<ul>{% for file in files %}
<li><a href="{{ file.0 }}">{{ file.1 }}</a> <small class="push">{{ file.2 }} bytes</small></li>{% endfor %}
</ul>{% endif %}
<h2>Who the gate says you are</h2>
{% if identity.is_empty() %}<p>Nobody: this request came with no identity header.</p>{% else %}
<table>{% for header in identity %}
<tr><th>{{ header.0 }}</th><td>{{ header.1 }}</td></tr>{% endfor %}
</table>{% endif %}
{% if let Some(name) = account %}<p>At the hub you are <strong>{{ name }}</strong>. <a href="/logout">Sign out of the hub</a></p>
{% else if has_accounts %}<p>At the hub you are nobody. <a href="/login">Sign in to the hub</a></p>{% endif %}
{% if let Some(page) = account_page %}<p><a href="{{ page }}">Sign-ins</a></p>{% endif %}"#
)]
struct Listing<'p> {
    title: &'p str,
    sentence: &'p str,
    rows: Vec<Row>,
    files: Vec<(String, String, usize)>,
    identity: Vec<(String, String)>,
    account_page: Option<&'p str>,
    account: Option<&'p str>,
    has_accounts: bool,
}

struct Row {
    path: String,
    id: String,
    kind: &'static str,
    visibility: &'static str,
}

impl State {
    pub(super) fn look(&self) -> Look<'static> {
        Look { site: "Demo hub", home: "/", accent: "#c2620a" }
    }

    /// Every repository that the caller may list.
    pub(super) fn home(&self, visit: &Visit) -> Response<Body> {
        let sentence = "Everything on this hub that you may list.";
        self.listing(visit, "All repositories", sentence, self.rows(visit, |_| true), Vec::new())
    }

    /// The repositories of one namespace.
    pub(super) fn namespace(&self, visit: &Visit, namespace: &str) -> Response<Body> {
        let rows = self.rows(visit, |own| own.namespace.eq_ignore_ascii_case(namespace));
        if rows.is_empty() {
            return self.refuse(visit, Refusal::NoSuchPage);
        }
        self.listing(visit, namespace, "Its repositories that you may list.", rows, Vec::new())
    }

    /// One repository with its files.
    pub(super) fn repository_page(&self, visit: &Visit, repository: &Repository) -> Response<Body> {
        let files = repository.revision("main").map_or_else(Vec::new, |revision| {
            let link = |(path, content): (&String, &bytes::Bytes)| {
                (format!("{}/resolve/main/{path}", repository.path()), path.clone(), content.len())
            };
            revision.files.iter().map(link).collect()
        });
        self.listing(visit, &repository.id(), visibility(repository), Vec::new(), files)
    }

    /// A page that only administrators should reach.
    pub(super) fn settings_page(&self, visit: &Visit, repository: &Repository) -> Response<Body> {
        let title = format!("Settings of {}", repository.id());
        let sentence = "Only administrators of the organization should see this page.";
        self.listing(visit, &title, sentence, Vec::new(), Vec::new())
    }

    fn rows(&self, visit: &Visit, wanted: impl Fn(&Repository) -> bool) -> Vec<Row> {
        let shown = |own: &&Repository| visit.caller.may_list(own) && wanted(own);
        let row = |own: &Repository| Row {
            path: own.path(),
            id: own.id(),
            kind: own.kind.plural().trim_end_matches('s'),
            visibility: visibility(own),
        };
        lock(&self.catalogue).iter().filter(shown).map(row).collect()
    }

    fn listing(
        &self,
        visit: &Visit,
        title: &str,
        sentence: &str,
        rows: Vec<Row>,
        files: Vec<(String, String, usize)>,
    ) -> Response<Body> {
        let identity = identity(visit);
        let account_page = self.settings.account_page.as_deref();
        let account = match &visit.caller {
            Caller::Account(account) => Some(account.name.as_str()),
            Caller::Told(_) | Caller::Anonymous => None,
        };
        let has_accounts = matches!(self.settings.access, Access::Accounts(_));
        let listing =
            Listing { title, sentence, rows, files, identity, account_page, account, has_accounts };
        self.look().page(StatusCode::OK, title, &listing)
    }
}

impl Visit {
    /// Whether a browser is loading a page.
    pub(super) fn wants_page(&self) -> bool {
        let accept = self.head.value("accept").unwrap_or_default();
        self.request.method() == Method::GET && accept.contains("text/html")
    }
}

fn visibility(repository: &Repository) -> &'static str {
    if repository.private { "private" } else { "public" }
}

/// The headers that a gate writes, and what a signed assertion among them says.
fn identity(visit: &Visit) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for (name, value) in &visit.head.headers {
        let lower = name.to_ascii_lowercase().replace('_', "-");
        let ours = ["x-auth-", "x-webauth-", "x-forwarded-user", "x-forwarded-email", "remote-"];
        if !ours.iter().any(|prefix| lower.starts_with(prefix)) || value.is_empty() {
            continue;
        }
        let value = String::from_utf8_lossy(value).into_owned();
        let said = if lower.ends_with("assertion") { claims(&value) } else { None };
        shown.push((name.clone(), said.unwrap_or(value)));
    }
    shown
}

/// What a JWT says; this page only shows it, and does not verify it.
fn claims(token: &str) -> Option<String> {
    let middle = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&middle).ok().map(|claims| claims.to_string())
}
