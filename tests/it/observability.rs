//! What is shipped for those who watch: tables, dashboard and alerts speak of metrics that exist.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use hubgate::clock::Clock;
use hubgate::demo::Fault;
use hubgate::demo::provider::Endpoint;

use crate::documents::Folder;
use crate::support::moving_clock::minutes;
use crate::support::tool;
use crate::support::world::World;

/// The metrics of the table in the source, which a test beside it keeps true.
fn metrics() -> BTreeSet<String> {
    let source = include_str!("../../src/observe/metrics.rs");
    let names = source.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    names.map(str::to_owned).collect()
}

/// Every name of ours in a text, without the endings of a histogram's series.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let ours = text.match_indices("hubgate_").chain(text.match_indices("process_"));
    for (at, _) in ours {
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

#[tokio::test]
async fn what_identity_providers_and_the_hub_do_is_measured() {
    let world = World::with(|setup| {
        setup.by_saml("globex");
    })
    .await;
    let mut browser = world.signed_in("acme", "bob").await;
    world.signed_in("globex", "hank").await;
    browser.fetch("/acme/bert").await.expect(200);
    let text = world.gate.metrics();
    let calls = "hubgate_identity_provider_request_duration_seconds_count";
    for line in [
        format!("{calls}{{provider=\"generic\",call=\"discovery\",result=\"ok\"}} 1"),
        format!("{calls}{{provider=\"generic\",call=\"keys\",result=\"ok\"}} 1"),
        format!("{calls}{{provider=\"generic\",call=\"token\",result=\"ok\"}} 1"),
        format!("{calls}{{provider=\"generic\",call=\"saml-metadata\",result=\"ok\"}} 1"),
        "hubgate_identity_provider_up{organization=\"acme\"} 1".to_owned(),
        "hubgate_identity_provider_up{organization=\"globex\"} 1".to_owned(),
        "hubgate_sessions 2".to_owned(),
        "hubgate_upstream_request_duration_seconds_count{status=\"2xx\"} 1".to_owned(),
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes ") && text.ends_with("# EOF\n"));
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Token, Fault::Status(503)));
    let callback = world.browser().callback_of("acme", "bob").await;
    world.browser().load_url(&callback).await;
    let mut other = world.browser();
    let callback = other.callback_of("acme", "carol").await;
    other.load_url(&callback).await.expect(503);
    let failed = format!("{calls}{{provider=\"generic\",call=\"token\",result=\"failed\"}}");
    assert_eq!(world.gate.metric(&failed), 1);
    assert_eq!(world.gate.metric("hubgate_identity_provider_up{organization=\"acme\"}"), 0);
}

#[tokio::test]
async fn whether_an_openid_provider_answers_is_known_without_a_sign_in() {
    let world = World::start().await;
    let up =
        |id| world.gate.metric(&format!("hubgate_identity_provider_up{{organization=\"{id}\"}}"));
    let asked = || world.acme.asked(Endpoint::Discovery).len();
    world.gate.tend(world.clock.now()).await;
    assert_eq!(asked(), 0, "nobody has needed it yet");
    world.signed_in("acme", "bob").await;
    assert_eq!((up("acme"), asked()), (1, 1));
    world.gate.tend(world.clock.now()).await;
    assert_eq!(asked(), 1, "what it said is not old");
    world.acme.behave(|behaviour| behaviour.fail(Endpoint::Discovery, Fault::Status(503)));
    world.clock.advance(minutes(61));
    world.gate.tend(world.clock.now()).await;
    assert_eq!((up("acme"), asked()), (0, 2));
    assert_eq!(world.gate.metric("hubgate_identity_providers_down"), 1);
    world.acme.behave_well();
    world.clock.advance(minutes(1));
    world.gate.tend(world.clock.now()).await;
    assert_eq!((up("acme"), asked()), (1, 3), "nobody had to sign in for that");
    assert_eq!(world.gate.metric("hubgate_identity_providers_down"), 0);
}

#[tokio::test]
async fn the_hubs_word_and_tokens_are_counted() {
    let world = World::with(|setup| {
        setup.with_accounts();
    })
    .await;
    for _ in 0..3 {
        let bearer = "Authorization: Bearer hf_moe\r\n";
        tool::ask(world.gate.address, "GET /acme/demo", bearer).await.expect(200);
    }
    assert_eq!(world.gate.metric("hubgate_whoami_duration_seconds_count{result=\"ok\"}"), 1);
    assert_eq!(world.gate.metric("hubgate_whoami_remembered_total"), 2);
    let world = World::start().await;
    let mut browser = world.signed_in("acme", "bob").await;
    let token = world.program_of(&mut browser).await.access;
    world.bearing("GET /acme/bert", &token).await.expect(200);
    world.bearing("GET /acme/bert", &format!("hf_hubgate_a_{}", "A".repeat(43))).await.expect(403);
    for result in ["ok", "refused"] {
        let name = format!("hubgate_token_checks_total{{result=\"{result}\"}}");
        assert_eq!(world.gate.metric(&name), 1, "{result}");
    }
    assert_eq!(world.gate.metric("hubgate_grants"), 1);
}

#[tokio::test]
async fn many_organizations_do_not_make_many_series() {
    let world = World::with(|setup| {
        setup.set("telemetry", "organization_labels", "1");
    })
    .await;
    world.browser().fetch("/globex/vision").await.refused(401, "sign-in-required");
    world.browser().fetch("/acme/bert").await.refused(401, "sign-in-required");
    let text = world.gate.metrics();
    assert!(text.contains("organization=\"globex\"") && text.contains("organization=\"_other\""));
    assert!(!text.contains("\"acme\""), "{text}");
}

/// A certificate that ends within so many days of the machine's clock.
fn certificate_of(days: i64) -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["idp.example".into()]).unwrap();
    let now = jiff::Timestamp::try_from(Clock::system().now()).unwrap();
    let end =
        now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::Span::new().days(days));
    let part = |part: i8| u8::try_from(part).unwrap();
    parameters.not_after =
        rcgen::date_time_ymd(end.year().into(), part(end.month()), part(end.day()));
    parameters.self_signed(&key).unwrap().pem()
}

/// The README says so; and the certificates of the three fields are fetched from nowhere.
#[test]
fn the_log_warns_of_certificates_that_end_soon_wherever_they_come_from() {
    let folder = Folder::new();
    folder.write("soon.pem", certificate_of(12).as_bytes());
    folder.write("later.pem", certificate_of(300).as_bytes());
    let organization = |id: &str, file: &str| {
        format!(
            "[[organization]]\nid = {id:?}\n\
             [organization.role_mapping.roles]\nadmin = [\"a\"]\n[organization.saml]\n\
             sign_on_url = \"https://{id}.example/sso\"\nentity_id = \"https://{id}.example\"\n\
             certificates = [{file:?}]\n"
        )
    };
    let text = format!(
        "public_url = \"https://hub.example.com\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n\
         admin = \"\"\n[hub]\nupstream = \"http://127.0.0.1:1\"\n{}{}",
        organization("ending", "soon.pem"),
        organization("lasting", "later.pem"),
    );
    folder.write("hub.toml", text.as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_hubgate"))
        .args(["run", "--config"])
        .arg(folder.path("hub.toml"))
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().try_for_each(|line| sender.send(line))
    });
    let mut seen = Vec::new();
    let found = loop {
        let Ok(Ok(line)) = lines.recv_timeout(Duration::from_secs(30)) else { break None };
        seen.push(line.clone());
        if line.contains("a certificate ends soon") {
            break Some(line);
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value =
        serde_json::from_str(&found.unwrap_or_else(|| panic!("{seen:#?}"))).unwrap();
    assert_eq!((&line["level"], &line["kind"]), (&"WARN".into(), &"identity-provider".into()));
    assert_eq!(line["organization"], "ending");
    let days = line["days"].as_u64().unwrap();
    assert!((11..=12).contains(&days), "{line}");
    let ends = |line: &&String| line.contains("certificate ends") && line.contains("lasting");
    assert_eq!(seen.iter().find(ends), None);
}
