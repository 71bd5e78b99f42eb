#!/usr/bin/env python3
"""What a flood of SAML garbage at one organization does to everybody else: latency of proxied requests without and with it.

    tests/bench/flood.py                  ten seconds each, four connections that ask, eight that flood
    tests/bench/flood.py --seconds 30

The flood posts documents of 250 kB to an assertion consumer service that takes sign-ins which nobody asked for, so
that each is verified; eight connections send as fast as they are answered. The documents have the shape of an
answer, a signature that no key made and as much to canonicalize as fits, or elements that the reader gives up on.
"""

import argparse
import base64
import collections
import http.client
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import urllib.parse

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("INTEROP_WORK", str(HERE / ".work"))
os.environ.setdefault("INTEROP_PEERS", str(HERE.parent / "interop" / ".work" / "peers"))
sys.path[:0] = [str(HERE), str(HERE.parent / "interop")]

import peers  # noqa: E402
from lab import gate as gates, process  # noqa: E402
from lab.peers import fresh, program  # noqa: E402
from lab.saml import Keys  # noqa: E402

TARGET = "/acme/open-model/resolve/main/config.json"
DS, EXCLUSIVE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"


def documents():
    head = ('<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
            f'xmlns:ds="{DS}" ID="_r" Version="2.0" IssueInstant="2026-07-03T12:00:00Z"><saml:Issuer>https://idp.example/metadata</saml:Issuer>'
            '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>')
    signature = (f'<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
                 '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#_a"><ds:Transforms>'
                 f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
                 '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>'
                 f'</ds:SignedInfo><ds:SignatureValue>{"A" * 342}==</ds:SignatureValue></ds:Signature>')
    assertion = ('<saml:Assertion ID="_a" Version="2.0" IssueInstant="2026-07-03T12:00:00Z"><saml:Issuer>https://idp.example/metadata</saml:Issuer>'
                 f'{signature}<saml:Subject><saml:NameID>admin</saml:NameID></saml:Subject><saml:AttributeStatement><saml:Attribute Name="x">'
                 f'<saml:AttributeValue>{"&amp;" * 48_000}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>')
    attributes = "".join(f' a{number}=""' for number in range(31))
    for content in (assertion, "<x>" * 80_000, "<x/>" * 60_000, f"<x{attributes}/>" * 900):
        yield base64.b64encode((head + content + "</samlp:Response>").encode()[:255_000])


class Flood:
    """Connections that send garbage as fast as it is refused."""

    def __init__(self, place, connections):
        self.seen, self.over = collections.Counter(), threading.Event()
        self.bodies = [urllib.parse.urlencode({"SAMLResponse": document}).encode() for document in documents()]
        self.threads = [threading.Thread(target=self.send, args=(place, random.Random(number))) for number in range(connections)]
        for thread in self.threads:
            thread.start()

    def send(self, place, chance):
        while not self.over.is_set():
            link = http.client.HTTPConnection(place.host, place.port, timeout=30)
            try:
                while not self.over.is_set():
                    link.request("POST", "/-/sso/globex/saml/acs", chance.choice(self.bodies), {"Content-Type": "application/x-www-form-urlencoded"})
                    got = link.getresponse()
                    got.read()
                    self.seen[f"{got.status} {got.headers.get('X-Hub-SSO-Reason', '')}".strip()] += 1
            except OSError as error:
                self.seen[type(error).__name__] += 1
            finally:
                link.close()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def latency(url, connections, seconds):
    """Half and 99 of 100 requests are answered within so many milliseconds; and how many were, each second."""
    ran = subprocess.run([program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in ran:
        raise SystemExit(f"not every request was answered:\n{ran}")
    scale = {"us": 0.001, "ms": 1, "s": 1000}
    found = [re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", ran) for share in (50, 99)]
    return [float(one[1]) * scale[one[2]] for one in found] + [float(re.search(r"Requests/sec:\s+([\d.]+)", ran)[1])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--flooding", type=int, default=8)
    asked = parser.parse_args()
    process.raise_on_signal()
    place, hub, folder = gates.Place(), peers.hub(), fresh("flood")
    idp = Keys(folder, "idp")
    nowhere = {"issuer": f"http://127.0.0.5:{process.free_port('127.0.0.5')}", "client_id": "hub", "secret": "nothing secret", "provider": "generic"}
    flooded = {"saml": ['sign_on_url = "https://idp.example/sso"', 'entity_id = "https://idp.example/metadata"', "idp_initiated = true",
                        f"certificates = [{gates.text(str(idp.certificate))}]"]}
    gate = gates.Gate(place, hub.url, [gates.organization("acme", nowhere, public=["open-*"]), gates.organization("globex", flooded)], name="gate-flood")
    measure = lambda: latency(place.url + TARGET, asked.connections, asked.seconds)  # noqa: E731
    rows = [("before", *measure())]
    flood = Flood(place, asked.flooding)
    rows.append(("during", *measure()))
    flood.stop()
    rows.append(("after", *measure()))
    print("| the flood | half within | 99 of 100 within | requests/s |\n|---|---:|---:|---:|")
    for name, half, most, rate in rows:
        print(f"| {name} | {half:.2f} ms | {most:.2f} ms | {rate:.0f} |")
    told = ", ".join(f"{count} {what}" for what, count in flood.seen.most_common())
    print(f"\nAnswers to the flood in {asked.seconds} s: {told}.\n{os.cpu_count()} cores, shared by the gate, the hub, the load and the flood.")
    gate.stop()
    hub.stop()


main()
