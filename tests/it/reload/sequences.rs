//! One change after another: what a gate that was reloaded many times knows is what its files say,
//! and what it must remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use http::uri::PathAndQuery;
use hubgate::clock::Clock;
use hubgate::config::{Config, Loader, OrganizationConfig};
use hubgate::hub::{Found, Hub};
use hubgate::policy::{Claimed, Enforcement, Target};
use proptest::prelude::*;
use proptest::sample::select;

use crate::documents::{Document, Folder};

/// What is done to the files between two reloads.
#[derive(Clone, Debug)]
enum Step {
    /// An organization's file is written, new or anew.
    Write { file: u8, id: u8, namespaces: Vec<u8>, enforcement: &'static str },
    /// It goes away.
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let level = select(vec!["enforced", "enforced", "optional", "off"]);
    let write = (0..12u8, 0..14u8, proptest::collection::vec(0..16u8, 1..3), level).prop_map(
        |(file, id, namespaces, enforcement)| {
            // Mostly, a file keeps its organization, and organizations do not quarrel.
            let id = if id > 11 { id - 12 } else { file };
            Step::Write { file, id, namespaces, enforcement }
        },
    );
    prop_oneof![3 => write, 1 => (0..12u8).prop_map(Step::Remove)]
}

/// Who is found at each of the namespaces, and how strictly it is guarded.
fn found(hub: &Hub) -> BTreeMap<String, (String, Enforcement)> {
    let mut found = BTreeMap::new();
    for number in 0..16 {
        let path = PathAndQuery::try_from(format!("/ns{number}/x")).unwrap();
        let target = Target::parse(Method::GET, &path).unwrap();
        if let Ok(Found::Claimed(Claimed::By(claims))) = hub.find(&target) {
            let claims: Vec<_> = claims.iter().collect();
            let [claim] = *claims else { panic!("{claims:?}") };
            let organization = claim.organization;
            let owner = (organization.id.to_string(), organization.enforcement);
            found.insert(format!("ns{number}"), owner);
        }
    }
    found
}

/// The same by the configuration, and by what was found before it.
fn expected(
    config: &Config,
    before: &BTreeMap<String, (String, Enforcement)>,
) -> BTreeMap<String, (String, Enforcement)> {
    let mut expected = BTreeMap::new();
    for (name, (owner, enforcement)) in before {
        if matches!(enforcement, Enforcement::Enforced | Enforcement::Closed) {
            expected.insert(name.clone(), (owner.clone(), Enforcement::Closed));
        }
    }
    let mut owned = BTreeSet::new();
    for organization in config.organizations.iter() {
        let policy = &organization.policy;
        for namespace in &policy.namespaces {
            assert!(owned.insert(namespace.as_str()), "two have {namespace:?}");
            let owner = (policy.id.to_string(), policy.enforcement);
            expected.insert(namespace.as_str().to_owned(), owner);
        }
    }
    expected.retain(|name, _| name.starts_with("ns"));
    expected
}

fn by_id(config: &Config) -> BTreeMap<String, Arc<OrganizationConfig>> {
    let all = config.organizations.iter();
    let all: BTreeMap<_, _> = all.map(|one| (one.policy.id.to_string(), Arc::clone(one))).collect();
    assert_eq!(all.len(), config.organizations.len(), "two have one id");
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_gate_knows_after_any_changes_what_its_files_say_and_what_it_must_remember(
        rounds in proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..24),
    ) {
        let folder = Folder::new();
        let main = Document::minimal().set("organizations", "\"orgs.d/*.toml\"");
        folder.write("hub.toml", main.text().as_bytes());
        folder.write("orgs.d/none", b"");
        let environment = [("SECRET".to_owned(), "s".to_owned())];
        let mut loader = Loader::new(&folder.path("hub.toml"), environment);
        let mut at_work = loader.first(Clock::system().now()).unwrap();
        let mut hub = Hub::new(&at_work.hub, &at_work.organizations);
        for round in rounds {
            for step in &round {
                match step {
                    Step::Write { file, id, namespaces, enforcement } => {
                        let names: Vec<String> =
                            namespaces.iter().map(|number| format!("ns{number}")).collect();
                        let lines = format!("namespaces = {names:?}\nenforcement = {enforcement:?}");
                        let text = Document::organization(&format!("org{id}"), &lines);
                        folder.write(&format!("orgs.d/org{file}.toml"), text.as_bytes());
                    }
                    Step::Remove(file) => {
                        let _ = std::fs::remove_file(folder.path(&format!("orgs.d/org{file}.toml")));
                    }
                }
            }
            let reading = loader.again(Clock::system().now()).unwrap();
            let (config, changes) = (reading.config.clone(), reading.changes.clone());
            loader.commit(reading);

            let (before, after) = (by_id(&at_work), by_id(&config));
            let told = |ids: &[hubgate::policy::OrganizationId]| {
                ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>()
            };
            let added = after.keys().filter(|id| !before.contains_key(*id)).cloned().collect();
            let removed = before.keys().filter(|id| !after.contains_key(*id)).cloned().collect();
            let other = |id: &&String| {
                before.get(*id).is_some_and(|old| !Arc::ptr_eq(old, &after[*id]))
            };
            let changed = after.keys().filter(other).cloned().collect();
            prop_assert_eq!(
                [told(&changes.added), told(&changes.removed), told(&changes.changed)],
                [added, removed, changed],
                "{:?}", round
            );

            let expected = expected(&config, &found(&hub));
            hub = Hub::after(Some(&hub), &config.hub, &config.organizations);
            prop_assert_eq!(&found(&hub), &expected, "{:?}", round);
            let closed = expected.iter().filter(|(_, (_, level))| *level == Enforcement::Closed);
            let closed: Vec<&str> = closed.map(|(name, _)| name.as_str()).collect();
            let mut told: Vec<&str> = hub.closed().into_iter().map(|name| name.as_str()).collect();
            told.retain(|name| name.starts_with("ns"));
            prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), closed.into_iter().collect());
            at_work = config;
        }
        // Somebody who begins now finds the same organizations, unless some of the files quarrel.
        let anew = Loader::new(&folder.path("hub.toml"), [("SECRET".to_owned(), "s".to_owned())])
            .first(Clock::system().now());
        if let Ok(anew) = anew {
            let ids = |config: &Config| by_id(config).into_keys().collect::<Vec<_>>();
            prop_assert_eq!(ids(&anew), ids(&at_work));
            for (id, one) in by_id(&anew) {
                let same = &by_id(&at_work)[&id].policy;
                prop_assert_eq!(&one.policy.namespaces, &same.namespaces);
                prop_assert_eq!(one.policy.enforcement, same.enforcement);
            }
        }
    }
}
