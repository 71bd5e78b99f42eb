"""SAML with real identity providers in a real Chromium: deep links, roles, sign-out, each provider signing in its own way."""

import json
import os
import subprocess
import threading

from lab.answering import Server
from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, fresh, program
from lab.process import INTEROP
from lab.report import Missing
from lab.saml import Keys, Pysaml2, SamlKeycloak, Samlp, Service
from suites.browser import page

PEOPLE = {"bob": {"email": "bob@acme.test", "name": "Bob Bold", "groups": ["everyone", "ml"]}}
SAMLP = {
    "signs-assertion": {},
    "signs-response": {"signAssertion": False, "signResponse": True},
    "signs-both": {"signResponse": True},
    "encrypts": {"encrypt": True},
}
PYSAML2 = {
    "py-assertion": {"assertion": True, "response": False},
    "py-response": {"assertion": False, "response": True},
    "py-both": {"assertion": True, "response": True},
}
KEYCLOAK = {"keycloak": {}, "keycloak-encrypts": {
    "saml.encrypt": "true", "saml.encryption.algorithm": "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "saml.encryption.keyAlgorithm": "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"}}
DEMANDS = {"signs-response": "response", "py-response": "response", "signs-both": "both", "py-both": "both", "keycloak": "both"}


def run(report):
    program("chromium")
    if not (INTEROP / "node_modules" / "playwright-core").exists():
        raise Missing("playwright-core is not installed (run tests/interop/install)")
    place, folder = Place(), fresh("saml")
    idp, sp = Keys(folder, "idp"), Keys(folder, "sp")
    providers, organizations, asked = [], [], []
    for kind, table, make, groups in [
        ("Keycloak", KEYCLOAK, lambda services: SamlKeycloak(services, PEOPLE), "groups"),
        ("npm samlp", SAMLP, lambda services: Samlp(services, PEOPLE, idp), "groups"),
        ("PyPI pysaml2", PYSAML2, lambda services: Pysaml2(services, PEOPLE, idp), "eduPersonAffiliation"),
    ]:
        services = [(Service(place.url, name, sp), how) for name, how in table.items()]
        if not services:
            continue
        try:
            providers.append((make(services), services, groups, kind))
        except Missing as error:
            report.lacks(kind, error)
    for provider, services, groups, kind in providers:
        provider.started()
        for service, _ in services:
            name = service.organization
            client = service.configured(provider.metadata(name), "keycloak" if kind == "Keycloak" else "generic", signatures=DEMANDS.get(name, "either"))
            organizations.append(organization(name, client, groups=groups))
            asked.append({"organization": name, "kind": kind, "password": "right", "who": "bob"})
    hub = Server(page, HUB_HOST)
    gate = Gate(place, hub.url, organizations, name="gate-saml")
    driver = subprocess.Popen(
        [program("node"), INTEROP / "suites" / "saml.mjs"], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "INTEROP": json.dumps({"gate": place.url, "asked": asked, "chromium": program("chromium")})})
    watchdog = threading.Timer(600, driver.kill)
    watchdog.start()
    try:
        for line in driver.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                report.say(line.rstrip())
                continue
            report.check(told["check"], told["ok"], told.get("detail", ""))
        report.check("the browser's script came to its end", driver.wait() == 0, f"exit code {driver.returncode}")
    finally:
        watchdog.cancel()
        driver.kill()
    log = gate.process.log.read_text()
    leaked = [word for word in ("hubgate=", "SAMLResponse=", "PHNhbWw", "-----BEGIN") if word in log]
    report.check("the gate's log holds no cookie, assertion or key", not leaked, leaked)
    report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    gate.stop()
    for provider, *_ in providers:
        provider.stop()
    hub.stop()
