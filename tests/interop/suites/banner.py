"""The banner in a real browser: under a strict content policy, through compression, and on a page of 100 MiB."""

import gzip
import pathlib
import subprocess
import urllib.request

from lab.answering import Server
from lab.chromium import Chromium
from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, OidcProvider, fresh, program

PEOPLE = {"alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]}}
POLICIES = {
    "strict": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "sandboxed": "default-src 'none'; sandbox",
    "own-styles": "default-src 'none'; style-src 'self'",
}
PAGE = "<!doctype html><html lang=en><head><title>{name}</title><base href='https://elsewhere.example/'></head><body><h1>acme/{name}</h1><p>This is a page of the hub.</p></body></html>"
LONG = 100 * 1024 * 1024
BANNER = "Complete single sign-on with ACME Corp"


def run(report):
    place = Place()
    provider = OidcProvider(["acme"], place.url, PEOPLE, name="oidc-provider-banner")
    hub = Server(answer, HUB_HOST)
    gate = Gate(place, hub.url, [organization("acme", provider.client("acme"), display_name="ACME Corp", enforcement="optional")], name="gate-banner")
    screens = fresh("screens-banner")
    browser = Chromium(place.url, screens)
    check = report.check
    try:
        for name in POLICIES:
            with report.scenario(f"a page with the policy {name}"):
                page = browser.open(name, url=f"{place.url}/acme/{name}", name=f"banner-{name}")
                check(f"the banner stands on a page whose policy is {POLICIES[name]!r}", BANNER in page["text"] and f"acme/{name}" in page["text"], page)
                check("it is seen", browser.count(name, target="#hubgate-banner a:visible") == 1)
                page = browser.click(name, target="#hubgate-banner a")
                check("it leads to the provider, whatever the page's <base> says", page["url"].startswith(provider.issuer), page)
                page = browser.open(name, url=f"{place.url}/acme/{name}", who="alice", name=f"signed-in-{name}")
                check("and is gone after the sign-in", page["url"] == f"{place.url}/acme/{name}" and BANNER not in page["text"], page)
        with report.scenario("compression"):
            for name in ("gzip", "br", "deflate"):
                page = browser.open(f"with-{name}", url=f"{place.url}/acme/{name}", name=f"banner-{name}")
                check(f"the banner stands on a page that the hub would send in {name}", BANNER in page["text"] and f"acme/{name}" in page["text"], page)
                page = browser.open(f"with-{name}", url=f"{place.url}/acme/{name}", who="alice")
                check(f"whoever is signed in gets it in {name}", coded(hub, f"/acme/{name}") == name and BANNER not in page["text"], page)
            for name in ("always-gzip", "always-br"):
                page = browser.open("stubborn", url=f"{place.url}/acme/{name}")
                check(f"what is coded all the same is left alone ({name})", BANNER not in page["text"] and f"acme/{name}" in page["text"], page)
        with report.scenario("a long page"):
            before = peak(gate)
            seen = urllib.request.urlopen(urllib.request.Request(f"{place.url}/acme/long", headers={"Accept": "text/html"}))
            size, head = 0, seen.read(65536)
            size += len(head)
            while piece := seen.read(1 << 20):
                size += len(piece)
            grown = peak(gate) - before
            banner = size - LONG
            report.say(f"100 MiB of HTML: {banner} bytes more, and the gate's peak memory grew by {grown >> 10} KiB")
            check("a page of 100 MiB comes whole, with the banner in front", b"hubgate-banner" in head and 300 < banner < 900, banner)
            check("and is not held", grown < 16 << 20, grown)
        check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    finally:
        browser.stop()
    gate.stop()
    hub.stop()
    provider.stop()


def answer(request):
    name = request.path.rsplit("/", 1)[-1]
    if name == "long":
        return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>long</title><body>" + b"<p>line\n" * ((LONG - 40) // 8)
    body = PAGE.format(name=name).encode()
    headers = {"Content-Type": "text/html; charset=utf-8", "Vary": "Accept-Encoding"}
    if name in POLICIES:
        headers["Content-Security-Policy"] = POLICIES[name]
    asked = request.headers.get("Accept-Encoding", "")
    for coding, encode in CODINGS.items():
        if name == f"always-{coding}" or (name == coding and coding in asked):
            headers["Content-Encoding"] = coding
            body = encode(body)
    request.coding = headers.get("Content-Encoding")
    return 200, headers, body


def by_node(function):
    """Node has every coding of the web in it."""
    script = f"process.stdin.on('data', (d) => process.stdout.write(require('zlib').{function}(d)))"
    return lambda body: subprocess.run([program("node"), "-e", script], input=body, stdout=subprocess.PIPE, check=True).stdout


CODINGS = {"gzip": gzip.compress, "br": by_node("brotliCompressSync"), "deflate": by_node("deflateSync")}


def coded(hub, path):
    """In what the last request for a path was answered."""
    return next(request.coding for request in reversed(hub.seen) if request.path == path)


def peak(gate):
    """The most memory that the gate has ever had, in bytes."""
    status = pathlib.Path(f"/proc/{gate.process.child.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

