//! Lists across namespaces: what they hold is the hub's to say, for whoever asks.

use http::Method;

use super::table::Profile;
use crate::config::HubProfile;

/// Lists of the Hugging Face Hub's API beside those of each type, by the segments of their path.
const HUGGINGFACE: &[&[&str]] = &[
    &["api", "collections"],
    &["api", "quicksearch"],
    &["api", "trending"],
    &["api", "recent-activity"],
    &["collections"],
    &["search", "full-text"],
];

const GITEA: &[&[&str]] = &[
    &["api", "v1", "repos", "search"],
    &["api", "v1", "user", "repos"],
    &["api", "v1", "user", "starred"],
    &["explore", "repos"],
];

/// Whether a request asks for a list across namespaces.
pub(super) fn is_list(kind: HubProfile, profile: &Profile, method: &Method, path: &str) -> bool {
    let lists = match kind {
        HubProfile::Huggingface => HUGGINGFACE,
        HubProfile::Gitea => GITEA,
        HubProfile::Generic => return false,
    };
    if *method != Method::GET && *method != Method::HEAD {
        return false;
    }
    let path = path.trim_start_matches('/').trim_end_matches('/');
    let bare = path.split_once('/').filter(|(base, _)| profile.base_paths.contains(base));
    let path = bare.map_or(path, |(_, rest)| rest);
    // `/models`, `/api/models`, and CSGHub's `/api/v1/models`.
    let kinds = if kind == HubProfile::Huggingface { profile.types } else { &[] };
    let rest = path.strip_prefix("api/").unwrap_or(path);
    let rest = rest.strip_prefix("v1/").filter(|_| path.starts_with("api/")).unwrap_or(rest);
    kinds.contains(&rest) || lists.iter().any(|list| path.split('/').eq(list.iter().copied()))
}
