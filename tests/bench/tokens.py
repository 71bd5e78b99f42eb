"""Credentials beside each other: a session's cookie, a token of the gate's, and a hub's own token with a warm cache."""

import json
import urllib.parse
import urllib.request

import measure
import peers
from lab import gate as gates
from lab.visitor import Page, Visitor

SESSION, OWN = "session's cookie", "token of the gate's"
HUB_SESSION, HUB_TOKEN = "hub with accounts: cookies of hub and gate", "hub with accounts: the hub's token"
HUB_COOKIE = "token=" + "h" * 40


def headers(kind, credential):
    """As many fields and bytes for each kind of credential: what differs is the credential alone."""
    fields = measure.request_headers(credential if kind in (SESSION, HUB_SESSION) else "")
    if kind in (SESSION, HUB_SESSION):
        return fields
    size = len(measure.request_headers("x")["Cookie"]) - len(f"Bearer {credential}")
    del fields["Cookie"], fields["Pragma"]
    return {**fields, "Authorization": f"Bearer {credential}", "X-Filler": "x" * size}


def own_token(url, visitor):
    """What `hf auth login` does, its browser's part included (RFC 8628)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked(path, **form):
        with opener.open(f"{url}{path}", urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)

    device = asked("/oauth/device", client_id="bench")
    page = visitor.load(device["verification_uri_complete"])
    visitor.submit(Page(page).forms[0], answer="allow")
    return asked("/oauth/token", client_id="bench", device_code=device["device_code"], grant_type="urn:ietf:params:oauth:grant-type:device_code")["access_token"]


KINDS = [SESSION, OWN, HUB_SESSION, HUB_TOKEN]


def life(kind, hub, launch=(), name=None):
    """A gate for this kind, and the headers of a request with it."""
    place = gates.Place()
    provider = peers.provider(place, place.url)
    at_hub = kind in (HUB_SESSION, HUB_TOKEN)
    peer = peers.hubgate(name or f"counted {kind}", place, hub.url, provider.client("acme"), launch=launch, identity="hub" if at_hub else "idp")
    visitor = Visitor()
    if at_hub:
        at, _, value = HUB_COOKIE.partition("=")
        visitor.cookies[place.host, "/", at] = value
    visitor.sign_in(f"{place.url}/-/sso/acme/login?return_to=/-/sso/", "alice", "x", place.url)
    if kind == OWN:
        credential = own_token(place.url, visitor)
    elif kind == HUB_TOKEN:
        credential = HUB_COOKIE.partition("=")[2]
    else:
        credential = visitor.cookie_header(place.url + "/")
    provider.stop()
    return peer, headers(kind, credential)


class Lineup:
    """A gate for each kind of credential, in front of one upstream."""

    def __init__(self, hub):
        self.peers, self.headers = [], {}
        for kind in KINDS:
            peer, self.headers[kind] = life(kind, hub, name=f"bench {kind}")
            peer.name = kind
            self.peers.append(peer)


def table(summed):
    lines = ["| 1 KiB GET, warm | CPU per request, µs | ratio to a session | quartiles |", "|---|---:|---:|---:|"]
    for name, row in summed.items():
        low, middle, high = row["ratio"]
        lines.append(f"| {name} | {row['cost'][1] * 1e6:.3g} | **{middle:.3f}** | {low:.3f} to {high:.3f} |")
    return "\n".join(lines)
