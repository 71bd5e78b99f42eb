//! An operator's own pattern of a path: whole segments, no regular expressions.

use std::fmt;

use super::{Ambiguity, Target};

/// `/{org}/{repo}/**`: literal segments, `{org}`, `{repo}`, `*` for one segment, and at the end `**`
/// for the rest, which may be nothing.
///
/// Segments compare decoded and without case; a slash at the end of the path is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
    parts: Box<[Part]>,
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Organization,
    Repository,
    Any,
}

/// Why a text is no pattern; reads as what follows the key's name: "path holds a dot segment".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// `acme/**`
    #[error("does not begin with a slash")]
    NoSlash,
    /// `//acme`
    #[error("holds an empty segment")]
    EmptySegment,
    /// `/acme/..`
    #[error("holds a dot segment")]
    DotSegment,
    /// `/**/acme`
    #[error("has ** before its end")]
    RestBeforeEnd,
    /// `/{org}/{org}`
    #[error("names {0} twice")]
    Twice(&'static str),
    /// `/{user}`, `/a*b`, `/a%20b`, `/a.`
    #[error(
        "holds a segment that is no plain word, {{org}}, {{repo}}, * or **; write segments whole and decoded"
    )]
    NoPlainWord,
}

/// Where a pattern met a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathMatch<'t> {
    /// The segment at `{org}`.
    pub organization: Option<&'t str>,
    /// The segment at `{repo}`.
    pub repository: Option<&'t str>,
}

impl PathPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        let Some(path) = text.strip_prefix('/') else { return Err(PathPatternError::NoSlash) };
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = Vec::new();
        let mut rest = false;
        if !path.is_empty() {
            for segment in path.split('/') {
                if rest {
                    return Err(PathPatternError::RestBeforeEnd);
                }
                match segment {
                    "**" => rest = true,
                    other => parts.push(Part::parse(other)?),
                }
            }
        }
        for (part, name) in [(Part::Organization, "{org}"), (Part::Repository, "{repo}")] {
            if parts.iter().filter(|other| **other == part).count() > 1 {
                return Err(PathPatternError::Twice(name));
            }
        }
        Ok(Self { text: text.into(), parts: parts.into(), rest })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it says where the organization stands.
    #[must_use]
    pub fn names_organization(&self) -> bool {
        self.parts.contains(&Part::Organization)
    }

    /// The literal segment right in front of `{org}`: `datasets` in `/datasets/{org}/{repo}`.
    #[must_use]
    pub fn before_organization(&self) -> Option<&str> {
        let at = self.parts.iter().position(|part| *part == Part::Organization)?;
        match self.parts.get(at.checked_sub(1)?)? {
            Part::Literal(text) => Some(text),
            Part::Organization | Part::Repository | Part::Any => None,
        }
    }

    /// Compares the path with the pattern.
    ///
    /// # Errors
    /// When some servers would see this pattern in the path and others would not.
    pub fn read<'t>(&self, target: &'t Target) -> Result<Option<PathMatch<'t>>, Ambiguity> {
        let mut found = PathMatch::default();
        for (index, part) in self.parts.iter().enumerate() {
            if *part == Part::Any {
                match target.segment(index) {
                    None => return Ok(None),
                    Some("") if index + 1 == target.len() => return Ok(None),
                    Some("") => return Err(Ambiguity::EmptySegment),
                    Some(text) if text.contains(['/', '%', ';', '?', '#']) => {
                        return Err(Ambiguity::NameCharacter);
                    }
                    Some(_) => continue,
                }
            }
            let Some(text) = target.name(index)? else { return Ok(None) };
            match part {
                Part::Literal(literal) if !text.eq_ignore_ascii_case(literal) => return Ok(None),
                Part::Literal(_) | Part::Any => {}
                Part::Organization => found.organization = Some(text),
                Part::Repository => found.repository = Some(text),
            }
        }
        let ends = target.segments().skip(self.parts.len()).all(str::is_empty);
        let over = target.len() > self.parts.len() + 1;
        if self.rest || (ends && !over) {
            return Ok(Some(found));
        }
        // `/metrics//` and `/metrics/;x` are `/metrics` to some.
        if target.laxest(self.parts.len()).is_empty() {
            return Err(Ambiguity::EmptySegment);
        }
        Ok(None)
    }
}

impl Part {
    fn parse(segment: &str) -> Result<Self, PathPatternError> {
        match segment {
            "" => Err(PathPatternError::EmptySegment),
            "." | ".." => Err(PathPatternError::DotSegment),
            "{org}" => Ok(Self::Organization),
            "{repo}" => Ok(Self::Repository),
            "*" => Ok(Self::Any),
            word if Target::is_plain(word) && !word.contains(['{', '}', '*', ' ']) => {
                Ok(Self::Literal(word.into()))
            }
            _ => Err(PathPatternError::NoPlainWord),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::uri::PathAndQuery;

    use super::*;

    fn read(pattern: &str, path: &str) -> Result<Option<(String, String)>, Ambiguity> {
        let pattern = PathPattern::parse(pattern).expect(pattern);
        let target = Target::parse(Method::GET, &PathAndQuery::try_from(path).expect(path))?;
        let text = |part: Option<&str>| part.unwrap_or("-").to_owned();
        Ok(pattern.read(&target)?.map(|found| (text(found.organization), text(found.repository))))
    }

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: Option<(&str, &str)>) {
        let expected = expected.map(|(org, repo)| (org.to_owned(), repo.to_owned()));
        assert_eq!(read(pattern, path), Ok(expected), "{pattern} {path}");
    }

    #[test]
    fn a_pattern_matches_whole_segments() {
        check("/{org}/{repo}/**", "/acme/m", Some(("acme", "m")));
        check("/{org}/{repo}/**", "/acme/m/a/b%2Fc", Some(("acme", "m")));
        check("/{org}/{repo}/**", "/acme", None);
        check("/{org}/{repo}", "/acme/m/", Some(("acme", "m")));
        check("/{org}/{repo}", "/acme/m/x", None);
        check("/metrics", "/Metrics", Some(("-", "-")));
        check("/metrics", "/%6detrics", Some(("-", "-")));
        check("/metrics", "/metrics2", None);
        check("/metrics", "/metric", None);
        check("/a/*/{org}", "/a/b/acme", Some(("acme", "-")));
        check("/a/*", "/a", None);
        check("/a/*", "/a/", None);
        check("/a/*", "/a/%C3%A9", Some(("-", "-")));
        check("/", "/", Some(("-", "-")));
        check("/", "/x", None);
        check("/**", "/x/y", Some(("-", "-")));
    }

    #[track_caller]
    fn check_refused(pattern: &str, path: &str) {
        assert!(read(pattern, path).is_err(), "{pattern} {path}");
    }

    #[test]
    fn what_only_some_servers_would_match_is_refused() {
        check_refused("/metrics", "/metrics;x");
        check_refused("/metrics", "/metrics//");
        check_refused("/metrics", "/metrics/;x");
        check_refused("/metrics", "/metrics%2f");
        check_refused("/metrics", "/metrics.");
        check_refused("/metrics/x", "/metrics//x");
        check_refused("/metrics/x", "/metrics%2Fx");
        check_refused("/a/*/b", "/a/x%2Fb/b");
        check_refused("/a/*/b", "/a//b");
    }

    #[track_caller]
    fn check_wrong(pattern: &str, expected: PathPatternError) {
        assert_eq!(PathPattern::parse(pattern), Err(expected), "{pattern}");
    }

    #[test]
    fn a_text_that_is_no_pattern_is_refused() {
        check_wrong("", PathPatternError::NoSlash);
        check_wrong("acme/**", PathPatternError::NoSlash);
        check_wrong("//acme", PathPatternError::EmptySegment);
        check_wrong("/a//b", PathPatternError::EmptySegment);
        check_wrong("/a/../b", PathPatternError::DotSegment);
        check_wrong("/**/b", PathPatternError::RestBeforeEnd);
        check_wrong("/{org}/{org}", PathPatternError::Twice("{org}"));
        check_wrong("/{repo}/{repo}", PathPatternError::Twice("{repo}"));
        for bad in ["/{user}", "/a*", "/a%20b", "/a;b", "/a.", "/a?b", "/a#b", "/é", "/***"] {
            check_wrong(bad, PathPatternError::NoPlainWord);
        }
        assert_eq!(PathPatternError::Twice("{org}").to_string(), "names {org} twice");
    }
}
