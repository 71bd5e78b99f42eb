//! An answer as it arrived, and the forms of a page.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use url::Url;

/// An answer, and the address that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The value of a header that stands there at most once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} stands there twice: {self:?}");
        first
    }

    /// The text of a header that must be there.
    #[track_caller]
    pub(crate) fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Why it was refused; empty when it was not.
    pub(crate) fn reason(&self) -> &str {
        self.header("x-hub-sso-reason").unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn request_id(&self) -> &str {
        self.must("x-request-id")
    }

    /// Where it leads, if it is a redirect.
    pub(crate) fn location(&self) -> Option<Url> {
        let redirects = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        let location = self.header("location").filter(|_| redirects)?;
        Some(self.url.join(location).unwrap())
    }

    /// Every `Set-Cookie`, as it stands.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}: {}", self.url, self.reason(), self.text());
        self
    }

    /// Refused with this status and reason.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, reason: &str) -> Self {
        assert_eq!((self.status, self.reason()), (status, reason), "{}: {}", self.url, self.text());
        self
    }

    /// Whether it is a page whose script sends its form.
    pub(crate) fn sends_itself(&self) -> bool {
        self.text().contains("<script>document.forms[0].submit()</script>")
    }

    /// The forms of the page.
    pub(crate) fn forms(&self) -> Vec<Form> {
        let html = self.text();
        html.split("<form").skip(1).map(|rest| Form::parse(&self.url, rest)).collect()
    }
}

/// A form with the fields that it sends whatever is clicked.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: Url,
    pub(crate) method: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    fn parse(page: &Url, text: &str) -> Self {
        let text = text.split("</form>").next().unwrap_or_default();
        let head = text.split('>').next().unwrap_or_default();
        let action = attribute(head, "action").unwrap_or_default();
        let hidden = |tag: &&str| attribute(tag, "type").as_deref() == Some("hidden");
        let inputs = text.split("<input").skip(1);
        let inputs = inputs.map(|rest| rest.split('>').next().unwrap_or_default());
        let pair = |tag: &str| {
            let value = attribute(tag, "value").unwrap_or_default();
            (attribute(tag, "name").unwrap_or_default(), value)
        };
        Self {
            action: page.join(&action).unwrap(),
            method: attribute(head, "method").unwrap_or_default().to_ascii_lowercase(),
            fields: inputs.filter(hidden).map(pair).collect(),
        }
    }
}

/// The value of an attribute, unescaped.
pub(crate) fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescaped(from.split('"').next()?))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').unwrap();
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => {
                let number = number.strip_prefix('#').unwrap();
                char::from_u32(number.parse().unwrap()).unwrap()
            }
        });
        rest = after;
    }
    plain + rest
}
