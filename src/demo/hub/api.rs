//! The hub's JSON, in the shapes that the clients of the Hugging Face Hub read.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::repositories::{Kind, Repository, Revision};
use super::{Place, Refusal, State, Visit};
use crate::demo::answer::{self, Body, field, form, put};
use crate::demo::lock;

const DATE: &str = "2025-01-01T00:00:00.000Z";

impl State {
    /// Everything below `/api/`.
    pub(super) async fn api(&self, visit: Visit, segments: &[&str]) -> Response<Body> {
        match segments {
            ["whoami-v2"] => match visit.caller.whoami() {
                Some(person) => answer::json(StatusCode::OK, &person),
                None => self.refuse(&visit, Refusal::SignIn),
            },
            ["agent-harnesses"] => answer::json(StatusCode::NOT_FOUND, &json!({})),
            ["version"] => answer::json(StatusCode::OK, &json!({ "name": "demo hub" })),
            ["validate-yaml"] => {
                answer::json(StatusCode::OK, &json!({ "errors": [], "warnings": [] }))
            }
            ["repos", action] => self.change_repositories(visit, action).await,
            ["organizations", namespace, ..] => self.members(&visit, namespace),
            [first, rest @ ..] => match (Kind::of(first), rest) {
                (Some(kind), []) => self.list(&visit, kind),
                (Some(kind), [namespace, name, rest @ ..]) => {
                    let place = Place { kind, id: format!("{namespace}/{name}") };
                    self.repository_api(visit, &place, rest).await
                }
                (Some(_), [_]) => self.refuse(&visit, Refusal::NoSuchRepository),
                (None, _) => self.refuse(&visit, Refusal::NoSuchPage),
            },
            [] => self.refuse(&visit, Refusal::NoSuchPage),
        }
    }

    fn list(&self, visit: &Visit, kind: Kind) -> Response<Body> {
        let query = form(visit.request.uri().query().unwrap_or_default().as_bytes());
        let author = field(&query, "author");
        let wanted = |own: &&Repository| {
            own.kind == kind
                && author.is_none_or(|author| author.eq_ignore_ascii_case(&own.namespace))
                && visit.caller.may_list(own)
        };
        let found: Vec<Value> =
            lock(&self.catalogue).iter().filter(wanted).map(|own| info(own, None)).collect();
        answer::json(StatusCode::OK, &found.into())
    }

    fn members(&self, visit: &Visit, namespace: &str) -> Response<Body> {
        let role = visit.caller.organizations().iter().find(|(own, _)| own == namespace);
        let role = role.map(|(_, role)| role);
        answer::json(StatusCode::OK, &json!({ "name": namespace, "yourRole": role }))
    }

    async fn repository_api(&self, visit: Visit, place: &Place, rest: &[&str]) -> Response<Body> {
        let repository = match self.find(&visit.caller, place) {
            Ok(repository) => repository,
            Err(refusal) => return self.refuse(&visit, refusal),
        };
        let post = visit.request.method() == Method::POST;
        match rest {
            ["preupload", _] if post => return self.preupload(visit).await,
            ["commit", _] if post => return self.commit(visit, place).await,
            _ => {}
        }
        let named = match rest {
            ["revision" | "tree" | "commits", name, ..] => name,
            _ => "main",
        };
        let Some(revision) = repository.revision(named) else {
            return self.refuse(&visit, Refusal::NoSuchRevision);
        };
        let found = match rest {
            [] | ["revision", _] => info(&repository, Some(&revision)),
            ["tree", _, folder @ ..] => {
                let query = form(visit.request.uri().query().unwrap_or_default().as_bytes());
                let deep = field(&query, "recursive")
                    .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
                tree(&revision, &folder.join("/"), deep).into()
            }
            ["refs"] => json!({
                "branches": [{ "name": "main", "ref": "refs/heads/main",
                               "targetCommit": revision.commit }],
                "tags": [], "converts": [],
            }),
            ["commits", _] => json!([{
                "id": revision.commit, "title": "Newest revision", "message": "", "date": DATE,
                "authors": [{ "user": "demo" }],
            }]),
            ["auth-check"] => json!({}),
            [..] => return self.refuse(&visit, Refusal::NoSuchPage),
        };
        answer::json(StatusCode::OK, &found)
    }

    /// Refuses as the Hub does: a status, `X-Error-Code`, `X-Error-Message`, and a page for browsers.
    pub(super) fn refuse(&self, visit: &Visit, refusal: Refusal) -> Response<Body> {
        let (status, code, sentence) = match refusal {
            Refusal::SignIn => (StatusCode::UNAUTHORIZED, None, "Invalid username or password."),
            Refusal::NoSuchRepository => {
                (StatusCode::NOT_FOUND, Some("RepoNotFound"), "Repository not found")
            }
            Refusal::NoSuchRevision => {
                (StatusCode::NOT_FOUND, Some("RevisionNotFound"), "Invalid rev id")
            }
            Refusal::NoSuchFile => {
                (StatusCode::NOT_FOUND, Some("EntryNotFound"), "Entry not found")
            }
            Refusal::NoSuchPage => (StatusCode::NOT_FOUND, None, "Page not found"),
            Refusal::NotAllowed => (StatusCode::FORBIDDEN, None, "You may not change this."),
            Refusal::BadRequest => {
                (StatusCode::BAD_REQUEST, None, "The request is not understood.")
            }
        };
        let mut response = if visit.wants_page() {
            self.look().notice(status, sentence, "The hub itself says so, not the gate.")
        } else {
            answer::json(status, &json!({ "error": sentence }))
        };
        put(&mut response, HeaderName::from_static("x-error-message"), sentence);
        if let Some(code) = code {
            put(&mut response, HeaderName::from_static("x-error-code"), code);
        }
        if status == StatusCode::UNAUTHORIZED {
            let git = visit.head.value("user-agent").is_some_and(|agent| agent.starts_with("git/"));
            let scheme = if git { "Basic realm=\"hub\"" } else { "Bearer realm=\"hub\"" };
            put(&mut response, WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

fn info(repository: &Repository, revision: Option<&Revision>) -> Value {
    let tip = repository.revision("main");
    let commit = revision.map(|own| own.commit.clone()).or(tip.map(|own| own.commit.clone()));
    let id = repository.id();
    let mut info = json!({
        "_id": commit.as_deref().and_then(|name| name.get(..24)), "id": id,
        "author": repository.namespace, "sha": commit, "lastModified": DATE, "createdAt": DATE,
        "private": repository.private, "gated": false, "disabled": false, "downloads": 0,
        "likes": 0, "tags": ["demo"],
    });
    if let Some(fields) = info.as_object_mut() {
        if repository.kind == Kind::Model {
            fields.insert("modelId".to_owned(), id.into());
        }
        if let Some(revision) = revision {
            let files = revision.files.keys().map(|path| json!({ "rfilename": path }));
            fields.insert("siblings".to_owned(), files.collect());
        }
    }
    info
}

fn tree(revision: &Revision, folder: &str, deep: bool) -> Vec<Value> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut folders = std::collections::BTreeSet::new();
    let mut entries = Vec::new();
    for (path, content) in &revision.files {
        let Some(rest) = path.strip_prefix(&prefix) else { continue };
        for (at, _) in rest.match_indices('/') {
            let folder = format!("{prefix}{}", rest.get(..at).unwrap_or_default());
            if folders.insert(folder.clone())
                && (deep || !folder.replacen(&prefix, "", 1).contains('/'))
            {
                let oid = "0".repeat(40);
                entries.push(json!({ "type": "directory", "oid": oid, "size": 0, "path": folder }));
            }
        }
        if deep || !rest.contains('/') {
            let oid = revision.blobs.get(path);
            let size = content.len();
            entries.push(json!({ "type": "file", "oid": oid, "size": size, "path": path }));
        }
    }
    entries
}
