//! The banner in the hub's pages, for members who have not signed in where that is optional.
//!
//! Only a page that a browser loads as such is touched, and only when nothing in the answer speaks
//! against it; every other answer goes on byte for byte.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{Method, StatusCode};
use http_body::Body as _;

use super::Site;
use crate::fields::{FieldValue, Fields};
use crate::login;
use crate::message::{Request, Response};
use crate::policy::{Notice, Reason, ReturnTo};
use crate::respond::{self, Dialect};

/// A page load whose answer gets the banner, if it is a page.
#[derive(Debug)]
pub(super) struct Banner(Bytes);

/// What libraries say that load a part of a page by themselves; for browsers without fetch metadata.
const PARTS: [&str; 3] = ["hx-request", "turbo-frame", "x-pjax"];

/// What a page of the hub's would be known by again, or stored with, and a page of ours is not.
const OF_THE_BYTES: [HeaderName; 11] = [
    header::CONTENT_LENGTH,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    header::EXPIRES,
    header::TRAILER,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("surrogate-control"),
];

/// What marks the bytes of a file in a repository, or bytes that somebody has signed (RFC 9421).
const LEFT_ALONE: [&str; 5] =
    ["x-repo-commit", "x-linked-etag", "x-xet-hash", "signature", "signature-input"];

impl Banner {
    /// The banner for a request; the request is changed so that its answer can be read: not coded,
    /// and whole.
    pub(super) fn of(site: &Site, notice: &Notice, request: &mut Request) -> Option<Self> {
        // No sign-in would tell whose that credential is.
        if notice.reason == Reason::CredentialUnidentified || !is_page_load(request) {
            return None;
        }
        let policy = &site.directory.find(&notice.organization)?.config.policy;
        let place = request.uri().path_and_query().and_then(|at| ReturnTo::parse(at.as_str()));
        let url = site.public_url.join(&login::path(&notice.organization, place.as_ref()));
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT_ENCODING, const { FieldValue::from_static("identity") });
        // What the browser has of the page is from another time: with or without the banner.
        headers.remove(header::IF_NONE_MATCH);
        headers.remove(header::IF_MODIFIED_SINCE);
        Some(Self(respond::banner(&policy.display_name, &url).into()))
    }

    /// The answer with the banner in it, if it is a page that may be changed.
    pub(super) fn into(self, mut response: Response) -> Response {
        if !may_be_changed(&response) {
            return response;
        }
        let headers = response.headers_mut();
        for name in &OF_THE_BYTES {
            headers.remove(name);
        }
        make_private(headers);
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = body.inserting(self.0);
        response
    }
}

/// Whether a browser loads a page, whole and for its own window.
fn is_page_load(request: &Request) -> bool {
    let headers = request.headers();
    let own_window = |dest: &FieldValue| dest == "document";
    request.method() == Method::GET
        && Dialect::of(request.method(), request.uri().path(), headers) == Dialect::Page
        && headers.get("sec-fetch-dest").is_none_or(own_window)
        && !headers.contains_key(header::RANGE)
        && !PARTS.iter().any(|name| headers.contains_key(*name))
}

/// Whether the answer is a page, in bytes that can be read, and nobody forbids to change it.
fn may_be_changed(response: &Response) -> bool {
    let headers = response.headers();
    let status = response.status();
    let whole = status == StatusCode::OK || status.is_client_error() || status.is_server_error();
    let plain = |coding: &FieldValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    let in_the_way = |disposition: &FieldValue| {
        !disposition.as_bytes().trim_ascii_start().to_ascii_lowercase().starts_with(b"inline")
    };
    whole
        && !response.body().is_end_stream()
        && is_html(headers)
        && headers.get_all(header::CONTENT_ENCODING).all(plain)
        && !headers.contains_key(header::CONTENT_RANGE)
        && !headers.get_all(header::CONTENT_DISPOSITION).any(in_the_way)
        && !LEFT_ALONE.iter().any(|name| headers.contains_key(*name))
        && !says(headers, &header::CACHE_CONTROL, "no-transform")
}

/// Whether it is HTML in an encoding in which ASCII is ASCII, and the only reading of it.
fn is_html(headers: &Fields) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("text/html")) {
        return false;
    }
    parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| agrees_with_ascii(charset.trim().trim_matches('"')))
}

/// Whether the encoding is one of the single-byte ones, or UTF-8.
fn agrees_with_ascii(charset: &str) -> bool {
    const NAMES: [&str; 7] = ["utf-8", "utf8", "us-ascii", "ascii", "latin1", "koi8-r", "koi8-u"];
    let charset = charset.to_ascii_lowercase();
    NAMES.contains(&charset.as_str())
        || ["iso-8859-", "windows-125"].iter().any(|family| charset.starts_with(family))
}

/// Whether a list holds a directive.
fn says(headers: &Fields, name: &HeaderName, directive: &str) -> bool {
    headers
        .get_all(name)
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|one| one.trim_ascii().eq_ignore_ascii_case(directive.as_bytes()))
}

/// A page that was made for one browser: no cache shares it, and the browser asks again, since the
/// banner goes with a sign-in.
fn make_private(headers: &mut Fields) {
    let private = if says(headers, &header::CACHE_CONTROL, "no-store") {
        const { FieldValue::from_static("private, no-store") }
    } else {
        const { FieldValue::from_static("private, no-cache") }
    };
    headers.insert(header::CACHE_CONTROL, private);
    // RFC 9213: caches that have a field of their own do not look at the common one.
    let targeted: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().ends_with("cdn-cache-control"))
        .cloned()
        .collect();
    for name in targeted {
        headers.remove(name);
    }
    headers.append(
        header::VARY,
        const { FieldValue::from_static("Cookie, Accept, Sec-Fetch-Mode, Sec-Fetch-Dest") },
    );
}
