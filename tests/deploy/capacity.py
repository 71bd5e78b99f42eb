#!/usr/bin/env python3
"""How much memory the gate takes: at rest, for each idle connection, for each signed-in browser.

    tests/deploy/capacity.py [SESSIONS [CONNECTIONS]]

Prints the proportional set size (PSS) of a gate with two threads. The provider is a few lines that let everybody in;
its ID tokens are signed by openssl. The gate is HUBGATE_BIN, or the release build.
"""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HUBGATE_BIN", ROOT / "target/release/hubgate")
SESSIONS, CONNECTIONS = (int(text) for text in (sys.argv[1:] + ["2000", "5000"][len(sys.argv) - 1:]))
CONFIG = """
public_url = "http://127.0.0.1:{gate}"
[server]
listen = "127.0.0.1:{gate}"
admin = ""
threads = 2
[hub]
upstream = "http://127.0.0.1:{provider}"
[[organization]]
id = "acme"
email_domains = ["acme.com"]
[organization.role_mapping]
attribute = "groups"
roles = {{ admin = ["hub-admins"], write = ["ml"] }}
[organization.oidc]
provider = "generic"
issuer = "http://127.0.0.1:{provider}"
client_id = "hub"
client_auth = "none"
"""


class Provider(http.server.ThreadingHTTPServer):
    """Discovery, keys and tokens; and, at every other address, the hub."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Answer)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = pathlib.Path(folder) / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key], check=True, capture_output=True)
        shown = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        self.modulus = base64url(bytes.fromhex(shown.strip().split("=")[1]))
        self.nonces = {}

    def token(self, number):
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "hub", "sub": f"00u{number:017d}", "iat": now, "exp": now + 3600, "nonce": self.nonces.pop(number),
            "email": f"person.{number}@acme.com", "email_verified": True, "name": f"Person Number {number}",
            "groups": ["ml", "everyone", "research-berlin", "gpu-users"],
        }
        signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{base64url(signature)}"


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        issuer = self.server.issuer
        if self.path == "/.well-known/openid-configuration":
            self.say({
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            })
        elif self.path == "/keys":
            self.say({"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": self.server.modulus, "e": "AQAB"}]})
        else:
            self.say({"hub": True})

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        token = self.server.token(int(form["code"][0]))
        self.say({"access_token": hashlib.sha256(token.encode()).hexdigest(), "token_type": "Bearer", "expires_in": 3600, "id_token": token})

    def say(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def base64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sign_in(port, provider, number):
    """Begins a sign-in and brings the provider's answer; a browser of its own each time."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        link.request("GET", "/-/sso/acme/login?return_to=/acme/bert", headers=page)
        begun = link.getresponse()
        begun.read()
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(begun.headers["location"]).query)
        cookie = "; ".join(line.split(";")[0] for line in begun.headers.get_all("set-cookie"))
        provider.nonces[number] = asked["nonce"][0]
        answer = urllib.parse.urlencode({"code": number, "state": asked["state"][0]})
        link.request("GET", f"/-/sso/acme/oidc/callback?{answer}", headers={**page, "Cookie": cookie})
        done = link.getresponse()
        done.read()
        if done.status != 303 or "/acme/bert" not in done.headers["location"]:
            raise RuntimeError(f"sign-in {number}: {done.status} {done.headers}")


def pss(pid):
    """KiB."""
    return int(next(line for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")).split()[1])


def settled(pid):
    """When it has not changed for two seconds: quiet connections give their buffers back."""
    seen = []
    while len(seen) < 120 and len(set(seen[-4:])) != 1 or len(seen) < 4:
        time.sleep(0.5)
        seen.append(pss(pid))
    return seen[-1]


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    with tempfile.TemporaryDirectory() as folder:
        provider = Provider(folder)
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        config = pathlib.Path(folder) / "hubgate.toml"
        config.write_text(CONFIG.format(gate=port, provider=provider.server_address[1]))
        gate = subprocess.Popen([BINARY, "run", "--config", config], stderr=subprocess.DEVNULL)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            sign_in(port, provider, 0)
            base = settled(gate.pid)
            print(f"at rest, after one sign-in: {base / 1024:.1f} MiB")
            # Sessions first: the allocator would keep them in what connections have left.
            for number in range(1, SESSIONS + 1):
                sign_in(port, provider, number)
            held = settled(gate.pid)
            print(f"{SESSIONS} browsers signed in: {held / 1024:.1f} MiB, {(held - base) / SESSIONS:.2f} KiB for each")
            base = held
            links = []
            for _ in range(CONNECTIONS):
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                link.request("GET", "/other/model")
                link.getresponse().read()
                links.append(link)
            held = settled(gate.pid)
            print(f"{CONNECTIONS} connections, each after one request: {held / 1024:.1f} MiB, {(held - base) / CONNECTIONS:.2f} KiB for each")
        finally:
            gate.terminate()
            gate.wait(30)


main()
