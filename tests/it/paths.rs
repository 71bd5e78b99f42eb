//! From a path to a namespace: every address of the known hubs, and every way to disguise one.

use std::sync::LazyLock;

use http::Method;
use http::uri::PathAndQuery;
use hubgate::config::Identity;
use hubgate::fields::{FieldValue, Fields};
use hubgate::hub::{BodyError, Found, Hub};
use hubgate::policy::{Claimed, Target};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::vectors::World;

/// What the hub makes of `GET /path` or `POST /path {body}`: `acme:read`, `acme:read public`,
/// `acme:admin globex:write`, `nobody`, `no namespace`, `refused`.
fn verdict(hub: &Hub, request: &str) -> String {
    let (method, rest) = request.split_once(' ').expect("a method");
    let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
    let Ok(path) = PathAndQuery::try_from(path) else { return "refused".to_owned() };
    let method: Method = method.parse().expect("a method");
    let found = Target::parse(method, &path).and_then(|target| hub.find(&target));
    match found {
        Err(_) => "refused".to_owned(),
        Ok(Found::Claimed(claimed)) => words(&claimed),
        Ok(Found::InBody(rule)) => {
            rule.read(body.as_bytes()).map_or("refused".to_owned(), |claimed| words(&claimed))
        }
    }
}

fn words(claimed: &Claimed<'_>) -> String {
    match claimed {
        Claimed::Unclaimed { pass: true } => "no namespace".to_owned(),
        Claimed::Unclaimed { pass: false } => "nobody".to_owned(),
        Claimed::Denied => "closed by a rule".to_owned(),
        Claimed::By(claims) | Claimed::Unread(claims) => claims
            .iter()
            .map(|claim| {
                let public = if claim.public { " public" } else { "" };
                format!("{}:{}{public}", claim.organization.id, claim.need)
            })
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// `unclaimed = "deny"` tells a namespace of nobody from no namespace.
fn hub(profile: &str) -> Hub {
    hub_with(profile, |_| {})
}

fn hub_with(profile: &str, change: impl FnOnce(&mut hubgate::config::Config)) -> Hub {
    let mut world = World::default();
    world.take(&format!("hub profile={profile} unclaimed=deny"));
    world.take("organization acme namespaces=acme,acme-labs public=demo,datasets/open-*");
    world.take("organization globex");
    let mut config = world.config();
    change(&mut config);
    Hub::new(&config.hub, &config.organizations)
}

static HUGGINGFACE: LazyLock<Hub> = LazyLock::new(|| hub("huggingface"));
static GITEA: LazyLock<Hub> = LazyLock::new(|| hub("gitea"));
static GENERIC: LazyLock<Hub> = LazyLock::new(|| hub("generic"));

#[track_caller]
fn check_all(hub: &Hub, requests: &[(&str, &str)]) {
    let wrong: Vec<String> = requests
        .iter()
        .filter_map(|(request, expected)| {
            let found = verdict(hub, request);
            (found != *expected).then(|| format!("{request} => {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The addresses of the Hugging Face Hub and of the hubs that speak its API.
const HUGGINGFACE_ADDRESSES: &[(&str, &str)] = &[
    // People and organizations.
    ("GET /acme", "acme:read"),
    ("GET /acme/models", "acme:read"),
    ("GET /acme/collections", "acme:read"),
    ("GET /acme-labs", "acme:read"),
    // Pages and files of a repository.
    ("GET /acme/m", "acme:read"),
    ("GET /acme/demo", "acme:read public"),
    ("GET /acme/m/tree/main", "acme:read"),
    ("GET /acme/m/blob/main/config.json", "acme:read"),
    ("GET /acme/demo/raw/main/config.json", "acme:read public"),
    ("GET /acme/m/resolve/main/model.safetensors", "acme:read"),
    ("HEAD /acme/demo/resolve/refs%2Fpr%2F1/model.safetensors", "acme:read public"),
    ("GET /acme/m/commits/main", "acme:read"),
    ("GET /acme/m/commit/0123abcd", "acme:read"),
    ("GET /acme/m/discussions/1", "acme:read"),
    ("POST /acme/m/discussions/1/comment", "acme:write"),
    ("GET /acme/m/settings", "acme:admin"),
    ("POST /acme/demo/settings/visibility", "acme:admin"),
    ("POST /acme/m/upload/main", "acme:write"),
    ("GET /models/acme/m", "acme:read"),
    ("GET /models/acme/demo/resolve/main/x", "acme:read public"),
    ("GET /datasets/acme/d", "acme:read"),
    ("GET /datasets/acme/open-d/viewer/default/train", "acme:read public"),
    ("GET /datasets/acme/open-d/embed/viewer", "acme:read public"),
    ("GET /datasets/acme/demo", "acme:read"),
    ("GET /spaces/acme/demo", "acme:read"),
    ("GET /spaces/acme/app/agents.md", "acme:read"),
    ("GET /spaces/acme", "acme:read"),
    ("GET /kernels/acme/k/tree/main", "acme:read"),
    ("GET /buckets/acme/b/resolve/a%2Fb", "acme:read"),
    ("GET /datasets/acme/d/settings", "acme:admin"),
    // The old style: no namespace.
    ("GET /acme/resolve/main/config.json", "acme:read"),
    ("GET /datasets/acme/resolve/main/a.csv", "acme:read"),
    ("GET /gpt2/resolve/main/config.json", "nobody"),
    // Git and LFS.
    ("GET /acme/m.git/info/refs?service=git-upload-pack", "acme:read"),
    ("GET /acme/demo.git/info/refs?service=git-upload-pack", "acme:read public"),
    ("GET /acme/m/info/refs?service=git-receive-pack", "acme:write"),
    ("POST /acme/m.git/git-upload-pack", "acme:read"),
    ("POST /acme/m.git/git-receive-pack", "acme:write"),
    ("GET /acme/m.git/git-receive-pack", "acme:write"),
    ("GET /acme/m.git/HEAD", "acme:read"),
    ("GET /acme/m.git/objects/info/packs", "acme:read"),
    ("GET /datasets/acme/d.git/info/refs?service=git-receive-pack", "acme:write"),
    ("POST /spaces/acme/app.git/git-upload-pack", "acme:read"),
    ("POST /acme/m.git/info/lfs/objects/batch {\"operation\":\"download\"}", "acme:read"),
    ("POST /acme/m.git/info/lfs/objects/batch {\"operation\":\"upload\"}", "acme:write"),
    (
        "POST /datasets/acme/open-d/info/lfs/objects/batch {\"operation\":\"download\"}",
        "acme:read public",
    ),
    ("POST /acme/m.git/info/lfs/objects/verify", "acme:write"),
    ("GET /acme/m.git/info/lfs/locks", "acme:read"),
    ("POST /acme/m.git/info/lfs/locks/verify", "acme:write"),
    ("POST /api/acme/m.git/info/lfs/complete/1", "acme:write"),
    ("POST /api/acme/m.git/info/lfs/verify", "acme:write"),
    // The API of a repository.
    ("GET /api/models/acme/m", "acme:read"),
    ("GET /api/models/acme/demo", "acme:read public"),
    ("GET /api/models/acme/demo/revision/main", "acme:read public"),
    ("GET /api/models/acme/m/tree/main?recursive=true", "acme:read"),
    ("GET /api/models/acme/m/refs", "acme:read"),
    ("GET /api/models/acme/m/commits/main", "acme:read"),
    ("POST /api/models/acme/m/commit/main", "acme:write"),
    ("POST /api/models/acme/m/preupload/main", "acme:write"),
    ("POST /api/datasets/acme/open-d/paths-info/main", "acme:read public"),
    ("POST /api/models/acme/m/paths-info/refs%2Fpr%2F1", "acme:read"),
    ("POST /api/models/acme/m/branch/x", "acme:write"),
    ("DELETE /api/models/acme/m/tag/v1", "acme:write"),
    ("POST /api/models/acme/m/super-squash/main", "acme:write"),
    ("GET /api/models/acme/m/lfs-files", "acme:read"),
    ("PUT /api/models/acme/m/settings", "acme:admin"),
    ("POST /api/models/acme/m/resource-group", "acme:admin"),
    ("GET /api/models/acme/m/resource-group", "acme:read"),
    ("GET /api/models/acme/m/scan", "acme:read"),
    ("GET /api/models/acme/m/treesize/main", "acme:read"),
    ("GET /api/models/acme/m/compare/a..b", "acme:read"),
    ("POST /api/models/acme/m/compare/a..b", "acme:read"),
    ("POST /api/models/acme/m/like", "acme:write"),
    ("GET /api/models/acme/m/likers", "acme:read"),
    ("GET /api/models/acme/m/discussions", "acme:read"),
    ("POST /api/models/acme/m/discussions/1/merge", "acme:write"),
    ("GET /api/models/acme/demo/user-access-request/pending", "acme:write"),
    ("POST /api/models/acme/m/user-access-request/handle", "acme:write"),
    ("GET /api/models/acme/m/auth-check", "acme:read"),
    ("GET /api/models/acme/m/xet-read-token/main", "acme:read"),
    ("GET /api/models/acme/m/xet-write-token/main", "acme:write"),
    ("GET /api/datasets/acme/open-d/parquet", "acme:read public"),
    ("GET /api/spaces/acme/app/jwt", "acme:read"),
    ("GET /api/spaces/acme/app/jwt?write=true", "acme:write"),
    ("POST /api/datasets/acme/d/sql-console/embed", "acme:write"),
    ("POST /api/models/acme/m/duplicate {\"repository\":\"globex/m\"}", "acme:read globex:write"),
    (
        "POST /api/models/acme/m/lfs-files/duplicate {\"target\":{\"name\":\"acme/n\"}}",
        "acme:write",
    ),
    ("GET /api/spaces/acme/app/secrets", "acme:write"),
    ("POST /api/spaces/acme/app/secrets", "acme:write"),
    ("GET /api/spaces/acme/app/variables", "acme:write"),
    ("POST /api/spaces/acme/app/volumes", "acme:write"),
    ("POST /api/spaces/acme/app/hardware", "acme:write"),
    ("POST /api/spaces/acme/app/sleeptime", "acme:write"),
    ("GET /api/spaces/acme/app/runtime", "acme:read"),
    ("GET /api/spaces/acme/app/logs/run", "acme:write"),
    ("GET /api/spaces/acme/app/events", "acme:read"),
    ("GET /api/spaces/acme/app/metrics", "acme:read"),
    ("POST /api/spaces/acme/app/restart", "acme:write"),
    ("POST /api/spaces/acme/app/pause", "acme:write"),
    ("POST /api/spaces/acme/app/dev-mode", "acme:write"),
    ("GET /api/kernels/acme/k", "acme:read"),
    ("POST /api/buckets/acme", "acme:write"),
    ("GET /api/buckets/acme/b/tree/a%2Fb", "acme:read"),
    ("POST /api/buckets/acme/b/batch", "acme:write"),
    ("POST /api/buckets/acme/b/paths-info", "acme:read"),
    ("GET /api/buckets/acme/b/xet-write-token", "acme:write"),
    ("PUT /api/buckets/acme/b/settings", "acme:admin"),
    ("GET /api/resolve-cache/models/acme/demo/0123/config.json", "acme:read public"),
    ("GET /api/resolve-cache/datasets/acme/d/0123/a%2Fb.csv", "acme:read"),
    // Organizations and people.
    ("GET /api/organizations/acme/overview", "acme:read"),
    ("GET /api/organizations/acme/members", "acme:read"),
    ("PUT /api/organizations/acme/members/alice/role", "acme:admin"),
    ("GET /api/organizations/acme/settings/repositories", "acme:admin"),
    ("POST /api/organizations/acme/settings/tokens/revoke", "acme:admin"),
    ("POST /api/organizations/acme/resource-groups", "acme:admin"),
    ("GET /api/organizations/acme/audit-log/export", "acme:admin"),
    ("GET /api/organizations/acme/billing/usage", "acme:admin"),
    ("POST /api/organizations/acme/scim/v2/Users", "acme:admin"),
    ("GET /api/organizations/acme/scim/v2/Users", "acme:admin"),
    ("GET /api/organizations/acme/scim-provisioning/v2/Users", "acme:admin"),
    ("GET /organizations/acme/activity", "acme:read"),
    ("GET /organizations/acme/settings/members", "acme:admin"),
    ("GET /organizations/acme/share", "acme:admin"),
    ("GET /api/users/acme/overview", "acme:read"),
    ("PUT /api/users/acme/settings", "acme:admin"),
    ("GET /api/quota/acme", "acme:read"),
    ("PUT /api/quota/acme/public", "acme:admin"),
    ("GET /org/acme", "acme:read"),
    ("POST /org/acme/members", "acme:admin"),
    ("POST /api/invitations/org/acme/create", "acme:admin"),
    ("GET /admin/api/repositories/model/acme/m", "no namespace"),
    ("GET /admin/api/repositories/models/acme/m", "acme:admin"),
    // Collections, posts, articles, jobs, endpoints.
    ("GET /collections/acme/best-0123", "acme:read"),
    ("GET /api/collections/acme/best-0123", "acme:read"),
    ("POST /api/collections/acme/best-0123/items", "acme:write"),
    ("POST /api/collections/acme/best-0123/resource-group", "acme:admin"),
    ("GET /posts/acme/1", "acme:read"),
    ("GET /api/posts/acme/hello", "acme:read"),
    ("GET /blog/acme/hello", "acme:read"),
    ("POST /api/blog/acme/hello/comment", "acme:write"),
    ("GET /jobs/acme/1", "acme:read"),
    ("POST /api/jobs/acme", "acme:write"),
    ("GET /api/jobs/acme/1/logs", "acme:read"),
    ("POST /api/scheduled-jobs/acme", "acme:write"),
    ("POST /api/inference-endpoints/acme", "acme:write"),
    ("GET /inference-endpoints/acme/e", "acme:read"),
    // OCI clients.
    ("GET /v2/acme/demo/manifests/latest", "acme:read public"),
    ("HEAD /v2/acme/m/blobs/sha256:0123", "acme:read"),
    // CSGHub.
    ("GET /codes/acme/c/info/refs?service=git-receive-pack", "acme:write"),
    ("GET /api/v1/organization/acme", "acme:read"),
    ("PUT /api/v1/organizations/acme", "acme:admin"),
    ("GET /api/v1/models/acme/m", "acme:read"),
    ("PUT /api/v1/mcps/acme/m", "acme:write"),
    ("GET /hf/acme/demo/resolve/main/x", "acme:read public"),
    ("GET /csg/api/models/acme/m", "acme:read"),
    // The datasets server.
    ("GET /rows?dataset=acme%2Fd&config=default", "acme:read"),
    ("GET /parquet?dataset=acme/open-d", "acme:read public"),
    ("GET /first-rows?dataset=pub%2Fd&dataset=acme%2Fd", "acme:read"),
    ("GET /croissant?dataset=acme%2Fd", "acme:read"),
    ("GET /filter?dataset=acme%2Fd", "acme:read"),
    ("GET /info?dataset=acme%2Fd", "acme:read"),
    ("GET /is-valid?dataset=acme%2Fd", "acme:read"),
    ("GET /opt-in-out-urls?dataset=acme%2Fd", "acme:read"),
    ("GET /presidio-entities?dataset=acme%2Fd", "acme:read"),
    ("GET /search?dataset=acme%2Fd", "acme:read"),
    ("GET /size?dataset=acme%2Fd", "acme:read"),
    ("GET /splits?dataset=acme%2Fd", "acme:read"),
    ("GET /statistics?dataset=acme%2Fd", "acme:read"),
    ("GET /valid?dataset=acme%2Fd", "acme:read"),
    ("GET /size?dataset=acme%2Fopen-d&dataset=acme%2Fd", "acme:read"),
    ("GET /size?dataset=acme%2Fd&dataset=acme%2Fopen-d", "acme:read"),
    ("GET /statistics?dataset=pub%2Fd", "nobody"),
    // In the body.
    ("POST /api/repos/create {\"name\":\"m\",\"organization\":\"acme\"}", "acme:write"),
    ("DELETE /api/repos/delete {\"name\":\"m\",\"organization\":\"acme\"}", "acme:write"),
    (
        "POST /api/repos/move {\"fromRepo\":\"acme/m\",\"toRepo\":\"globex/m\"}",
        "acme:admin globex:write",
    ),
    ("POST /api/repos/move {\"fromRepo\":\"acme/m\",\"toRepo\":\"acme/n\"}", "acme:write"),
    ("POST /api/collections {\"namespace\":\"acme\"}", "acme:write"),
    ("POST /api/settings/webhooks {\"watched\":[{\"name\":\"acme\"}]}", "acme:read"),
    // Whatever else stands under an organization's namespace.
    ("GET /acme/m/what/ever", "acme:read"),
    ("PATCH /acme/m/what/ever", "acme:write"),
    ("PROPFIND /acme/m", "acme:write"),
    ("GET /api/models/acme/m/what/ever", "acme:read"),
    ("DELETE /collections/acme", "acme:write"),
];

/// Addresses that name no organization.
const OTHER_ADDRESSES: &[(&str, &str)] = &[
    ("GET /", "no namespace"),
    ("GET /login", "no namespace"),
    ("GET /join", "no namespace"),
    ("GET /settings/profile", "no namespace"),
    ("GET /new", "no namespace"),
    ("GET /notifications", "no namespace"),
    ("GET /api/whoami-v2", "no namespace"),
    ("POST /api/validate-yaml", "no namespace"),
    ("GET /api/models?author=acme", "no namespace"),
    ("GET /models?author=acme", "no namespace"),
    ("GET /datasets", "no namespace"),
    ("GET /api/collections?owner=acme", "no namespace"),
    ("GET /api/quicksearch?q=acme", "no namespace"),
    ("GET /api/trending", "no namespace"),
    ("GET /api/models-tags-by-type", "no namespace"),
    ("GET /api/daily_papers", "no namespace"),
    ("GET /papers/2401.00001", "no namespace"),
    ("POST /oauth/token", "no namespace"),
    ("GET /.well-known/openid-configuration", "no namespace"),
    ("POST /api/telemetry/gradio/initiated", "no namespace"),
    ("GET /api/agent-harnesses", "no namespace"),
    ("GET /api/tasks", "no namespace"),
    ("GET /docs/hub/security", "no namespace"),
    ("GET /health", "no namespace"),
    ("GET /assets/acme/%C3%A9/a%20b.png", "no namespace"),
    ("GET /front/build/x.js", "no namespace"),
    ("GET /api/version", "no namespace"),
    ("GET /v2/", "no namespace"),
    ("GET /pub", "nobody"),
    ("GET /pub/acme", "nobody"),
    ("GET /pub/m/acme", "nobody"),
    ("GET /pub/m/resolve/main/acme%2Fm", "nobody"),
    ("GET /datasets/pub/acme", "nobody"),
    ("GET /api/models/pub/acme", "nobody"),
    ("GET /acmes", "nobody"),
    ("GET /acm", "nobody"),
];

const GITEA_ADDRESSES: &[(&str, &str)] = &[
    ("GET /acme", "acme:read"),
    ("GET /acme.rss", "acme:read"),
    ("GET /acme.keys", "acme:read"),
    ("GET /acme/demo/src/branch/main/a%2Fb", "acme:read public"),
    ("GET /acme/m/settings/hooks", "acme:admin"),
    ("GET /acme/m.git/info/refs?service=git-receive-pack", "acme:write"),
    ("POST /acme/m.git/git-upload-pack", "acme:read"),
    ("GET /acme/m.git/git-receive-pack", "acme:write"),
    ("GET /acme/-/packages", "acme:read"),
    ("POST /org/acme/teams/new", "acme:admin"),
    ("GET /org/acme/members", "acme:read"),
    ("GET /org/acme/settings", "acme:admin"),
    ("GET /user/avatar/acme/64", "acme:read"),
    ("GET /api/v1/repos/acme/demo/contents/a", "acme:read public"),
    ("PATCH /api/v1/repos/acme/m", "acme:admin"),
    ("POST /api/v1/repos/acme/m/issues", "acme:write"),
    ("GET /api/v1/repos/acme/m/actions/secrets", "acme:admin"),
    ("POST /api/v1/repos/acme/m/transfer", "acme:admin"),
    ("PUT /api/v1/repos/acme/m/actions/variables/x", "acme:admin"),
    ("GET /api/v1/repos/acme/m/actions/variables", "acme:read"),
    ("POST /api/v1/repos/acme/m/avatar", "acme:admin"),
    ("POST /api/v1/repos/acme/m/branch_protections", "acme:admin"),
    ("PUT /api/v1/repos/acme/m/collaborators/alice", "acme:admin"),
    ("GET /api/v1/repos/acme/m/hooks", "acme:admin"),
    ("GET /api/v1/repos/acme/m/keys", "acme:admin"),
    ("GET /api/v1/repos/acme/m/push_mirrors", "acme:admin"),
    ("POST /api/v1/repos/acme/m/tag_protections", "acme:admin"),
    ("PUT /api/v1/repos/acme/m/teams/x", "acme:admin"),
    ("POST /api/v1/orgs/acme/labels", "acme:write"),
    ("GET /api/v1/orgs/acme/actions/secrets", "acme:admin"),
    ("GET /api/v1/orgs/acme/hooks", "acme:admin"),
    ("PUT /api/v1/user/following/acme", "acme:write"),
    ("POST /api/v1/admin/unadopted/acme/m", "acme:admin"),
    ("GET /api/v1/orgs/acme/repos", "acme:read"),
    ("POST /api/v1/orgs/acme/repos", "acme:write"),
    ("POST /api/v1/org/acme/repos", "acme:write"),
    ("PATCH /api/v1/orgs/acme", "acme:admin"),
    ("GET /api/v1/users/acme", "acme:read"),
    ("GET /api/v1/packages/acme/npm/x", "acme:read"),
    ("PUT /api/v1/user/starred/acme/m", "acme:write"),
    ("PUT /api/v1/teams/7/repos/acme/m", "acme:admin"),
    ("POST /api/v1/admin/users/acme/repos", "acme:admin"),
    ("PUT /api/packages/acme/generic/x/1/f", "acme:write"),
    ("GET /v2/acme/image/manifests/latest", "acme:read"),
    ("GET /explore/repos", "no namespace"),
    ("GET /api/v1/version", "no namespace"),
    ("GET /user/login", "no namespace"),
    ("GET /pub/m", "nobody"),
    ("GET /pub/acme", "nobody"),
];

const GENERIC_ADDRESSES: &[(&str, &str)] = &[
    ("GET /acme", "acme:read"),
    ("GET /acme/demo/x", "acme:read public"),
    ("PUT /acme/m/x", "acme:write"),
    ("GET /acme/m/a%2Fb", "acme:read"),
    ("GET /acme/m.git/info/refs?service=git-receive-pack", "acme:write"),
    ("POST /acme/m.git/git-upload-pack", "acme:read"),
    ("GET /acme/m.git/git-receive-pack", "acme:write"),
    ("POST /acme/m.git/info/lfs/objects/batch {\"operation\":\"download\"}", "acme:read"),
    ("GET /pub/acme", "nobody"),
    ("GET /", "no namespace"),
];

#[test]
fn every_address_of_the_hub_names_its_namespace_and_what_it_needs() {
    check_all(&HUGGINGFACE, HUGGINGFACE_ADDRESSES);
    check_all(&GITEA, GITEA_ADDRESSES);
    check_all(&GENERIC, GENERIC_ADDRESSES);
}

#[test]
fn an_address_without_an_organization_is_nobodys() {
    check_all(&HUGGINGFACE, OTHER_ADDRESSES);
}

#[test]
fn nothing_is_public_where_the_hub_has_accounts() {
    let hub = hub_with("huggingface", |config| config.hub.identity = Identity::Hub);
    assert_eq!(verdict(&hub, "GET /acme/demo"), "acme:read");
}

#[test]
fn the_organization_may_be_called_like_a_word_of_the_hub() {
    let mut world = World::default();
    world.take("hub profile=huggingface");
    world.take("organization whoami-v2");
    world.take("organization rows");
    let config = world.config();
    let hub = Hub::new(&config.hub, &config.organizations);
    assert_eq!(verdict(&hub, "GET /api/whoami-v2"), "whoami-v2:read");
    assert_eq!(verdict(&hub, "GET /rows/m?dataset=pub%2Fd"), "rows:read");
    assert_eq!(verdict(&hub, "GET /rows?dataset=rows%2Fd"), "rows:read");
}

#[track_caller]
fn check_headers(headers: &[(&str, &str)], expected: Result<(), BodyError>) {
    let path = PathAndQuery::from_static("/api/repos/create");
    let target = Target::parse(Method::POST, &path).unwrap();
    let Ok(Found::InBody(rule)) = HUGGINGFACE.find(&target) else { panic!("a body is read") };
    let mut map = Fields::new();
    for (name, value) in headers {
        let name = http::HeaderName::try_from(*name).unwrap();
        map.append(name, FieldValue::from_str(value).unwrap());
    }
    assert_eq!(rule.admit(&map), expected, "{headers:?}");
}

#[test]
fn only_json_in_utf_8_is_read() {
    check_headers(&[("content-type", "application/json")], Ok(()));
    check_headers(&[("content-type", "application/json; charset=utf-8")], Ok(()));
    check_headers(&[("content-type", "Application/JSON;charset=\"UTF-8\"")], Ok(()));
    check_headers(&[("content-type", "application/vnd.git-lfs+json; charset=utf-8")], Ok(()));
    let json = ("content-type", "application/json");
    check_headers(&[json, ("content-encoding", "identity")], Ok(()));
    for refused in [
        &[][..],
        &[("content-type", "application/json; charset=utf-7")],
        &[("content-type", "application/json; charset=utf-8; charset=utf-16")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "text/plain")],
        &[json, ("content-type", "application/x-www-form-urlencoded")],
        &[json, json],
        &[json, ("content-encoding", "gzip")],
        &[json, ("content-encoding", "identity"), ("content-encoding", "br")],
    ] {
        check_headers(refused, Err(BodyError::Undeclared));
    }
}

/// One way to write a path differently.
#[derive(Clone, Copy, Debug)]
enum Disguise {
    /// The case of letters.
    Case,
    /// `%61` for a character that need not be encoded.
    Encode,
    /// `%2561`.
    EncodeTwice,
    /// Something else in the place of a slash, or after it.
    Slash(&'static str),
    /// Something behind a segment.
    Behind(&'static str),
    /// Something in front of a segment.
    Before(&'static str),
    /// A slash at the end.
    TrailingSlash,
    /// `.git` behind the repository `m`, `demo` or `d`.
    Git,
}

const SLASHES: &[&str] = &[
    "//",
    "/./",
    "/../",
    "/%2e/",
    "/%2e%2e/",
    "/.%2E/",
    "/x/../",
    "/x/%2e%2e/",
    "/x%2f../",
    "%2f",
    "%2F",
    "%252f",
    "%25252f",
    "%5c",
    "%5C",
    "%255c",
    "\\",
    "/;/",
    "/;x=1/",
    "/..;/",
    "/..;x/",
    "/%3b/",
    "/%20/",
    "/%00/",
    "/%23/",
    "/%2f/",
    "/%5c../",
    "/%252e%252e/",
    "/%c0%ae%c0%ae/",
    "%c0%af",
];

/// What some server cuts off behind a name, or fails over.
const BEHIND: &[&str] = &[
    ";", ";x", ";x=1", "%3b", "%3Bx", "%253b", ".", "%2e", "%252e", "%20", "%00", "%09", "%0a",
    "%0d%0a", "%7f", "%23", "%23x", "%3f", "%3fx", "%c0%80", "%", "%2", "%zz",
];

/// And in front of it.
const BEFORE: &[&str] = &["%20", "%2520", "%00", "%09", "%0a", "%7f", "%c0%80", "%zz"];

fn disguises() -> impl Strategy<Value = Disguise> {
    prop_oneof![
        Just(Disguise::Case),
        Just(Disguise::Encode),
        Just(Disguise::EncodeTwice),
        select(SLASHES).prop_map(Disguise::Slash),
        select(BEHIND).prop_map(Disguise::Behind),
        select(BEFORE).prop_map(Disguise::Before),
        Just(Disguise::TrailingSlash),
        Just(Disguise::Git),
    ]
}

/// The disguised path; the query and the body stay.
fn disguise(request: &str, how: Disguise, place: Index) -> String {
    let (method, rest) = request.split_once(' ').expect("a method");
    let end = rest.find(['?', ' ']).unwrap_or(rest.len());
    let (path, rest) = rest.split_at(end);
    let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    let slash = *place.get(&slashes);
    let segment_end = path[slash + 1..].find('/').map_or(path.len(), |at| slash + 1 + at);
    let at = place.index(path.len());
    let (front, back) = path.split_at(at);
    let first = back.chars().next().expect("a character");
    let others = &back[first.len_utf8()..];
    let disguised = match how {
        Disguise::Case => format!("{front}{}", back.to_ascii_uppercase()),
        // Not inside of an encoding, which would be another path.
        _ if path.contains('%') && matches!(how, Disguise::Encode | Disguise::EncodeTwice) => {
            path.to_owned()
        }
        Disguise::Encode => format!("{front}%{:02x}{others}", u32::from(first)),
        Disguise::EncodeTwice => format!("{front}%25{:02X}{others}", u32::from(first)),
        Disguise::Slash(text) => format!("{}{text}{}", &path[..slash], &path[slash + 1..]),
        Disguise::Behind(text) => format!("{}{text}{}", &path[..segment_end], &path[segment_end..]),
        Disguise::Before(text) => format!("{}{text}{}", &path[..=slash], &path[slash + 1..]),
        Disguise::TrailingSlash => format!("{path}/"),
        Disguise::Git => {
            let names = ["/m/", "/demo/", "/d/", "/open-d/"];
            names.iter().fold(format!("{path}/"), |path, name| {
                path.replacen(name, &format!("{}.git/", name.trim_end_matches('/')), 1)
            })
        }
    };
    format!("{method} {disguised}{rest}")
}

fn check_disguise(
    hub: &Hub,
    addresses: &[(&str, &str)],
    at: Index,
    how: Disguise,
    place: Index,
) -> Result<(), TestCaseError> {
    let (request, expected) = *at.get(addresses);
    let disguised = disguise(request, how, place);
    let found = verdict(hub, &disguised);
    let unclaimed = !expected.contains(':') && !found.contains(':');
    prop_assert!(
        found == expected || found == "refused" || unclaimed,
        "{disguised} => {found}, but {request} => {expected}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_disguised_address_is_refused_or_decided_as_without(
        at: Index, how in disguises(), place: Index,
    ) {
        check_disguise(&HUGGINGFACE, HUGGINGFACE_ADDRESSES, at, how, place)?;
        check_disguise(&GITEA, GITEA_ADDRESSES, at, how, place)?;
        check_disguise(&GENERIC, GENERIC_ADDRESSES, at, how, place)?;
    }

    #[test]
    fn no_reading_of_an_unclaimed_path_names_an_organization(path in odd_paths()) {
        let Ok(raw) = PathAndQuery::try_from(path.as_str()) else { return Ok(()) };
        let found = verdict(&HUGGINGFACE, &format!("GET {raw}"));
        if found.contains("acme") || found == "refused" {
            return Ok(());
        }
        for reading in readings(raw.as_str()) {
            prop_assert!(
                !names_acme(&reading),
                "{raw} => {found}, but some server reads {reading:?}"
            );
        }
    }
}

/// Paths of words that matter and of separators that servers disagree about.
fn odd_paths() -> impl Strategy<Value = String> {
    let words = select(
        &[
            "acme",
            "ACME",
            "acme-labs",
            "acme.git",
            "acme.",
            "pub",
            "m",
            "resolve",
            "main",
            "api",
            "API",
            "models",
            "datasets",
            "spaces",
            "codes",
            "hf",
            "v1",
            "v2",
            "org",
            "organizations",
            "users",
            "collections",
            "jobs",
            "quota",
            "posts",
            "blog",
            "assets",
            "docs",
            "admin",
            "repositories",
            "resolve-cache",
            "invitations",
            "..",
            ".",
            "%2e%2e",
            "x",
        ][..],
    );
    let written = (words, 0..8u8, any::<Index>()).prop_map(|(word, how, place)| {
        let at = place.index(word.len());
        let (front, back) = word.split_at(at);
        let byte = back.as_bytes()[0];
        match how {
            0 => format!("{front}%{byte:02x}{}", &back[1..]),
            1 => format!("{front}%25{byte:02X}{}", &back[1..]),
            2 => format!("{word}{}", BEHIND[at % BEHIND.len()]),
            _ => word.to_owned(),
        }
    });
    let separator = prop_oneof![4 => Just("/"), 1 => select(SLASHES)];
    proptest::collection::vec((separator, written), 1..7).prop_map(|parts| {
        let path: String = parts.iter().map(|(slash, word)| format!("{slash}{word}")).collect();
        if path.starts_with('/') { path } else { format!("/{path}") }
    })
}

/// What servers make of a path: each combination of the steps that some server takes.
fn readings(path: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for steps in 0..3 * 32 {
        let on = |bit: u32| (steps / 3) & (1 << bit) != 0;
        let mut text = path.to_owned();
        for _ in 0..steps % 3 {
            text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
        }
        if on(0) {
            text = text.replace('\\', "/");
        }
        if on(1) {
            text = text.split(['#', '?']).next().unwrap_or_default().to_owned();
        }
        let mut segments: Vec<String> = text.split('/').skip(1).map(str::to_owned).collect();
        if on(2) {
            for segment in &mut segments {
                *segment = segment.split(';').next().unwrap_or_default().to_owned();
            }
        }
        if on(3) {
            segments.retain(|segment| !segment.is_empty());
        }
        if on(4) {
            let mut resolved: Vec<String> = Vec::new();
            for segment in segments {
                match segment.as_str() {
                    "." => {}
                    ".." => drop(resolved.pop()),
                    _ => resolved.push(segment),
                }
            }
            segments = resolved;
        }
        all.push(segments);
    }
    all
}

/// Where known servers read an owner: written again, apart from the tables.
fn names_acme(segments: &[String]) -> bool {
    let based = |base: &&String| ["hf", "ms", "csg"].contains(&base.to_lowercase().as_str());
    let inside = segments.first().filter(based).and_then(|_| segments.get(1..));
    names_acme_at_the_root(segments) || inside.is_some_and(names_acme_at_the_root)
}

fn names_acme_at_the_root(segments: &[String]) -> bool {
    const TYPES: &[&str] = &["models", "datasets", "spaces", "kernels", "buckets"];
    const MORE_TYPES: &[&str] = &["codes", "prompts", "mcps", "skills"];
    const RESERVED: &[&str] = &[
        "api",
        "assets",
        "docs",
        "admin",
        "v1",
        "v2",
        "org",
        "organizations",
        "posts",
        "blog",
        "jobs",
        "collections",
    ];
    let word = |index: usize| {
        let text = segments.get(index).map_or("", String::as_str).to_lowercase();
        text.trim_end_matches('.').trim_end_matches(".git").to_owned()
    };
    let acme = |index: usize| ["acme", "acme-labs"].contains(&word(index).as_str());
    let is = |index: usize, words: &[&str]| words.contains(&word(index).as_str());
    let any_type = |index: usize| is(index, TYPES) || is(index, MORE_TYPES);
    (acme(0) && !is(0, RESERVED))
        || (any_type(0) && acme(1))
        || (is(0, &["organizations", "org", "collections", "posts", "blog", "jobs", "v2"])
            && acme(1))
        || (is(0, &["api"]) && acme(1))
        || (is(0, &["api"]) && any_type(1) && acme(2))
        || (is(0, &["api"])
            && is(1, &["organizations", "users", "quota", "collections", "posts", "blog", "jobs"])
            && acme(2))
        || (is(0, &["api"]) && is(1, &["resolve-cache"]) && any_type(2) && acme(3))
        || (is(0, &["api"]) && is(1, &["v1"]) && any_type(2) && acme(3))
        || (is(0, &["api"]) && is(1, &["invitations"]) && is(2, &["org"]) && acme(3))
        || (is(0, &["admin"])
            && is(1, &["api"])
            && is(2, &["repositories"])
            && any_type(3)
            && acme(4))
}
