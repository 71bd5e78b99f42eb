"""Independent peers: two OpenID providers and three hubs, each a real program on a port of its own."""

import glob
import json
import os
import pathlib
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .process import INTEROP, PEERS, Process, WORK, answers, clean_environment, free_port
from .report import Missing

# Addresses of their own, because cookies know no ports.
GATE_HOST, ACME_HOST, GLOBEX_HOST, HUB_HOST = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"


def program(name, *places):
    """Where a program is, or `Missing` with the way to get it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:" + str(PEERS / "node" / "bin"))
    for place in (found, *places):
        if place and pathlib.Path(place).exists():
            return str(place)
    raise Missing(f"{name} is not installed (run tests/interop/install)")


def venv(name, script="python"):
    path = PEERS / name / "bin" / script
    if not path.exists():
        raise Missing(f"the Python environment {name} is not installed (run tests/interop/install)")
    return str(path)


def fresh(name):
    """An empty folder in the work folder."""
    path = WORK / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


class OidcProvider:
    """npm oidc-provider. Any password is right; `people` says what it knows about whom."""

    kind = "npm oidc-provider"

    def __init__(self, organizations, gate, people, host=ACME_HOST, lifetimes=None, name="oidc-provider", more_callbacks=()):
        node = program("node")
        if not (INTEROP / "node_modules" / "oidc-provider").exists():
            raise Missing("oidc-provider is not installed (run tests/interop/install)")
        self.port = free_port(host)
        self.issuer = f"http://{host}:{self.port}"
        self.secrets = {organization: f"secret-of-{organization}" for organization in organizations}
        clients = [{
            "client_id": f"hubgate-{organization}",
            "client_secret": self.secrets[organization],
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [f"{gate}{path}" for path in callbacks(organization)] + list(more_callbacks),
            "post_logout_redirect_uris": [f"{gate}{path}" for path in after_logout(organization)],
            "backchannel_logout_uri": f"{gate}/-/sso/{organization}/oidc/backchannel-logout",
            "backchannel_logout_session_required": True,
        } for organization in organizations]
        self.process = Process(name, [node, INTEROP / "peers" / "oidc_provider.mjs"], env={"OP": json.dumps(
            {"host": host, "port": self.port, "people": people, "clients": clients, "lifetimes": lifetimes or {}})})
        self.process.answering(f"{self.issuer}/jwks")

    def client(self, organization):
        return {"issuer": self.issuer, "client_id": f"hubgate-{organization}", "secret": self.secrets[organization], "provider": "generic"}

    def stop(self):
        self.process.stop()


def callbacks(organization):
    return [f"/-/sso/{organization}/oidc/callback", f"/organizations/{organization}/oidc/consume"]


def after_logout(organization):
    """Where the gate may ask a provider to send people after sign-out."""
    return ["/-/sso/", "/-/sso/logout", "/-/sso/signed-out", f"/-/sso/{organization}/signed-out", f"/-/sso/{organization}/logout"]


class Keycloak:
    """Keycloak from Maven Central, its database in memory, one realm for each organization."""

    kind = "Keycloak"

    def __init__(self, organizations, gate, people, host=GLOBEX_HOST):
        found = sorted(glob.glob(str(PEERS / "keycloak-*" / "bin" / "kc.sh")))
        if not found:
            raise Missing("Keycloak is not installed (run tests/interop/install)")
        program("java")
        self.host, self.port, health = host, free_port(host), free_port(host)
        self.base = f"http://{host}:{self.port}"
        self.secret = "secret-of-keycloak"
        self.process = Process("keycloak", [
            found[-1], "start", "--optimized", "--cache=local", "--http-enabled=true", "--hostname-strict=false",
            f"--http-host={host}", f"--http-port={self.port}", f"--http-management-port={health}", f"--http-management-host={host}",
        ], env={"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin", "JAVA_OPTS_APPEND": "-Xmx512m"})
        self._wanted = (organizations, gate, people, health)

    def started(self):
        """Waits for it (it takes a quarter of a minute, so others can be started meanwhile) and makes the realms."""
        organizations, gate, people, health = self._wanted
        self.process.answering(f"http://{self.host}:{health}/health/ready", seconds=1200)
        for organization in organizations:
            self._call("POST", "/admin/realms", self.realm(organization, gate, people))
        return self

    def realm(self, organization, gate, people):
        groups = sorted({group for said in people.values() for group in said.get("groups", [])})
        return {
            "realm": organization, "enabled": True, "sslRequired": "none",
            "groups": [{"name": group} for group in groups],
            "users": [{
                "username": name, "enabled": True, "email": said["email"], "emailVerified": True,
                "firstName": said.get("name", name), "lastName": organization, "groups": said.get("groups", []),
                "credentials": [{"type": "password", "value": "right", "temporary": False}],
            } for name, said in people.items()],
            "clients": [{
                "clientId": f"hubgate-{organization}", "secret": self.secret, "publicClient": False, "standardFlowEnabled": True,
                "redirectUris": [f"{gate}{path}" for path in callbacks(organization)],
                "attributes": {
                    "post.logout.redirect.uris": "##".join(f"{gate}{path}" for path in after_logout(organization)),
                    "backchannel.logout.url": f"{gate}/-/sso/{organization}/oidc/backchannel-logout",
                    "backchannel.logout.session.required": "true",
                    "pkce.code.challenge.method": "S256",
                },
                "protocolMappers": [{
                    "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
                    "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true", "userinfo.token.claim": "true"},
                }],
            }],
        }

    def client(self, organization):
        return {"issuer": f"{self.base}/realms/{organization}", "client_id": f"hubgate-{organization}", "secret": self.secret, "provider": "keycloak"}

    def sessions(self, organization, name):
        """The provider's own view of who is signed in."""
        user = self._call("GET", f"/admin/realms/{organization}/users?username={name}&exact=true")[0]["id"]
        return self._call("GET", f"/admin/realms/{organization}/users/{user}/sessions")

    def end_sessions(self, organization, name):
        """What an administrator does in the console: signs a person out everywhere."""
        user = self._call("GET", f"/admin/realms/{organization}/users?username={name}&exact=true")[0]["id"]
        self._call("POST", f"/admin/realms/{organization}/users/{user}/logout")

    def _call(self, method, path, body=None):
        form = urllib.parse.urlencode({"client_id": "admin-cli", "grant_type": "password", "username": "admin", "password": "admin"})
        with _open(f"{self.base}/realms/master/protocol/openid-connect/token", data=form.encode()) as response:
            token = json.load(response)["access_token"]
        with _open(self.base + path, method=method, data=json.dumps(body).encode() if body else None,
                   headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}) as response:
            text = response.read()
        return json.loads(text) if text else None

    def stop(self):
        self.process.stop()


def _open(url, **how):
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(url, **how), timeout=60)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{how.get('method', 'POST')} {url}: {error.code} {error.read()[:500]!r}") from None


def git(*argv, cwd=None, env=None, check=True, timeout=120):
    """Runs git with an empty configuration; never asks anybody."""
    run = subprocess.run(
        [program("git"), *map(str, argv)], cwd=cwd, capture_output=True, text=True, timeout=timeout,
        env={**clean_environment(), "HOME": str(WORK), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1",
             "GIT_AUTHOR_NAME": "interop", "GIT_AUTHOR_EMAIL": "interop@acme.test", "GIT_COMMITTER_NAME": "interop",
             "GIT_COMMITTER_EMAIL": "interop@acme.test", "LC_ALL": "C", **(env or {})})
    if check and run.returncode:
        raise RuntimeError(f"git {' '.join(map(str, argv))}: {run.stdout}{run.stderr}")
    return run


def repository(path, files):
    """A git repository with a work tree and one commit on `main`."""
    path.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=path)
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    git("add", "-A", cwd=path)
    git("commit", "-q", "-m", "Begin", cwd=path)
    return path


class Olah:
    """Olah from PyPI: a Hugging Face compatible hub without accounts, offline, fed from git repositories."""

    def __init__(self, repositories, whoami, host=HUB_HOST):
        """`repositories` maps `models/acme/bert` to files; `whoami` is where Olah asks who a token belongs to."""
        cli = venv("olah", "olah-cli")
        home = fresh("olah")
        for name, files in repositories.items():
            repository(home / "mirrors" / name, files)
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        at = urllib.parse.urlsplit(whoami)
        (home / "olah.toml").write_text("\n".join([
            "[basic]", f'host = "{host}"', f"port = {self.port}", 'ssl-key = ""', 'ssl-cert = ""', f'repos-path = "{home / "repos"}"',
            f'hf-scheme = "{at.scheme}"', f'hf-netloc = "{at.netloc}"', f'hf-lfs-netloc = "{at.netloc}"',
            'mirror-scheme = "http"', f'mirror-netloc = "{host}:{self.port}"', f'mirror-lfs-netloc = "{host}:{self.port}"',
            f'mirrors-path = ["{home / "mirrors"}"]', "[accessibility]", "offline = true",
            "[[accessibility.proxy]]", 'repo = "*"', "allow = true", "[[accessibility.proxy]]", 'repo = "*/*"', "allow = true", ""]))
        self.process = Process("olah", [cli, "--config", home / "olah.toml", "--log-path", home / "logs"], cwd=home,
                               env={"HF_HOME": str(home / "hf")})
        self.process.answering(f"{self.url}/openapi.json")

    def stop(self):
        self.process.stop()


class GitHub:
    """nginx, fcgiwrap and git-http-backend: a forge that believes `X-Auth-User` and lets nobody else push."""

    def __init__(self, repositories, lfs, host=HUB_HOST):
        nginx, wrap = program("nginx"), program("fcgiwrap")
        backend = pathlib.Path("/usr/lib/git-core/git-http-backend")
        if not backend.exists():
            raise Missing("git-http-backend is not installed (run tests/interop/install)")
        self.home = fresh("forge")
        (self.home / "tmp").mkdir()
        for name, files in repositories.items():
            made = repository(self.home / "made" / name, files)
            bare = self.home / "bare" / f"{name}.git"
            bare.parent.mkdir(parents=True, exist_ok=True)
            git("clone", "-q", "--bare", made, bare)
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        socket = self.home / "fcgiwrap.sock"
        self.wrap = Process("fcgiwrap", [wrap, "-s", f"unix:{socket}", "-c", "2"])
        self.wrap.ready(socket.exists)
        socket.chmod(0o666)
        config = self.home / "nginx.conf"
        config.write_text(f"""
daemon off; worker_processes 1; pid {self.home}/nginx.pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {self.home}/tmp; proxy_temp_path {self.home}/tmp; fastcgi_temp_path {self.home}/tmp; uwsgi_temp_path {self.home}/tmp; scgi_temp_path {self.home}/tmp;
  server {{
    listen {host}:{self.port};
    location ~ /info/lfs/ {{ proxy_pass {lfs}; proxy_set_header Host $http_host; }}
    location / {{
      fastcgi_pass unix:{socket};
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param GIT_PROJECT_ROOT {self.home}/bare; fastcgi_param GIT_HTTP_EXPORT_ALL ""; fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param REMOTE_USER $http_x_auth_user; fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param HOME {self.home}; fastcgi_param GIT_CONFIG_COUNT 1; fastcgi_param GIT_CONFIG_KEY_0 safe.directory; fastcgi_param GIT_CONFIG_VALUE_0 *;
    }}
  }}
}}
""")
        self.nginx = Process("nginx", [nginx, "-p", self.home, "-e", "stderr", "-c", config])
        self.nginx.answering(self.url + "/")

    def heads(self, name):
        return git("-C", self.home / "bare" / f"{name}.git", "log", "--format=%an|%s").stdout

    def stop(self):
        self.nginx.stop()
        self.wrap.stop()


class Gradio:
    """A Space: an application of Gradio, mounted where the hub shows it, with a WebSocket beside it."""

    def __init__(self, path, host=HUB_HOST):
        python = venv("gradio")
        home = fresh("space")
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        self.process = Process("gradio", [python, INTEROP / "peers" / "space.py", host, self.port, path], cwd=home,
                               env={"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(home), "HF_HUB_OFFLINE": "1"})
        self.process.answering(f"{self.url}{path}/config", seconds=120)

    def stop(self):
        self.process.stop()
