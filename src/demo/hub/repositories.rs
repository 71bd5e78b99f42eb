//! The repositories of the demo hub, in memory, with their history.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::git::{self, Objects};

/// What a repository holds; it decides the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `/{namespace}/{name}`
    Model,
    /// `/datasets/{namespace}/{name}`
    Dataset,
    /// `/spaces/{namespace}/{name}`
    Space,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [Kind::Model, Kind::Dataset, Kind::Space];

    /// The segment that stands in addresses: `models`, `datasets`, `spaces`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
            Kind::Space => "spaces",
        }
    }

    pub(super) fn of(segment: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.plural() == segment)
    }
}

/// One revision of a repository.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) commit: String,
    pub(super) files: BTreeMap<String, Bytes>,
    pub(super) blobs: BTreeMap<String, String>,
}

/// A repository as it stands now; changing it makes another one.
#[derive(Clone, Debug)]
pub struct Repository {
    /// What it holds.
    pub kind: Kind,
    /// Whose it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether only members may see it.
    pub private: bool,
    history: Vec<Arc<Revision>>,
    objects: Objects,
}

impl Repository {
    /// A repository with one revision.
    #[must_use]
    pub fn new(kind: Kind, id: &str, private: bool, files: &[(&str, &[u8])]) -> Repository {
        let (namespace, name) = id.split_once('/').unwrap_or((id, ""));
        let mut repository = Repository {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            private,
            history: Vec::new(),
            objects: Objects::new(),
        };
        let owned =
            |(path, content): &(&str, &[u8])| ((*path).to_owned(), Bytes::copy_from_slice(content));
        repository.commit("Initial commit", |now| now.extend(files.iter().map(owned)));
        repository
    }

    /// `{namespace}/{name}`
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The path of the repository's page.
    #[must_use]
    pub fn path(&self) -> String {
        match self.kind {
            Kind::Model => format!("/{}", self.id()),
            Kind::Dataset | Kind::Space => format!("/{}/{}", self.kind.plural(), self.id()),
        }
    }

    /// Adds a revision: the newest one's files after `change`. Returns its name.
    pub(super) fn commit(
        &mut self,
        message: &str,
        change: impl FnOnce(&mut BTreeMap<String, Bytes>),
    ) -> String {
        let parent = self.history.last();
        let mut files = parent.map(|revision| revision.files.clone()).unwrap_or_default();
        change(&mut files);
        let parent = parent.map(|revision| revision.commit.as_str());
        let (commit, blobs) = git::commit(&mut self.objects, &files, parent, message);
        self.history.push(Arc::new(Revision { commit: commit.clone(), files, blobs }));
        commit
    }

    /// The revision that a branch or a commit names.
    pub(super) fn revision(&self, name: &str) -> Option<Arc<Revision>> {
        match name {
            "main" | "HEAD" | "refs/heads/main" => self.history.last().cloned(),
            commit => self.history.iter().find(|revision| revision.commit == commit).cloned(),
        }
    }

    pub(super) fn object(&self, name: &str) -> Option<&Bytes> {
        self.objects.get(name)
    }
}

/// All repositories of a hub; names are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(BTreeMap<(Kind, String), Repository>);

impl Catalogue {
    /// A catalogue of these.
    #[must_use]
    pub fn new(repositories: impl IntoIterator<Item = Repository>) -> Catalogue {
        let key = |own: Repository| ((own.kind, own.id().to_ascii_lowercase()), own);
        Catalogue(repositories.into_iter().map(key).collect())
    }

    pub(crate) fn find(&self, kind: Kind, id: &str) -> Option<&Repository> {
        self.0.get(&(kind, id.to_ascii_lowercase()))
    }

    pub(super) fn find_mut(&mut self, kind: Kind, id: &str) -> Option<&mut Repository> {
        self.0.get_mut(&(kind, id.to_ascii_lowercase()))
    }

    pub(super) fn add(&mut self, repository: Repository) {
        self.0.insert((repository.kind, repository.id().to_ascii_lowercase()), repository);
    }

    pub(super) fn remove(&mut self, kind: Kind, id: &str) -> Option<Repository> {
        self.0.remove(&(kind, id.to_ascii_lowercase()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Repository> {
        self.0.values()
    }

    /// What the demo shows: two organizations, public and private, and a namespace of nobody's.
    #[must_use]
    pub fn demo() -> Catalogue {
        use Kind::{Dataset, Model, Space};
        let weights = weights();
        let readme = |name: &str| format!("---\nlicense: apache-2.0\n---\n# {name}\n").into_bytes();
        let config: &[u8] = b"{\n  \"model_type\": \"bert\",\n  \"hidden_size\": 64\n}\n";
        let rows: &[u8] = b"text,label\nhello,1\ngoodbye,0\n";
        let model = |id: &str, private| {
            let files: [(&str, &[u8]); 4] = [
                ("README.md", &readme(id)),
                ("config.json", config),
                ("model.safetensors", &weights),
                ("tokenizer/vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"),
            ];
            Repository::new(Model, id, private, &files)
        };
        let dataset = |id: &str, private| {
            let files: [(&str, &[u8]); 2] = [("README.md", &readme(id)), ("data/train.csv", rows)];
            Repository::new(Dataset, id, private, &files)
        };
        let space = |id: &str, private| {
            let files: [(&str, &[u8]); 2] = [("README.md", &readme(id)), ("app.py", b"print(1)\n")];
            Repository::new(Space, id, private, &files)
        };
        Catalogue::new([
            model("acme/bert", true),
            model("acme/demo", false),
            model("acme/tiny-gpt", true),
            dataset("acme/open-corpus", false),
            dataset("acme/payroll", true),
            space("acme/playground", true),
            model("globex/reactor", true),
            model("globex/vision", false),
            dataset("globex/turbines", true),
            model("moe/open-model", false),
        ])
    }
}

/// A small but valid safetensors file: an eight-byte length, a JSON header, the numbers.
fn weights() -> Vec<u8> {
    const BYTES: usize = 64 * 64 * 4;
    let header = format!(
        "{{\"embeddings.weight\":{{\"dtype\":\"F32\",\"shape\":[64,64],\"data_offsets\":[0,{BYTES}]}}}}"
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend((0..BYTES).map(|at| (at % 61) as u8));
    file
}
