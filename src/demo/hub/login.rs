//! How one signs in at a hub that has accounts: by a click, since this is a demo.

use askama::Template;
use http::header::{LOCATION, SET_COOKIE};
use http::{Method, Response, StatusCode};

use super::{Access, Refusal, State, Visit};
use crate::demo::answer::{Body, field, form, put, text};
use crate::demo::people::Account;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Sign in to the hub</h1>
<p class="quiet">This is the hub's own sign-in, which knows nothing of single sign-on.</p>
<div class="choices">{% for account in accounts %}
<form method="get" action="/login"><input type="hidden" name="as" value="{{ account.name }}"><button>{{ account.name }} <small>{{ account.email }}</small></button></form>{% endfor %}
</div>"#
)]
struct Choice<'p> {
    accounts: &'p [Account],
}

impl State {
    /// `/login`, `/login?as=bob`, `/logout`: the cookie is the account's token.
    pub(super) fn login(&self, visit: &Visit, leaves: bool) -> Response<Body> {
        let Access::Accounts(accounts) = &self.settings.access else {
            return self.refuse(visit, Refusal::NoSuchPage);
        };
        if visit.request.method() != Method::GET {
            return self.refuse(visit, Refusal::BadRequest);
        }
        let query = form(visit.request.uri().query().unwrap_or_default().as_bytes());
        let cookie = match field(&query, "as") {
            _ if leaves => "token=; Path=/; Max-Age=0".to_owned(),
            None => {
                return self.look().page(StatusCode::OK, "Sign in", &Choice { accounts });
            }
            Some(name) => match accounts.iter().find(|account| account.name == name) {
                Some(account) => {
                    format!("token={}; Path=/; HttpOnly; SameSite=Lax", account.token)
                }
                None => return self.refuse(visit, Refusal::BadRequest),
            },
        };
        let mut response = text(StatusCode::SEE_OTHER, "");
        put(&mut response, LOCATION, "/");
        put(&mut response, SET_COOKIE, &cookie);
        response
    }
}
