//! A configuration that is read again while the gate serves: whole, organization by organization,
//! and without forgetting anybody.

mod process;
mod sequences;

use std::time::Duration;

use hubgate::clock::Clock;
use hubgate::config::Loader;
use hubgate::demo::provider::Endpoint;
use hubgate::policy::OrganizationId;
use hubgate::serve::Reloaded;

use crate::documents::{Document, Folder};
use crate::support::browser::SESSION;
use crate::support::served::events;
use crate::support::world::World;

/// The configuration with these lines in `[headers]`.
fn with_headers(text: &str, lines: &str) -> String {
    text.replace("[headers]\n", &format!("[headers]\n{lines}\n"))
}

/// Another configuration in which nothing matters.
fn touched(text: &str) -> String {
    with_headers(text, "audience = \"the hub\"")
}

/// What was reloaded, in the words of the log: `+added ~changed -removed key`.
fn done(reloaded: Reloaded) -> (String, Vec<String>) {
    let Reloaded::Done { changes, broken } = reloaded else { panic!("{reloaded:?}") };
    let mut words: Vec<String> = Vec::new();
    words.extend(changes.added.iter().map(|id| format!("+{id}")));
    words.extend(changes.changed.iter().map(|id| format!("~{id}")));
    words.extend(changes.removed.iter().map(|id| format!("-{id}")));
    words.extend(changes.keys);
    words.extend(changes.restart.iter().map(|key| format!("!{key}")));
    (words.join(" "), broken.iter().map(|problem| problem.key.clone()).collect())
}

#[track_caller]
fn changed(reloaded: Reloaded, expected: &str) {
    assert_eq!(done(reloaded), (expected.to_owned(), Vec::new()));
}

/// A world whose organizations stand in files of their own.
async fn in_files() -> World {
    let world = World::start().await;
    let (main, organizations) = split(&world.configuration);
    world.gate.folder.write("orgs.d/acme.toml", organizations[0].as_bytes());
    world.gate.folder.write("orgs.d/globex.toml", organizations[1].as_bytes());
    changed(world.reload(|_| main), "~acme ~globex organizations");
    world
}

/// The main file, naming `orgs.d/*.toml`, and the text of each organization.
fn split(text: &str) -> (String, Vec<String>) {
    let mut parts = text.split("[[organization]]\n");
    let main = format!("organizations = \"orgs.d/*.toml\"\n{}", parts.next().unwrap());
    (main, parts.map(|part| format!("[[organization]]\n{part}")).collect())
}

fn rewrite(world: &World, file: &str, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(world.gate.folder.path(file)).unwrap();
    world.gate.folder.write(file, change(text).as_bytes());
}

/// What reads a file behind the sections' back is not read again when the file changes.
#[test]
fn every_file_that_a_key_names_is_read_through_its_section() {
    fn look(folder: &std::path::Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["section", "loader"].contains(&name) {
                look(&path);
            } else if path.is_file() && !["files.rs", "load.rs", "stamp.rs"].contains(&name) {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("fs::"), "{} opens files itself", path.display());
            }
        }
    }
    look(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config"));
}

#[tokio::test]
async fn a_session_survives() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let before = browser.session();
    changed(world.reload(|text| touched(&text)), "headers.audience");
    browser.fetch("/acme/bert").await.expect(200);
    assert_eq!(world.last_at_hub().head.value("x-auth-role").as_deref(), Some("write"));
    assert_eq!(browser.session(), before);
}

#[tokio::test]
async fn a_sign_in_that_is_under_way_is_finished_once() {
    let world = World::start().await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    let mut thief = browser.clone();
    world.reload(|text| touched(&text));
    browser.load_url(&callback).await.expect(303);
    browser.fetch("/acme/bert").await.expect(200);
    changed(world.reload(|text| text), "headers.audience");
    thief.load_url(&callback).await.expect(303);
    assert_eq!(thief.cookie(SESSION), None);
}

#[tokio::test]
async fn what_the_hub_is_told_follows_the_new_configuration_at_once() {
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.fetch("/acme/bert").await.expect(200);
    assert!(world.last_at_hub().head.value("x-auth-user").is_some());
    world.reload(|text| with_headers(&text, "preset = \"remote-user\""));
    browser.fetch("/acme/bert").await.expect(200);
    let head = world.last_at_hub().head;
    assert!(head.value("remote-user").is_some());
    assert_eq!(head.value("x-auth-user"), None);
}

#[tokio::test]
async fn a_policy_that_changes_holds_from_the_next_request_on() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.fetch("/acme/demo").await.expect(200);
    changed(world.reload(|text| text.replace("\"demo\", ", "")), "~acme");
    browser.fetch("/acme/demo").await.refused(401, "sign-in-required");
    changed(world.reload(|text| text), "~acme");
    browser.fetch("/acme/demo").await.expect(200);
}

#[tokio::test]
async fn trusted_proxies_and_limits_change() {
    let world = World::start().await;
    let ask = "X-Request-Id: from-a-proxy\r\n";
    let address = world.gate.address;
    let tool = crate::support::tool::ask;
    assert_ne!(tool(address, "GET /globex/vision", ask).await.request_id(), "from-a-proxy");
    let server = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\nmax_head_bytes = 8192\n";
    changed(
        world.reload(|text| text.replace("[server]\n", server)),
        "server.max_head_bytes server.trusted_proxies",
    );
    assert_eq!(tool(address, "GET /globex/vision", ask).await.request_id(), "from-a-proxy");
    let long = format!("X-Long: {}\r\n", "x".repeat(12 * 1024));
    world
        .until(async || {
            let answer = tool(address, "GET /globex/vision", &long).await;
            (answer.status == 431).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_broken_main_file_changes_nothing_and_every_mistake_is_told() {
    let world = World::start().await;
    let broken = |text: String| {
        with_headers(&text, "preset = \"nonsense\"")
            .replace("\"demo\", ", "")
            .replace("[session]\n", "[session]\ntimeuot = \"1d\"\n")
    };
    let Reloaded::Refused(problems) = world.reload(broken) else { panic!("it was put to work") };
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["session.timeuot", "headers.preset"]);
    world.browser().fetch("/acme/demo").await.expect(200);
    assert_eq!(world.gate.metric("hubgate_config_reloads_total{result=\"failed\"}"), 1);
    assert_eq!(world.gate.metric("hubgate_config_mistakes"), 2);
}

#[tokio::test]
async fn one_broken_organization_stays_as_it_was_and_the_others_change() {
    let world = in_files().await;
    let mut browser = world.browser();
    rewrite(&world, "orgs.d/acme.toml", |text| {
        text.replace("\"demo\", ", "").replace("provider = \"generic\"", "provider = \"nobody\"")
    });
    rewrite(&world, "orgs.d/globex.toml", |text| {
        text.replace("id = \"globex\"", "public = [\"*\"]\nid = \"globex\"")
    });
    let (words, broken) = done(world.gate.reload());
    assert_eq!(words, "~globex");
    assert_eq!(broken, ["organization[acme].oidc.provider"]);
    browser.fetch("/acme/demo").await.expect(200);
    browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
    browser.fetch("/globex/vision").await.expect(200);
    assert_eq!(world.gate.metric("hubgate_config_reloads_total{result=\"partial\"}"), 1);
}

#[tokio::test]
async fn an_organization_stays_guarded_when_its_file_is_broken_beyond_recognition() {
    let world = in_files().await;
    let mut browser = world.browser();
    for text in ["", "[[", "id = \"acne\"\n", "id = 7\n", "[[organization]]\n"] {
        world.gate.folder.write("orgs.d/acme.toml", text.as_bytes());
        let (words, broken) = done(world.gate.reload());
        assert_eq!(words, "", "{text:?}");
        assert!(!broken.is_empty(), "{text:?}");
        browser.fetch("/acme/bert").await.refused(401, "sign-in-required");
        browser.fetch("/acme/demo").await.expect(200);
    }
}

#[tokio::test]
async fn nobody_takes_a_namespace_from_an_organization_by_a_reload() {
    let world = in_files().await;
    let (_, organizations) = split(&world.configuration);
    let thief =
        organizations[1].replace("id = \"globex\"", "id = \"aaa\"\nnamespaces = [\"acme\"]");
    world.gate.folder.write("orgs.d/aaa.toml", thief.as_bytes());
    let (words, broken) = done(world.gate.reload());
    assert_eq!((words.as_str(), broken), ("", vec!["organization[aaa].namespaces".to_owned()]));
    let twin = organizations[1].replace("id = \"globex\"", "id = \"acme\"");
    world.gate.folder.write("orgs.d/aaa.toml", twin.as_bytes());
    let (words, broken) = done(world.gate.reload());
    assert_eq!((words.as_str(), broken), ("", vec!["organization[acme].id".to_owned()]));
    world.browser().fetch("/acme/bert").await.refused(401, "sign-in-required");

    // It moves when both files say so.
    let taker =
        organizations[1].replace("id = \"globex\"", "id = \"aaa\"\nnamespaces = [\"acme-labs\"]");
    world.gate.folder.write("orgs.d/aaa.toml", taker.as_bytes());
    rewrite(&world, "orgs.d/acme.toml", |text| text.replace(", \"acme-labs\"", ""));
    changed(world.gate.reload(), "+aaa ~acme");
}

#[tokio::test]
async fn a_removed_organizations_sign_ins_end_and_its_namespace_stays_closed() {
    let world = in_files().await;
    let mut browser = world.signed_in("acme", "bob").await;
    browser.sign_in("globex", "gina").await;
    let mut late = world.browser();
    let callback = late.callback_of("acme", "carol").await;
    let acme = std::fs::read(world.gate.folder.path("orgs.d/acme.toml")).unwrap();
    std::fs::remove_file(world.gate.folder.path("orgs.d/acme.toml")).unwrap();
    changed(world.gate.reload(), "-acme");
    // `hub.unclaimed` is pass, and would open everything for a file that is gone by mistake.
    let before = world.hub.received().len();
    browser.fetch("/acme/bert").await.refused(403, "unclaimed-namespace");
    world.browser().fetch("/acme-labs/x").await.refused(403, "unclaimed-namespace");
    world.browser().fetch("/acme/demo").await.refused(403, "unclaimed-namespace");
    let query = "/api/models?author=acme";
    world.browser().fetch(query).await.expect(200);
    assert_eq!(world.hub.received().len(), before + 1);
    let log = events().text();
    assert!(log.contains("they are closed to everybody until"), "{log}");
    browser.fetch("/globex/vision").await.expect(200);
    // Another change does not open it either.
    world.clock.advance(Duration::from_secs(5));
    changed(world.reload(|text| touched(&split(&text).0)), "headers.audience");
    browser.fetch("/acme/bert").await.refused(403, "unclaimed-namespace");
    late.load_url(&callback).await.expect(404);

    // When it comes back, nobody is signed in for it.
    world.clock.advance(Duration::from_secs(5));
    world.gate.folder.write("orgs.d/acme.toml", &acme);
    changed(world.gate.reload(), "+acme");
    browser.fetch("/acme/bert").await.refused(401, "session-revoked");
    late.load_url(&callback).await;
    late.fetch("/acme/bert").await.refused(401, "session-revoked");
    browser.sign_in("acme", "bob").await;
    browser.fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_namespace_that_an_organization_loses_stays_closed_unless_it_was_opened_before() {
    let world = in_files().await;
    rewrite(&world, "orgs.d/acme.toml", |text| text.replace(", \"acme-labs\"", ""));
    changed(world.gate.reload(), "~acme");
    world.browser().fetch("/acme-labs/x").await.refused(403, "unclaimed-namespace");
    world.browser().fetch("/acme/bert").await.refused(401, "sign-in-required");
    // Another organization may have it.
    rewrite(&world, "orgs.d/globex.toml", |text| {
        text.replace("id = \"globex\"", "id = \"globex\"\nnamespaces = [\"globex\", \"acme-labs\"]")
    });
    changed(world.gate.reload(), "~globex");
    world.browser().fetch("/acme-labs/x").await.refused(401, "sign-in-required");
    // Whoever opens it first, means it.
    rewrite(&world, "orgs.d/acme.toml", |text| {
        text.replace("id = \"acme\"", "id = \"acme\"\nenforcement = \"off\"")
    });
    changed(world.gate.reload(), "~acme");
    std::fs::remove_file(world.gate.folder.path("orgs.d/acme.toml")).unwrap();
    changed(world.gate.reload(), "-acme");
    world.browser().fetch("/acme/bert").await.expect(200);
}

#[tokio::test]
async fn a_removed_organization_is_refused_where_unclaimed_namespaces_are() {
    let world = in_files().await;
    world.reload(|text| split(&text).0.replace("[hub]\n", "[hub]\nunclaimed = \"deny\"\n"));
    std::fs::remove_file(world.gate.folder.path("orgs.d/acme.toml")).unwrap();
    changed(world.gate.reload(), "-acme");
    assert_eq!(world.browser().fetch("/acme/bert").await.status, 403);
}

#[tokio::test]
async fn sign_ins_end_when_another_identity_provider_vouches() {
    let world = World::start().await;
    let mut acme = world.signed_in("acme", "bob").await;
    let mut globex = world.signed_in("globex", "gina").await;
    let (own, other) = (world.acme.issuer().to_owned(), world.globex.issuer().to_owned());
    changed(world.reload(|text| text.replace(&own, &other)), "~acme");
    acme.fetch("/acme/bert").await.refused(401, "session-revoked");
    globex.fetch("/globex/vision").await.expect(200);
}

#[tokio::test]
async fn what_is_known_of_an_unchanged_organizations_provider_is_not_asked_again() {
    let world = in_files().await;
    world.signed_in("acme", "bob").await;
    let asked = || (world.acme.calls(Endpoint::Discovery), world.acme.calls(Endpoint::Keys));
    let before = asked();
    rewrite(&world, "orgs.d/globex.toml", |text| text.replace("Globex", "Globex Inc"));
    changed(world.gate.reload(), "~globex");
    world.signed_in("acme", "carol").await;
    assert_eq!(asked(), before);
    rewrite(&world, "orgs.d/acme.toml", |text| text.replace("ACME Corp", "ACME"));
    changed(world.gate.reload(), "~acme");
    world.signed_in("acme", "carol").await;
    assert_ne!(asked(), before);
}

#[tokio::test]
async fn a_secret_that_changes_in_its_file_is_used() {
    let world = in_files().await;
    world.gate.folder.write("secret", crate::support::setup::CLIENT_SECRET.as_bytes());
    rewrite(&world, "orgs.d/acme.toml", |text| {
        text.replace("{ env = \"CLIENT_SECRET\" }", "{ file = \"../secret\" }")
    });
    changed(world.gate.reload(), "~acme");
    world.signed_in("acme", "bob").await;
    changed(world.gate.reload(), "");
    world.gate.folder.write("secret", b"another secret");
    changed(world.gate.reload(), "~acme");
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    assert_ne!(browser.load_url(&callback).await.status, 303);
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_stays() {
    let world = World::start().await;
    let (words, _) = done(world.reload(|text| {
        text.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:1\"]")
            .replace("[session]\n", "[session]\ncapacity = 10\n")
    }));
    assert_eq!(words, "server.listen session.capacity !server.listen !session.capacity");
    world.browser().fetch("/acme/demo").await.expect(200);
}

#[tokio::test]
async fn kubernetes_swap_of_the_folder_behind_a_link_is_seen() {
    let world = in_files().await;
    let folder = &world.gate.folder;
    let (_, organizations) = split(&world.configuration);
    for (name, text) in
        [("..1", organizations[0].clone()), ("..2", organizations[0].replace("\"demo\", ", ""))]
    {
        folder.write(&format!("mounted/{name}/acme.toml"), text.as_bytes());
    }
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path(name)).unwrap();
    link("..1", "mounted/..data");
    link("..data/acme.toml", "mounted/acme.toml");
    std::fs::remove_file(folder.path("orgs.d/acme.toml")).unwrap();
    let main = split(&world.configuration).0.replace("orgs.d/*.toml", "mounted/*.toml");
    let (words, _) = done(world.reload(|_| main));
    assert_eq!(words, "~acme -globex organizations");
    world.browser().fetch("/acme/demo").await.expect(200);
    link("..2", "mounted/..data_tmp");
    std::fs::rename(folder.path("mounted/..data_tmp"), folder.path("mounted/..data")).unwrap();
    changed(world.gate.reload(), "~acme");
    world.browser().fetch("/acme/demo").await.refused(401, "sign-in-required");
}

#[tokio::test]
async fn a_folder_that_is_gone_takes_nobody_with_it() {
    let world = in_files().await;
    let (folder, away) = (world.gate.folder.path("orgs.d"), world.gate.folder.path("away"));
    std::fs::rename(&folder, &away).unwrap();
    let Reloaded::Refused(problems) = world.gate.reload() else { panic!("it was reloaded") };
    assert!(problems.to_string().contains("organizations: "), "{problems}");
    world.signed_in("acme", "bob").await.fetch("/acme/bert").await.expect(200);
    std::fs::rename(&away, &folder).unwrap();
    changed(world.gate.reload(), "");
}

/// So many that several threads read them.
#[test]
fn mistakes_among_many_organizations_are_told_at_once_and_one_change_is_one_change() {
    let folder = Folder::new();
    let main = Document::minimal().set("organizations", "\"orgs.d/*.toml\"");
    folder.write("hub.toml", main.text().as_bytes());
    let write = |number: usize, lines: &str| {
        let id = format!("org{number:03}");
        let text = Document::organization(&id, lines);
        folder.write(&format!("orgs.d/{id}.toml"), text.as_bytes());
    };
    for number in 0..600 {
        write(number, if number % 200 == 7 { "default_role = \"king\"" } else { "" });
    }
    let environment = [("SECRET".to_owned(), "s".to_owned())];
    let mut loader = Loader::new(&folder.path("hub.toml"), environment);
    let now = Clock::system().now();
    let problems = loader.first(now).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let key = |number| format!("organization[org{number}].default_role");
    assert_eq!(keys, [key("007"), key("207"), key("407")]);
    (0..600).for_each(|number| write(number, ""));
    assert_eq!(loader.first(now).unwrap().organizations.len(), 601);
    write(599, "email_domains = [\"example.com\"]");
    write(300, "default_role = \"king\"");
    let reading = loader.again(now).unwrap();
    let names = |ids: &[OrganizationId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&reading.changes.changed), ["org599"]);
    assert_eq!(reading.broken.len(), 1);
    assert_eq!(reading.broken[0].key, key("300"));
    assert_eq!(reading.config.organizations.len(), 601, "what is broken stays");
    loader.commit(reading);
    folder.remove("orgs.d/org000.toml");
    write(300, "");
    let reading = loader.again(now).unwrap();
    assert_eq!(names(&reading.changes.removed), ["org000"]);
    // What was broken is read anew, and nothing else.
    assert_eq!(names(&reading.changes.changed), ["org300"]);
}
