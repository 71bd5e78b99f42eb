//! `[headers]`: what the upstream is told, and under which names.

use http::HeaderName;

use super::section::Section;

/// What the upstream's headers are called; `None`: that value is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Stable subject.
    pub user: Option<HeaderName>,
    /// Verified e-mail address.
    pub email: Option<HeaderName>,
    /// Display name.
    pub name: Option<HeaderName>,
    /// The target's organization.
    pub organization: Option<HeaderName>,
    /// The caller's role in it.
    pub role: Option<HeaderName>,
    /// Every live sign-in.
    pub organizations: Option<HeaderName>,
    /// Groups.
    pub groups: Option<HeaderName>,
    /// Signed assertion.
    pub assertion: Option<HeaderName>,
    /// The assertion's `aud`; the upstream's address where nothing else is said, and the site's
    /// where others forward.
    pub audience: String,
}

/// Which names to begin with.
#[derive(Clone, Copy)]
enum Preset {
    /// Ours.
    Hubgate,
    /// Authelia and the hubs that follow it.
    RemoteUser,
    /// Gitea and Forgejo: their reverse-proxy authentication.
    Webauth,
    /// oauth2-proxy.
    AuthRequest,
}

impl Preset {
    /// Whose name it is, by key; what is not listed is not sent.
    const fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Hubgate => &[
                ("user", "x-auth-user"),
                ("email", "x-auth-email"),
                ("name", "x-auth-name"),
                ("organization", "x-auth-org"),
                ("role", "x-auth-role"),
                ("organizations", "x-auth-orgs"),
                ("groups", "x-auth-groups"),
                ("assertion", "x-auth-assertion"),
            ],
            Self::RemoteUser => &[
                ("user", "remote-user"),
                ("email", "remote-email"),
                ("name", "remote-name"),
                ("groups", "remote-groups"),
            ],
            Self::Webauth => &[
                ("user", "x-webauth-user"),
                ("email", "x-webauth-email"),
                ("name", "x-webauth-fullname"),
            ],
            Self::AuthRequest => &[
                ("user", "x-auth-request-user"),
                ("email", "x-auth-request-email"),
                ("groups", "x-auth-request-groups"),
            ],
        }
    }
}

/// Headers that mean something else to every server.
const TAKEN: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-none-match",
    "keep-alive",
    "location",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

impl Headers {
    /// The names of the preset `hubgate`, for an upstream that verifies this audience.
    #[must_use]
    pub fn hubgate(audience: &str) -> Self {
        let name = |text| Some(HeaderName::from_static(text));
        Self {
            user: name("x-auth-user"),
            email: name("x-auth-email"),
            name: name("x-auth-name"),
            organization: name("x-auth-org"),
            role: name("x-auth-role"),
            organizations: name("x-auth-orgs"),
            groups: name("x-auth-groups"),
            assertion: name("x-auth-assertion"),
            audience: audience.to_owned(),
        }
    }

    /// Every name that is written.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        [
            &self.user,
            &self.email,
            &self.name,
            &self.organization,
            &self.role,
            &self.organizations,
            &self.groups,
            &self.assertion,
        ]
        .into_iter()
        .flatten()
    }

    /// Reads `[headers]`; `audience` is what holds where nothing is said.
    pub(super) fn read(section: &Section<'_>, audience: Option<String>) -> Self {
        let presets = [
            ("hubgate", Preset::Hubgate),
            ("remote-user", Preset::RemoteUser),
            ("webauth", Preset::Webauth),
            ("auth-request", Preset::AuthRequest),
        ];
        let preset = section.choice("preset", &presets).unwrap_or(Preset::Hubgate);
        let mut seen: Vec<HeaderName> = Vec::new();
        let mut name = |key: &str| {
            let usual = preset.names().iter().find(|(word, _)| *word == key).map(|(_, name)| *name);
            let name = match section.text(key) {
                Some(text) if text.is_empty() => None,
                Some(text) => own_name(section, key, &text),
                None => usual.and_then(|name| HeaderName::try_from(name).ok()),
            }?;
            if seen.contains(&name) {
                let what = format!("{name} is the name of two headers");
                section.note(key, what, "choose another, or write \"\" for what is not to be sent");
            }
            seen.push(name.clone());
            Some(name)
        };
        Self {
            user: name("user"),
            email: name("email"),
            name: name("name"),
            organization: name("organization"),
            role: name("role"),
            organizations: name("organizations"),
            groups: name("groups"),
            assertion: name("assertion"),
            audience: section.filled("audience").or(audience).unwrap_or_default(),
        }
    }
}

fn own_name(section: &Section<'_>, key: &str, text: &str) -> Option<HeaderName> {
    // Servers that turn names into variables read `_` and `-` alike (RFC 3875 §4.1.18).
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let Some(name) = HeaderName::try_from(text).ok().filter(|_| plain) else {
        let remedy = "write letters, digits and '-', or \"\" for not sent";
        section.note(key, format!("{text:?} is no header name"), remedy);
        return None;
    };
    if TAKEN.contains(&name.as_str()) {
        let what = format!("{name} means something else");
        section.note(key, what, "choose a name of its own, such as X-Auth-User");
        return None;
    }
    Some(name)
}
