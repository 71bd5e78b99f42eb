//! Files of a repository, by the Hub's `resolve` address and by git.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_NONE_MATCH,
    IF_RANGE, LINK, RANGE,
};
use http::{HeaderName, Method, Response, StatusCode};

use super::git;
use super::repositories::Repository;
use super::{Refusal, State, Visit};
use crate::demo::answer::{Body, answer, field, form, full, put, text};

const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");

/// What a `Range` field asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From, and up to but without.
    Slice(usize, usize),
    Nothing,
}

impl State {
    /// `GET` and `HEAD` of `…/resolve/{revision}/{path}`.
    pub(super) fn file(
        &self,
        visit: &Visit,
        repository: &Repository,
        revision: &str,
        path: &str,
    ) -> Response<Body> {
        let headers = visit.request.headers();
        let Some(revision) = repository.revision(revision) else {
            return self.refuse(visit, Refusal::NoSuchRevision);
        };
        let (Some(file), Some(blob)) = (revision.files.get(path), revision.blobs.get(path)) else {
            let mut response = self.refuse(visit, Refusal::NoSuchFile);
            put(&mut response, REPO_COMMIT, &revision.commit);
            return response;
        };
        let etag = format!("\"{blob}\"");
        let same =
            |name| headers.get(name).is_some_and(|value| value.as_bytes() == etag.as_bytes());
        let range =
            headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE) || same(IF_RANGE));
        let part = range
            .and_then(|value| value.to_str().ok())
            .map_or(Part::Whole, |value| Part::parse(value, file.len()));
        let (status, content) = match &part {
            Part::Whole if same(IF_NONE_MATCH) => (StatusCode::NOT_MODIFIED, Bytes::new()),
            Part::Whole => (StatusCode::OK, file.clone()),
            Part::Slice(from, to) => (StatusCode::PARTIAL_CONTENT, file.slice(*from..*to)),
            Part::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()),
        };
        let length = content.len();
        let head = visit.request.method() == Method::HEAD;
        let body = if head { Bytes::new() } else { content };
        let mut response = answer(status, content_type(path), full(body));
        put(&mut response, REPO_COMMIT, &revision.commit);
        put(&mut response, ETAG, &etag);
        put(&mut response, ACCEPT_RANGES, "bytes");
        let name = path.rsplit('/').next().unwrap_or(path).replace(['"', '\\'], "_");
        put(&mut response, CONTENT_DISPOSITION, &format!("inline; filename=\"{name}\""));
        match part {
            Part::Whole => {}
            Part::Slice(from, to) => {
                let range = format!("bytes {from}-{}/{}", to - 1, file.len());
                put(&mut response, CONTENT_RANGE, &range);
            }
            Part::Nothing => {
                put(&mut response, CONTENT_RANGE, &format!("bytes */{}", file.len()));
            }
        }
        if status != StatusCode::NOT_MODIFIED {
            put(&mut response, CONTENT_LENGTH, &length.to_string());
        }
        response
    }

    /// The branches, for git over plain files; this hub takes no pushes.
    pub(super) fn git_refs(&self, visit: &Visit, repository: &Repository) -> Response<Body> {
        let query = form(visit.request.uri().query().unwrap_or_default().as_bytes());
        if field(&query, "service") == Some("git-receive-pack") {
            return text(StatusCode::FORBIDDEN, "This hub takes uploads from hf upload only.\n");
        }
        let tip = repository.revision("main").map(|revision| revision.commit.clone());
        let mut response =
            text(StatusCode::OK, &format!("{}\trefs/heads/main\n", tip.unwrap_or_default()));
        put(&mut response, LINK, "</>; rel=\"up\"");
        response
    }

    pub(super) fn git_object(&self, repository: &Repository, name: &str) -> Response<Body> {
        match repository.object(name) {
            Some(object) => {
                answer(StatusCode::OK, "application/x-git-loose-object", full(git::zlib(object)))
            }
            None => text(StatusCode::NOT_FOUND, "no such object\n"),
        }
    }
}

impl Part {
    /// Reads one range of bytes (RFC 9110 §14.1.2); what is no such range asks for the whole.
    fn parse(value: &str, length: usize) -> Part {
        let Some((first, last)) = value.strip_prefix("bytes=").and_then(|one| one.split_once('-'))
        else {
            return Part::Whole;
        };
        let number = |digits: &str| digits.trim().parse::<usize>().ok();
        match (number(first), number(last)) {
            (Some(first), _) if first >= length => Part::Nothing,
            (Some(first), Some(last)) if last >= first => {
                Part::Slice(first, length.min(last.saturating_add(1)))
            }
            (Some(first), None) if last.trim().is_empty() => Part::Slice(first, length),
            (None, Some(0)) if first.is_empty() => Part::Nothing,
            (None, Some(tail)) if first.is_empty() => {
                Part::Slice(length.saturating_sub(tail), length)
            }
            _ => Part::Whole,
        }
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("json") => "application/json",
        Some("md" | "txt" | "csv" | "py") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Part) {
        assert_eq!(Part::parse(value, 10), expected, "{value}");
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        check("bytes=0-0", Part::Slice(0, 1));
        check("bytes=3-", Part::Slice(3, 10));
        check("bytes=3-99", Part::Slice(3, 10));
        check("bytes=-4", Part::Slice(6, 10));
        check("bytes=10-", Part::Nothing);
        check("bytes=5-2", Part::Whole);
        check("bytes=0-1,4-5", Part::Whole);
        check("lines=0-1", Part::Whole);
    }
}
