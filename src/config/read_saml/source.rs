//! Where an identity provider's addresses and certificates come from: metadata, or three fields.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::SamlSource;
use super::super::section::Section;
use super::address;
use crate::saml::{Certificate, IdentityProvider};

/// How often metadata is fetched again, unless something else is said.
const REFRESH: Duration = Duration::from_secs(60 * 60);
const REFRESH_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 24 * 60 * 60);

/// The three fields that the consoles of identity providers show.
const FIELDS: [&str; 3] = ["sign_on_url", "entity_id", "certificates"];

pub(super) fn read(section: &Section<'_>) -> Option<SamlSource> {
    if section.has("metadata") {
        for key in ["sign_on_url", "certificates"] {
            if section.has(key) {
                let what = "is said by the metadata already";
                section.note(key, what, "remove it, or remove metadata");
            }
        }
        return metadata(section);
    }
    if FIELDS.iter().all(|key| !section.has(key)) {
        let what = "says nothing of the identity provider: no metadata, and no signing certificate to verify with";
        let remedy = "write metadata = { url = \"…\" } or { file = \"…\" }, or sign_on_url, entity_id and certificates";
        section.note("", what, remedy);
        return None;
    }
    fields(section)
}

fn metadata(section: &Section<'_>) -> Option<SamlSource> {
    let entity_id = section.filled("entity_id");
    let table = section.section("metadata")?;
    let refresh = table.duration("refresh", REFRESH_RANGE).unwrap_or(REFRESH);
    let (url, file) = (address(&table, "url"), table.path("file"));
    match (table.has("url"), table.has("file")) {
        (true, false) => Some(SamlSource::Url { url: url?, refresh, entity_id }),
        (false, true) => {
            let path = file?;
            let text = match table.file_text("file", &path) {
                Ok(text) => text,
                Err(error) => {
                    let what = format!("{} cannot be read: {error}", path.display());
                    table.note("file", what, "check the path, the mount and its permissions");
                    return None;
                }
            };
            // Whether it has expired is asked when it is used: now is not known here.
            let parsed = IdentityProvider::parse_metadata(
                &text,
                entity_id.as_deref(),
                SystemTime::UNIX_EPOCH,
            );
            match parsed {
                Ok(provider) => Some(SamlSource::Fixed(Box::new(provider))),
                Err(error) => {
                    let what = format!("{} {error}", path.display());
                    table.note("file", what, "download the metadata of the identity provider anew");
                    None
                }
            }
        }
        (true, true) => {
            table.note("", "names both a url and a file", "remove one of them");
            None
        }
        (false, false) => {
            let remedy = "write { url = \"…\" } or { file = \"…\" }";
            table.note("", "names neither a url nor a file", remedy);
            None
        }
    }
}

fn fields(section: &Section<'_>) -> Option<SamlSource> {
    section.missing("sign_on_url", "write the sign-on address that the provider's console shows");
    section.missing("entity_id", "write the entity id (issuer) that the provider's console shows");
    let remedy = "write certificates = [\"idp.pem\"]; without a signing certificate nothing could be verified";
    section.missing("certificates", remedy);
    let sign_on_url = address(section, "sign_on_url");
    let entity_id = section.filled("entity_id");
    let paths = section.paths("certificates");
    if paths.as_ref().is_some_and(Vec::is_empty) {
        section.note(
            "certificates",
            "is empty: there is no signing certificate to verify with",
            remedy,
        );
        return None;
    }
    let certificates = certificates(section, &paths?)?;
    let provider = IdentityProvider::from_fields(&entity_id?, &sign_on_url?, certificates);
    Some(SamlSource::Fixed(Box::new(provider)))
}

fn certificates(section: &Section<'_>, paths: &[impl AsRef<Path>]) -> Option<Vec<Certificate>> {
    let mut found = Vec::new();
    let mut good = true;
    for (index, path) in paths.iter().enumerate() {
        let path = path.as_ref();
        let key = format!("certificates[{index}]");
        let mistake = match section.file_text(&key, path) {
            Ok(text) => match Certificate::parse_pem(&text) {
                Ok(certificates) => {
                    found.extend(certificates);
                    continue;
                }
                Err(error) => error.to_string(),
            },
            Err(error) => format!("cannot be read: {error}"),
        };
        good = false;
        let what = format!("{} {mistake}", path.display());
        let remedy = "download the signing certificate of the identity provider as PEM";
        section.note(&key, what, remedy);
    }
    good.then_some(found)
}
