"""A real Chromium: two organizations at two providers, deep links, sign-out at both ends, expiry, and every page of ours."""

import json
import os
import subprocess
import threading

from lab.answering import Server, page
from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, Keycloak, OidcProvider, fresh, program
from lab.process import INTEROP, free_port
from lab.report import Missing
from suites import saml

ACME = {
    "alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice Ångström", "groups": ["ml", "everyone"]},
    "bob": {"email": "bob@acme.test", "email_verified": True, "name": "Bob <b>Bold</b>", "groups": ["everyone"]},
}
GLOBEX = {"gina": {"email": "gina@globex.test", "email_verified": True, "name": "Gina", "groups": ["hub-admins"]}}


def run(report):
    program("chromium")
    if not (INTEROP / "node_modules" / "playwright-core").exists():
        raise Missing("playwright-core is not installed (run tests/interop/install)")
    place = Place()
    globex = None
    try:
        globex = Keycloak(["globex"], place.url, GLOBEX)
    except Missing as error:
        report.lacks("Keycloak", f"{error}; a second oidc-provider stands in for it")
    op = OidcProvider(["acme", "initech"], place.url, ACME)
    globex = globex.started() if globex else OidcProvider(["globex"], place.url, GLOBEX, host="127.0.0.3", name="oidc-provider-globex")
    nowhere = {**op.client("acme"), "issuer": f"http://127.0.0.5:{free_port('127.0.0.5')}"}
    hub = Server(page, HUB_HOST)
    organizations = [
        organization("acme", op.client("acme"), display_name="ACME Corp", public=["open-*"]),
        organization("globex", globex.client("globex"), display_name="Globex"),
        organization("initech", op.client("initech"), display_name="Initech", session_timeout="3s"),
        organization("hooli", nowhere, display_name="Hooli"),
    ]
    gate = Gate(place, hub.url, organizations, name="gate-browser")
    screens = fresh("screens")
    driver = subprocess.Popen(
        [program("node"), INTEROP / "suites" / "browser.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "INTEROP": json.dumps({
            "gate": place.url, "acme": op.issuer, "globex": globex.client("globex")["issuer"], "keycloak": globex.kind == "Keycloak",
            "screens": str(screens), "chromium": program("chromium")})})
    watchdog = threading.Timer(400, driver.kill)
    watchdog.start()
    try:
        for line in driver.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                report.say(line.rstrip())
                continue
            if "say" in told:
                report.say(told["say"])
            elif "ask" in told:
                driver.stdin.write(json.dumps(answer(told["ask"], globex, op, hub)) + "\n")
                driver.stdin.flush()
            else:
                report.check(told["check"], told["ok"], told.get("detail", ""))
        report.check("the browser's script came to its end", driver.wait() == 0, f"exit code {driver.returncode}")
    finally:
        watchdog.cancel()
        driver.kill()
    forged = [asked for asked in hub.seen if "mallory" in str(asked.headers)]
    report.check("no header of the client's own that names a person reached the hub", not forged, [str(asked.headers) for asked in forged])
    kept = [asked for asked in hub.seen if "hubgate" in (asked.headers.get("Cookie") or "")]
    report.check("the gate's cookies did not reach the hub", not kept, [asked.path for asked in kept])
    report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    leaked = [word for word in ("hubgate=", "code=", "eyJ", "secret-of-") if word in gate.process.log.read_text()]
    report.check("the gate's log holds no cookie, code, token or secret", not leaked, leaked)
    gate.stop()
    if globex.kind == "Keycloak":
        # The one that runs is good for SAML too.
        saml.at_keycloak(report, globex)
    globex.stop()
    op.stop()
    hub.stop()


def answer(question, globex, op, hub):
    """What the script cannot know from inside the browser."""
    if question == "globex sessions":
        return len(globex.sessions("globex", "gina")) if globex.kind == "Keycloak" else None
    if question == "end globex sessions":
        return globex.end_sessions("globex", "gina") if globex.kind == "Keycloak" else None
    if question == "hub requests":
        return sum(asked.path != "/favicon.ico" for asked in hub.seen)
    raise ValueError(question)
