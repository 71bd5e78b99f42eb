"""A model hub of our own with real git repositories: the Hugging Face Hub's API, git over HTTP and Git LFS.

It either believes the identity headers of a gate (`accounts=None`), or has accounts, tokens and an access list of
its own and then looks at no such header.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import urllib.parse

from .answering import Server, as_json
from .peers import HUB_HOST, fresh, program

# From this size on a file is uploaded by Git LFS.
LARGE = 1 << 20
TYPES = ("models", "datasets", "spaces")
POINTER = re.compile(rb"\Aversion https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")


class Repository:
    """A bare git repository and who may see it."""

    def __init__(self, root, kind, name, private):
        self.kind, self.name, self.private = kind, name, private
        self.path = root / ("" if kind == "models" else kind) / f"{name}.git"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([program("git"), "init", "-q", "--bare", "-b", "main", self.path], check=True, env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1"})
        self.git("config", "http.receivepack", "true")

    def git(self, *argv, data=None, check=True):
        return subprocess.run([program("git"), "-C", self.path, *argv], input=data, capture_output=True, check=check).stdout

    def head(self, revision="main"):
        return self.git("rev-parse", "--verify", "-q", f"{revision}^{{commit}}", check=False).decode().strip() or None

    def commit(self, files, message="Add files"):
        parent = self.head()
        stream = f"commit refs/heads/main\ncommitter hub <hub@hub.test> 1760000000 +0000\ndata {len(message.encode())}\n{message}\n".encode()
        if parent:
            stream += f"from {parent}\n".encode()
        for path, content in files.items():
            stream += b"D %s\n" % path.encode() if content is None else b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
        self.git("fast-import", "--quiet", "--force", data=stream)
        return self.head()

    def files(self, revision):
        """Path, blob and size of every file."""
        found = []
        for line in self.git("ls-tree", "-r", "-l", "-z", revision).decode().split("\0")[:-1]:
            about, path = line.split("\t")
            found.append((path, about.split()[2], int(about.split()[3])))
        return found

    def read(self, revision, path):
        done = subprocess.run([program("git"), "-C", self.path, "cat-file", "blob", f"{revision}:{path}"], capture_output=True)
        return done.stdout if done.returncode == 0 else None


class Hub:
    """`repositories` is `{"models/acme/bert": {path: bytes}}`; those in `public` are for everybody."""

    def __init__(self, repositories, public=(), accounts=None, host=HUB_HOST, name="hub"):
        self.root = fresh(name)
        self.accounts, self.objects, self.repositories = accounts, {}, {}
        for place, files in repositories.items():
            kind, _, full = place.partition("/")
            self.create(kind, full, place not in public).commit(files)
        self.down = False
        self.server = Server(self.answer, host)
        self.url, self.seen = self.server.url, self.server.seen
        # Where large objects are: another origin, as with the Hub, whose addresses need no credential.
        self.storage = Server(self.stored, host)

    def create(self, kind, name, private):
        made = self.repositories[kind, name.lower()] = Repository(self.root, kind, name, private)
        return made

    def find(self, place):
        kind, _, full = place.partition("/")
        return self.repositories[kind, full.lower()]

    def take(self):
        """What has arrived since the last time, as `METHOD path`."""
        seen = [f"{asked.command} {asked.path}" for asked in self.seen]
        self.seen.clear()
        return seen

    def stop(self):
        self.server.stop()
        self.storage.stop()

    # Who asks ---------------------------------------------------------------------------------------------------

    def caller(self, asked):
        """The account's name, or `None`."""
        if self.accounts is None:
            return asked.headers["X-Auth-User"] or None
        shown = re.search(r"(?:^|; )token=([^;]+)", asked.headers["Cookie"] or "")
        shown = shown.group(1) if shown else ""
        scheme, _, rest = (asked.headers["Authorization"] or "").partition(" ")
        if scheme == "Bearer":
            shown = rest
        elif scheme == "Basic":
            shown = base64.b64decode(rest).decode().partition(":")[2]
        return next((name for name, account in self.accounts.items() if shown in (account["token"], account["cookie"])), None)

    def may(self, asked, namespace, write=False):
        if self.accounts is None:
            return True  # the gate has decided
        name = self.caller(asked)
        role = self.accounts[name]["orgs"].get(namespace, "admin" if namespace == name else None) if name else None
        return role is not None and (not write or role in ("write", "contributor", "admin"))

    def refusal(self, asked, what="Repository not found"):
        if self.caller(asked) is None:
            return as_json({"error": "Invalid username or password."}, 401)[:1] + ({
                "Content-Type": "application/json", "X-Error-Message": "Invalid username or password.", "WWW-Authenticate": 'Basic realm="hub"'},
                b'{"error":"Invalid username or password."}')
        return 404, {"Content-Type": "application/json", "X-Error-Code": "RepoNotFound", "X-Error-Message": what}, json.dumps({"error": what}).encode()

    # What is asked ----------------------------------------------------------------------------------------------

    def answer(self, asked):
        path, _, query = asked.path.partition("?")
        parts = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
        match parts:
            case ["api", "whoami-v2"] if self.accounts is not None:
                return self.whoami(asked)
            case ["login", name] if self.accounts is not None:  # the hub's own sign-in, without a password
                return 303, {"Location": "/", "Set-Cookie": f"token={self.accounts[name]['cookie']}; Path=/; HttpOnly; SameSite=Lax"}, b""
            case ["api", "repos", "create"]:
                return self.create_asked(asked)
            case ["api", kind] if kind in TYPES:
                author = dict(urllib.parse.parse_qsl(query)).get("author")
                return as_json([{"id": repository.name, "private": repository.private} for (own, _), repository in self.repositories.items()
                                if own == kind and (not author or repository.name.startswith(f"{author}/"))
                                and (not repository.private or self.may(asked, repository.name.split("/")[0]))])
            case ["api", "validate-yaml"]:
                return as_json({"errors": [], "warnings": []})
            case ["api", kind, namespace, name, *rest] if kind in TYPES:
                return self.within(asked, kind, namespace, name, lambda repository: self.api(asked, repository, rest))
            case [kind, namespace, name, *rest] if kind in TYPES and rest:
                return self.within(asked, kind, namespace, name, lambda repository: self.plain(asked, repository, rest, query))
            case [namespace, name, *rest] if namespace not in ("api", *TYPES):
                return self.within(asked, "models", namespace, name, lambda repository: self.plain(asked, repository, rest, query))
            case [""] | [_]:
                who = self.caller(asked) or "nobody"
                return page(f"<h1>A hub</h1><p id=who>{who}</p>")
        return as_json({"error": "Page not found"}, 404)

    def whoami(self, asked):
        if self.down:
            return as_json({"error": "out of order"}, 500)
        name = self.caller(asked)
        if name is None:
            return self.refusal(asked)
        account = self.accounts[name]
        return as_json({"type": "user", "id": account["id"], "name": name, "fullname": name.title(), "email": account["email"], "emailVerified": True,
                        "orgs": [{"type": "org", "id": f"org-{org}", "name": org, "roleInOrg": role} for org, role in account["orgs"].items()],
                        "auth": {"type": "access_token", "accessToken": {"displayName": f"{name}s-token", "role": "write"}}})

    def create_asked(self, asked):
        wanted = json.loads(asked.body)
        namespace = wanted.get("organization") or self.caller(asked) or "nobody"
        kind = (wanted.get("type") or "model") + "s"
        if not self.may(asked, namespace, write=True):
            return self.refusal(asked) if self.caller(asked) is None else as_json({"error": "You may not create this."}, 403)
        name = f"{namespace}/{wanted['name']}"
        url = f"{base(asked)}/{'' if kind == 'models' else kind + '/'}{name}"
        if (kind, name.lower()) in self.repositories:
            return as_json({"error": "You already created this repository", "url": url}, 409)
        self.create(kind, name, bool(wanted.get("private")))
        return as_json({"url": url, "name": name, "id": name})

    def within(self, asked, kind, namespace, name, act):
        repository = self.repositories.get((kind, f"{namespace}/{name.removesuffix('.git')}".lower()))
        if repository is None or (repository.private and not self.may(asked, namespace)):
            return self.refusal(asked)
        asked.namespace = namespace
        return act(repository)

    def api(self, asked, repository, rest):
        head = repository.head()
        info = {"_id": "0" * 24, "id": repository.name, "modelId": repository.name, "sha": head, "private": repository.private, "gated": False,
                "disabled": False, "downloads": 0, "likes": 0, "tags": [], "author": repository.name.split("/")[0],
                "lastModified": "2025-01-01T00:00:00.000Z", "createdAt": "2025-01-01T00:00:00.000Z", "siblings": []}
        if head:
            info["siblings"] = [{"rfilename": path} for path, _, _ in repository.files(head)]
        match rest:
            case [] | ["revision", _]:
                return as_json(info)
            case ["tree", revision, *_]:
                return as_json([self.entry(repository, head, *file) for file in repository.files(repository.head(revision) or head)])
            case ["paths-info", _]:
                wanted = json.loads(asked.body)["paths"] if "json" in (asked.headers["Content-Type"] or "") else urllib.parse.parse_qs(asked.body.decode())["paths"]
                return as_json([self.entry(repository, head, *file) for file in repository.files(head) if file[0] in wanted] if head else [])
            case ["refs"]:
                return as_json({"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": head}], "tags": [], "converts": []})
            case ["preupload" | "commit" | "xet-write-token", *_] if not self.may(asked, asked.namespace, write=True):
                return as_json({"error": "You may not change this."}, 403)
            case ["preupload", _]:
                return as_json({"files": [{"path": file["path"], "uploadMode": "lfs" if file["size"] >= LARGE else "regular", "shouldIgnore": False}
                                          for file in json.loads(asked.body)["files"]]})
            case ["commit", _]:
                return self.committed(asked, repository)
            case ["xet-write-token" | "xet-read-token", *_]:
                return as_json({"casUrl": self.storage.url, "accessToken": "xet", "exp": 4102444800}, 200)
        return as_json({"error": "Page not found"}, 404)

    def entry(self, repository, head, path, blob, size):
        pointer = POINTER.match(repository.read(head, path) or b"") if size < 1024 else None
        lfs = {"lfs": {"oid": pointer[1].decode(), "size": int(pointer[2]), "pointerSize": size}} if pointer else {}
        return {"type": "file", "oid": blob, "size": int(pointer[2]) if pointer else size, "path": path, **lfs}

    def committed(self, asked, repository):
        files, summary = {}, "Commit"
        for line in asked.body.splitlines():
            change = json.loads(line)
            value = change["value"]
            match change["key"]:
                case "header":
                    summary = value["summary"]
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = f"version https://git-lfs.github.com/spec/v1\noid sha256:{value['oid']}\nsize {value['size']}\n".encode()
                case "deletedFile":
                    files[value["path"]] = None
        made = repository.commit(files, summary)
        return as_json({"success": True, "commitOid": made, "commitUrl": f"{base(asked)}/{repository.name}/commit/{made}", "hookOutput": ""})

    def plain(self, asked, repository, rest, query):
        """Pages, files, git and Git LFS."""
        match rest:
            case ["resolve" | "raw", revision, *path]:
                return self.file(asked, repository, revision, "/".join(path))
            case ["info", "lfs", "objects", "batch"]:
                return self.batch(asked, repository)
            case ["info", "lfs", "objects", "verify"]:
                return as_json({}, 200 if json.loads(asked.body)["oid"] in self.objects else 404)
            case ["info", "lfs", "objects", _] if asked.command in ("PUT", "GET"):
                if asked.command == "PUT" and not self.may(asked, asked.namespace, write=True):
                    return self.refusal(asked)
                return self.stored(asked)
            case ["info", "lfs", "locks", *_]:
                return as_json({"message": "no locks here"}, 404, "application/vnd.git-lfs+json")
            case ["info", "refs"] | ["git-upload-pack"] | ["git-receive-pack"]:
                if "git-receive-pack" in asked.path and not self.may(asked, asked.namespace, write=True):
                    return self.refusal(asked)
                return self.backend(asked, repository, "/".join(rest), query)
        return page(f"<h1>{repository.name}</h1><p id=who>{self.caller(asked) or 'nobody'}</p>")

    def file(self, asked, repository, revision, path):
        head = repository.head(revision)
        content = repository.read(head, path) if head else None
        if content is None:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found", "Content-Type": "application/json"}, b"{}"
        headers = {"X-Repo-Commit": head, "ETag": f'"{hashlib.sha1(content).hexdigest()}"', "Content-Type": "application/octet-stream"}
        if pointer := POINTER.match(content):
            oid = pointer[1].decode()
            content = self.objects[oid]
            headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content)), "Location": f"{self.storage.url}/{oid}"}
            return 302, headers, b""
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers["Range"] or ""):
            first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
            return 206, headers | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}, content[first:last + 1]
        return 200, headers, content

    def batch(self, asked, repository):
        wanted = json.loads(asked.body)
        upload = wanted["operation"] == "upload"
        if upload and not self.may(asked, asked.namespace, write=True):
            return self.refusal(asked)
        # git-lfs stays with the hub and shows its credential there; the hub's own clients go to the storage.
        own = "git-lfs" in (asked.headers["User-Agent"] or "")
        root = base(asked) + asked.path.rsplit("/", 1)[0]
        found = []
        for entry in wanted["objects"]:
            entry = {"oid": entry["oid"], "size": entry["size"]}
            if upload and entry["oid"] not in self.objects:
                entry["actions"] = {"upload": {"href": f"{root if own else self.storage.url}/{entry['oid']}"}, "verify": {"href": f"{root}/verify"}}
            elif not upload:
                entry["actions"] = {"download": {"href": f"{root if own else self.storage.url}/{entry['oid']}"}}
            found.append(entry)
        return as_json({"transfer": "basic", "objects": found}, kind="application/vnd.git-lfs+json")

    def stored(self, asked):
        oid = asked.path.rsplit("/", 1)[1].partition("?")[0]
        if asked.command == "PUT":
            if hashlib.sha256(asked.body).hexdigest() != oid:
                return as_json({"message": "wrong digest"}, 422)
            self.objects[oid] = asked.body
            return as_json({})
        if oid not in self.objects:
            return as_json({"message": "not here"}, 404)
        return 200, {"Content-Type": "application/octet-stream", "ETag": f'"{oid}"'}, self.objects[oid]

    def backend(self, asked, repository, rest, query):
        """`git http-backend`, by CGI (RFC 3875)."""
        done = subprocess.run([program("git"), "http-backend"], input=asked.body, capture_output=True, env={
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(repository.path.parent), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": f"/{repository.path.name}/{rest}",
            "QUERY_STRING": query, "REQUEST_METHOD": asked.command, "CONTENT_TYPE": asked.headers["Content-Type"] or "", "CONTENT_LENGTH": str(len(asked.body)),
            "HTTP_CONTENT_ENCODING": asked.headers["Content-Encoding"] or "", "GIT_PROTOCOL": asked.headers["Git-Protocol"] or "",
            "REMOTE_USER": self.caller(asked) or "", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.root)})
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), headers, body


def base(asked):
    """The origin that the client sees, by the word of the gate in front."""
    return f"{asked.headers['X-Forwarded-Proto'] or 'http'}://{asked.headers['X-Forwarded-Host'] or asked.headers['Host']}"


def page(text):
    return 200, {"Content-Type": "text/html; charset=utf-8"}, f"<!doctype html><html lang=en><title>Hub</title><main>{text}</main></html>".encode()
