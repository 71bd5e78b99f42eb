"""The files of deploy/compose, as they stand but for the ports, without containers: Keycloak imports the realm, the hub
is the hub, and people sign in as the comments in compose.yaml say."""

import glob
import pathlib
import shutil
import sys

from lab.gate import binary
from lab.peers import fresh, program
from lab.process import PEERS, Process, answers, free_port
from lab.report import Missing
from lab.visitor import Page, Visitor

FILES = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "compose"


def run(report):
    check = report.check
    found = sorted(glob.glob(str(PEERS / "keycloak-*" / "bin" / "kc.sh")))
    if not found:
        raise Missing("Keycloak is not installed (run tests/interop/install)")
    program("java")
    place = fresh("compose")
    ports = {"localhost:8080": free_port(), "localhost:8081": free_port()}
    hub_port, admin_port, health_port = free_port(), free_port(), free_port()

    def with_ports(text):
        for address, port in ports.items():
            text = text.replace(address, f"localhost:{port}")
        return text

    gate, keycloak_port = f"http://localhost:{ports['localhost:8080']}", ports["localhost:8081"]
    imported = pathlib.Path(found[-1]).parents[1] / "data" / "import"
    imported.mkdir(parents=True, exist_ok=True)
    (imported / "acme-realm.json").write_text(with_ports((FILES / "acme-realm.json").read_text()))
    keycloak = Process("keycloak-compose", [found[-1], "start", "--optimized", "--cache=local", "--http-enabled=true", "--import-realm"], env={
        "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin", "JAVA_OPTS_APPEND": "-Xmx512m",
        "KC_HTTP_PORT": str(keycloak_port), "KC_HTTP_MANAGEMENT_PORT": str(health_port), "KC_HOSTNAME": f"http://localhost:{keycloak_port}",
    })
    hub = Process("hub-compose", [sys.executable, "-u", FILES / "hub.py", "127.0.0.1", str(hub_port)])
    config = with_ports((FILES / "hubgate/hubgate.toml").read_text())
    for old, new in [("0.0.0.0:8080", f"127.0.0.1:{ports['localhost:8080']}"), ("127.0.0.1:9090", f"127.0.0.1:{admin_port}"),
                     ("http://127.0.0.1:3000", f"http://127.0.0.1:{hub_port}"), ("/run/secrets/", f"{FILES}/secrets/")]:
        check(f"the configuration says {old} once", config.count(old) == 1, config)
        config = config.replace(old, new)
    (place / "hubgate.toml").write_text(config)
    hub.answering(f"http://127.0.0.1:{hub_port}/")
    keycloak.answering(f"http://localhost:{health_port}/health/ready", seconds=300)
    process = Process("gate-compose", [binary(), "run", "--config", place / "hubgate.toml"])
    process.ready(lambda: answers(f"http://127.0.0.1:{admin_port}/readyz") == 200)
    try:
        people(report, gate)
    finally:
        for one in (process, hub, keycloak):
            one.stop()
        shutil.rmtree(imported)


def people(report, gate):
    check = report.check
    stranger = Visitor()
    check("a stranger reads what is public", "Nobody is signed in" in stranger.load(f"{gate}/acme/demo").text)
    check("a stranger reads what is no organization's", "Nobody is signed in" in stranger.load(f"{gate}/other/model").text)
    for who, role, settings in [("alice", "admin", 200), ("bob", "write", 403)]:
        with report.scenario(f"{who} signs in"):
            person = Visitor()
            page = person.sign_in(f"{gate}/acme/bert", who, "password", gate)
            check(f"{who} arrives where the link led", page.status == 200 and page.url == f"{gate}/acme/bert", page)
            check(f"the hub is told that {who} has the role {role}", f"<td>{role}</td>" in page.text and f"{who}@acme.example" in page.text, page)
            answer = person.load(f"{gate}/acme/bert/settings")
            check(f"settings are answered {settings} to {who}", answer.status == settings, answer)
    with report.scenario("eve is refused"):
        eve = Visitor()
        asked = eve.load(f"{gate}/acme/bert")
        form = Page(asked).forms[0]
        answer = eve.submit(form, username="eve", password="password")
        check("eve, who has no group, is refused", answer.status == 403 and answer.url.startswith(f"{gate}/-/sso/acme/"), answer)
        again = eve.once(f"{gate}/acme/bert", headers={"Sec-Fetch-Mode": "cors"})
        check("and is nobody afterwards", again.status == 401, again)
