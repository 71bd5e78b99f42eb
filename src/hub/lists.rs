//! Lists across namespaces: what they hold is the hub's to say, for whoever asks.

use http::Method;

use crate::config::HubProfile;

/// Lists of the Hugging Face Hub's API, by the segments of their path.
const HUGGINGFACE: &[&[&str]] = &[
    &["api", "models"],
    &["api", "datasets"],
    &["api", "spaces"],
    &["api", "kernels"],
    &["api", "collections"],
    &["api", "quicksearch"],
    &["api", "trending"],
    &["models"],
    &["datasets"],
    &["spaces"],
    &["kernels"],
    &["collections"],
];

const GITEA: &[&[&str]] = &[
    &["api", "v1", "repos", "search"],
    &["api", "v1", "user", "repos"],
    &["api", "v1", "user", "starred"],
    &["explore", "repos"],
];

/// Whether a request asks for a list across namespaces.
pub(super) fn is_list(profile: HubProfile, method: &Method, path: &str) -> bool {
    let lists = match profile {
        HubProfile::Huggingface => HUGGINGFACE,
        HubProfile::Gitea => GITEA,
        HubProfile::Generic => return false,
    };
    let read = *method == Method::GET || *method == Method::HEAD;
    let path = path.strip_prefix("/hf/").or_else(|| path.strip_prefix('/')).unwrap_or(path);
    let segments = || path.trim_end_matches('/').split('/');
    read && lists.iter().any(|list| segments().eq(list.iter().copied()))
}
