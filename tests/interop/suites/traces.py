"""Traces, read by the OpenTelemetry project's own messages, and by its Collector where that could be built; metrics and alert rules, by Prometheus' own tool where it is there."""

import json
import shutil
import subprocess
import urllib.request

from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, OidcProvider, fresh, venv
from lab.process import INTEROP, PEERS, Process, answers, free_port, until
from lab.recording import RecordingHub
from lab.visitor import Visitor

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = 2, 3


def run(report):
    check = report.check
    place = Place()
    port = free_port()
    collector = Process("otlp-collector", [venv("otlp"), INTEROP / "peers" / "otlp_collector.py", str(port)])
    collector.ready(lambda: answers(f"http://127.0.0.1:{port}/") == 200)
    op = OidcProvider(["acme"], place.url, {"alice": {"email": "alice@acme.test", "email_verified": True, "groups": ["ml"]}})
    hub = RecordingHub(HUB_HOST)
    server = f'trusted_proxies = ["127.0.0.1/32"]\n[telemetry]\notlp_endpoint = "http://127.0.0.1:{port}"\nsampling = 1.0\nservice_name = "gate under test"'
    gate = Gate(place, f"http://{hub.host}:{hub.port}", [organization("acme", op.client("acme"), public=["demo"])], name="gate-traces", server=server)
    try:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
        answer = Visitor().once(f"{place.url}/acme/demo?secret=query", headers=headers)
        told = dict(hub.take()[-1]["headers"])
        own = find(collector, lambda span: span["trace"] == TRACE and span["kind"] == SERVER)
        asked = find(collector, lambda span: span["trace"] == TRACE and span["kind"] == CLIENT)
        check("a request is a span that the project's own messages read whole", answer.status == 200 and own["whole"], own)
        check("it is the child of its client's, and keeps the client's tracestate", own["parent"] == PARENT and own["state"] == "vendor=1", own)
        check("its resource is the service that the configuration names", own["resource"].get("service.name") == "gate under test", own)
        check("it has the attributes that the conventions for HTTP require",
              {"http.request.method", "url.path", "url.scheme", "http.response.status_code", "http.route", "server.address"} <= own["attributes"].keys(), own)
        check("it begins before it ends, within this minute", 0 <= own["ended"] - own["began"] < 60e9, own)
        check("the hub's answer is a span below it", asked["parent"] == own["id"], asked)
        check("the hub was told that span as its parent", told.get("traceparent") == f"00-{TRACE}-{asked['id']}-01", told)
        check("no query stands in any span", "secret" not in collected(collector))

        alice = Visitor()
        landed = alice.sign_in(f"{place.url}/acme/private", "alice", "x", place.url)
        token = find(collector, lambda span: span["name"] == "token")
        callback = find(collector, lambda span: span["id"] == token["parent"])
        check("the call to the token endpoint stands in the trace of the callback that made it",
              landed.status == 200 and callback["name"] == "GET /-/sso/{org}/oidc/callback", callback)

        promtool = shutil.which("promtool")
        if promtool:
            rules = INTEROP.parent.parent / "deploy" / "observability" / "alerts.yaml"
            done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, text=True)
            check("promtool finds nothing wrong with the alert rules", done.returncode == 0, done.stdout + done.stderr)
        with urllib.request.urlopen(f"http://{place.host}:{place.admin}/metrics") as metrics:
            lines = metrics.read().decode().splitlines()
        exported = [line for line in lines if line.startswith('hubgate_spans_total{result="exported"}')]
        check("the metrics count the spans that have arrived", exported and int(exported[0].split()[-1]) >= 4, exported)
        with report.scenario("the OpenTelemetry Collector runs"):
            by_the_collector(report, op, hub)
    finally:
        gate.stop()
        hub.stop()
        op.stop()
        collector.stop()


def by_the_collector(report, op, hub):
    """The project's own Collector takes what the gate sends, and prints what it has read."""
    check = report.check
    program = PEERS / "otelcol" / "collector"
    if not program.exists():
        report.not_tested("the OpenTelemetry Collector", "it was not built (tests/interop/install builds it where there is Go)")
        return
    place, port = Place(), free_port()
    config = fresh("otelcol") / "collector.json"
    receivers = {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}}
    pipelines = {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}}
    config.write_text(json.dumps({"receivers": receivers, "exporters": {"debug": {"verbosity": "detailed", "sampling_initial": 1000}},
                                  "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines}}))
    collector = Process("otelcol", [program, "--config", config])
    collector.ready(lambda: "Everything is ready" in collected(collector))
    server = f'trusted_proxies = ["127.0.0.1/32"]\n[telemetry]\notlp_endpoint = "http://127.0.0.1:{port}"\nsampling = 1.0\nservice_name = "gate under test"'
    gate = Gate(place, f"http://{hub.host}:{hub.port}", [organization("acme", op.client("acme"), public=["demo"])], name="gate-otelcol", server=server)
    try:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
        Visitor().once(f"{place.url}/acme/demo?secret=query", headers=headers)
        until(lambda: collected(collector).count(TRACE) >= 2, "two spans at the Collector")
        own, asked = (next(span for span in printed(collector) if (span["Trace ID"], span["Kind"]) == (TRACE, kind)) for kind in ("Server", "Client"))
        check("the Collector reads a request's span with its client's trace, parent and tracestate",
              (own["Trace ID"], own["Parent ID"], own.get("TraceState")) == (TRACE, PARENT, "vendor=1"), own)
        check("the Collector reads the hub's answer below it", (asked["Trace ID"], asked["Parent ID"]) == (TRACE, own["ID"]), asked)
        attributes = ["service.name: Str(gate under test)", "http.request.method: Str(GET)", "http.response.status_code: Int(200)", "url.path: Str(/acme/demo)"]
        check("the Collector reads the attributes by their types", all(one in collected(collector) for one in attributes), collected(collector)[-2000:])
        check("no query stands in what the Collector has read", "secret" not in collected(collector))
        with urllib.request.urlopen(f"http://{place.host}:{place.admin}/metrics") as metrics:
            spans = [line for line in metrics.read().decode().splitlines() if line.startswith("hubgate_spans_total")]
        check("the Collector has taken every span", not any(line.split()[-1] != "0" for line in spans if '"exported"' not in line), spans)
    finally:
        gate.stop()
        collector.stop()


def printed(collector):
    """The spans in the text of the Collector's exporter `debug`."""
    spans = collected(collector).split("Span #")[1:]
    fields = ([part.strip() for part in line.split(" : ", 1)] for span in spans for line in [*span.splitlines(), " : end"] if " : " in line)
    found = [{}]
    for name, value in fields:
        if value == "end":
            found.append({})
        else:
            found[-1].setdefault(name, value)
    return [span for span in found if span]


def collected(collector):
    return collector.log.read_text()


def find(collector, wanted):
    def found():
        spans = (json.loads(line) for line in collected(collector).splitlines() if line.startswith("{"))
        return next((span for span in spans if wanted(span)), None)
    until(found, "a span at the collector")
    return found()
