//! Any service with `/{namespace}/{repository}/…`; the rest is the operator's rules.

use http::Method;

use super::table::Holds::Repositories;
use super::table::Methods::{All, Only, Safe};
use super::table::Needs::{Always, Batch, Service};
use super::table::Part::{Org, Repo};
use super::table::{Profile, Row, Tail, row};
use crate::policy::Need::{Read, Write};

pub(super) const PROFILE: Profile =
    Profile { rows: ROWS, types: &[], base_paths: &[], suffixes: &[".git"], no_repositories: &[] };

const ROWS: &[Row] = &[row(&[Org, Repo], Repositories("models"), GIT)];

/// Git (`gitprotocol-http`) and Git LFS, as every forge serves them.
pub(super) const GIT: &[Tail] = &[
    Tail::at(&["info", "refs"], Safe, Service),
    Tail::at(&["git-upload-pack"], Only(&Method::POST), Always(Read)),
    Tail::under(&["git-receive-pack"], All, Always(Write)),
    Tail::at(&["info", "lfs", "objects", "batch"], Only(&Method::POST), Batch),
];
