//! The Hugging Face Hub's URLs, and those of the hubs that speak its API: KohakuHub, CSGHub, Olah.
//!
//! Reads and writes follow the roles of the Hugging Face Hub: `write` creates, renames and deletes
//! repositories; `admin` is for the organization itself.
//! Settings pages and settings APIs need `admin` here, those of a repository included: they decide
//! who sees it.

use http::Method;

use super::body::{Field, Names};
use super::table::Holds::{Other, Repositories, Typed};
use super::table::Methods::{All, Only, Safe, Unsafe};
use super::table::Needs::{Always, Batch, Service, WriteIf};
use super::table::Part::{Is, Org, Repo, Type};
use super::table::{Needs, Profile, Row, Tail, row};
use crate::policy::Need::{Admin, Read, Write};

pub(super) const PROFILE: Profile = Profile {
    rows: ROWS,
    types: &[
        "models", "datasets", "spaces", "kernels", "buckets", //
        "codes", "prompts", "mcps", "skills", // CSGHub
    ],
    // CSGHub serves this API under a prefix.
    base_paths: &["hf", "ms", "csg"],
    // `/{repo}.git/…` of the old style is a repository without a namespace.
    suffixes: &[".git"],
    no_repositories: &[
        // `/{repo}/resolve/…` of the old style.
        "agents.md",
        "blob",
        "blame",
        "commit",
        "commits",
        "discussions",
        "embed",
        "info",
        "raw",
        "resolve",
        "settings",
        "tree",
        "viewer",
        "git-upload-pack",
        "git-receive-pack",
        // Tabs of a profile.
        "activity",
        "articles",
        "buckets",
        "collections",
        "datasets",
        "followers",
        "following",
        "kernels",
        "likes",
        "members",
        "models",
        "papers",
        "posts",
        "repos",
        "repositories",
        "spaces",
    ],
};

/// Where a namespace stands; the row's tail says what follows.
const ROWS: &[Row] = &[
    // `/{ns}/{repo}/…`: pages, files, git and LFS; a model without a word in front.
    row(&[Org, Repo], Repositories("models"), REPOSITORY),
    row(&[Type, Org, Repo], Typed, REPOSITORY),
    // The API of a repository, of a namespace's buckets, and the cache that files are served from.
    row(&[Is("api"), Type, Org, Repo], Typed, REPOSITORY_API),
    row(&[Is("api"), Is("resolve-cache"), Type, Org, Repo], Typed, &[]),
    // `/api/{ns}/{repo}.git/info/lfs/…` of KohakuHub; everything else under /api stands here too.
    row(&[Is("api"), Org], Other, &[]).loose(),
    // What names its namespace in the body.
    row(&[Is("api")], Other, IN_BODY),
    // Organizations and people, who share the namespaces.
    row(&[Is("organizations"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("organizations"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("users"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("quota"), Org], Other, ORGANIZATION),
    row(&[Is("org"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("invitations"), Is("org"), Org], Other, ADMINISTRATION),
    row(&[Is("admin"), Is("api"), Is("repositories"), Type, Org, Repo], Other, ADMINISTRATION),
    // Collections, posts and articles.
    row(&[Is("collections"), Org], Other, COLLECTION),
    row(&[Is("api"), Is("collections"), Org], Other, COLLECTION),
    row(&[Is("posts"), Org], Other, &[]),
    row(&[Is("api"), Is("posts"), Org], Other, &[]),
    row(&[Is("blog"), Org], Other, &[]),
    row(&[Is("api"), Is("blog"), Org], Other, &[]),
    // Jobs and endpoints.
    row(&[Is("jobs"), Org], Other, &[]),
    row(&[Is("api"), Is("jobs"), Org], Other, &[]),
    row(&[Is("api"), Is("scheduled-jobs"), Org], Other, &[]),
    row(&[Is("inference-endpoints"), Org], Other, &[]),
    row(&[Is("api"), Is("inference-endpoints"), Org], Other, &[]),
    // OCI clients (OCI Distribution §3).
    row(&[Is("v2"), Org, Repo], Repositories("models"), &[]),
    // CSGHub.
    row(&[Is("api"), Is("v1"), Is("organization"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("v1"), Is("organizations"), Org], Other, ORGANIZATION),
    row(&[Is("api"), Is("v1"), Type, Org, Repo], Typed, REPOSITORY_API),
    // The datasets server: ?dataset={ns}%2F{repo}.
    Row::in_query(&[Is("croissant")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("filter")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("first-rows")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("info")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("is-valid")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("opt-in-out-urls")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("parquet")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("presidio-entities")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("rows")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("search")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("size")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("splits")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("statistics")], "dataset", Repositories("datasets")),
    Row::in_query(&[Is("valid")], "dataset", Repositories("datasets")),
];

// In what follows, GET, HEAD and OPTIONS read and everything else writes, unless a line says more.

/// Pages, git (`gitprotocol-http`) and Git LFS.
const REPOSITORY: &[Tail] = &[
    Tail::under(&["settings"], All, Always(Admin)),
    Tail::at(&["info", "refs"], Safe, Service),
    Tail::at(&["git-upload-pack"], Only(&Method::POST), Always(Read)),
    Tail::under(&["git-receive-pack"], All, Always(Write)),
    Tail::at(&["info", "lfs", "objects", "batch"], Only(&Method::POST), Batch),
];

/// The API of a repository.
const REPOSITORY_API: &[Tail] = &[
    Tail::under(&["settings"], All, Always(Admin)),
    // Resource groups are the organization's; who reads the repository may know its group.
    Tail::under(&["resource-group"], Unsafe, Always(Admin)),
    // These POSTs carry a question that is too long for a query.
    Tail::under(&["paths-info"], Only(&Method::POST), Always(Read)),
    Tail::under(&["compare"], Only(&Method::POST), Always(Read)),
    // These GETs show what only people with `write` manage, or hand out a token that writes.
    Tail::under(&["xet-write-token"], All, Always(Write)),
    Tail::under(&["user-access-request"], All, Always(Write)),
    Tail::under(&["secrets"], All, Always(Write)),
    Tail::under(&["variables"], All, Always(Write)),
    Tail::under(&["logs"], All, Always(Write)),
    Tail::under(&["jwt"], Safe, WriteIf("write")),
    // Copies from here to the namespace in the body.
    Tail::at(&["duplicate"], Unsafe, Needs::Names(&DUPLICATE)),
    Tail::at(&["lfs-files", "duplicate"], Unsafe, Needs::Names(&DUPLICATE_FILES)),
    // CSGHub serves git and LFS beside its API.
    Tail::at(&["info", "refs"], Safe, Service),
    Tail::at(&["git-upload-pack"], Only(&Method::POST), Always(Read)),
    Tail::under(&["git-receive-pack"], All, Always(Write)),
    Tail::at(&["info", "lfs", "objects", "batch"], Only(&Method::POST), Batch),
];

/// Pages and API of an organization: members and guests look, administrators change.
///
/// Its SCIM endpoints are no exception: an operator whose provider provisions the hub itself writes
/// a rule for them.
const ORGANIZATION: &[Tail] = &[
    Tail::under(&["settings"], All, Always(Admin)),
    Tail::under(&["billing"], All, Always(Admin)),
    Tail::under(&["audit-log"], All, Always(Admin)),
    Tail::under(&["scim"], All, Always(Admin)),
    Tail::under(&["scim-provisioning"], All, Always(Admin)),
    Tail::under(&["share"], All, Always(Admin)),
    Tail::under(&[], Unsafe, Always(Admin)),
];

/// Whatever it is, administrators only.
const ADMINISTRATION: &[Tail] = &[Tail::under(&[], All, Always(Admin))];

/// `/{slug}/…` behind a collection's namespace; resource groups are the organization's.
const COLLECTION: &[Tail] = &[Tail::under(&["*", "resource-group"], Unsafe, Always(Admin))];

/// Endpoints whose namespace stands in the body.
const IN_BODY: &[Tail] = &[
    Tail::at(&["repos", "create"], Unsafe, Needs::Names(&CREATE)),
    Tail::at(&["repos", "delete"], Unsafe, Needs::Names(&CREATE)),
    Tail::at(&["repos", "move"], Unsafe, Needs::Names(&MOVE)),
    Tail::at(&["collections"], Unsafe, Needs::Names(&COLLECTIONS)),
    // Behind an id, `/enable` and `/disable` have no body.
    Tail::at(&["settings", "webhooks"], Only(&Method::POST), Needs::Names(&WEBHOOKS)),
    Tail::at(&["settings", "webhooks", "*"], Only(&Method::POST), Needs::Names(&WEBHOOKS)),
];

/// Creating and deleting repositories: `write`, as on the Hugging Face Hub.
const CREATE: Names = Names {
    path: Read,
    fields: &[
        Field { at: &["organization"], bare: true, required: false, need: Write },
        Field { at: &["name"], bare: false, required: false, need: Write },
    ],
    within: None,
};

/// As on the Hugging Face Hub: `write` renames within a namespace and may put a repository into it;
/// only `admin` takes one away.
const MOVE: Names = Names {
    path: Read,
    fields: &[
        Field { at: &["fromRepo"], bare: true, required: true, need: Admin },
        Field { at: &["toRepo"], bare: true, required: true, need: Write },
    ],
    within: Some(Write),
};

const DUPLICATE: Names = Names {
    path: Read,
    fields: &[Field { at: &["repository"], bare: false, required: false, need: Write }],
    within: None,
};

const DUPLICATE_FILES: Names = Names {
    path: Read,
    fields: &[Field { at: &["target", "name"], bare: true, required: false, need: Write }],
    within: None,
};

const COLLECTIONS: Names = Names {
    path: Read,
    fields: &[Field { at: &["namespace"], bare: true, required: false, need: Write }],
    within: None,
};

/// A webhook tells of what happens in what it watches.
const WEBHOOKS: Names = Names {
    path: Read,
    fields: &[Field { at: &["watched", "[]", "name"], bare: true, required: false, need: Read }],
    within: None,
};
