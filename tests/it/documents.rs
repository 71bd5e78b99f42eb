//! Configurations, written key by key, and folders for them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A configuration as keys and TOML values.
#[derive(Clone)]
pub(crate) struct Document {
    keys: Vec<(String, String)>,
    rest: String,
}

/// The tables in an order that TOML can be written in; those with `[[…]]` are marked.
const TABLES: [(&str, bool); 20] = [
    ("", false),
    ("server", false),
    ("server.tls", false),
    ("hub", false),
    ("hub.whoami", false),
    ("hub.rule", true),
    ("session", false),
    ("session.cookie", false),
    ("tokens", false),
    ("headers", false),
    ("audit", false),
    ("telemetry", false),
    ("organization", true),
    ("organization.service_account", true),
    ("organization.workload", true),
    ("organization.role_mapping", false),
    ("organization.role_mapping.roles", false),
    ("organization.oidc", false),
    ("organization.saml", false),
    ("organization.saml.metadata", false),
];

impl Document {
    /// The shortest good one: acme at Okta, whose client secret is in the variable `SECRET`.
    pub(crate) fn minimal() -> Self {
        let keys = [
            ("public_url", "\"https://hub.example.com\""),
            ("hub.upstream", "\"http://127.0.0.1:3000\""),
            ("organization.id", "\"acme\""),
            ("organization.role_mapping.roles.admin", "[\"hub-admins\"]"),
            ("organization.oidc.provider", "\"okta\""),
            ("organization.oidc.issuer", "\"https://acme.okta.com\""),
            ("organization.oidc.client_id", "\"0oa1\""),
            ("organization.oidc.client_secret", "{ env = \"SECRET\" }"),
        ];
        let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Self { keys, rest: String::new() }
    }

    /// A further organization as text, with more lines of its own table.
    pub(crate) fn organization(id: &str, lines: &str) -> String {
        format!(
            "[[organization]]\nid = {id:?}\n{lines}\n[organization.oidc]\n\
             issuer = \"https://{id}.example\"\nclient_id = \"1\"\n\
             client_secret = {{ env = \"SECRET\" }}\n"
        )
    }

    /// The same with this key in the place of what it was.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.keys.retain(|(other, _)| other != key);
        self.keys.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same without a key, or a table and all its keys.
    pub(crate) fn without(mut self, key: &str) -> Self {
        let inside = format!("{key}.");
        self.keys.retain(|(other, _)| other != key && !other.starts_with(&inside));
        self
    }

    /// The same with more text at its end.
    pub(crate) fn and(mut self, text: &str) -> Self {
        self.rest.push_str(text);
        self.rest.push('\n');
        self
    }

    /// The TOML.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (table, list) in TABLES {
            let inside = |key: &str| {
                let (before, name) = key.rsplit_once('.').unwrap_or(("", key));
                (before == table).then(|| name.to_owned())
            };
            let lines: Vec<String> = self
                .keys
                .iter()
                .filter_map(|(key, value)| Some(format!("{} = {value}\n", inside(key)?)))
                .collect();
            if lines.is_empty() && table != "organization" {
                continue;
            }
            match (table, list) {
                ("", _) => {}
                (_, true) => text.push_str(&format!("[[{table}]]\n")),
                (_, false) => text.push_str(&format!("[{table}]\n")),
            }
            text.push_str(&lines.concat());
        }
        text + &self.rest
    }
}

/// A folder that is removed when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hubgate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
