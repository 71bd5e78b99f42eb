//! Traces: what a collector is sent, and what the hub is told of it.

use hubgate::demo::Fault;

use crate::support::browser::Ask;
use crate::support::collector::{Collector, Seen};
use crate::support::served::events;
use crate::support::setup::Setup;
use crate::support::tool;
use crate::support::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

const SERVER: u64 = 2;
const CLIENT: u64 = 3;

fn traced(setup: &mut Setup, collector: &Collector, sampling: &str) {
    let endpoint = format!("\"http://{}\"", collector.address);
    setup.set("telemetry", "otlp_endpoint", &endpoint);
    setup.set("telemetry", "sampling", sampling);
    setup.set("telemetry", "headers", "{ x-collector-key = { env = \"COLLECTOR_KEY\" } }");
    let key = ("COLLECTOR_KEY".to_owned(), "a-collectors-key".to_owned());
    setup.environment.push(key);
}

async fn world(sampling: &str, trusted: bool) -> (Collector, World) {
    let collector = Collector::start().await;
    let world = World::with(|setup| {
        traced(setup, &collector, sampling);
        if trusted {
            setup.set("server", "trusted_proxies", "[\"127.0.0.0/8\"]");
        }
    })
    .await;
    (collector, world)
}

/// The span that somebody looks for.
async fn span(world: &World, collector: &Collector, wanted: impl Fn(&Seen) -> bool) -> Seen {
    world.until(async || collector.spans().into_iter().find(|span| wanted(span))).await
}

fn context(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\ntracestate: a=1,b@c=2\r\n")
}

#[tokio::test]
async fn a_request_goes_on_with_its_clients_trace_and_the_hub_goes_on_with_ours() {
    let (collector, world) = world("0", true).await;
    let ask = "GET /acme/demo/resolve/main/config.json?token=a-secret-query";
    let answer = tool::ask(world.gate.address, ask, &context("01")).await.expect(200);
    let told = world.last_at_hub().head;
    let parent = told.value("traceparent").unwrap();
    let parts: Vec<&str> = parent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"));
    assert_eq!(told.values("tracestate"), ["a=1,b@c=2"]);
    assert_eq!(world.gate.lines.of(answer.request_id()).await["trace.id"], TRACE);
    let own = span(&world, &collector, |span| span.kind == SERVER).await;
    let hub = span(&world, &collector, |span| span.kind == CLIENT).await;
    assert_eq!((&*own.trace, &*own.parent, &*own.state), (TRACE, PARENT, "a=1,b@c=2"));
    assert_eq!((&*hub.trace, &hub.parent, &*hub.id), (TRACE, &own.id, parts[2]));
    assert!(own.began <= hub.began && hub.began <= hub.ended && hub.ended <= own.ended);
    assert_eq!((&*own.name, &*hub.name), ("GET /{org}/{repo}/**", "GET"));
    for (name, value) in [
        ("service.name", "hubgate"),
        ("http.request.method", "GET"),
        ("http.route", "/{org}/{repo}/**"),
        ("url.path", "/acme/demo/resolve/main/config.json"),
        ("url.scheme", "https"),
        ("server.address", "hub.example.com"),
        ("client.address", "127.0.0.1"),
        ("http.response.status_code", "200"),
        ("hubgate.decision", "allow"),
        ("hubgate.organization", "acme"),
        ("hubgate.request_id", answer.request_id()),
    ] {
        assert_eq!(own.attributes.get(name).map(String::as_str), Some(value), "{name}: {own:?}");
    }
    assert_eq!(hub.attributes["http.response.status_code"], "200");
    assert!(!own.failed && !hub.failed);
    let everything = format!("{:?}", collector.spans());
    assert!(!everything.contains("a-secret-query"), "{everything}");
    let (line, headers) = collector.heads().remove(0);
    assert_eq!(line, "POST /v1/traces");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-collector-key"], "a-collectors-key");
}

#[tokio::test]
async fn whether_a_trace_is_kept_is_said_by_trusted_proxies_and_by_nobody_else() {
    for (trusted, flags, kept) in [(true, "00", "00"), (false, "01", "00"), (true, "01", "01")] {
        let (_collector, world) = world("0", trusted).await;
        tool::ask(world.gate.address, "GET /acme/demo", &context(flags)).await.expect(200);
        let told = world.last_at_hub().head.value("traceparent").unwrap();
        assert!(told.starts_with(&format!("00-{TRACE}-")), "{told}");
        assert!(told.ends_with(&format!("-{kept}")), "{trusted} {flags}: {told}");
    }
}

#[tokio::test]
async fn what_nobody_can_read_begins_a_new_trace_and_is_not_passed_on() {
    let (_collector, world) = world("1", true).await;
    let good = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    for headers in [
        "traceparent: garbage\r\ntracestate: a=1\r\n".to_owned(),
        format!("traceparent: 00-{}-{PARENT}-01\r\n", TRACE.to_uppercase()),
        format!("{good}{good}"),
        // A client that has the next proxy delete what we write.
        "traceparent: garbage\r\nConnection: traceparent, tracestate\r\n".to_owned(),
        "tracestate: a=1\r\n".to_owned(),
    ] {
        tool::ask(world.gate.address, "GET /acme/demo", &headers).await.expect(200);
        let told = world.last_at_hub().head;
        let [only] = &told.values("traceparent")[..] else { panic!("{headers}: {told:?}") };
        assert!(only.len() == 55 && !only.contains(TRACE), "{headers}: {only}");
        assert_eq!(told.value("tracestate"), None, "{headers}");
    }
}

#[tokio::test]
async fn without_a_collector_the_clients_own_words_go_on_untouched() {
    let world = World::start().await;
    let headers = "traceparent: garbage\r\ntracestate: =\r\n";
    let answer = tool::ask(world.gate.address, "GET /acme/demo", headers).await.expect(200);
    let told = world.last_at_hub().head;
    assert_eq!(told.values("traceparent"), ["garbage"]);
    assert_eq!(told.values("tracestate"), ["="]);
    let line = world.gate.lines.of(answer.request_id()).await;
    assert!(line.get("trace.id").is_none(), "{line}");
}

#[tokio::test]
async fn calls_to_a_provider_stand_in_the_trace_of_the_sign_in_that_made_them() {
    let (collector, world) = world("1", false).await;
    let mut browser = world.browser();
    let callback = browser.callback_of("acme", "bob").await;
    browser.load_url(&callback).await.expect(303);
    let token = span(&world, &collector, |span| span.name == "token").await;
    assert_eq!((token.kind, &*token.attributes["hubgate.provider"]), (CLIENT, "generic"));
    let own = span(&world, &collector, |span| span.id == token.parent).await;
    assert_eq!(own.name, "GET /-/sso/{org}/oidc/callback");
    assert_eq!((&own.trace, &*own.attributes["hubgate.organization"]), (&token.trace, "acme"));
    let everything = format!("{:?}", collector.spans());
    for (name, value) in callback.query_pairs().filter(|(name, _)| name != "iss") {
        assert!(!everything.contains(&*value), "{name} stands in {everything}");
    }
    assert!(!everything.contains(&browser.session()));
}

#[tokio::test]
async fn a_question_to_the_hub_whose_a_credential_is_is_a_span_and_what_is_remembered_is_none() {
    let collector = Collector::start().await;
    let world = World::with(|setup| {
        setup.with_accounts();
        traced(setup, &collector, "1");
    })
    .await;
    let questions = || collector.spans().into_iter().filter(|span| span.name == "whoami");
    for _ in 0..3 {
        let bearer = "Authorization: Bearer hf_moe\r\n";
        tool::ask(world.gate.address, "GET /acme/demo", bearer).await.expect(200);
    }
    let asked = span(&world, &collector, |span| span.name == "whoami").await;
    assert_eq!((asked.kind, asked.failed), (CLIENT, false));
    assert!(asked.began <= asked.ended);
    let all = async || {
        (collector.spans().iter().filter(|span| span.kind == SERVER).count() == 3).then_some(())
    };
    world.until(all).await;
    assert_eq!(questions().count(), 1, "the other two were remembered");
    assert!(!format!("{:?}", collector.spans()).contains("hf_moe"));
    world.hub.fail("/api/whoami-v2", Some(Fault::Status(503)));
    let bearer = "Authorization: Bearer hf_zoe\r\n";
    tool::ask(world.gate.address, "GET /acme/demo", bearer).await.expect(503);
    let failed = span(&world, &collector, |span| span.name == "whoami" && span.failed).await;
    assert_eq!(failed.attributes["error.type"], "_OTHER");
}

#[tokio::test]
async fn what_we_refuse_is_no_failure_and_what_the_hub_does_not_answer_is_one() {
    let (collector, world) = world("1", false).await;
    world.browser().fetch("/acme/bert").await.refused(401, "sign-in-required");
    let refused = span(&world, &collector, |span| span.kind == SERVER).await;
    assert!(!refused.failed);
    assert_eq!(refused.attributes["hubgate.reason"], "sign-in-required");
    let odd = world
        .browser()
        .send(Ask::new(http::Method::from_bytes(b"BREW").unwrap(), "/acme/demo"))
        .await;
    let odd = odd.request_id().to_owned();
    let found = |span: &Seen| span.attributes.get("hubgate.request_id") == Some(&odd);
    let own = span(&world, &collector, found).await;
    assert_eq!(own.attributes["http.request.method"], "_OTHER");
    assert!(own.name.starts_with("_OTHER"), "{own:?}");
}

#[tokio::test]
async fn a_collector_that_refuses_hurts_nobody_and_is_told_once() {
    let (collector, world) = world("1", false).await;
    collector.answer(400);
    let lost = "hubgate_spans_total{result=\"failed\"}";
    for round in 1..3 {
        tool::ask(world.gate.address, "GET /acme/demo", "").await.expect(200);
        let enough = async || (world.gate.metric(lost) >= round).then_some(());
        world.until(enough).await;
    }
    let place = format!("http://{}/v1/traces", collector.address);
    let said = || {
        let text = events().text();
        text.lines()
            .filter(|line| line.contains(&place) && line.contains("takes no traces"))
            .count()
    };
    assert_eq!(said(), 1);
    collector.answer(200);
    tool::ask(world.gate.address, "GET /acme/demo", "").await.expect(200);
    let arrived = "hubgate_spans_total{result=\"exported\"}";
    world.until(async || (world.gate.metric(arrived) > 0).then_some(())).await;
    let again = |line: &str| line.contains(&place) && line.contains("takes traces again");
    assert!(events().text().lines().any(again));
    assert!(!events().text().contains("a-collectors-key"));
}

#[tokio::test]
async fn a_question_over_a_connection_that_stays_is_a_span_as_well() {
    let (collector, world) = world("1", true).await;
    let question =
        "X-Original-URL: https://hub.example.com/acme/demo\r\nX-Original-Method: GET\r\n";
    let line = "GET /-/sso/authz/nginx";
    let answer = tool::ask_on(world.gate.address, line, question).await.expect(200);
    let id = answer.request_id().to_owned();
    let found = |span: &Seen| span.attributes.get("hubgate.request_id") == Some(&id);
    let own = span(&world, &collector, found).await;
    assert_eq!(world.gate.lines.of(&id).await["trace.id"], *own.trace);
}
