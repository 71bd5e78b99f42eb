//! How a client wants to be spoken to: known from the request, never guessed from a session.

use http::Method;

use http::header::{self, HeaderName};

use crate::fields::{FieldValue, Fields};

/// The client's dialect (contract, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A browser loads a page: the only client that is ever redirected or given HTML.
    Page,
    /// A browser loads a frame: identity providers refuse to be framed.
    Frame,
    /// A browser sends a form.
    Form,
    /// A script in a page: XHR, fetch, event stream, WebSocket.
    Script,
    /// git over HTTP; whether it sent credentials.
    Git {
        /// A second 401 would make git erase them.
        credentials: bool,
    },
    /// git-lfs; whether it sent credentials.
    Lfs {
        /// A second 401 would make it loop.
        credentials: bool,
    },
    /// `hf`, `huggingface_hub`, curl and every other program.
    Tool,
}

const LFS: &str = "application/vnd.git-lfs+json";

impl Dialect {
    /// The dialect of a request for `path` (without the query).
    #[must_use]
    pub fn of(method: &Method, path: &str, headers: &Fields) -> Self {
        let mut telling = Telling::default();
        for (name, value) in headers {
            telling.note(name, value);
        }
        telling.dialect(method, path)
    }
}

/// What tells how a client wants to be spoken to, kept of a request that moves on: it is asked for
/// only when the request is refused.
#[derive(Clone, Debug, Default)]
pub struct Telling {
    accept: Option<FieldValue>,
    agent: Option<FieldValue>,
    fetch_mode: Option<FieldValue>,
    fetch_dest: Option<FieldValue>,
    fetch_site: Option<FieldValue>,
    credentials: bool,
    upgrade: bool,
    requested_with: bool,
}

impl Telling {
    /// Keeps of a header what it tells; of two with one name, the first.
    pub fn note(&mut self, name: &HeaderName, value: &FieldValue) {
        let kept = match *name {
            header::ACCEPT => &mut self.accept,
            header::USER_AGENT => &mut self.agent,
            header::AUTHORIZATION => return self.credentials = true,
            header::UPGRADE => return self.upgrade = true,
            _ => match name.as_str() {
                "sec-fetch-mode" => &mut self.fetch_mode,
                "sec-fetch-dest" => &mut self.fetch_dest,
                "sec-fetch-site" => &mut self.fetch_site,
                "x-requested-with" => return self.requested_with = true,
                _ => return,
            },
        };
        kept.get_or_insert_with(|| value.clone());
    }

    /// Whether there was an `Authorization`.
    #[must_use]
    pub const fn shows_credentials(&self) -> bool {
        self.credentials
    }

    /// The dialect of a request for `path` (without the query).
    #[must_use]
    pub fn dialect(&self, method: &Method, path: &str) -> Dialect {
        fn text(value: Option<&FieldValue>) -> Option<&str> {
            value.and_then(|value| value.to_str().ok())
        }
        let loads = method == Method::GET || method == Method::HEAD;
        // Fetch Metadata §2: what the browser itself says of the request. Nothing else says it.
        let (mode, dest) = (text(self.fetch_mode.as_ref()), text(self.fetch_dest.as_ref()));
        match (mode, dest) {
            (
                Some("navigate") | None,
                Some("iframe" | "frame" | "embed" | "object" | "fencedframe"),
            ) => return Dialect::Frame,
            (Some("navigate"), _) | (None, Some("document")) if loads => return Dialect::Page,
            (Some("navigate"), _) | (None, Some("document")) => return Dialect::Form,
            (Some(_), _) | (None, Some(_)) => return Dialect::Script,
            (None, None) if self.fetch_site.is_some() => return Dialect::Script,
            (None, None) => {}
        }
        let credentials = self.credentials;
        let accept = text(self.accept.as_ref()).unwrap_or_default();
        if path.contains("/info/lfs/") || accept.contains(LFS) {
            return Dialect::Lfs { credentials };
        }
        let agent = text(self.agent.as_ref()).unwrap_or_default();
        if agent.starts_with("git/")
            || ["/info/refs", "/git-upload-pack", "/git-receive-pack"]
                .iter()
                .any(|end| path.ends_with(end))
        {
            return Dialect::Git { credentials };
        }
        let asks_for_html = accept.contains("text/html");
        if accept.contains("text/event-stream") || self.upgrade || self.requested_with {
            return Dialect::Script;
        }
        match (asks_for_html, loads) {
            (true, true) => Dialect::Page,
            (true, false) if *method == Method::POST => Dialect::Form,
            _ => Dialect::Tool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, pairs: &[(&'static str, &str)], expected: Dialect) {
        let (method, path) = request.split_once(' ').unwrap();
        let mut headers = Fields::new();
        for (name, value) in pairs {
            headers.append(*name, FieldValue::from_str(value).unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(Dialect::of(&method, path, &headers), expected, "{request} {pairs:?}");
    }

    #[test]
    fn only_a_browsers_page_load_is_a_page() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        check("GET /acme/m", &[html], Dialect::Page);
        check("GET /acme/m", &[html, ("sec-fetch-mode", "navigate")], Dialect::Page);
        check(
            "HEAD /acme/m",
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
            Dialect::Page,
        );
        check(
            "GET /acme/m",
            &[html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            Dialect::Frame,
        );
        check("GET /acme/m", &[html, ("sec-fetch-dest", "iframe")], Dialect::Frame);
        check("GET /acme/m", &[("sec-fetch-dest", "frame")], Dialect::Frame);
        check("GET /acme/m", &[html, ("sec-fetch-dest", "document")], Dialect::Page);
        check("GET /acme/m", &[html, ("sec-fetch-dest", "empty")], Dialect::Script);
        check("GET /acme/m", &[html, ("sec-fetch-site", "same-origin")], Dialect::Script);
        check("POST /acme/m", &[html], Dialect::Form);
        check("POST /acme/m", &[html, ("sec-fetch-mode", "navigate")], Dialect::Form);
        check("GET /acme/m", &[html, ("sec-fetch-mode", "cors")], Dialect::Script);
        check("GET /acme/m", &[html, ("x-requested-with", "XMLHttpRequest")], Dialect::Script);
        check("GET /acme/m", &[("accept", "text/event-stream")], Dialect::Script);
        check("GET /acme/m", &[("upgrade", "websocket")], Dialect::Script);
        check("GET /acme/m", &[("accept", "*/*")], Dialect::Tool);
        check("GET /acme/m", &[], Dialect::Tool);
        check("PUT /acme/m", &[html], Dialect::Tool);
    }

    #[test]
    fn a_browser_is_never_asked_for_a_password() {
        for path in ["/acme/m/blob/main/info/refs", "/acme/m/blob/main/info/lfs/x"] {
            let get = format!("GET {path}");
            check(&get, &[("sec-fetch-mode", "navigate")], Dialect::Page);
            check(&get, &[("sec-fetch-mode", "cors")], Dialect::Script);
        }
    }

    #[test]
    fn git_and_lfs_are_known_by_path_or_user_agent() {
        let basic = ("authorization", "Basic eDp5");
        check("GET /acme/m/info/refs", &[], Dialect::Git { credentials: false });
        check("GET /acme/m/info/refs", &[basic], Dialect::Git { credentials: true });
        check(
            "GET /acme/m/HEAD",
            &[("user-agent", "git/2.47.3")],
            Dialect::Git { credentials: false },
        );
        check(
            "POST /acme/m.git/info/lfs/objects/batch",
            &[("user-agent", "git/2.4")],
            Dialect::Lfs { credentials: false },
        );
        check(
            "POST /x",
            &[("accept", "application/vnd.git-lfs+json"), basic],
            Dialect::Lfs { credentials: true },
        );
    }
}
