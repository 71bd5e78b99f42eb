//! What the tables are written in: where a namespace stands in a path, and what a path needs.

use http::Method;

use super::body::Names;
use super::query;
use crate::policy::{Ambiguity, Need, Target};

/// How one family of hubs names namespaces.
#[derive(Debug)]
pub(super) struct Profile {
    /// Where namespaces stand.
    pub(super) rows: &'static [Row],
    /// What stands at [`Part::Type`].
    pub(super) types: &'static [&'static str],
    /// What may stand in front of every row.
    pub(super) base_paths: &'static [&'static str],
    /// What may be glued to a namespace.
    pub(super) suffixes: &'static [&'static str],
    /// What stands where a repository would, and is none: it is never public.
    pub(super) no_repositories: &'static [&'static str],
}

/// One place where a namespace stands.
///
/// The path may end anywhere behind the namespace.
#[derive(Debug)]
pub(super) struct Row {
    /// The segments in front of the tail.
    pub(super) path: &'static [Part],
    /// The query parameter that names repositories, if one does.
    pub(super) query: Option<&'static str>,
    /// What the repository is.
    pub(super) holds: Holds,
    /// What the segments behind need.
    pub(super) tails: &'static [Tail],
    /// Whether other things stand in this place too: then only an organization's name counts.
    pub(super) loose: bool,
}

/// One segment of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// This word.
    Is(&'static str),
    /// One of the profile's repository types.
    Type,
    /// Any one segment.
    Any,
    /// The namespace.
    Org,
    /// The repository.
    Repo,
}

/// What a row's repositories are, for patterns of public content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Repositories of this type.
    Repositories(&'static str),
    /// Repositories of the type that stands at [`Part::Type`].
    Typed,
    /// Something else, which is never public.
    Other,
}

/// What the segments behind a row need, for some methods; the first that matches counts.
#[derive(Debug)]
pub(super) struct Tail {
    /// Words; `*` for any segment.
    path: &'static [&'static str],
    exact: bool,
    methods: Methods,
    needs: Needs,
}

/// Which methods a tail speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Methods {
    /// All.
    All,
    /// GET, HEAD, OPTIONS.
    Safe,
    /// All others.
    Unsafe,
    /// This one.
    Only(&'static Method),
}

/// What a tail needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    /// Always this.
    Always(Need),
    /// Read if the query's `service` is `git-upload-pack` or absent, else write.
    Service,
    /// Write if the query has this key, else read.
    WriteIf(&'static str),
    /// Read if the body says that it is a download, else write (Git LFS batch API).
    Batch,
    /// The body names further namespaces.
    Names(&'static Names),
}

/// What one reading of a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// This.
    Needs(Need),
    /// What the body of a Git LFS batch request says.
    Batch,
    /// What the body says of the namespaces that it names.
    Names(&'static Names),
}

/// Where a row met a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t> {
    /// The namespace; `None` for rows that only have tails.
    pub(super) namespace: Option<&'t str>,
    /// The repository, if the path names one.
    pub(super) repository: Option<&'t str>,
    /// The type at [`Part::Type`].
    pub(super) kind: Option<&'static str>,
    /// Where the tail begins.
    pub(super) tail: usize,
}

/// A row.
pub(super) const fn row(path: &'static [Part], holds: Holds, tails: &'static [Tail]) -> Row {
    Row { path, query: None, holds, tails, loose: false }
}

impl Row {
    /// The same row, in a place where other things stand too.
    pub(super) const fn loose(self) -> Self {
        Self { loose: true, ..self }
    }

    /// A row whose repositories are named in the query.
    pub(super) const fn in_query(path: &'static [Part], key: &'static str, holds: Holds) -> Self {
        Self { path, query: Some(key), holds, tails: &[], loose: false }
    }

    /// The row as a pattern; `more`: something follows.
    pub(super) fn route(&self, more: bool) -> String {
        let mut text = String::new();
        for part in self.path {
            text.push('/');
            text.push_str(match part {
                Part::Is(word) => word,
                Part::Type => "{type}",
                Part::Any => "*",
                Part::Org => "{org}",
                Part::Repo => "{repo}",
            });
        }
        text.push_str(if more { "/**" } else { "" });
        text
    }

    /// Compares the path from segment `from` on with this row.
    ///
    /// # Errors
    /// When a segment that decides whether the row matches has two readings.
    pub(super) fn read<'t>(
        &self,
        profile: &Profile,
        target: &'t Target,
        from: usize,
    ) -> Result<Option<Found<'t>>, Ambiguity> {
        let mut found = Found { namespace: None, repository: None, kind: None, tail: from };
        for part in self.path {
            let Some(text) = target.name(found.tail)? else {
                return Ok(found.namespace.is_some().then_some(found));
            };
            match part {
                Part::Is(word) if !text.eq_ignore_ascii_case(word) => return Ok(None),
                Part::Is(_) | Part::Any => {}
                Part::Type => {
                    let same = |kind: &&&str| text.eq_ignore_ascii_case(kind);
                    let Some(kind) = profile.types.iter().find(same) else { return Ok(None) };
                    found.kind = Some(kind);
                }
                Part::Org => found.namespace = Some(text),
                Part::Repo => found.repository = Some(text),
            }
            found.tail += 1;
        }
        Ok(Some(found))
    }

    /// Whether a body behind this row can name a namespace.
    pub(super) fn names_in_bodies(&self) -> bool {
        self.tails.iter().any(|tail| matches!(tail.needs, Needs::Names(_)))
    }

    /// The type of the repository, if it is one.
    pub(super) fn kind(&self, found: &Found<'_>) -> Option<&'static str> {
        match self.holds {
            Holds::Repositories(kind) => Some(kind),
            Holds::Typed => found.kind,
            Holds::Other => None,
        }
    }
}

impl Tail {
    /// Exactly these segments.
    pub(super) const fn at(path: &'static [&'static str], methods: Methods, needs: Needs) -> Self {
        Self { path, exact: true, methods, needs }
    }

    /// These segments, and whatever follows.
    pub(super) const fn under(
        path: &'static [&'static str],
        methods: Methods,
        needs: Needs,
    ) -> Self {
        Self { path, exact: false, methods, needs }
    }
}

impl Methods {
    fn contain(self, method: &Method) -> bool {
        match self {
            Self::All => true,
            Self::Safe => is_safe(method),
            Self::Unsafe => !is_safe(method),
            Self::Only(one) => one == method,
        }
    }
}

/// Whether the method only reads (RFC 9110 §9.2.1); TRACE is no method of a hub.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What the segments behind a row ask for, in the strict reading and, where that is another, in the
/// laxest one.
pub(super) fn asks(tails: &[Tail], target: &Target, from: usize) -> (Asks, Asks) {
    let mut odd = false;
    // Every tail looks at the first one.
    let begins = (target.segment(from).unwrap_or_default(), target.is_odd(from));
    let strict = first(tails, target, |tail| {
        let mut index = from;
        for word in tail.path {
            let (text, text_odd) = match index == from {
                true => begins,
                false => (target.segment(index).unwrap_or_default(), target.is_odd(index)),
            };
            odd |= text_odd;
            if !is_word(word, text) {
                return false;
            }
            index += 1;
        }
        odd |= tail.exact && target.is_odd(index);
        !tail.exact || target.segment(index).is_none_or(str::is_empty)
    });
    if !odd {
        return (strict, strict);
    }
    let lax = target.laxest(from);
    let laxest = first(tails, target, |tail| {
        let same = |(word, text): (&&str, &String)| is_word(word, text);
        lax.len() >= tail.path.len()
            && tail.path.iter().zip(&lax).all(same)
            && (!tail.exact || lax.len() == tail.path.len())
    });
    (strict, laxest)
}

/// Whether a segment is the word of a tail; `*` is any.
fn is_word(word: &str, text: &str) -> bool {
    if word == "*" { !text.is_empty() } else { text.eq_ignore_ascii_case(word) }
}

/// The first tail that matches; without one, safe methods read and others write.
fn first(tails: &[Tail], target: &Target, mut matches: impl FnMut(&Tail) -> bool) -> Asks {
    let method = target.method();
    let Some(tail) = tails.iter().find(|tail| tail.methods.contain(method) && matches(tail)) else {
        return Asks::Needs(if is_safe(method) { Need::Read } else { Need::Write });
    };
    match tail.needs {
        Needs::Always(need) => Asks::Needs(need),
        Needs::Service => Asks::Needs(query::git_service(target.query())),
        Needs::WriteIf(key) => Asks::Needs(query::write_if(key, target.query())),
        Needs::Batch => Asks::Batch,
        Needs::Names(names) => Asks::Names(names),
    }
}
