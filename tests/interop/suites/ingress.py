"""Proxies that ask: each file of deploy/ingress with its program, in front of a hub, and attacked.

One gate and one public address serve all of them in turn, so that a sign-in at one is good at the next.
"""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import urllib.parse

from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, GitHub, OidcProvider, Olah, fresh, git, program, venv
from lab.process import INTEROP, WORK, Process, answers, clean_environment, free_port
from lab.recording import RecordingHub
from lab.report import Missing
from lab.visitor import Visitor

SNIPPETS = INTEROP.parent.parent / "deploy" / "ingress"
PEOPLE = {"alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]}}
# A machine's token, as `hubgate token new` makes one, and what the configuration holds of it.
TOKEN = "hf_hubgate_s_" + "N" * 43
MACHINE = ["[[organization.service_account]]", 'name = "nightly"', f'hash = "sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"', 'role = "write"']
TOLD = ["x-auth-user", "x-auth-email", "x-auth-name", "x-auth-org", "x-auth-role", "x-auth-orgs", "x-auth-groups", "x-auth-assertion"]


def run(report):
    public, place = Place(), Place()
    place.url = public.url
    hub = RecordingHub(HUB_HOST)
    op = OidcProvider(["acme"], public.url, PEOPLE)
    acme = [organization("acme", op.client("acme"), display_name="ACME Corp", public=["open-*"], also=MACHINE)]
    grpc = free_port(place.host)
    asked = Gate(place, None, acme, name="gate-asked", server=f'trusted_proxies = ["127.0.0.1"]\ngrpc = "{place.host}:{grpc}"')
    alice = Visitor()
    olah = forge = None
    with report.scenario("the real hubs begin"):
        files = {"config.json": '{"hidden": 8}', "weights.bin": os.urandom(1 << 20)}
        olah = Olah({"models/acme/open-bert": files, "models/acme/secret-bert": files}, "http://127.0.0.1:9")
        forge = GitHub({f"acme/{name}": {"README.md": f"# {name}\n"} for name in ("open-bert", "secret-bert")}, "http://127.0.0.1:9")
    for kind in (Nginx, Caddy, LaterCaddy, HAProxy, Traefik, EnvoyHttp, EnvoyGrpc):
        with report.scenario(f"{kind.name} runs"):
            Bench(report, kind, public, place, grpc, hub, alice).everything(asked, olah, forge)
    with report.scenario("Traefik passes on every spelling"):
        Bench(report, TraefikKeepingAliases, public, place, grpc, hub, alice).spelled()
    with report.scenario("nginx makes 500 of a question that the gate cannot read"):
        Bench(report, Nginx, public, place, grpc, hub, alice).misread()
    asked.stop()
    with report.scenario("Apache runs"):
        gate = Gate(place, f"http://{HUB_HOST}:{hub.port}", acme, name="gate-in-the-stream", server='trusted_proxies = ["127.0.0.1"]')
        apache = Bench(report, Apache, public, place, grpc, hub, Visitor())
        apache.attacked(gate)
        apache.slow(gate)
        apache.browser()
        gate.stop()
        with report.scenario("Apache in front of the real hubs"):
            apache.in_the_stream(acme, olah, forge)
    for peer in filter(None, (olah, forge, op, hub)):
        peer.stop()


# The programs ---------------------------------------------------------------------------------------------------


class Program:
    """A program with its snippet, whose names and ports are those of the moment."""

    def __init__(self, public, gate, grpc, hub):
        self.home = fresh(f"ingress-{self.file}")
        self.names = {"hubgate:8080": gate, "hub:3000": hub}
        self.public, self.grpc, self.hub, self.gate = public, grpc, hub, gate
        text = self.adapt((SNIPPETS / self.file).read_text())
        for name, real in self.names.items():
            text = text.replace(name, real)
        # Waiting for a gate that is slow is no part of the example.
        self.config = self.home / self.file
        self.config.write_text(re.sub(r"\b10s\b", "2s", text))
        self.process = Process(f"ingress-{self.name}", self.command(), cwd=self.home)
        try:
            self.process.ready(self.serves, seconds=20)
        except (RuntimeError, TimeoutError):
            self.process.stop()
            raise

    def serves(self):
        return answers(f"{self.public.url}/-/sso/authz")

    def stop(self):
        self.process.stop()


class Nginx(Program):
    name, file = "nginx", "nginx.conf"

    def adapt(self, text):
        text = text.replace("listen 443 ssl;", f"listen {self.public.host}:{self.public.port};").replace("server_name hub.example.com;", "")
        return re.sub(r"\n *ssl_.*", "", text)

    def command(self):
        whole = self.home / "whole.conf"
        temporary = " ".join(f"{kind}_temp_path {self.home}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        whole.write_text(f"daemon off; worker_processes 1; pid {self.home}/pid; error_log stderr warn; events {{}}\n"
                         f"http {{ access_log off; {temporary} include {self.config}; }}\n")
        return [program("nginx"), "-p", self.home, "-e", "stderr", "-c", whole]


class NginxWithoutUrl(Nginx):
    """The example with one of its lines forgotten."""

    def adapt(self, text):
        line = "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;"
        assert text.count(line) == 1, "the example has another line"
        return super().adapt(text.replace(line, ""))


class NginxWithoutMethod(Nginx):
    def adapt(self, text):
        line = "proxy_set_header X-Original-Method $request_method;"
        assert text.count(line) == 1, "the example has another line"
        return super().adapt(text.replace(line, ""))


class Caddy(Program):
    name, file = "Caddy", "Caddyfile"

    def adapt(self, text):
        return "{\n\tadmin off\n\tauto_https off\n}\n" + text.replace("\nhub.example.com {", f"\nhttp://{self.public.host}:{self.public.port} {{")

    def command(self):
        return ["env", f"HOME={self.home}", program("caddy"), "run", "--config", self.config, "--adapter", "caddyfile"]


class LaterCaddy(Caddy):
    """The same example with the program that people install today; Debian's is years older."""

    name = "Caddy 2.11"

    def command(self):
        return ["env", f"HOME={self.home}", venv("caddy", "caddy"), "run", "--config", self.config, "--adapter", "caddyfile"]


class HAProxy(Program):
    name, file = "HAProxy", "haproxy.cfg"

    def adapt(self, text):
        lua = self.home / "hubgate.lua"
        lua.write_text((SNIPPETS / "hubgate.lua").read_text().replace("timeout = 10000", "timeout = 2000"))
        text = re.sub(r"bind :443 .*", f"bind {self.public.host}:{self.public.port}", text)
        return text.replace("/etc/haproxy/hubgate.lua", str(lua))

    def command(self):
        return [program("haproxy"), "-db", "-f", self.config]


class Traefik(Program):
    name, file = "Traefik", "traefik.yaml"

    def adapt(self, text):
        return re.sub(r"\n *tls: {}", "", text).replace("hub.example.com", self.public.host)

    def command(self):
        static = self.home / "static.yaml"
        text = self.adapt_static((SNIPPETS / "traefik-static.yaml").read_text())
        static.write_text(text.replace('":443"', f'"{self.public.host}:{self.public.port}"').replace("/etc/traefik/traefik.yaml", str(self.config)))
        return [venv("traefik", "traefik"), f"--configFile={static}"]

    def serves(self):
        # Before it has read its dynamic configuration, everything is 404.
        return super().serves() == 418


    def adapt_static(self, text):
        return text


class TraefikKeepingAliases(Traefik):
    """The example with one of its lines forgotten."""

    name = "Traefik that passes on every spelling"

    def adapt_static(self, text):
        line = "aliasHeadersStrategy: delete"
        assert text.count(line) == 1, "the example has another line"
        return text.replace(line, "aliasHeadersStrategy: keep")


class Envoy(Program):
    def adapt(self, text):
        host, port = self.hub.split(":")
        text = text.replace("address: hub, port_value: 3000", f"address: {host}, port_value: {port}")
        host, port = self.gate.split(":")
        text = text.replace("address: hubgate, port_value: 8080", f"address: {host}, port_value: {port}")
        text = text.replace("address: hubgate, port_value: 9191", f"address: {host}, port_value: {self.grpc if port != '9' else 9}")
        text = text.replace("address: 0.0.0.0, port_value: 8443", f"address: {self.public.host}, port_value: {self.public.port}")
        return text.replace("domains: [hub.example.com]", 'domains: ["*"]')

    def command(self):
        return [venv("envoy", "envoy"), "-c", self.config, "--concurrency", "1", "--log-level", "warning", "--base-id", str(os.getpid() % 1000000)]


class EnvoyHttp(Envoy):
    name, file = "Envoy (HTTP)", "envoy-http.yaml"


class EnvoyGrpc(Envoy):
    name, file = "Envoy (gRPC)", "envoy-grpc.yaml"


class Apache(Program):
    name, file = "Apache", "apache.conf"

    def adapt(self, text):
        text = text.replace("*:443", f"{self.public.host}:{self.public.port}").replace("ServerName hub.example.com", f"ServerName {self.public.host}")
        return re.sub(r"\n *SSL.*", "", text).replace('X-Forwarded-Proto "https"', 'X-Forwarded-Proto "http"')

    def command(self):
        modules = {"mpm_event": "mpm_event", "proxy": "proxy", "proxy_http": "proxy_http", "headers": "headers", "authz_core": "authz_core"}
        whole = self.home / "whole.conf"
        whole.write_text("".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so\n" for name, file in modules.items())
                         + f"ServerRoot {self.home}\nPidFile {self.home}/pid\nDefaultRuntimeDir {self.home}\nErrorLog /dev/stderr\n"
                         f"Listen {self.public.host}:{self.public.port}\nInclude {self.config}\n")
        return [program("apache2"), "-X", "-f", whole]


# What is seen ---------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, report, kind, public, place, grpc, hub, alice):
        self.report, self.kind, self.public, self.place, self.grpc, self.hub, self.alice = report, kind, public, place, grpc, hub, alice

    def check(self, sentence, true, detail=""):
        return self.report.check(f"{self.kind.name}: {sentence}", true, detail)

    def started(self, hub, gate=None):
        gate = gate or f"{self.place.host}:{self.place.port}"
        return self.kind(self.public, gate, self.grpc, hub)

    def everything(self, gate, olah, forge):
        self.attacked(gate)
        self.broken()
        self.slow(gate)
        self.browser()
        if olah and forge:
            self.hubs(olah, forge)

    def in_the_stream(self, organizations, olah, forge):
        """Where the gate forwards by itself: another gate for each hub, and a new sign-in."""
        for hub, act in ((olah, self.downloads), (forge, self.clones)):
            gate = Gate(self.place, hub.url, organizations, name="gate-in-the-stream", server='trusted_proxies = ["127.0.0.1"]')
            running = self.started("127.0.0.1:9")
            self.alice = Visitor()
            self.alice.sign_in(f"{self.public.url}/-/sso/acme/login?return_to=/-/sso/", "alice", "x", self.public.url)
            act(self.alice.cookie_header(self.public.url + "/"))
            running.stop()
            gate.stop()

    def hubs(self, olah, forge):
        cookie = self.alice.cookie_header(self.public.url + "/")
        running = self.started(olah.url.removeprefix("http://"))
        self.downloads(cookie)
        running.stop()
        running = self.started(forge.url.removeprefix("http://"))
        self.clones(cookie)
        running.stop()

    def downloads(self, cookie):
        for repository, how, good in (("open-bert", None, True), ("secret-bert", None, False), ("secret-bert", cookie, True)):
            done = self.download(repository, how)
            who = "with a session" if how else "without a session"
            self.check(f"hf downloads acme/{repository} {who}: {'yes' if good else 'no, and it prints where to sign in'}",
                       (done.returncode == 0) == good and (good or "/-/sso/acme/login" in done.stdout + done.stderr), done.stdout + done.stderr)

    def clones(self, cookie):
        home = fresh("ingress-clones")
        for repository, how, good in (("open-bert", (), True), ("secret-bert", (), False),
                                      ("secret-bert", ("-c", f"http.{self.public.url}/.extraHeader=Cookie: {cookie}"), True)):
            done = git(*how, "clone", "-q", f"{self.public.url}/acme/{repository}.git", home / f"{repository}-{len(how)}", check=False)
            self.check(f"git clones acme/{repository} {'with' if how else 'without'} a session: {'yes' if good else 'no'}", (done.returncode == 0) == good, done.stderr)

    def attacked(self, gate):
        running = self.started(f"{HUB_HOST}:{self.hub.port}")
        try:
            self.people()
            self.forged()
            self.targets()
            self.check("hubgate is still the same process", gate.process.child.poll() is None, gate.process.tail())
        finally:
            running.stop()

    def spelled(self):
        running = self.started(f"{HUB_HOST}:{self.hub.port}")
        try:
            self.forged()
        finally:
            running.stop()

    def people(self):
        url, alice = self.public.url, self.alice
        landed = Visitor().once(f"{url}/acme/secret?x=1", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
        wanted = f"{url}/-/sso/acme/login?return_to=%2Facme%2Fsecret%3Fx%3D1"
        self.check("a page load is led to the sign-in", landed.status == 303 and urllib.parse.urljoin(url, landed.header("Location") or "") == wanted, landed)
        landed = alice.sign_in(f"{url}/acme/secret?x=1", "alice", "x", url)
        self.check("a sign-in lands on the deep link", landed.status == 200 and landed.url == f"{url}/acme/secret?x=1", landed)
        alice.cookies[(self.public.host, "/", "theirs")] = "kept"
        self.hub.take()
        for method, body in (("GET", None), ("HEAD", None), ("POST", b"x" * 300_000), ("OPTIONS", None)):
            answer = alice.once(f"{url}/acme/secret/resolve/refs%2Fpr%2F1/a%20b?q=%2F", method, body=body)
            seen = self.hub.take()
            told = dict(seen[0]["headers"]) if len(seen) == 1 else {}
            self.check(f"{method} of who is signed in reaches the hub as it is, with who it is",
                       answer.status == 200 and told.get("x-auth-user", "").startswith("acme:") and told.get("x-auth-role") == "write"
                       and seen[0]["target"] == "/acme/secret/resolve/refs%2Fpr%2F1/a%20b?q=%2F" and seen[0]["method"] == method
                       and seen[0]["body"] == (body or b""), f"{answer}\n{seen}"[:2000])
            self.check(f"{method}: the hub sees the client's cookies and not hubgate's", told.get("cookie") == "theirs=kept", told)
        answer = Visitor().once(f"{url}/acme/open-bert")
        seen = self.hub.take()
        names = [name for request in seen for name, value in request["headers"] if name in TOLD and value]
        self.check("anybody reads what is public, and is nobody to the hub", answer.status == 200 and len(seen) == 1 and not names, seen)
        answer = Visitor().once(f"{url}/acme/secret", headers={"User-Agent": "curl/8"})
        self.check("a tool gets 403 and where to sign in", answer.status == 403 and "/-/sso/acme/login" in (answer.header("X-Error-Message") or ""), answer)
        kind = answer.header("Content-Type") or ""
        self.check("what it is told is text, or JSON", kind.startswith(("text/plain", "application/json")), kind)
        lfs = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json", "User-Agent": "git-lfs/3.6"}
        answer = Visitor().once(f"{url}/acme/secret.git/info/lfs/objects/batch", "POST", lfs, b'{"operation":"download","objects":[]}')
        self.check("git-lfs is refused in JSON that it reads", answer.status in (401, 403) and (answer.header("Content-Type") or "").startswith("application/vnd.git-lfs+json")
                   and json.loads(answer.body)["message"], answer)
        answer = Visitor().once(f"{url}/acme/secret.git/info/refs?service=git-upload-pack", headers={"User-Agent": "git/2.47"})
        self.check("git is asked for a password", answer.status == 401 and "Basic" in (answer.header("WWW-Authenticate") or ""), answer)
        answer = Visitor().once(f"{url}/acme/secret", "PUT", body=b"x")
        self.check("nothing of these reached the hub", not self.hub.take())
        made = b'{"name":"x","organization":"acme"}'
        answer = Visitor().once(f"{url}/api/repos/create", "POST", {"Content-Type": "application/json"}, made)
        self.check("nobody creates a repository of acme", answer.status in (401, 403) and not self.hub.take(), answer)
        answer = alice.once(f"{url}/api/repos/create", "POST", {"Content-Type": "application/json"}, made)
        seen = self.hub.take()
        self.check("who may write creates one, and the body arrives", answer.status == 200 and len(seen) == 1 and seen[0]["body"] == made, answer)
        self.credentials()
        self.web_socket()

    def credentials(self):
        """The hub's own go on byte for byte, hubgate's tokens never do."""
        url = f"{self.public.url}/acme/secret"
        names = ("authorization", "x-hf-authorization")
        basic = "Basic " + base64.b64encode(b"app:its own").decode()
        password = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
        session = {"Cookie": self.alice.cookie_header(self.public.url + "/")}
        for what, headers, left in (("no credential", session, ("", "")), ("the hub's", {**session, "Authorization": basic}, (basic, "")),
                                    ("the hub's in both places", {**session, "Authorization": basic, "X-HF-Authorization": "Bearer hf_x"}, (basic, "Bearer hf_x")),
                                    ("a token of hubgate's", {"Authorization": f"Bearer {TOKEN}"}, ("", "")), ("a token as password", {"Authorization": password}, ("", "")),
                                    ("a token beside the hub's", {"Authorization": basic, "X-HF-Authorization": f"Bearer {TOKEN}"}, (basic, ""))):
            self.hub.take()
            answer = Visitor().once(url, headers=headers)
            seen = self.hub.take()
            told = dict(seen[0]["headers"]) if len(seen) == 1 else {}
            good = answer.status == 200 and tuple(told.get(name, "") for name in names) == left and TOKEN not in str(seen) and told.get("x-auth-user")
            self.check(f"{what}: the hub gets {' and '.join(one for one in left if one) or 'none'}", good, f"{answer}\n{seen}"[:1500])

    def web_socket(self):
        upgrade = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-Fetch-Mode: websocket\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        cookie = f"Cookie: {self.alice.cookie_header(self.public.url + '/')}\r\n"
        head = self.raw(f"GET /acme/secret/ws HTTP/1.1\r\nHost: {self.host()}\r\n{upgrade}\r\n", until=b"\r\n\r\n")
        self.check("a WebSocket without a session is refused before it opens", b" 401 " in head[:20] or b" 403 " in head[:20], head)
        self.hub.take()
        head = self.raw(f"GET /acme/secret/ws HTTP/1.1\r\nHost: {self.host()}\r\n{upgrade}{cookie}\r\n", then=b"ping across", until=b"ping across")
        self.check("a WebSocket with a session carries bytes both ways", b" 101 " in head[:20] and b"ping across" in head, head)
        self.hub.take()

    def host(self):
        return f"{self.public.host}:{self.public.port}"

    def raw(self, text, then=b"", until=None):
        """Sends bytes, and returns what comes back until `until`, the end, or three seconds of silence."""
        data = b""
        with socket.create_connection((self.public.host, self.public.port), timeout=3) as link:
            link.sendall(text.encode("latin-1"))
            try:
                while some := link.recv(65536):
                    data += some
                    if then and b"\r\n\r\n" in data:
                        link.sendall(then)
                        then = b""
                    if until and until in data:
                        break
            except OSError:
                pass
        return data

    def ask(self, line, headers=""):
        return self.raw(f"{line} HTTP/1.1\r\nHost: {self.host()}\r\nConnection: close\r\n{headers}\r\n")

    def forged(self):
        cookie = f"Cookie: {self.alice.cookie_header(self.public.url + '/')}\r\n"
        wrong = []
        spellings = [spelled for name in ("X-Auth-User", "X-Auth-Role", "X-Auth-Orgs", "X-Auth-Assertion", "X-Auth-Groups")
                     for spelled in (name, name.upper(), name.replace("-", "_"), name.replace("-", "_", 1), name.lower().replace("-", "_").upper(), name.replace("-", "."), name.replace("-", "~", 1))]
        others = ["Remote-User", "X-Remote-User", "X-WebAuth-User", "X-Forwarded-User", "X-Auth-Request-User", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL",
                  "X-HTTP-Method-Override", "X-Method-Override"]
        for spelled in [*spellings, *others, "Connection: close, X-Auth-User\r\nX-Auth-User"]:
            for line, who in (("GET /acme/open-bert", ""), ("GET /pub/x", ""), ("GET /acme/secret", cookie)):
                self.hub.take()
                self.ask(line, f"{who}{spelled}: evil\r\n{spelled.split(chr(10))[-1]}: evil\r\n")
                for request in self.hub.take():
                    wrong += [(spelled, name, value) for name, value in request["headers"] if "evil" in value]
        self.check("a forged identity, path or method reaches the hub in no spelling", not wrong, wrong)
        self.hub.take()
        fields = (f"X-Original-URL: {self.public.url}/acme/open-bert\r\nX-Original-Method: GET\r\nX-Forwarded-Uri: /acme/open-bert\r\n"
                  f"X-Forwarded-Method: GET\r\nX-Forwarded-Host: {self.host()}\r\nX-Forwarded-Proto: http\r\nX-Rewrite-URL: /acme/open-bert\r\n")
        answers = [self.ask(line, fields)[:20] for line in ("GET /acme/secret", "PUT /acme/open-bert", "DELETE /acme/secret")]
        self.check("the contract's own fields of a client say nothing", not self.hub.take() and not any(b" 2" in answer[8:11] for answer in answers), answers)
        fields = fields.replace("X-Rewrite-URL: /acme/open-bert\r\n", "")
        answers = [self.ask(f"GET /-/sso/authz/{path}", fields + cookie)[:12] for path in ("nginx", "forward", "envoy/acme/open-bert")]
        self.check("nobody asks from outside", not any(b" 200" in answer for answer in answers), answers)

    def targets(self):
        wrong, reached = [], []
        for target in ("/acme%2Fsecret", "//acme/secret", "/pub/..%2facme/secret", "/pub/../acme/secret", "/pub/%2e%2e/acme/secret", "/./acme/secret",
                       "/%61cme/secret", "/ACME/secret", "/acme/secret#x", "/#/acme/secret", "/-/sso/../../acme/secret", "/-/sso/..%2f..%2facme/secret",
                       "/-/sso%2f..%2f..%2facme/secret", "/acme\\secret", "/acme%5csecret", "/acme;x/secret", "/acme/secret%00", "/acme/%zz", "/acme",
                       f"{self.public.url}/acme/secret", "/pub/x%252f..%252f..%252facme/secret", "/pub//..//acme/secret"):
            for method in ("GET", "HEAD", "POST"):
                self.hub.take()
                head = self.ask(f"{method} {target}", "User-Agent: kube-probe/1.30\r\n")[:15]
                if arrived := self.hub.take():
                    reached.append((method, target, arrived[0]["target"]))
                if b" 200" in head:
                    wrong.append((method, target, head))
        self.check("no spelling of a path of acme's reaches the hub without a session", not reached, reached)
        self.check("and none is answered 200", not wrong, wrong)

    def misread(self):
        """nginx knows 401 and 403 only: a question that the gate answers 400 is 500 to the client, and nothing passes."""
        cookie = f"Cookie: {self.alice.cookie_header(self.public.url + '/')}\r\n"
        odd, plain = ("/acme%2Fsecret", "/acme%5csecret", "/pub/..%2facme/secret", "/acme;x/secret"), ("/acme/secret", "/acme/open-bert", "/pub/x")
        for kind, what, targets, status in ((Nginx, "a target with two readings", odd, "403"), (NginxWithoutUrl, "a question without the URL", plain, "500"),
                                            (NginxWithoutMethod, "a question without the method", plain, "500")):
            running = kind(self.public, f"{self.place.host}:{self.place.port}", self.grpc, f"{HUB_HOST}:{self.hub.port}")
            try:
                self.hub.take()
                answers = [self.ask(f"{method} {target}", cookie)[9:12].decode() for method in ("GET", "POST") for target in targets]
                self.check(f"{what} is {status} to the client", set(answers) == {status}, answers)
                self.check(f"{what} does not reach the hub, whoever asks", not self.hub.take())
                told = running.process.log.read_text().count("auth request unexpected status: 400")
                self.check(f"{what} stands in nginx's error log: {'yes' if status == '500' else 'no'}", told == (len(answers) if status == "500" else 0), told)
            finally:
                running.stop()

    def broken(self):
        """Without the gate, and with one that does not answer."""
        cookie = f"Cookie: {self.alice.cookie_header(self.public.url + '/')}\r\n"
        where = f"{HUB_HOST}:{self.hub.port}"
        with socket.create_server((self.place.host, 0)) as silent:
            for what, gate in (("is stopped", f"{self.place.host}:9"), ("is silent", f"{self.place.host}:{silent.getsockname()[1]}")):
                kept, self.grpc = self.grpc, int(gate.split(":")[1])
                running = self.started(where, gate)
                self.grpc = kept
                self.hub.take()
                answers = [self.raw(f"GET {target} HTTP/1.1\r\nHost: {self.host()}\r\nConnection: close\r\n{cookie}\r\n")[:15] for target in ("/acme/open-bert", "/acme/secret")]
                self.check(f"when the gate {what}, nothing passes", not self.hub.take() and not any(b" 2" in answer[8:11] for answer in answers), answers)
                running.stop()

    def slow(self, gate):
        """A gate that is there and stands still, stopped by a signal."""
        cookie = f"Cookie: {self.alice.cookie_header(self.public.url + '/')}\r\n"
        running = self.started(f"{HUB_HOST}:{self.hub.port}")
        try:
            self.hub.take()
            gate.process.child.send_signal(signal.SIGSTOP)
            targets = ("/acme/open-bert", "/acme/secret", "/pub/x")
            answers = [self.raw(f"GET {target} HTTP/1.1\r\nHost: {self.host()}\r\nConnection: close\r\n{cookie}\r\n")[:15] for target in targets]
            self.check("when the gate stands still, nothing passes", not self.hub.take() and not any(b" 2" in answer[8:11] for answer in answers), answers)
        finally:
            gate.process.child.send_signal(signal.SIGCONT)
            running.stop()

    def browser(self):
        """A person in Chromium: the deep link, the sign-in, the page, a script's request, and the way out."""
        try:
            chromium = program("chromium")
            if not (INTEROP / "node_modules" / "playwright-core").exists():
                raise Missing("playwright-core is not installed (run tests/interop/install)")
        except Missing as error:
            self.report.lacks("Chromium", error)
            return
        running = self.started(f"{HUB_HOST}:{self.hub.port}")
        try:
            told = {"gate": self.public.url, "chromium": chromium, "path": "/acme/secret/blob/main/a%20b?x=1&y=%2F"}
            done = subprocess.run([program("node"), INTEROP / "suites" / "ingress.mjs"], capture_output=True, text=True, timeout=120,
                                  env={**os.environ, "INTEROP": json.dumps(told)})
            for line in done.stdout.splitlines():
                one = json.loads(line)
                self.check(f"Chromium: {one['check']}", one["ok"], one["detail"])
            self.check("Chromium came to its end", done.returncode == 0, done.stderr[-2000:])
        finally:
            running.stop()
            self.hub.take()

    def download(self, repository, cookie):
        with tempfile.TemporaryDirectory(dir=WORK) as home:
            return subprocess.run([venv("hfnew"), str(INTEROP / "peers" / "hf_command.py"), "download", f"acme/{repository}", "config.json"],
                                  capture_output=True, text=True, timeout=120, env={
                **clean_environment(), "HF_HOME": home, "HF_ENDPOINT": self.public.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_HUB_DISABLE_UPDATE_CHECK": "1", "COLUMNS": "1000", "NO_COLOR": "1", **({"INTEROP_COOKIE": cookie} if cookie else {})})
