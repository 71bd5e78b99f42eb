//! `[hub.whoami]`: how a hub with accounts is asked whose credential a request shows.

use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;

use crate::policy::Attribute;

use super::section::Section;
use super::{EmailTrust, HubProfile};

/// How the hub is asked, and where its answer says what.
#[derive(Clone, Debug)]
pub struct Whoami {
    /// The path that says who somebody is.
    pub path: PathAndQuery,
    /// A further path that lists the account's organizations, if the first one does not.
    pub organizations_path: Option<PathAndQuery>,
    /// The hub's own cookies; several are shown together.
    pub cookies: Vec<String>,
    /// Whether the hub says whose such a cookie is; otherwise a browser is somebody unknown.
    pub by_cookie: bool,
    /// Headers that carry a token beside `Authorization`.
    pub headers: Vec<HeaderName>,
    /// How a Basic credential is shown.
    pub basic: Basic,
    /// What the hub means when it forbids the question.
    pub forbidden: Forbidden,
    /// The stable id.
    pub id: Attribute,
    /// The user name.
    pub name: Attribute,
    /// The e-mail address.
    pub email: Attribute,
    /// Whether the address was verified.
    pub email_verified: Attribute,
    /// When the address is believed.
    pub email_trust: EmailTrust,
    /// The names of the account's organizations; `None` when the hub cannot tell.
    pub organizations: Option<Attribute>,
    /// How long the hub may take.
    pub timeout: Duration,
}

/// How a Basic credential, as git sends it, is shown to `whoami`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basic {
    /// Its password is a token: shown as a bearer token.
    Token,
    /// As it is.
    AsItIs,
}

/// What 403 from `whoami` says of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is none, as with 401.
    Refused,
    /// It may be a good one that is not allowed to ask: whose it is stays unknown.
    Unidentified,
}

/// A preset: what known hubs say, and where.
struct Preset {
    path: &'static str,
    organizations_path: Option<&'static str>,
    cookies: &'static [&'static str],
    by_cookie: bool,
    headers: &'static [&'static str],
    basic: Basic,
    forbidden: Forbidden,
    id: &'static str,
    name: &'static str,
    email: &'static str,
    email_verified: &'static str,
    organizations: &'static str,
}

/// The Hugging Face Hub's own answer, which others have copied.
const HUGGINGFACE: Preset = Preset {
    path: "/api/whoami-v2",
    organizations_path: None,
    cookies: &["token"],
    by_cookie: true,
    headers: &["x-hf-authorization"],
    basic: Basic::Token,
    forbidden: Forbidden::Refused,
    id: "$.id",
    name: "$.name",
    email: "$.email",
    email_verified: "$.emailVerified",
    organizations: "$.orgs[*].name",
};

const KOHAKUHUB: Preset = Preset { cookies: &["session_id"], ..HUGGINGFACE };

/// CSGHub says a name and nothing else, of a token in `Authorization` alone; its front end keeps
/// the token in a cookie of its own.
const CSGHUB: Preset = Preset {
    path: "/hf/api/whoami-v2",
    cookies: &["user_token"],
    by_cookie: false,
    headers: &[],
    id: "$.name",
    organizations: "",
    ..HUGGINGFACE
};

/// Gitea and Forgejo: scoped tokens may be forbidden to say whose they are, and an address is
/// never said to be verified. Their API takes no cookie, so that browsers stay unknown to it.
const GITEA: Preset = Preset {
    path: "/api/v1/user",
    organizations_path: Some("/api/v1/user/orgs?limit=50"),
    cookies: &["i_like_gitea", "gitea_incredible"],
    by_cookie: false,
    headers: &[],
    basic: Basic::AsItIs,
    forbidden: Forbidden::Unidentified,
    id: "$.id",
    name: "$.login",
    email: "$.email",
    email_verified: "$.email_verified",
    organizations: "$.organizations[*].name",
};

/// A hub answers this in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Whoami {
    /// Reads `[hub.whoami]`; without it, the profile's preset.
    pub(super) fn read(section: &Section<'_>, profile: HubProfile) -> Option<Self> {
        let presets = [
            ("huggingface", &HUGGINGFACE),
            ("kohakuhub", &KOHAKUHUB),
            ("csghub", &CSGHUB),
            ("gitea", &GITEA),
        ];
        let usual = match profile {
            HubProfile::Huggingface | HubProfile::Generic => &HUGGINGFACE,
            HubProfile::Gitea => &GITEA,
        };
        let preset = section.choice("preset", &presets).unwrap_or(usual);
        // Read to the end first, so that every mistake is seen.
        let path = path(section, "path", Some(preset.path));
        let organizations_path = path_or_none(section, preset.organizations_path);
        let cookies = cookies(section, preset);
        let by_cookie = section.flag("cookies_tell");
        let headers = headers(section, preset);
        let words = [("token", Basic::Token), ("as-it-is", Basic::AsItIs)];
        let basic = section.choice("basic", &words).unwrap_or(preset.basic);
        let words = [("refused", Forbidden::Refused), ("unidentified", Forbidden::Unidentified)];
        let forbidden = section.choice("forbidden", &words).unwrap_or(preset.forbidden);
        let words = [
            ("never", EmailTrust::Never),
            ("if-verified", EmailTrust::IfVerified),
            ("always", EmailTrust::Always),
        ];
        let email_trust = section.choice("email_trust", &words).unwrap_or(EmailTrust::IfVerified);
        let id = attribute(section, "id", preset.id);
        let name = attribute(section, "name", preset.name);
        let email = attribute(section, "email", preset.email);
        let email_verified = attribute(section, "email_verified", preset.email_verified);
        let organizations = match section.peek("organizations") {
            Some("") => Some(None),
            None if preset.organizations.is_empty() => Some(None),
            _ => attribute(section, "organizations", preset.organizations).map(Some),
        };
        let second = Duration::from_secs(1);
        let timeout = section.duration("answer_timeout", second / 1000..=60 * second);
        Some(Self {
            path: path?,
            organizations_path,
            cookies: cookies?,
            by_cookie: by_cookie.unwrap_or(preset.by_cookie),
            headers: headers?,
            basic,
            forbidden,
            id: id?,
            name: name?,
            email: email?,
            email_verified: email_verified?,
            email_trust,
            organizations: organizations?,
            timeout: timeout.unwrap_or(TIMEOUT),
        })
    }
}

fn cookies(section: &Section<'_>, preset: &Preset) -> Option<Vec<String>> {
    let Some(names) = section.texts("cookies") else {
        return Some(preset.cookies.iter().map(|&name| name.to_owned()).collect());
    };
    section.parsed("cookies", &names, |name| {
        is_token(name).then(|| name.to_owned()).ok_or_else(|| {
            let what = format!("{name:?} is no cookie's name");
            (what, "write one such as \"token\"".to_owned())
        })
    })
}

fn headers(section: &Section<'_>, preset: &Preset) -> Option<Vec<HeaderName>> {
    let Some(texts) = section.texts("headers") else {
        return Some(preset.headers.iter().map(|name| HeaderName::from_static(name)).collect());
    };
    let headers = section.parsed("headers", &texts, |text| {
        HeaderName::try_from(text).map_err(|_| {
            let remedy = "write one such as \"X-HF-Authorization\"";
            (format!("{text:?} is no header's name"), remedy.to_owned())
        })
    })?;
    if headers.contains(&http::header::AUTHORIZATION) {
        section.note("headers", "names Authorization, which is read anyway", "remove it");
    }
    Some(headers)
}

fn path_or_none(section: &Section<'_>, usual: Option<&str>) -> Option<PathAndQuery> {
    match section.peek("organizations_path") {
        Some("") => None,
        _ => path(section, "organizations_path", usual),
    }
}

fn path(section: &Section<'_>, key: &str, usual: Option<&str>) -> Option<PathAndQuery> {
    let text = section.text(key).or_else(|| usual.map(ToOwned::to_owned))?;
    let path = PathAndQuery::try_from(text.as_str()).ok().filter(|_| text.starts_with('/'));
    if path.is_none() {
        let what = format!("{text:?} is no path at the hub");
        section.note(key, what, "write one such as \"/api/whoami-v2\"");
    }
    path
}

fn attribute(section: &Section<'_>, key: &str, usual: &str) -> Option<Attribute> {
    if section.has(key) { section.attribute(key) } else { Attribute::parse(usual).ok() }
}

/// Whether the text can name a cookie (RFC 6265 §4.1.1).
fn is_token(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b))
}
