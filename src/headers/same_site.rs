//! Whether a form was sent from this site.

use http::header;

use crate::fields::Fields;

/// Whether a form was sent from the site at `origin`: by what the browser itself says of it.
///
/// A browser sends `Sec-Fetch-Site` or `Origin` with every POST; a request with neither comes from
/// a program, which no other site can make send our cookie.
#[must_use]
pub fn is_same_site(headers: &Fields, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(sent_from)) => sent_from == origin,
        (None, None) => true,
    }
}
