//! From a file, its organizations' files and the environment to a configuration.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};
use url::Url;

use super::keys::{ORGANIZATION, ROOT};
use super::organization::{Surroundings, disjoint};
use super::section::{Place, Reader, Section};
use super::{
    Config, Headers, Hub, HubProfile, OrganizationConfig, Problem, Problems, PublicUrl, Server,
    Session, Tokens, files, overrides,
};

/// Reads the file at `path`, and the files that it names.
///
/// `environment` holds the overrides and the secrets that are kept there.
///
/// # Errors
/// Every mistake at once.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    parse(&text_of(path)?, path, environment)
}

/// Reads nothing but `server.admin`, whatever else is wrong; `None`: there is no such port.
///
/// # Errors
/// When the file cannot be read, or that key cannot.
pub fn admin_address(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<SocketAddr>, Problems> {
    let (reader, place) = begin(path, environment);
    let admin = files::syntax(&reader, &place, &text_of(path)?).map(|mut table| {
        overrides::apply(&reader, &mut table, |first| first == "server");
        reader.problems.take();
        let root = Section::open(&reader, place, table, ROOT);
        reader.problems.take();
        let section = root.section_or_empty("server")?;
        reader.problems.take();
        Server::read_admin(&section)
    });
    match (admin, reader.problems.into_inner()) {
        (Some(admin), problems) if problems.is_empty() => Ok(admin),
        (_, problems) => Err(Problems::new(path, problems)),
    }
}

fn text_of(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        let problem = Problem {
            file: None,
            key: String::new(),
            what: format!("the file cannot be read: {error}"),
            remedy: "check the path and its permissions".to_owned(),
        };
        Problems::new(path, vec![problem])
    })
}

fn begin(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> (Reader, Place) {
    let environment = environment.into_iter().collect();
    let reader = Reader { problems: RefCell::default(), environment };
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    (reader, Place { file: None, base, key: String::new() })
}

/// Reads a configuration's text; `path` is where it stands: other paths are relative to its folder.
///
/// # Errors
/// Every mistake at once.
pub fn parse(
    text: &str,
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    let (reader, place) = begin(path, environment);
    let config =
        files::syntax(&reader, &place, text).and_then(|table| read(&reader, &place, table));
    let problems = reader.problems.into_inner();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(Problems::new(path, problems)),
    }
}

fn read(reader: &Reader, place: &Place, mut table: Table) -> Option<Config> {
    // Overrides reach the organizations in files too, so those are read in between.
    overrides::apply(reader, &mut table, |first| first == "organizations");
    let (organizations, places) = gather(reader, place, &table);
    table.insert("organization".to_owned(), Value::Array(organizations));
    overrides::apply(reader, &mut table, |first| first != "organizations");
    let organizations = match table.remove("organization") {
        Some(Value::Array(organizations)) => organizations,
        Some(_) | None => Vec::new(),
    };

    let root = Section::open(reader, place.clone(), table, ROOT);
    let public_url = public_url(&root);
    let server = root.section_or_empty("server").map(|section| Server::read(&section));
    let hub = root.section_or_empty("hub").and_then(|section| {
        let asked = server.as_ref().is_some_and(|server| !server.trusted_proxies.is_empty());
        Hub::read(&section, asked)
    });
    let session = root
        .section_or_empty("session")
        .map(|section| Session::read(&section, public_url.as_ref()));
    let tokens =
        root.section_or_empty("tokens").map(|section| Tokens::read(&section, hub.as_ref()));
    let upstream = hub.as_ref().and_then(|hub| hub.upstream.as_ref()).map(ToString::to_string);
    let audience = upstream.or_else(|| Some(public_url.as_ref()?.origin().to_owned()));
    let headers = root.section_or_empty("headers").map(|section| Headers::read(&section, audience));

    let recovery_state = root.path("recovery_state").inspect(|folder| {
        if !folder.is_dir() {
            let what = format!("{} cannot be read: it is no folder", folder.display());
            root.note("recovery_state", what, "make it, and let hubgate write to it");
        }
    });

    let around = Surroundings {
        session_timeout: session.as_ref().map_or(super::session::TIMEOUT, |s| s.timeout),
        profile: hub.as_ref().map_or(HubProfile::Huggingface, |hub| hub.profile),
    };
    let sections = sections(reader, organizations, places);
    let read: Vec<Option<OrganizationConfig>> =
        sections.iter().map(|section| OrganizationConfig::read(section, around)).collect();
    disjoint(&sections);
    let organizations = read.into_iter().flatten().map(Arc::new).collect();
    Some(Config {
        public_url: public_url?,
        server: server?,
        hub: hub?,
        session: session?,
        tokens: tokens?,
        recovery_state,
        headers: headers?,
        organizations,
    })
}

/// The organizations of the file itself and of the files that it names, and where each stands.
fn gather(reader: &Reader, place: &Place, table: &Table) -> (Vec<Value>, Vec<Place>) {
    let mut organizations = Vec::new();
    let mut places = Vec::new();
    match table.get("organization") {
        None => {}
        Some(Value::Array(entries)) => {
            places.extend(entries.iter().map(|_| place.clone()));
            organizations.extend(entries.iter().cloned());
        }
        Some(_) => {
            let remedy = "write [[organization]] with two brackets";
            reader.note(place, "organization", "is no list of tables", remedy);
        }
    }
    let patterns: Vec<&str> = match table.get("organizations") {
        None => Vec::new(),
        Some(Value::String(pattern)) => vec![pattern],
        Some(Value::Array(patterns)) if patterns.iter().all(Value::is_str) => {
            patterns.iter().filter_map(Value::as_str).collect()
        }
        Some(_) => {
            let remedy = "write one such as \"orgs.d/*.toml\"";
            reader.note(place, "organizations", "is no pattern of file names", remedy);
            Vec::new()
        }
    };
    for pattern in patterns {
        for path in files::matching(reader, place, pattern) {
            let base = path.parent().unwrap_or(Path::new("")).to_owned();
            let place = Place { file: Some(path.clone()), base, key: String::new() };
            let entries = files::organizations(reader, &place, &path);
            places.extend(entries.iter().map(|_| place.clone()));
            organizations.extend(entries);
        }
    }
    (organizations, places)
}

/// Opens each organization under a label that people recognize: its id, else its place in the list.
fn sections(reader: &Reader, entries: Vec<Value>, places: Vec<Place>) -> Vec<Section<'_>> {
    let mut sections = Vec::with_capacity(entries.len());
    for (index, (entry, mut place)) in entries.into_iter().zip(places).enumerate() {
        let id = entry.get("id").and_then(Value::as_str).filter(|id| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !id.is_empty() && id.len() <= 64 && id.bytes().all(plain)
        });
        place.key = match id {
            Some(id) => format!("organization[{id}]"),
            None => format!("organization[{index}]"),
        };
        match entry.as_table() {
            Some(table) => {
                sections.push(Section::open(reader, place, table.clone(), ORGANIZATION));
            }
            None => reader.note(&place, "", "is no table", "write [[organization]]"),
        }
    }
    sections
}

fn public_url(root: &Section<'_>) -> Option<PublicUrl> {
    const REMEDY: &str = "write the origin that people see, such as \"https://hub.example.com\"";
    root.missing("public_url", REMEDY);
    let Ok(url) = Url::parse(&root.filled("public_url")?) else {
        root.note("public_url", "is no URL", REMEDY);
        return None;
    };
    let public_url = PublicUrl::from_url(&url);
    if public_url.is_none() {
        let plain_http = url.scheme() == "http" && !super::is_loopback(&url);
        let what = if plain_http {
            "is not https; http is for loopback hosts only"
        } else {
            "is no origin: scheme, host and perhaps a port, nothing else"
        };
        root.note("public_url", what, REMEDY);
    }
    public_url
}
