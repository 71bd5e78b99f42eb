//! `[session]`: how long and where sign-ins are remembered.

use std::time::Duration;

use super::section::Section;
use super::{PublicUrl, Secret};

/// How long and where sign-ins are remembered.
#[derive(Clone, Debug)]
pub struct Session {
    /// How long a sign-in lasts where the organization says nothing else.
    pub timeout: Duration,
    /// Where.
    pub store: Store,
    /// The cookie.
    pub cookie: Cookie,
    /// What seals sign-in state, newest first; empty: made at start.
    pub keys: Vec<Secret>,
    /// The most sessions that the memory store holds.
    pub capacity: u64,
}

/// Where sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In this process.
    Memory,
}

/// The session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its `SameSite` attribute.
    pub same_site: SameSite,
}

/// RFC 6265bis §5.6.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent with top-level navigations from other sites.
    Lax,
    /// Never sent from other sites.
    Strict,
    /// Always sent.
    None,
}

/// As the contract says: people are prompted once a week.
pub(super) const TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Browsers keep a cookie no longer (RFC 6265bis §5.5).
pub const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);
pub(super) const SHORTEST: Duration = Duration::from_secs(1);
/// About 500 MB, at 5.4 KiB for each with an ID token of 1 KiB (`tests/deploy/capacity.py`).
const CAPACITY: u64 = 100_000;
/// 256 bits, as hexadecimal digits or base64 they are more.
const KEY_BYTES: usize = 32;

impl Session {
    /// Reads `[session]`.
    pub(super) fn read(section: &Section<'_>, public_url: Option<&PublicUrl>) -> Self {
        if section.is_table("store") {
            let what = "disk and redis are not available in this version";
            section.note("store", what, "write \"memory\", or remove the key");
        } else {
            section.choice("store", &[("memory", ())]);
        }
        let keys = section.secrets("keys").unwrap_or_default();
        for (index, key) in keys.iter().enumerate() {
            if key.expose_secret().len() < KEY_BYTES {
                let what = format!("is shorter than {KEY_BYTES} characters");
                let remedy = "write a random one, for example from: openssl rand -hex 32";
                section.note(&format!("keys[{index}]"), what, remedy);
            }
        }
        Self {
            timeout: section.duration("timeout", SHORTEST..=LONGEST).unwrap_or(TIMEOUT),
            store: Store::Memory,
            cookie: Cookie::read(section.section_or_empty("cookie").as_ref(), public_url),
            keys,
            capacity: section.whole("capacity", 1..=1_000_000_000).unwrap_or(CAPACITY),
        }
    }
}

impl Cookie {
    fn read(section: Option<&Section<'_>>, public_url: Option<&PublicUrl>) -> Self {
        // Without a good origin there is a mistake already.
        let secure = public_url.is_none_or(PublicUrl::is_secure);
        let usual = if secure { "__Host-hubgate" } else { "hubgate" };
        let same_sites =
            [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
        let name = section.and_then(|section| section.filled("name"));
        let same_site = section.and_then(|section| section.choice("same_site", &same_sites));
        let cookie = Self {
            name: name.unwrap_or_else(|| usual.to_owned()),
            same_site: same_site.unwrap_or(SameSite::Lax),
        };
        let Some(section) = section else { return cookie };
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let prefix = |text: &str, prefix: &str| {
            text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if !cookie.name.bytes().all(token) {
            let remedy = "write letters, digits, '-' and '_' (RFC 6265 section 4.1.1)";
            section.note("name", "is no cookie name", remedy);
        } else if public_url.is_some() && secure && !cookie.name.starts_with("__Host-") {
            let what =
                "lacks the prefix __Host-, without which a neighbouring subdomain can plant one";
            section.note("name", what, &format!("write __Host-{}", cookie.name));
        } else if !secure && (prefix(&cookie.name, "__Host-") || prefix(&cookie.name, "__Secure-"))
        {
            let what = "has a prefix that browsers refuse without https";
            section.note("name", what, "write \"hubgate\", or remove the key");
        }
        if !secure && cookie.same_site == SameSite::None {
            let what = "\"none\" is refused by browsers without https";
            section.note("same_site", what, "write \"lax\", or make public_url https");
        }
        cookie
    }
}
