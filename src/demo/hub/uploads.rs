//! What changes the hub: repositories created, moved and deleted, and commits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::repositories::{Kind, Repository};
use super::{Place, Refusal, State, Visit};
use crate::demo::answer::{self, Body};
use crate::demo::lock;

/// The largest upload: this hub keeps its files in memory.
const LARGEST: usize = 32 << 20;

impl State {
    /// `POST /api/repos/create`, `DELETE /api/repos/delete`, `POST /api/repos/move`.
    pub(super) async fn change_repositories(&self, visit: Visit, action: &str) -> Response<Body> {
        let method = visit.request.method().clone();
        let (visit, Some(body)) = visit.read().await else { return too_large() };
        let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
            return self.refuse(&visit, Refusal::BadRequest);
        };
        let word = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = Kind::of(&format!("{}s", word("type"))).unwrap_or(Kind::Model);
        let name = word("name");
        let id = match word("organization") {
            "" if name.contains('/') => name.to_owned(),
            "" => format!("{}/{name}", visit.own_namespace()),
            organization => format!("{organization}/{name}"),
        };
        match (method, action) {
            (Method::POST, "create") => self.create(&visit, kind, &id, asked.get("private")),
            (Method::DELETE, "delete") if visit.may_write(&id) => {
                match lock(&self.catalogue).remove(kind, &id) {
                    Some(_) => answer::json(StatusCode::OK, &json!({})),
                    None => self.refuse(&visit, Refusal::NoSuchRepository),
                }
            }
            (Method::POST, "move") if visit.may_write(word("fromRepo")) => {
                self.rename(&visit, kind, word("fromRepo"), word("toRepo"))
            }
            (_, "delete" | "move") => self.refuse(&visit, Refusal::NotAllowed),
            (_, _) => self.refuse(&visit, Refusal::NoSuchPage),
        }
    }

    fn create(
        &self,
        visit: &Visit,
        kind: Kind,
        id: &str,
        private: Option<&Value>,
    ) -> Response<Body> {
        if !visit.may_write(id) {
            return self.refuse(visit, Refusal::NotAllowed);
        }
        let private = private.and_then(Value::as_bool).unwrap_or_default();
        let repository = Repository::new(kind, id, private, &[]);
        let url = format!("{}{}", visit.origin(), repository.path());
        let mut catalogue = lock(&self.catalogue);
        if catalogue.find(kind, id).is_some() {
            let known = json!({ "error": "You already created this repository", "url": url });
            return answer::json(StatusCode::CONFLICT, &known);
        }
        catalogue.add(repository);
        answer::json(StatusCode::OK, &json!({ "url": url, "name": id, "id": id }))
    }

    fn rename(&self, visit: &Visit, kind: Kind, from: &str, to: &str) -> Response<Body> {
        let Some((namespace, name)) = to.split_once('/').filter(|_| visit.may_write(to)) else {
            return self.refuse(visit, Refusal::NotAllowed);
        };
        let mut catalogue = lock(&self.catalogue);
        let Some(mut repository) = catalogue.remove(kind, from) else {
            return self.refuse(visit, Refusal::NoSuchRepository);
        };
        repository.namespace = namespace.to_owned();
        repository.name = name.to_owned();
        catalogue.add(repository);
        answer::json(StatusCode::OK, &json!({}))
    }

    /// `POST …/preupload/{revision}`: every file travels inside the commit, none by LFS or xet.
    pub(super) async fn preupload(&self, visit: Visit) -> Response<Body> {
        let (visit, Some(body)) = visit.read().await else { return too_large() };
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(files) = asked.get("files").and_then(Value::as_array) else {
            return self.refuse(&visit, Refusal::BadRequest);
        };
        let mode = |file: &Value| json!({ "path": file.get("path"), "uploadMode": "regular", "shouldIgnore": false });
        let files: Vec<Value> = files.iter().map(mode).collect();
        answer::json(StatusCode::OK, &json!({ "files": files }))
    }

    /// `POST …/commit/{revision}`: one JSON object on each line.
    pub(super) async fn commit(&self, visit: Visit, place: &Place) -> Response<Body> {
        let (visit, Some(body)) = visit.read().await else { return too_large() };
        if !visit.may_write(&place.id) {
            return self.refuse(&visit, Refusal::NotAllowed);
        }
        let Some((summary, changes)) = read_commit(&body) else {
            return self.refuse(&visit, Refusal::BadRequest);
        };
        let mut catalogue = lock(&self.catalogue);
        let Some(repository) = catalogue.find_mut(place.kind, &place.id) else {
            return self.refuse(&visit, Refusal::NoSuchRepository);
        };
        let commit = repository.commit(&summary, |files| {
            for change in changes {
                match change {
                    Change::Write(path, content) => drop(files.insert(path, content)),
                    Change::Remove(path) => drop(files.remove(&path)),
                    Change::RemoveFolder(folder) => {
                        let folder = format!("{}/", folder.trim_end_matches('/'));
                        files.retain(|path, _| !path.starts_with(&folder));
                    }
                }
            }
        });
        let url = format!("{}{}/commit/{commit}", visit.origin(), repository.path());
        let made =
            json!({ "success": true, "commitOid": commit, "commitUrl": url, "hookOutput": "" });
        answer::json(StatusCode::OK, &made)
    }
}

impl Visit {
    /// Takes the body out of the request and reads it.
    async fn read(self) -> (Visit, Option<Bytes>) {
        let (parts, mut body) = self.request.into_parts();
        let bytes = answer::read(&mut body, LARGEST).await;
        (Visit { request: http::Request::from_parts(parts, body), ..self }, bytes)
    }

    fn may_write(&self, id: &str) -> bool {
        self.caller.may_write(id.split('/').next().unwrap_or_default())
    }

    fn own_namespace(&self) -> String {
        let name =
            self.caller.whoami().and_then(|person| Some(person.get("name")?.as_str()?.to_owned()));
        name.unwrap_or_else(|| "nobody".to_owned())
    }

    /// The origin as the client sees it, by the word of a gate in front.
    fn origin(&self) -> String {
        let scheme = self.head.value("x-forwarded-proto").unwrap_or_else(|| "http".to_owned());
        let host = self.head.value("x-forwarded-host").or_else(|| self.head.value("host"));
        format!("{scheme}://{}", host.unwrap_or_default())
    }
}

enum Change {
    Write(String, Bytes),
    Remove(String),
    RemoveFolder(String),
}

fn read_commit(body: &[u8]) -> Option<(String, Vec<Change>)> {
    let mut summary = String::new();
    let mut changes = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let line: Value = serde_json::from_slice(line).ok()?;
        let value = line.get("value")?;
        let word = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        match line.get("key")?.as_str()? {
            "header" => summary = word("summary")?,
            "file" => {
                let content = STANDARD.decode(word("content")?.as_bytes()).ok()?;
                changes.push(Change::Write(word("path")?, content.into()));
            }
            "deletedFile" => changes.push(Change::Remove(word("path")?)),
            "deletedFolder" => changes.push(Change::RemoveFolder(word("path")?)),
            _ => return None,
        }
    }
    Some((summary, changes))
}

fn too_large() -> Response<Body> {
    let refusal = json!({ "error": "The demo hub takes at most 32 MiB." });
    answer::json(StatusCode::PAYLOAD_TOO_LARGE, &refusal)
}
