//! How messages travel: in a query, or in a form.

use std::io::{Read as _, Write as _};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use http::{Method, Response};

use super::Ask;
use super::keys::{ALGORITHM, Key};
use super::pages::form_post;
use crate::demo::answer::{Body, see_other};

/// A message that a service provider has sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The XML.
    pub xml: String,
    /// What came along.
    pub relay_state: Option<String>,
    /// Whether it came by POST.
    pub by_post: bool,
    /// Whether it is a response, and not a request.
    pub is_response: bool,
    /// The raw query that it came in; empty when it came by POST.
    pub query: String,
}

/// A message of ours, on its way through a browser.
#[derive(Clone, Debug)]
pub enum Sent {
    /// In this address.
    Redirect(String),
    /// In a form.
    Post {
        /// Where the form leads.
        action: String,
        /// What it holds.
        fields: Vec<(String, String)>,
    },
}

impl Sent {
    pub(super) fn answer(&self) -> Response<Body> {
        match self {
            Self::Redirect(url) => see_other(url),
            Self::Post { action, fields } => form_post(action, fields),
        }
    }

    /// Bindings §3.4.4.1
    pub(super) fn redirect(
        location: &str,
        parameter: &str,
        xml: &str,
        relay_state: Option<&str>,
        key: Option<&Key>,
    ) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let deflated = encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish());
        let message = STANDARD.encode(deflated.unwrap_or_default());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair(parameter, &message);
        if let Some(state) = relay_state {
            query.append_pair("RelayState", state);
        }
        if key.is_some() {
            query.append_pair("SigAlg", ALGORITHM);
        }
        let mut query = query.finish();
        if let Some(key) = key {
            let signature = key.sign(query.as_bytes());
            let signature: String =
                url::form_urlencoded::byte_serialize(signature.as_bytes()).collect();
            query = format!("{query}&Signature={signature}");
        }
        Self::Redirect(format!("{location}?{query}"))
    }

    pub(super) fn post(
        action: &str,
        parameter: &str,
        xml: &str,
        relay_state: Option<&str>,
    ) -> Self {
        let mut fields = vec![(parameter.to_owned(), STANDARD.encode(xml))];
        fields.extend(relay_state.map(|state| ("RelayState".to_owned(), state.to_owned())));
        Self::Post { action: action.to_owned(), fields }
    }
}

impl Message {
    /// Reads what arrived; signatures are not looked at.
    pub(super) fn read(ask: &Ask) -> Option<Self> {
        let by_post = ask.method == Method::POST;
        let (encoded, is_response) = match (ask.field("SAMLRequest"), ask.field("SAMLResponse")) {
            (Some(request), None) => (request, false),
            (None, Some(response)) => (response, true),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let decoded = STANDARD.decode(encoded).ok()?;
        // What the sign-in page sends again came in a query at first.
        let deflated = !by_post || ask.field("deflated").is_some();
        let xml = if deflated {
            let mut xml = String::new();
            DeflateDecoder::new(decoded.as_slice()).take(64 << 10).read_to_string(&mut xml).ok()?;
            xml
        } else {
            String::from_utf8(decoded).ok()?
        };
        let relay_state = ask.field("RelayState").map(str::to_owned);
        Some(Self { xml, relay_state, by_post, is_response, query: ask.query.clone() })
    }

    /// The first attribute of that name; whoever writes for this provider writes plain XML.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<String> {
        let (_, rest) = self.xml.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| unescape(value))
    }

    /// The text of the first element of that name, whatever its prefix.
    #[must_use]
    pub fn text(&self, local: &str) -> Option<String> {
        let (_, rest) = self.xml.split_once(&format!(":{local}"))?;
        let (_, rest) = rest.split_once('>')?;
        rest.split_once('<').map(|(value, _)| unescape(value))
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
