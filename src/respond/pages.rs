//! Pages: small, without scripts, in the light or the dark scheme of whoever reads them.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use http::header::{self, HeaderValue};

use super::{Answer, answer};
use crate::policy::Reason;

/// The one style sheet, inside each page: nothing else is loaded.
const STYLE: &str = include_str!("pages/style.css");

/// Where forms of these pages may lead; browsers apply it to redirects after a form as well, and
/// signing out leads to the identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// No form.
    Plain,
    /// With forms that stay on this site.
    Own,
    /// With forms that lead to an identity provider.
    Forms,
    /// No form, and shown in somebody's frame: it holds nothing but links that open at the top.
    Framed,
}

/// Something that can be shown as a page.
pub trait Page {
    /// The title of the window.
    fn title(&self) -> &str;
    /// What the page may do.
    fn theme(&self) -> Theme;
    /// The markup of the main part, escaped.
    ///
    /// # Errors
    /// When the template cannot be written, which memory alone could cause.
    fn main(&self) -> Result<String, askama::Error>;
}

#[derive(Template)]
#[template(path = "layout.html", config = "src/respond/askama.toml")]
struct Layout<'a> {
    title: &'a str,
    style: &'a str,
    main: &'a str,
}

/// Shows a page.
#[must_use]
pub fn page(status: StatusCode, page: &impl Page) -> Answer {
    let rendered = page
        .main()
        .and_then(|main| Layout { title: page.title(), style: STYLE, main: &main }.render());
    let (status, html) = match rendered {
        Ok(html) => (status, html),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let mut response = answer(status, "text/html; charset=utf-8", html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, content_security_policy(page.theme()));
    if page.theme() != Theme::Framed {
        headers.insert(header::X_FRAME_OPTIONS, const { HeaderValue::from_static("DENY") });
    }
    headers.insert(header::REFERRER_POLICY, const { HeaderValue::from_static("no-referrer") });
    response
}

fn content_security_policy(theme: Theme) -> HeaderValue {
    static POLICIES: LazyLock<[HeaderValue; 4]> = LazyLock::new(|| {
        let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        let policies = [
            ("'none'", "; frame-ancestors 'none'"),
            ("'self'", "; frame-ancestors 'none'"),
            ("'self' https: http:", "; frame-ancestors 'none'"),
            ("'none'", ""),
        ];
        policies.map(|(forms, frames)| {
            HeaderValue::try_from(format!(
                "default-src 'none'; style-src 'sha256-{hash}'; form-action {forms}; base-uri 'none'{frames}"
            ))
            .unwrap_or(const { HeaderValue::from_static("default-src 'none'") })
        })
    });
    let [plain, own, forms, framed] = &*POLICIES;
    match theme {
        Theme::Plain => plain.clone(),
        Theme::Own => own.clone(),
        Theme::Forms => forms.clone(),
        Theme::Framed => framed.clone(),
    }
}

/// Something happened, and here is what to do: refusals, an identity provider that is down,
/// the end of a sign-out.
#[derive(Clone, Debug, Template)]
#[template(path = "notice.html", config = "src/respond/askama.toml")]
pub struct Notice {
    /// The heading.
    pub title: String,
    /// What happened.
    pub sentence: String,
    /// What can be done.
    pub way_out: String,
    /// A link that opens at the top: address and label.
    pub link: Option<(String, String)>,
    /// The stable cause.
    pub reason: Reason,
    /// For those who look into the log.
    pub request_id: String,
    /// Whether it is shown in a frame.
    pub framed: bool,
}

/// Who I am, in each organization.
#[derive(Clone, Debug, Template)]
#[template(path = "account.html", config = "src/respond/askama.toml")]
pub struct Account {
    /// One row for each organization.
    pub rows: Vec<AccountRow>,
    /// Whether anybody is signed in.
    pub signed_in: bool,
    /// What may act as this person does.
    pub programs: Vec<AccountProgram>,
    /// What went wrong with the form just sent.
    pub complaint: Option<String>,
    /// Whose identity provider did not send the person back who signs out.
    pub unfinished: Option<String>,
}

/// One program on the account page.
#[derive(Clone, Debug)]
pub struct AccountProgram {
    /// What it is revoked by; opens nothing.
    pub id: String,
    /// What it says it is.
    pub name: String,
    /// Where it asked from.
    pub address: String,
    /// Since when.
    pub since: String,
    /// When it was used last.
    pub used: String,
}

/// One organization on the account page.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its stable name.
    pub id: String,
    /// What people read.
    pub display_name: String,
    /// `live`, `expired`, `revoked` or `none`.
    pub state: &'static str,
    /// Name or address of the person.
    pub person: String,
    /// The role.
    pub role: String,
    /// Since when.
    pub since: String,
    /// Until when.
    pub until: String,
}

/// Do you want to sign out?
#[derive(Clone, Debug, Template)]
#[template(path = "sign_out.html", config = "src/respond/askama.toml")]
pub struct SignOut {
    /// Where one is signed in: id and display name.
    pub organizations: Vec<(String, String)>,
}

/// The end of a sign-out.
#[derive(Clone, Debug, Template)]
#[template(path = "signed_out.html", config = "src/respond/askama.toml")]
pub struct SignedOut {
    /// Whose identity provider could not sign the person out everywhere.
    pub partial: Vec<String>,
}

impl Page for SignedOut {
    fn title(&self) -> &'static str {
        "Signed out"
    }
    fn theme(&self) -> Theme {
        Theme::Plain
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for Notice {
    fn title(&self) -> &str {
        &self.title
    }
    fn theme(&self) -> Theme {
        if self.framed { Theme::Framed } else { Theme::Plain }
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for Account {
    fn title(&self) -> &'static str {
        "Your sign-ins"
    }
    fn theme(&self) -> Theme {
        Theme::Forms
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Page for SignOut {
    fn title(&self) -> &'static str {
        "Sign out"
    }
    fn theme(&self) -> Theme {
        Theme::Forms
    }
    fn main(&self) -> Result<String, askama::Error> {
        self.render()
    }
}
