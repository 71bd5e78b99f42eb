//! What speaks for an organization without being a person: service accounts, workloads of a CI
//! system or a cluster, recovery codes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::Url;

use super::read_oidc::{algorithms, note_issuer};
use super::section::Section;
use super::{Issuer, OidcProvider, SigningAlgorithm, is_loopback};
use crate::policy::{MachineName, Role};

/// A machine with a token of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its name, in the log and for the hub.
    pub name: MachineName,
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// When the token ends, if it does.
    pub expires: Option<SystemTime>,
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<IpNet>,
}

/// A machine for which somebody else's signed word is taken: a CI system's, a cluster's.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name, in the log and for the hub.
    pub name: MachineName,
    /// Whose word.
    pub issuer: Issuer,
    /// Where that issuer's keys are, when its metadata does not say, or cannot be read.
    pub jwks_url: Option<Url>,
    /// For whom the tokens must be.
    pub audience: String,
    /// What they must say, word for word.
    pub claims: Vec<(String, String)>,
    /// What it may do.
    pub role: Role,
    /// What they may be signed with.
    pub algorithms: Vec<SigningAlgorithm>,
    /// How long they may be good at most.
    pub max_lifetime: Duration,
    /// PEM files of authorities of the issuer, beside the machine's.
    pub ca_certificates: Vec<PathBuf>,
}

/// A job of a CI system takes hours at most.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// In front of the digits.
const SHA256: &str = "sha256:";

/// The form in which a configuration holds a hash.
#[must_use]
pub fn hash_text(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = SHA256.to_owned();
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix(SHA256)?;
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Reads a date, which is its first moment (UTC), or a time by RFC 3339.
#[must_use]
pub fn parse_moment(text: &str) -> Option<SystemTime> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.into());
    }
    let date: Date = text.parse().ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().into())
}

impl ServiceAccount {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let name = name(section, "such as \"nightly-build\"");
        section.missing("hash", "make a token with: hubgate token new");
        let hash = section.text("hash").and_then(|text| {
            let hash = parse_hash(&text);
            if hash.is_none() {
                // Somebody may have written the token itself here: it is not shown.
                let remedy =
                    "make a token with: hubgate token new; it prints the hash to write here";
                section.note("hash", "is no hash of a token", remedy);
            }
            hash
        });
        let role = role(section);
        let expires = section.text("expires").map(|text| {
            let at = parse_moment(&text);
            if at.is_none() {
                let remedy = "write one such as \"2027-01-31\" or \"2027-01-31T18:00:00Z\"";
                section.note("expires", format!("{text:?} is no date"), remedy);
            }
            at
        });
        let networks = section.texts("networks").unwrap_or_default();
        let networks = section.parsed("networks", &networks, |text| {
            let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                let remedy = "write one such as \"10.0.0.0/8\"";
                (format!("{text:?} is no network"), remedy.to_owned())
            })
        });
        let expires = match expires {
            Some(at) => Some(at?),
            None => None,
        };
        Some(Self { name: name?, hash: hash?, role: role?, expires, networks: networks? })
    }
}

impl Workload {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let name = name(section, "such as \"train-on-main\"");
        const ISSUER: &str = "write what its tokens have as iss, such as \"https://token.actions.githubusercontent.com\"";
        section.missing("issuer", ISSUER);
        let issuer = section.filled("issuer").and_then(|text| {
            let issuer = Issuer::parse(&text, OidcProvider::Generic);
            if let Err(error) = &issuer {
                note_issuer(section, "issuer", *error);
            }
            issuer.ok()
        });
        section.missing("audience", "write what its tokens have as aud, such as your public_url");
        let audience = section.filled("audience");
        const CLAIMS: &str = "write at least one, such as { sub = \"repo:acme/train:ref:refs/heads/main\" }; without it everybody at the issuer would be let in";
        section.missing("claims", CLAIMS);
        let claims = section.pairs("claims").filter(|claims| {
            let all = !claims.is_empty() && claims.iter().all(|(_, value)| !value.is_empty());
            if !all {
                section.note("claims", "leaves open who is meant", CLAIMS);
            }
            all
        });
        let role = role(section);
        let algorithms = algorithms(section);
        let minute = Duration::from_secs(60);
        let max_lifetime = section.duration("max_lifetime", minute..=7 * MAX_LIFETIME);
        let jwks_url = section.filled("jwks_url").map(|text| {
            let secure = |url: &Url| url.scheme() == "https" || is_loopback(url);
            let url = Url::parse(&text).ok().filter(secure);
            if url.is_none() {
                let remedy = "write the https address of its JWK set";
                section.note("jwks_url", "is no https address", remedy);
            }
            url
        });
        let ca_certificates = section.authorities("ca_certificates");
        let jwks_url = match jwks_url {
            Some(url) => Some(url?),
            None => None,
        };
        Some(Self {
            name: name?,
            issuer: issuer?,
            jwks_url,
            audience: audience?,
            claims: claims?,
            role: role?,
            algorithms,
            max_lifetime: max_lifetime.unwrap_or(MAX_LIFETIME),
            ca_certificates,
        })
    }
}

/// Reads the hashes of recovery codes.
pub(super) fn recovery_codes(section: &Section<'_>) -> Option<Vec<[u8; 32]>> {
    let texts = section.texts("recovery_codes").unwrap_or_default();
    section.parsed("recovery_codes", &texts, |text| {
        parse_hash(text).ok_or_else(|| {
            let remedy =
                "make codes with: hubgate recovery-codes; it prints the hashes to write here";
            ("is no hash of a recovery code".to_owned(), remedy.to_owned())
        })
    })
}

fn name(section: &Section<'_>, example: &str) -> Option<MachineName> {
    section.missing("name", &format!("write a short name, {example}"));
    let text = section.text("name")?;
    let name = MachineName::parse(&text);
    if let Err(error) = &name {
        section.note("name", format!("{text:?} {error}"), "choose another name");
    }
    name.ok()
}

/// There is no default: what a machine may do is said.
fn role(section: &Section<'_>) -> Option<Role> {
    section.missing("role", "write read, contributor, write or admin");
    section.choice("role", &Role::ALL.map(|role| (role.as_str(), role)))
}

/// Notes names and tokens that stand twice in one organization.
pub(super) fn distinct(section: &Section<'_>, accounts: &[ServiceAccount], workloads: &[Workload]) {
    let mut names: Vec<&MachineName> = Vec::new();
    let all = accounts.iter().map(|a| &a.name).chain(workloads.iter().map(|w| &w.name));
    for name in all {
        if names.contains(&name) {
            let what = format!("{:?} is the name of two machines", name.as_str());
            section.note("", what, "give each service account and workload its own name");
        }
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).unwrap());
        let text = hash_text(&hash);
        assert_eq!(parse_hash(&text), Some(hash));
        assert_eq!(parse_hash(&text[..70]), None);
        assert_eq!(parse_hash(&text.replace("sha256", "sha512")), None);
        assert_eq!(parse_hash(&format!("sha256:{}", "+f".repeat(32))), None);
    }

    #[test]
    fn a_date_is_its_first_moment() {
        let midnight = parse_moment("2027-01-31T00:00:00Z");
        assert!(midnight.is_some());
        assert_eq!(parse_moment("2027-01-31"), midnight);
        assert_eq!(parse_moment("2027-01-31T01:00:00+01:00"), midnight);
        assert_eq!(parse_moment("31.1.2027"), None);
        assert_eq!(parse_moment(""), None);
    }
}
