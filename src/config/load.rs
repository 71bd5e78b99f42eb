//! From a file, its organizations' files and the environment to a configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use toml::Table;
use url::Url;

use super::keys::ROOT;
use super::organization::Surroundings;
use super::section::{Environment, Place, Reader, Section};
use super::{
    Audit, Config, Headers, Hub, HubProfile, Identity, Loader, OrganizationConfig, Problem,
    Problems, PublicUrl, Server, Session, Telemetry, Tokens, files, overrides,
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
    Loader::new(path, environment).first(SystemTime::UNIX_EPOCH)
}

/// Reads nothing but `server.admin`, whatever else is wrong; `None`: there is no such port.
///
/// # Errors
/// When the file cannot be read, or that key cannot.
pub fn admin_address(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<SocketAddr>, Problems> {
    let environment = Arc::new(environment.into_iter().collect());
    let (reader, place) = begin(path, &environment, SystemTime::UNIX_EPOCH);
    let admin = files::syntax(&reader, &place, &text_of(path)?).map(|mut table| {
        overrides::apply(&reader, &mut table, |first| first == "server");
        reader.problems.take();
        let root = Section::open(&reader, place, &table, ROOT);
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

pub(super) fn text_of(path: &Path) -> Result<String, Problems> {
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

pub(super) fn begin(
    path: &Path,
    environment: &Arc<Environment>,
    now: SystemTime,
) -> (Reader, Place) {
    let base = path.parent().unwrap_or(Path::new("")).into();
    (Reader::new(Arc::clone(environment), now), Place { file: None, base, key: String::new() })
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
    Loader::new(path, environment).first_of(text, SystemTime::UNIX_EPOCH)
}

/// Everything but the organizations; `None` where there is a mistake.
pub(super) struct Root {
    public_url: Option<PublicUrl>,
    server: Option<Server>,
    hub: Option<Hub>,
    session: Option<Session>,
    tokens: Option<Tokens>,
    recovery_state: Option<PathBuf>,
    headers: Option<Headers>,
    audit: Option<Audit>,
    telemetry: Option<Telemetry>,
}

impl Root {
    /// Reads the tables of the main file.
    pub(super) fn read(reader: &Reader, place: &Place, table: &Table) -> Self {
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
        let recovery_state = root.path("recovery_state").inspect(|folder| {
            if !folder.is_dir() {
                let what = format!("{} cannot be read: it is no folder", folder.display());
                root.note("recovery_state", what, "make it, and let hubgate write to it");
            }
        });
        let upstream = hub.as_ref().and_then(|hub| hub.upstream.as_ref()).map(ToString::to_string);
        let audience = upstream.or_else(|| Some(public_url.as_ref()?.origin().to_owned()));
        let headers =
            root.section_or_empty("headers").map(|section| Headers::read(&section, audience));
        let audit = root.section_or_empty("audit").map(|section| Audit::read(&section));
        let telemetry = root.section_or_empty("telemetry");
        let telemetry = telemetry.map(|section| Telemetry::read(&section));
        Self { public_url, server, hub, session, tokens, recovery_state, headers, audit, telemetry }
    }

    /// What organizations take from it.
    pub(super) fn around(&self) -> Surroundings {
        Surroundings {
            session_timeout: self.session.as_ref().map_or(super::session::TIMEOUT, |s| s.timeout),
            profile: self.hub.as_ref().map_or(HubProfile::Huggingface, |hub| hub.profile),
            identity: self.hub.as_ref().map_or(Identity::Idp, |hub| hub.identity),
        }
    }

    pub(super) fn with(self, organizations: Arc<[Arc<OrganizationConfig>]>) -> Option<Config> {
        Some(Config {
            public_url: self.public_url?,
            server: self.server?,
            hub: self.hub?,
            session: self.session?,
            tokens: self.tokens?,
            recovery_state: self.recovery_state,
            headers: self.headers?,
            audit: self.audit?,
            telemetry: self.telemetry?,
            organizations,
        })
    }
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
