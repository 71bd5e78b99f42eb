"""The proxies that are compared: each one process tree on one core, with one worker, keep-alive to the upstream, and one access-log line per request to /dev/null."""

import json
import os
import pathlib
import shutil

from lab import gate as gates
from lab.peers import ACME_HOST, GATE_HOST, OidcProvider, program
from lab.process import Process, WORK, answers, free_port, slug
from lab.visitor import Visitor

PEOPLE = {"alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]}}
# The account that the hub knows, whatever credential is shown.
WHOAMI = {"type": "user", "id": "u1", "name": "alice", "email": "alice@acme.test", "emailVerified": True,
          "orgs": [{"type": "org", "name": "acme", "roleInOrg": "write"}], "auth": {"type": "access_token"}}
PROXY_CORE = "0"
# Where nginx asks from when it asks the gate about a request: the gate believes nobody else.
ASKER = "127.0.0.9"
# Counting tools write their files as the user that the worker runs as.
AS_ROOT = "user root;" if os.geteuid() == 0 else ""


class Peer:
    """One row of the table: where to send the load, and whose processor time counts."""

    def __init__(self, name, url, processes, note=""):
        self.name, self.url, self.processes, self.note = name, url, processes, note


def pinned(*argv):
    return [program("taskset"), "-c", PROXY_CORE, *argv]


def folder(name):
    path = WORK / "bench" / slug(name)
    shutil.rmtree(path, ignore_errors=True)
    (path / "tmp").mkdir(parents=True)
    return path


def nginx(name, upstream, location="", before="", buffers="", pin=True, server="", launch=()):
    """nginx as a reverse proxy; `location` and `before` add an authentication."""
    home, port = folder(name), free_port(GATE_HOST)
    config = home / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {home}/pid; error_log stderr error; {AS_ROOT}
events {{ worker_connections 2048; }}
http {{
  log_format line '{{"time":"$time_iso8601","client":"$remote_addr","request":"$request","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"agent":"$http_user_agent","upstream":"$upstream_status"}}';
  access_log /dev/null line;
  sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 10000000; keepalive_timeout 300s; client_max_body_size 0; client_header_buffer_size 8k;
  client_body_temp_path {home}/tmp; proxy_temp_path {home}/tmp; fastcgi_temp_path {home}/tmp; uwsgi_temp_path {home}/tmp; scgi_temp_path {home}/tmp;
  upstream hub {{ server {upstream.removeprefix('http://')}; keepalive 128; keepalive_requests 10000000; keepalive_timeout 300s; }}
  {before}
  server {{
    listen {GATE_HOST}:{port};
    {server}
    location / {{
      {location}
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off; {buffers}
      proxy_pass http://hub;
    }}
  }}
}}
""")
    argv = [*launch, program("nginx"), "-p", home, "-e", "stderr", "-c", config]
    process = Process(f"bench-{name}", pinned(*argv) if pin else argv)
    url = f"http://{GATE_HOST}:{port}"
    process.answering(url + "/")
    return Peer(name, url, [process])


TUNED = "proxy_buffer_size 64k; proxy_buffers 64 64k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0; client_body_buffer_size 256k;"


def nginx_auth_request(name, upstream, authority, path, url_base, counted=()):
    """nginx that asks `authority` about every request, over connections that are kept."""
    before = f"upstream authority {{ server {authority.removeprefix('http://')}; keepalive 128; keepalive_requests 10000000; keepalive_timeout 300s; }}"
    server = f"""
    location = /_authority {{
      internal; proxy_pass http://authority{path}; proxy_bind {ASKER}; proxy_http_version 1.1; proxy_pass_request_body off;
      proxy_set_header Connection ""; proxy_set_header Content-Length ""; proxy_set_header Host $http_host;
      proxy_set_header X-Original-URL {url_base}$request_uri; proxy_set_header X-Original-Method $request_method;
    }}"""
    told = ("user", "email", "name", "org", "role", "orgs", "groups", "assertion")
    location = "auth_request /_authority;" + "".join(
        f" auth_request_set $told_{one} $upstream_http_x_auth_{one}; proxy_set_header X-Auth-{one.title()} $told_{one};" for one in told)
    peer = nginx(name, upstream, location, before, server=server)
    peer.processes += list(counted)
    return peer


def caddy(name, upstream):
    home, port = folder(name), free_port(GATE_HOST)
    config = home / "Caddyfile"
    config.write_text(f"""
{{
  admin off
  auto_https off
}}
http://{GATE_HOST}:{port} {{
  bind {GATE_HOST}
  log {{
    output stdout
  }}
  reverse_proxy {upstream.removeprefix('http://')} {{
    transport http {{
      keepalive 300s
      keepalive_idle_conns_per_host 256
    }}
  }}
}}
""")
    process = Process(f"bench-{name}", pinned(program("caddy"), "run", "--config", config, "--adapter", "caddyfile"), sink="/dev/null",
                      env={"GOMAXPROCS": "1", "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "HOME": str(home)})
    url = f"http://{GATE_HOST}:{port}"
    process.answering(url + "/")
    return Peer(name, url, [process])


def apache_place():
    return f"http://{GATE_HOST}:{free_port(GATE_HOST)}"


def apache(name, url, upstream, client):
    """Apache with mod_auth_openidc: one process, its sessions in shared memory."""
    home = folder(name)
    modules = "/usr/lib/apache2/modules"
    loaded = "\n".join(f"LoadModule {one}_module {modules}/mod_{one}.so" for one in
                       ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc"))
    config = home / "apache.conf"
    config.write_text(f"""
ServerRoot {home}
ServerName {url.removeprefix('http://').split(':')[0]}
PidFile {home}/pid
ErrorLog /dev/stderr
LogLevel error
{loaded}
Listen {url.removeprefix('http://')}
User www-data
Group www-data
StartServers 1
ServerLimit 1
ThreadsPerChild 128
ThreadLimit 128
MaxRequestWorkers 128
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
LogFormat "%t %h \\"%r\\" %>s %B %D \\"%{{User-Agent}}i\\"" line
CustomLog /dev/null line
OIDCProviderMetadataURL {client['issuer']}/.well-known/openid-configuration
OIDCClientID {client['client_id']}
OIDCClientSecret {client['secret']}
OIDCProviderTokenEndpointAuth client_secret_post
OIDCRedirectURI {url}/callback
OIDCCryptoPassphrase bench
OIDCScope "openid email profile groups"
OIDCPKCEMethod S256
OIDCSSLValidateServer Off
OIDCSessionInactivityTimeout 86400
OIDCSessionMaxDuration 0
OIDCRemoteUserClaim sub
OIDCPassClaimsAs headers
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
ProxyPreserveHost On
ProxyPass /callback !
ProxyPass / {upstream}/ keepalive=On
""")
    process = Process(f"bench-{name}", pinned(program("apache2"), "-D", "FOREGROUND", "-f", config), env={"APACHE_RUN_DIR": str(home)})
    # Anonymous, it answers with the way to the provider; that is enough to be ready.
    process.ready(lambda: Visitor().once(url + "/ready").status if _open(url) else None)
    return Peer(name, url, [process])


def hubgate(name, place, upstream, client, launch=(), identity="idp"):
    server = f'threads = 1\ntrusted_proxies = ["{ASKER}/32"]'
    started = gates.Gate(place, upstream, [gates.organization("acme", client, display_name="ACME Corp", **({"public": ["open"]} if identity == "idp" else {}))], name=f"bench-{name}",
                         server=server, launch=pinned(*launch), sink="/dev/null", identity=identity)
    return Peer(name, place.url, [started.process])


def _open(url):
    try:
        return Visitor().once(url + "/ready")
    except OSError:
        return None


def provider(gate_place, apache_url):
    """One provider for the gate and for Apache."""
    return OidcProvider(["acme"], gate_place.url, PEOPLE, host=ACME_HOST, name="bench-oidc-provider", more_callbacks=[f"{apache_url}/callback"])


def hub(kilobytes=1):
    """The upstream of the small requests: nginx that returns a fixed answer with a dozen header fields."""
    home, port, status = folder("hub"), free_port("127.0.0.4"), free_port("127.0.0.4")
    config = home / "nginx.conf"
    fields = "".join(f"add_header X-Hub-Field-{number} 'a value of the hub {number}';" for number in range(1, 7))
    config.write_text(f"""
daemon off; worker_processes 1; pid {home}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 10000000; keepalive_timeout 300s; default_type application/octet-stream;
  client_body_temp_path {home}/tmp; proxy_temp_path {home}/tmp; fastcgi_temp_path {home}/tmp; uwsgi_temp_path {home}/tmp; scgi_temp_path {home}/tmp;
  server {{ listen 127.0.0.4:{port} backlog=1024; location / {{ {fields} return 200 "{'x' * 1024 * kilobytes}"; }}
    location = /api/whoami-v2 {{ default_type application/json; return 200 '{json.dumps(WHOAMI)}'; }} }}
  server {{ listen 127.0.0.4:{status}; location / {{ stub_status; }} }}
}}
""")
    process = Process("bench-hub", [program("nginx"), "-p", home, "-e", "stderr", "-c", config])
    process.answering(f"http://127.0.0.4:{port}/")
    process.url, process.status = f"http://127.0.0.4:{port}", f"http://127.0.0.4:{status}/"
    return process


def store(body):
    """The upstream of the streams: a file down by sendfile, bytes up into nothing."""
    port = free_port("127.0.0.4")
    path = WORK / "bench" / "body"
    with open(path, "wb") as opened:
        opened.write(bytes(range(256)) * (body // 256))
    process = Process("bench-store", ["python3", pathlib.Path(__file__).resolve().parent / "store.py", "127.0.0.4", port, path])
    process.url = f"http://127.0.0.4:{port}"
    process.ready(lambda: answers(process.url + "/"))
    return process
