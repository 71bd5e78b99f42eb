//! The provider's own page: what an administrator of the organization would do to people.

use askama::Template;
use http::{Response, StatusCode};

use super::{Asked, Endpoint, State};
use crate::demo::answer::{Body, see_other};
use crate::demo::lock;
use crate::demo::people::Person;

impl State {
    /// `/`: changes groups, closes and opens accounts, ends sessions.
    pub(super) async fn console(&self, asked: &Asked) -> Response<Body> {
        if !asked.is_post() {
            let (provider, people) = (&self.settings.name, lock(&self.people).clone());
            let action = self.address_of(Endpoint::Console);
            let page = Console { provider, action, people };
            return self.look().page(StatusCode::OK, provider, &page);
        }
        if !self.is_same_origin(asked) {
            let sentence = "This form was sent from another site.";
            return self.look().notice(StatusCode::FORBIDDEN, "Nothing was changed", sentence);
        }
        let id = asked.field("person").unwrap_or_default();
        match asked.field("action") {
            Some("groups") => {
                let groups = asked.field("groups").unwrap_or_default();
                let groups = groups.split([',', ' ']).filter(|group| !group.is_empty());
                self.change(id, |person| person.groups = groups.map(str::to_owned).collect());
            }
            Some("close") => {
                self.change(id, |person| person.active = false);
                self.end_sessions_of(id).await;
            }
            Some("open") => self.change(id, |person| person.active = true),
            Some("end") => drop(self.end_sessions_of(id).await),
            Some(_) | None => {}
        }
        see_other(&self.address_of(Endpoint::Console))
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = lock(&self.people).iter_mut().find(|own| own.id == id) {
            change(person);
        }
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ provider }}</h1>
<p class="quiet">The people of this organization. Ending the sessions of somebody tells the gate at once; changed groups count at the next sign-in or refresh.</p>
<ul>{% for person in people %}
<li><strong>{{ person.name }}</strong> <small>{{ person.email }}</small>
<form class="push" method="post" action="{{ action }}"><input type="hidden" name="person" value="{{ person.id }}">
<input name="groups" aria-label="Groups of {{ person.name }}" value="{{ person.groups.join(" ") }}">
<button name="action" value="groups" aria-label="Set groups of {{ person.name }}">Set groups</button>
<button name="action" value="end" aria-label="End sessions of {{ person.name }}">End sessions</button>
{% if person.active %}<button name="action" value="close" aria-label="Close account of {{ person.name }}">Close</button>{% else %}<button name="action" value="open" aria-label="Reopen account of {{ person.name }}">Reopen</button>{% endif %}
</form></li>{% endfor %}
</ul>"#
)]
struct Console<'p> {
    provider: &'p str,
    action: String,
    people: Vec<Person>,
}
