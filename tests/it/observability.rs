//! What is shipped for those who watch: tables, dashboard and alerts speak of metrics that exist.

use std::collections::BTreeSet;

/// The metrics of the table in the source, which a test beside it keeps true.
fn metrics() -> BTreeSet<String> {
    let source = include_str!("../../src/observe/metrics.rs");
    let names = source.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    names.map(str::to_owned).collect()
}

/// Every name of ours in a text, without the endings of a histogram's series.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("hubgate_") {
        let name: String = text[at..]
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
            .collect();
        let plain = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        found.insert(plain.unwrap_or(&name).to_owned());
    }
    found
}

#[test]
fn the_table_that_people_read_holds_every_metric_and_no_other() {
    let text = include_str!("../../deploy/observability/README.md");
    let table = text.split("## Audit log").next().unwrap();
    let listed = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(listed, metrics());
}

#[test]
fn the_dashboard_and_the_alerts_name_metrics_that_exist() {
    let dashboard = include_str!("../../deploy/observability/dashboard.json");
    let alerts = include_str!("../../deploy/observability/alerts.yaml");
    let parsed: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 8);
    let known = metrics();
    for text in [dashboard, alerts] {
        let named = named(text);
        assert!(named.len() > 5);
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
