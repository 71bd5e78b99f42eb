//! How a client wants to be spoken to: known from the request, never guessed from a session.

use http::header::{self, HeaderMap};
use http::{HeaderName, Method};

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

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const LFS: &str = "application/vnd.git-lfs+json";

impl Dialect {
    /// Whether [`of`](Self::of) looks at headers of this name.
    #[must_use]
    pub fn is_told_by(name: &HeaderName) -> bool {
        *name == header::ACCEPT
            || *name == header::USER_AGENT
            || *name == header::AUTHORIZATION
            || *name == header::UPGRADE
            || *name == SEC_FETCH_MODE
            || *name == SEC_FETCH_DEST
            || *name == X_REQUESTED_WITH
    }

    /// The dialect of a request for `path` (without the query).
    #[must_use]
    pub fn of(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let credentials = headers.contains_key(header::AUTHORIZATION);
        let accept = text(&header::ACCEPT).unwrap_or_default();
        if path.contains("/info/lfs/") || accept.contains(LFS) {
            return Self::Lfs { credentials };
        }
        let agent = text(&header::USER_AGENT).unwrap_or_default();
        if agent.starts_with("git/")
            || ["/info/refs", "/git-upload-pack", "/git-receive-pack"]
                .iter()
                .any(|end| path.ends_with(end))
        {
            return Self::Git { credentials };
        }
        let asks_for_html = accept.contains("text/html");
        let loads = method == Method::GET || method == Method::HEAD;
        if let Some(mode) = text(&SEC_FETCH_MODE) {
            // Fetch Metadata §2: what the browser itself says of the request.
            return match (mode, text(&SEC_FETCH_DEST)) {
                ("navigate", Some("iframe" | "frame" | "embed" | "object" | "fencedframe")) => {
                    Self::Frame
                }
                ("navigate", _) if loads => Self::Page,
                ("navigate", _) => Self::Form,
                _ => Self::Script,
            };
        }
        if accept.contains("text/event-stream")
            || headers.contains_key(header::UPGRADE)
            || headers.contains_key(&X_REQUESTED_WITH)
        {
            return Self::Script;
        }
        match (asks_for_html, loads) {
            (true, true) => Self::Page,
            (true, false) if *method == Method::POST => Self::Form,
            _ => Self::Tool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(request: &str, pairs: &[(&'static str, &str)], expected: Dialect) {
        let (method, path) = request.split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
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
