//! What queries say: Git's `service`, and parameters that name repositories.

use percent_encoding::percent_decode_str;

use crate::policy::{Ambiguity, Need, Target, fully_decoded};

/// What a request for a repository's refs needs (Git's HTTP protocol, "Smart Clients").
///
/// Without `service` it is the protocol that only reads.
/// A query that could name another service than `git-upload-pack` to any server is a push.
pub(super) fn git_service(query: Option<&str>) -> Need {
    let mut services = 0;
    for (key, value) in pairs(query) {
        match key {
            "service" if value == "git-upload-pack" => services += 1,
            key if key == "service" || !is_plain_key(key) => return Need::Write,
            _ => {}
        }
    }
    if services > 1 { Need::Write } else { Need::Read }
}

/// Write if any server could find `key` in the query.
pub(super) fn write_if(key: &str, query: Option<&str>) -> Need {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let found = |(name, _)| str::eq_ignore_ascii_case(name, key) || !name.bytes().all(word);
    if pairs(query).any(found) { Need::Write } else { Need::Read }
}

/// The namespaces and repositories that `key` names, as often as it stands there.
///
/// # Errors
/// When a value has two readings.
pub(super) fn repositories(
    key: &str,
    query: Option<&str>,
    mut name: impl FnMut(&str, Option<&str>) -> Result<(), Ambiguity>,
) -> Result<(), Ambiguity> {
    for (raw_key, raw_value) in pairs(query) {
        // `dataset[]` and `dataset[0]` are lists to some.
        let decoded = fully_decoded(raw_key);
        let word = decoded.split(['[', '\0']).next().unwrap_or_default();
        if !word.trim_matches(|c: char| c == '+' || c.is_whitespace()).eq_ignore_ascii_case(key) {
            continue;
        }
        let Ok(value) = percent_decode_str(raw_value).decode_utf8() else {
            return Err(Ambiguity::NameCharacter);
        };
        let (namespace, repository) = match value.split_once('/') {
            Some((namespace, repository)) => (namespace, Some(repository)),
            None => (value.as_ref(), None),
        };
        let plain = |text: &str| Target::is_plain(text) && !text.contains(['+', ' ']);
        if !plain(namespace) || !repository.is_none_or(plain) {
            return Err(Ambiguity::NameCharacter);
        }
        name(namespace, repository)?;
    }
    Ok(())
}

/// Keys and values as they came; `;` separates too, for servers that still take it so.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    query
        .unwrap_or_default()
        .split(['&', ';'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether every server takes this key for the same.
fn is_plain_key(key: &str) -> bool {
    key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_service(query: &str, expected: Need) {
        assert_eq!(git_service(Some(query)), expected, "{query}");
    }

    #[test]
    fn only_a_query_that_every_server_reads_as_a_fetch_is_a_fetch() {
        assert_eq!(git_service(None), Need::Read);
        check_service("", Need::Read);
        check_service("service=git-upload-pack", Need::Read);
        check_service("x=1&service=git-upload-pack&", Need::Read);
        check_service("service=git-receive-pack", Need::Write);
        check_service("service=", Need::Write);
        check_service("service", Need::Write);
        check_service("service=git-upload-pack&service=git-receive-pack", Need::Write);
        check_service("service=git-upload-pack&service=git-upload-pack", Need::Write);
        check_service("service=git-upload-pack;service=git-receive-pack", Need::Write);
        check_service("Service=git-receive-pack", Need::Write);
        check_service("%73ervice=git-receive-pack", Need::Write);
        check_service("service=git-%72eceive-pack", Need::Write);
        check_service("service[]=git-receive-pack", Need::Write);
        check_service("+service=git-receive-pack", Need::Write);
    }

    #[test]
    fn a_key_that_asks_for_more_is_seen_in_every_spelling() {
        assert_eq!(write_if("write", None), Need::Read);
        assert_eq!(write_if("write", Some("expiration=1&otherKey=2")), Need::Read);
        for query in ["write", "write=true", "a=1&write=0", "Write=1", "wr%69te=1", "a;write"] {
            assert_eq!(write_if("write", Some(query)), Need::Write, "{query}");
        }
    }

    #[track_caller]
    fn check(query: &str, expected: Result<&[&str], Ambiguity>) {
        let mut names = Vec::new();
        let read = repositories("dataset", Some(query), |namespace, repository| {
            names.push(format!("{namespace} {}", repository.unwrap_or("-")));
            Ok(())
        });
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(read.map(|()| names.as_slice()), expected, "{query}");
    }

    #[test]
    fn every_repository_that_a_query_names_is_found() {
        check("", Ok(&[]));
        check("x=acme%2Fd", Ok(&[]));
        check("dataset=acme%2Fd&config=x", Ok(&["acme d"]));
        check("dataset=acme/d", Ok(&["acme d"]));
        check("dataset=squad", Ok(&["squad -"]));
        check("dataset=pub%2Fd&dataset=acme%2Fd", Ok(&["pub d", "acme d"]));
        check("dataset=pub%2Fd;dataset=acme%2Fd", Ok(&["pub d", "acme d"]));
        check("Dataset=acme%2Fd", Ok(&["acme d"]));
        check("d%61taset=acme%2Fd", Ok(&["acme d"]));
        check("d%2561taset=acme%2Fd", Ok(&["acme d"]));
        check("dataset[]=acme%2Fd", Ok(&["acme d"]));
        check("+dataset=acme%2Fd", Ok(&["acme d"]));
    }

    #[test]
    fn a_value_with_two_readings_is_refused() {
        for value in ["acme%252Fd", "", "%2Facme%2Fd", "acme%2F", "acme%00", "a%2Fb%2Fc", "+acme"] {
            check(&format!("dataset={value}"), Err(Ambiguity::NameCharacter));
        }
        check("dataset=%E2%84%AA%2Fd", Err(Ambiguity::NameCharacter));
        check("dataset=%FF%2Fd", Err(Ambiguity::NameCharacter));
    }
}
