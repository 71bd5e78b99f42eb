//! What the upstream is told, and what it must never hear from a client: strip, strip, write.

mod cookies;
mod forwarded;
mod hop;
mod identity;
mod same_site;
mod told;

use http::header::{HeaderMap, HeaderName};

use crate::config;
use crate::fields::{FieldValue, Fields};

pub use cookies::{cookie, cookie_bytes, others, pairs, write_others};
pub use forwarded::{Client, Forwarding, Hop};
pub use hop::{Upgrade, strip_named, strip_request, strip_response};
pub use identity::{Answer, Identity, stable_subject, stable_user};
pub use same_site::is_same_site;
pub use told::{Told, write_line};

/// Header names that only the gate may write, and their values for one caller.
#[derive(Clone, Debug)]
pub struct Managed {
    names: config::Headers,
    /// The operator's own names, in the form that [`folded`] gives.
    custom: Vec<String>,
}

/// Names of every preset: whichever one is in use, a hub may be set up to trust another.
const MANAGED: [&str; 27] = [
    "x-auth-user",
    "x-auth-email",
    "x-auth-name",
    "x-auth-org",
    "x-auth-role",
    "x-auth-orgs",
    "x-auth-groups",
    "x-auth-assertion",
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "x-remote-user",
    "x-remote-email",
    "x-remote-name",
    "x-remote-groups",
    "x-webauth-user",
    "x-webauth-email",
    "x-webauth-fullname",
    "x-webauth-name",
    "x-webauth-groups",
    "x-webauth-role",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
];

/// Names by which some servers and frameworks replace what was judged: the path or the method.
const REPLACING: [&str; 8] = [
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-override-url",
];

impl Managed {
    /// Prepares the names of a configuration.
    #[must_use]
    pub fn new(names: config::Headers) -> Self {
        let custom = names
            .names()
            .map(|name| folded(name.as_str()))
            .filter(|name| !MANAGED.contains(&name.as_str()))
            .collect();
        Self { names, custom }
    }

    /// The names in use.
    #[must_use]
    pub const fn names(&self) -> &config::Headers {
        &self.names
    }

    /// Whether a server could take a header of this name for one of ours, or for an order to
    /// serve something else than what was judged.
    #[must_use]
    pub fn is_ours(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        // Nearly every header is let through by its first letter and its length: that of the
        // shortest name, `x-auth-org`.
        let plausible = matches!(name.as_bytes().first(), Some(b'x' | b'r')) && name.len() >= 10;
        if !plausible && self.custom.is_empty() {
            return false;
        }
        let ours = |name: &str| {
            MANAGED.contains(&name)
                || REPLACING.contains(&name)
                || name.starts_with("x-auth-request-")
                || self.custom.iter().any(|custom| custom == name)
        };
        if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            ours(name)
        } else {
            ours(&folded(name))
        }
    }

    /// Prepares a request's headers for the upstream, in this order: hop-by-hop headers out,
    /// every spelling of ours out; ours come in as [`Told`].
    ///
    /// Hop-by-hop comes first, so that a client's `Connection: x-auth-user` cannot make anything
    /// take out what is written afterwards.
    /// Returns the protocol that the client wants to upgrade to, if it does.
    pub fn clear(&self, headers: &mut Fields) -> Option<Upgrade> {
        let upgrade = strip_request(headers);
        self.strip(headers);
        upgrade
    }

    /// Takes out everything that could be mistaken for ours.
    pub fn strip(&self, headers: &mut Fields) {
        headers.retain(|name, _| !self.is_ours(name));
    }

    /// The same for the trailers of a request.
    pub fn strip_trailers(&self, trailers: &mut HeaderMap) {
        // Names are collected first, because a map cannot lose entries while it is read.
        let found: Vec<HeaderName> =
            trailers.keys().filter(|name| self.is_ours(name)).cloned().collect();
        for name in found {
            trailers.remove(&name);
        }
    }
}

/// A name as CGI and WSGI servers see it: lower case, and every other character as `-`.
#[must_use]
pub fn folded(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect()
}

/// A header value for any text: written as it is where that is possible, percent-encoded where
/// not, so that a value is never skipped.
#[must_use]
pub fn value(text: &str) -> FieldValue {
    const ENCODED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%');
    let plain = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains('%');
    if plain && let Ok(value) = FieldValue::from_str(text) {
        return value;
    }
    let mut encoded = percent_encoding::utf8_percent_encode(text, ENCODED).to_string();
    if encoded.starts_with(' ') || encoded.ends_with(' ') {
        encoded = encoded.replace(' ', "%20");
    }
    FieldValue::from_str(&encoded).unwrap_or(const { FieldValue::from_static("") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed() -> Managed {
        Managed::new(config::Headers::hubgate("http://hub"))
    }

    #[test]
    fn every_spelling_of_ours_is_taken_out() {
        for name in [
            "x-auth-user",
            "X-Auth-User",
            "x_auth_user",
            "X_Auth-User",
            "x.auth.user",
            "remote_user",
            "Remote-User",
            "x-remote-user",
            "x_webauth_user",
            "x-forwarded-user",
            "x-auth-request-email",
            "x_auth_request_anything",
            "x-auth-assertion",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x_http_method_override",
        ] {
            let mut headers = Fields::new();
            headers.append(HeaderName::try_from(name).unwrap(), FieldValue::from_static("evil"));
            headers.append(HeaderName::try_from(name).unwrap(), FieldValue::from_static("evil2"));
            headers.insert("x-other", FieldValue::from_static("kept"));
            managed().strip(&mut headers);
            assert_eq!(headers.len(), 1, "{name}");
        }
    }

    #[test]
    fn each_managed_name_is_taken_out() {
        for name in MANAGED.iter().chain(&REPLACING) {
            assert!(managed().is_ours(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn names_of_the_operators_own_are_taken_out_too() {
        let mut names = config::Headers::hubgate("http://hub");
        names.user = Some(HeaderName::from_static("my-user"));
        let managed = Managed::new(names);
        assert!(managed.is_ours(&HeaderName::from_static("my-user")));
        assert!(managed.is_ours(&HeaderName::from_static("my_user")));
        assert!(!managed.is_ours(&HeaderName::from_static("my-users")));
    }

    #[test]
    fn what_a_client_calls_hop_by_hop_cannot_take_out_what_we_write() {
        let mut headers = Fields::new();
        headers.insert("connection", FieldValue::from_static("close, X-Auth-User"));
        headers.insert("x-auth-user", FieldValue::from_static("evil"));
        let identity = Identity::from_pairs([(
            HeaderName::from_static("x-auth-user"),
            FieldValue::from_static("acme:alice"),
        )]);
        managed().clear(&mut headers);
        Told::new(std::sync::Arc::new(identity), None, "".into()).insert(&mut headers);
        assert_eq!(headers.get_all("x-auth-user").collect::<Vec<_>>(), ["acme:alice"]);
        assert!(!headers.contains_key("connection"));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(value(text), expected, "{text:?}");
    }

    #[test]
    fn a_value_that_cannot_be_written_is_percent_encoded() {
        check("Alice Example", "Alice Example");
        check("Zoë", "Zo%C3%AB");
        check("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1");
        check("100%", "100%25");
        check(" a", "%20a");
        check("", "");
    }
}
