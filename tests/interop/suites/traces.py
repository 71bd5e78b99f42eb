"""Traces, read by the OpenTelemetry project's own messages; metrics and alert rules, by Prometheus' own tool where it is there."""

import json
import shutil
import subprocess
import urllib.request

from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, OidcProvider, venv
from lab.process import INTEROP, Process, answers, free_port, until
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
    finally:
        gate.stop()
        hub.stop()
        op.stop()
        collector.stop()


def collected(collector):
    return collector.log.read_text()


def find(collector, wanted):
    def found():
        spans = (json.loads(line) for line in collected(collector).splitlines() if line.startswith("{"))
        return next((span for span in spans if wanted(span)), None)
    until(found, "a span at the collector")
    return found()
