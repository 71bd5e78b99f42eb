//! The URLs of Gitea and Forgejo.

use http::Method;

use super::table::Holds::{Other, Repositories};
use super::table::Methods::{All, Only, Safe, Unsafe};
use super::table::Needs::{Always, Batch, Service};
use super::table::Part::{Any, Is, Org, Repo};
use super::table::{Profile, Row, Tail, row};
use crate::policy::Need::{Admin, Read, Write};

pub(super) const PROFILE: Profile = Profile {
    rows: ROWS,
    types: &[],
    base_paths: &[],
    // /{owner}.rss and the like are pages of the owner.
    suffixes: &[".git", ".atom", ".gpg", ".keys", ".png", ".rss"],
    // /{owner}/-/packages, /{owner}/-/projects.
    no_repositories: &["-"],
};

const ROWS: &[Row] = &[
    // Pages, files, git and LFS.
    row(&[Org, Repo], Repositories("models"), REPOSITORY),
    row(&[Is("org"), Org], Other, ORGANIZATION),
    row(&[Is("user"), Is("avatar"), Org], Other, &[]),
    // The API.
    row(&[Is("api"), Is("v1"), Is("repos"), Org, Repo], Repositories("models"), REPOSITORY_API),
    row(&[Is("api"), Is("v1"), Is("orgs"), Org], Other, ORGANIZATION_API),
    row(&[Is("api"), Is("v1"), Is("org"), Org], Other, ORGANIZATION_API),
    row(&[Is("api"), Is("v1"), Is("users"), Org], Other, &[]),
    row(&[Is("api"), Is("v1"), Is("packages"), Org], Other, &[]),
    row(&[Is("api"), Is("v1"), Is("user"), Is("starred"), Org, Repo], Other, &[]),
    row(&[Is("api"), Is("v1"), Is("user"), Is("following"), Org], Other, &[]),
    row(&[Is("api"), Is("v1"), Is("teams"), Any, Is("repos"), Org, Repo], Other, TEAM_REPOSITORY),
    row(&[Is("api"), Is("v1"), Is("admin"), Is("users"), Org], Other, ADMINISTRATION),
    row(&[Is("api"), Is("v1"), Is("admin"), Is("unadopted"), Org, Repo], Other, ADMINISTRATION),
    // Package registries, the one for containers at its own place (OCI Distribution §3).
    row(&[Is("api"), Is("packages"), Org], Other, &[]),
    row(&[Is("v2"), Org], Other, &[]),
];

const REPOSITORY: &[Tail] = &[
    Tail::under(&["settings"], All, Always(Admin)),
    Tail::at(&["info", "refs"], Safe, Service),
    Tail::at(&["git-upload-pack"], Only(&Method::POST), Always(Read)),
    Tail::under(&["git-receive-pack"], All, Always(Write)),
    Tail::at(&["info", "lfs", "objects", "batch"], Only(&Method::POST), Batch),
];

/// What Gitea keeps on a repository's settings pages needs `admin` in its API too, and so does
/// deleting it.
const REPOSITORY_API: &[Tail] = &[
    Tail::at(&[], Unsafe, Always(Admin)),
    Tail::under(&["actions", "secrets"], All, Always(Admin)),
    Tail::under(&["actions", "variables"], Unsafe, Always(Admin)),
    Tail::under(&["avatar"], Unsafe, Always(Admin)),
    Tail::under(&["branch_protections"], Unsafe, Always(Admin)),
    Tail::under(&["collaborators"], Unsafe, Always(Admin)),
    Tail::under(&["hooks"], All, Always(Admin)),
    Tail::under(&["keys"], All, Always(Admin)),
    Tail::under(&["push_mirrors"], All, Always(Admin)),
    Tail::under(&["tag_protections"], Unsafe, Always(Admin)),
    Tail::under(&["teams"], Unsafe, Always(Admin)),
    Tail::under(&["transfer"], Unsafe, Always(Admin)),
];

const ORGANIZATION: &[Tail] =
    &[Tail::under(&["settings"], All, Always(Admin)), Tail::under(&[], Unsafe, Always(Admin))];

const ORGANIZATION_API: &[Tail] = &[
    Tail::at(&["repos"], Only(&Method::POST), Always(Write)),
    Tail::under(&["labels"], Unsafe, Always(Write)),
    Tail::under(&["actions", "secrets"], All, Always(Admin)),
    Tail::under(&["hooks"], All, Always(Admin)),
    Tail::under(&[], Unsafe, Always(Admin)),
];

const TEAM_REPOSITORY: &[Tail] = &[Tail::under(&[], Unsafe, Always(Admin))];

const ADMINISTRATION: &[Tail] = &[Tail::under(&[], All, Always(Admin))];
