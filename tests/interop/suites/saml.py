"""SAML with real identity providers in a real Chromium: sign-in and sign-out begun on either side, each provider signing in its own way."""

import json
import os
import subprocess
import threading
import urllib.parse

from lab.answering import Server, page
from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, fresh, program
from lab.process import INTEROP
from lab.report import Missing
from lab.saml import Keys, Pysaml2, SamlKeycloak, Samlp, Service, SimpleSamlPhp
from lab.visitor import PAGE_LOAD, Page, Visitor

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
PHP = {"php": {}}
GCM = {"saml.encrypt": "true", "saml.encryption.algorithm": "http://www.w3.org/2009/xmlenc11#aes256-gcm"}
KEYCLOAK = {
    "keycloak": {},
    # What Keycloak chooses by itself: RSA-OAEP with SHA-256 for digest and mask.
    "keycloak-encrypts": GCM,
    "keycloak-mgf1p": {**GCM, "saml.encryption.keyAlgorithm": "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
                       "saml.encryption.digestMethod": "http://www.w3.org/2000/09/xmldsig#sha1"},
}
DEMANDS = {"signs-response": "response", "py-response": "response", "signs-both": "both", "py-both": "both", "php": "both", "keycloak": "both"}
# Where the provider may begin a sign-in; the others must refuse what nobody asked for.
OPEN = {"signs-both", "py-both", "php", "keycloak"}


def run(report):
    """Everybody but Keycloak, which the suite `browser` starts; `saml_keycloak` starts one for itself."""
    exercise(report, "saml", [
        (Samlp, SAMLP, lambda services, idp: Samlp(services, PEOPLE, idp), "groups"),
        (Pysaml2, PYSAML2, lambda services, idp: Pysaml2(services, PEOPLE, idp), "eduPersonAffiliation"),
        (SimpleSamlPhp, PHP, lambda services, idp: SimpleSamlPhp(services, PEOPLE, idp), "groups"),
    ])


def at_keycloak(report, running=None):
    exercise(report, "saml-keycloak", [(SamlKeycloak, KEYCLOAK, lambda services, _: SamlKeycloak(services, PEOPLE, running), "groups")])


def exercise(report, name, kinds):
    program("chromium")
    if not (INTEROP / "node_modules" / "playwright-core").exists():
        raise Missing("playwright-core is not installed (run tests/interop/install)")
    place, folder = Place(), fresh(name)
    idp, sp = Keys(folder, "idp"), Keys(folder, "sp")
    providers, organizations, asked = [], [], []
    for kind, table, make, groups in kinds:
        services = [(Service(place.url, organization, sp), how) for organization, how in table.items()]
        try:
            providers.append((make(services, idp), services, groups, kind.kind))
        except Missing as error:
            report.lacks(kind.kind, error)
    for provider, services, groups, kind in providers:
        provider.started()
        for service, _ in services:
            own = service.organization
            client = service.configured(provider.metadata(own), "keycloak" if kind == "Keycloak" else "generic",
                                        signatures=DEMANDS.get(own, "either"), idp_initiated=own in OPEN)
            organizations.append(organization(own, client, groups=groups))
            asked.append({"organization": own, "kind": kind, "password": "right", "who": "bob", "open": own in OPEN,
                          **provider.begins(service, f"/{own}/bert/tree/main?one=1")})
    hub = Server(page, HUB_HOST)
    gate = Gate(place, hub.url, organizations, name=f"gate-{name}")
    for one in asked:
        requests_are_checked(report, place.url, one)
    driver = subprocess.Popen(
        [program("node"), INTEROP / "suites" / "saml.mjs"], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "INTEROP": json.dumps({"gate": place.url, "asked": asked, "chromium": program("chromium")})})
    watchdog = threading.Timer(900, driver.kill)
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


def requests_are_checked(report, gate, asked):
    """The provider asks for a password when our request comes as we signed it, and not when it comes in another way."""
    kind, own = asked["kind"], asked["organization"]

    def request():
        answer = Visitor().once(f"{gate}/-/sso/{own}/login", headers=PAGE_LOAD)
        return answer.header("Location") or ""

    def asks(url):
        visitor = Visitor()
        try:
            answer = visitor.load(url)
        except OSError as error:
            return f"{error!r}"
        forms = Page(answer).forms
        return any("password" in form["types"].values() for form in forms) or answer.status

    def changed(url, **values):
        at = urllib.parse.urlsplit(url)
        pairs = [pair.split("=", 1) for pair in at.query.split("&")]
        kept = [(name, values.get(name, value)) for name, value in pairs if values.get(name, value) is not None]
        return urllib.parse.urlunsplit(at._replace(query="&".join(f"{name}={value}" for name, value in kept)))

    good = request()
    report.check(f"{kind}, {own}: our request is signed, and the provider takes it", "&Signature=" in good and asks(good) is True, good[:300])
    for sentence, url in [
        ("a request without our signature", changed(request(), SigAlg=None, Signature=None)),
        ("a request whose RelayState somebody has changed", changed(request(), RelayState="somebody-elses")),
        ("a request with the signature of another", changed(request(), Signature=dict(pair.split("=", 1) for pair in urllib.parse.urlsplit(request()).query.split("&"))["Signature"])),
    ]:
        got = asks(url)
        report.check(f"{kind}, {own}: the provider refuses {sentence}", got is not True, got)

