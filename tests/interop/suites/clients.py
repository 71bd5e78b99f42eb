"""The hub's own clients: `hf` and huggingface_hub in three versions at Olah, git and git-lfs at nginx with git-http-backend."""

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile

from lab.answering import Server, as_json
from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, GitHub, OidcProvider, Olah, fresh, git, program, venv
from lab.process import INTEROP, WORK, clean_environment
from lab.visitor import Visitor

VERSIONS = ["hf024", "hf036", "hfnew"]
WEIGHTS = os.urandom(3 << 20)
PEOPLE = {
    "alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]},
    "bob": {"email": "bob@acme.test", "email_verified": True, "name": "Bob", "groups": ["everyone"]},
    "gina": {"email": "gina@globex.test", "email_verified": True, "name": "Gina", "groups": ["ml"]},
}


def run(report):
    place, forge_place = Place(), Place()
    op = OidcProvider(["acme", "globex"], place.url, PEOPLE)
    clients = [organization("acme", op.client("acme"), display_name="ACME Corp", public=["open-*", "datasets/open-*"]),
               organization("globex", op.client("globex"), display_name="Globex")]
    with report.scenario("huggingface_hub at Olah"):
        hub_clients(report, place, clients)
    forge_op = OidcProvider(["acme", "globex"], forge_place.url, PEOPLE, name="oidc-provider-forge")
    clients = [organization("acme", forge_op.client("acme"), display_name="ACME Corp", public=["open-*"]),
               organization("globex", forge_op.client("globex"), display_name="Globex")]
    with report.scenario("git at nginx with git-http-backend"):
        git_clients(report, forge_place, clients)


# huggingface_hub ------------------------------------------------------------------------------------------------


def hub_clients(report, place, organizations):
    accounts = Server(lambda asked: as_json({"type": "user", "id": "1", "name": "alice-at-the-hub", "fullname": "Alice", "orgs": [
        {"name": "acme", "type": "org"}], "auth": {"type": "access_token", "accessToken": {"displayName": "t", "role": "write"}}}), HUB_HOST)
    files = {"config.json": '{"hidden": 8}', "weights.bin": WEIGHTS, "folder/vocabulary.txt": "one\ntwo\n"}
    olah = Olah({"models/acme/open-bert": files, "models/acme/secret-bert": files, "datasets/acme/open-words": {"words.csv": "a,b\n1,2\n"},
                 "models/globex/secret-gpt": files, "models/initech/free": files}, accounts.url)
    gate = Gate(place, olah.url, organizations, name="gate-olah")
    sign_in_url = f"{place.url}/-/sso/acme/login"

    alice = Visitor()
    landed = alice.sign_in(f"{place.url}/acme/secret-bert/resolve/main/config.json", "alice", "x", place.url)
    report.check("a scripted browser signs in at oidc-provider and lands on the deep link",
                 landed.status == 200 and landed.url.endswith("/acme/secret-bert/resolve/main/config.json"), landed)
    cookie = alice.cookie_header(place.url + "/")

    for version in VERSIONS:
        with report.scenario(f"{version} runs"):
            python = venv(version)
            number = subprocess.run([python, "-c", "import huggingface_hub; print(huggingface_hub.__version__)"],
                                    capture_output=True, text=True).stdout.strip()
            HubClient(report, number, python, place.url, sign_in_url, cookie).run()
    report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    gate.stop()
    olah.stop()
    accounts.stop()


class HubClient:
    """One version of huggingface_hub and what a person does with it."""

    def __init__(self, report, version, python, gate, sign_in_url, cookie):
        self.report, self.version, self.python, self.gate, self.url, self.cookie = report, version, python, gate, sign_in_url, cookie

    def run(self):
        """Anonymous first, then with a session."""
        check, name = self.report.check, f"hf {self.version}"
        public = self.call("hf_hub_download", repo_id="acme/open-bert", filename="weights.bin")
        check(f"{name}: hf_hub_download gets public content without a session", self.is_weights(public), public)
        public = self.call("hf_hub_download", repo_id="acme/open-words", filename="words.csv", repo_type="dataset")
        check(f"{name}: hf_hub_download gets a public dataset without a session", public["ok"], public)
        other = self.call("hf_hub_download", repo_id="initech/free", filename="config.json")
        check(f"{name}: a namespace of no organization is untouched", other["ok"], other)
        folder = self.call("snapshot_download", repo_id="acme/open-bert")
        check(f"{name}: snapshot_download gets public content without a session", self.is_snapshot(folder), folder)

        for token in (None, "hf_somebodys_token"):
            with_token = "with a token" if token else "without a token"
            refused = self.call("hf_hub_download", repo_id="acme/secret-bert", filename="config.json", token=token or False)
            check(f"{name}: hf_hub_download {with_token} is refused private content, and the error names the sign-in URL",
                  not refused["ok"] and self.url in refused["text"], refused)
            refused = self.call("snapshot_download", repo_id="acme/secret-bert", token=token or False)
            check(f"{name}: snapshot_download {with_token} is refused private content, and the error names the sign-in URL",
                  not refused["ok"] and self.url in refused["text"], refused)
        refused = self.call("model_info", repo_id="acme/secret-bert", revision="main")
        check(f"{name}: model_info is refused, and the error names the sign-in URL", not refused["ok"] and self.url in refused["text"], refused)
        refused = self.call("upload_file", repo_id="acme/open-bert", path_or_fileobj=b"x", path_in_repo="x", token="hf_somebodys_token")
        check(f"{name}: upload_file to public content is refused, and the error names the sign-in URL",
              not refused["ok"] and self.url in refused["text"], refused)

        done = self.command("download", "acme/open-bert", "config.json")
        check(f"{name}: the command downloads public content", done.returncode == 0, done.stdout + done.stderr)
        done = self.command("download", "acme/secret-bert", "config.json")
        check(f"{name}: the command is refused private content and prints the sign-in URL",
              done.returncode != 0 and self.url in flat(done), done.stdout + done.stderr)
        done = self.command("download", "acme/secret-bert", "config.json", token="hf_somebodys_token")
        check(f"{name}: the command with a token is refused too and prints the sign-in URL",
              done.returncode != 0 and self.url in flat(done), done.stdout + done.stderr)
        whoami = ["whoami"] if self.version.startswith("0.24") else ["auth", "whoami"]
        done = self.command(*whoami, token="hf_somebodys_token")
        check(f"{name}: the command `{' '.join(whoami)}` says that a stranger's token is not valid", done.returncode != 0 and "Invalid user token" in flat(done),
              done.stdout + done.stderr)

        private = self.call("hf_hub_download", cookie=self.cookie, repo_id="acme/secret-bert", filename="weights.bin")
        check(f"{name}: hf_hub_download gets private content with a session", self.is_weights(private), private)
        folder = self.call("snapshot_download", cookie=self.cookie, repo_id="acme/secret-bert")
        check(f"{name}: snapshot_download gets private content with a session", self.is_snapshot(folder), folder)
        other = self.call("hf_hub_download", cookie=self.cookie, repo_id="globex/secret-gpt", filename="config.json")
        check(f"{name}: a session of acme opens nothing of globex", not other["ok"] and "/-/sso/globex/login" in other["text"], other)
        done = self.command("download", "acme/secret-bert", "config.json", cookie=self.cookie)
        check(f"{name}: the command downloads private content with a session", done.returncode == 0, done.stdout + done.stderr)

    def call(self, function, cookie=None, **arguments):
        if isinstance(arguments.get("path_or_fileobj"), bytes):
            arguments["path_or_fileobj"] = arguments["path_or_fileobj"].decode()
        done = self._python([INTEROP / "peers" / "hf_call.py", function, json.dumps(arguments)], cookie)
        try:
            return json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            return {"ok": False, "text": f"no answer: {done.stdout}{done.stderr}", "value": None}

    def command(self, *argv, cookie=None, token=None):
        return self._python([INTEROP / "peers" / "hf_command.py", *argv], cookie, token)

    def _python(self, argv, cookie, token=None):
        with tempfile.TemporaryDirectory(dir=WORK) as home:  # a new cache each time: a cached file would be no proof
            return subprocess.run([self.python, *map(str, argv)], capture_output=True, text=True, timeout=180, env={
                **clean_environment(), "HF_HOME": home, "HF_ENDPOINT": self.gate, "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "COLUMNS": "1000", "NO_COLOR": "1", "HF_HUB_ETAG_TIMEOUT": "30",
                **({"INTEROP_COOKIE": cookie} if cookie else {}), **({"HF_TOKEN": token} if token else {})})

    @staticmethod
    def is_weights(answer):
        return answer["ok"] and answer["value"].get("sha256") == hashlib.sha256(WEIGHTS).hexdigest()

    @staticmethod
    def is_snapshot(answer):
        return answer["ok"] and set(answer["value"].get("files", [])) >= {"config.json", "weights.bin", "folder/vocabulary.txt"}


def flat(done):
    """What a command printed, without the line breaks that its layout puts into addresses."""
    return re.sub(r"\s*\n\s*", "", done.stdout + done.stderr) + done.stdout + done.stderr


# git and git-lfs --------------------------------------------------------------------------------------------------


def git_clients(report, place, organizations):
    check = report.check
    objects = {}
    lfs = Server(lambda asked: large_files(asked, objects, place.url), HUB_HOST)
    forge = GitHub({f"acme/{name}": {"README.md": f"# {name}\n", "big.bin": os.urandom(1 << 20)} for name in ("open-bert", "secret-bert")}
                   | {"globex/secret-gpt": {"README.md": "x"}}, lfs.url)
    gate = Gate(place, forge.url, organizations, name="gate-forge")
    sign_in_url = f"{place.url}/-/sso/acme/login"
    version = git("--version").stdout.split()[2]
    home = fresh("clones")

    def clone(path, name, *options, **how):
        return git(*options, "clone", "-q", path if "://" in path else f"{place.url}/{path}", home / name, check=False, **how)

    def cloned(name):
        return (home / name / "README.md").exists()

    def signed_in(who):
        visitor = Visitor()
        visitor.sign_in(f"{place.url}/-/sso/acme/login?return_to=/-/sso/", who, "x", place.url)
        return ("-c", f"http.{place.url}/.extraHeader=Cookie: {visitor.cookie_header(place.url + '/')}")

    done = clone("acme/open-bert.git", "public")
    check(f"git {version}: clone gets public content without a session", done.returncode == 0 and cloned("public"), done.stderr)
    done = clone("acme/open-bert", "public-bare-name")
    check(f"git {version}: clone without .git in the name works too", done.returncode == 0 and cloned("public-bare-name"), done.stderr)

    done = clone("acme/secret-bert.git", "refused")
    check(f"git {version}: clone without credentials is refused, and leaves no empty repository",
          done.returncode != 0 and not (home / "refused" / ".git").exists() and "could not read Username" in done.stderr, done.stderr)
    helper = home / "helper.log"
    remember = ("-c", f"credential.helper=!f() {{ echo $1 >> {helper}; test $1 = get && printf 'username=u\\npassword=hf_token\\n'; }}; f")
    done = clone("acme/secret-bert.git", "refused-with-token", *remember)
    check(f"git {version}: clone with a token is refused, and git prints the sign-in URL",
          done.returncode != 0 and sign_in_url in done.stderr and "403" in done.stderr, done.stderr)
    asked = helper.read_text().split() if helper.exists() else []
    check(f"git {version}: the refusal does not make git forget the stored token", "get" in asked and "erase" not in asked, asked)
    done = git("ls-remote", f"{place.url}/acme//secret-bert.git", check=False)
    check(f"git {version}: an address with two readings is refused", done.returncode != 0, done.stderr)
    done = git("push", "-q", "origin", "HEAD:refs/heads/anonymous", cwd=home / "public", check=False)
    check(f"git {version}: push to public content without a session is refused",
          done.returncode != 0 and "|" in forge.heads("acme/open-bert"), done.stderr)

    alice, bob = signed_in("alice"), signed_in("bob")
    done = clone("acme/secret-bert.git", "private", *alice)
    check(f"git {version}: clone gets private content with a session", done.returncode == 0 and cloned("private"), done.stderr)
    done = clone("globex/secret-gpt.git", "foreign", *alice)
    check(f"git {version}: a session of acme clones nothing of globex", done.returncode != 0 and not cloned("foreign"), done.stderr)
    work = home / "private"
    (work / "new.bin").write_bytes(os.urandom(20 << 20))
    if work.exists() and cloned("private"):
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add a large file", cwd=work)
        done = git(*alice, "push", "-q", "origin", "HEAD:main", cwd=work, check=False)
        check(f"git {version}: push of 20 MiB works with a session whose role is write",
              done.returncode == 0 and "Add a large file" in forge.heads("acme/secret-bert"), done.stderr)
        done = git(*bob, "push", "-q", "origin", "HEAD:refs/heads/bobs", cwd=work, check=False)
        check(f"git {version}: push is refused to a session whose role is read, and git prints why",
              done.returncode != 0 and "403" in done.stderr and "remote:" in done.stderr and "role" in done.stderr.lower(), done.stderr)
        done = git(*bob, "fetch", "-q", "origin", cwd=work, check=False)
        check(f"git {version}: fetch works for a session whose role is read", done.returncode == 0, done.stderr)
        with report.scenario("git-lfs"):
            large(report, work, place, alice, objects, sign_in_url)
    check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    gate.stop()
    forge.stop()
    lfs.stop()


def large(report, work, place, session, objects, sign_in_url):
    """git-lfs: refused in its own words, and through with a session."""
    program("git-lfs")
    version = git("lfs", "version").stdout.split("/")[1].split()[0]
    git("lfs", "install", "--local", cwd=work)
    git("lfs", "track", "*.lfs", cwd=work)
    content = os.urandom(2 << 20)
    (work / "model.lfs").write_bytes(content)
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", "Track", cwd=work)
    token = base64.b64encode(b"u:hf_token").decode()
    done = git("-c", f"http.{place.url}/.extraHeader=Authorization: Basic {token}", "-c", "lfs.locksverify=false",
               "lfs", "push", "--all", "origin", cwd=work, check=False, timeout=60)
    report.check(f"git-lfs {version}: push with a token is refused, and git-lfs prints the sign-in URL",
                 done.returncode != 0 and sign_in_url in done.stdout + done.stderr and not objects, done.stdout + done.stderr)
    done = git(*session, "-c", "lfs.locksverify=false", "lfs", "push", "--all", "origin", cwd=work, check=False, timeout=60)
    report.check(f"git-lfs {version}: push works with a session", done.returncode == 0 and content in objects.values(), done.stdout + done.stderr)


def large_files(asked, objects, base):
    """A large-file store behind the forge: the batch call and the objects (git-lfs `docs/api`)."""
    if asked.path.endswith("/objects/batch"):
        wanted = json.loads(asked.body)
        root = asked.path.rsplit("/", 1)[0]
        cookie = {"header": {"Cookie": asked.headers["Cookie"]}} if asked.headers["Cookie"] else {}
        found = [{**entry, "actions": {wanted["operation"]: {"href": f"{base}{root}/{entry['oid']}", **cookie}}} for entry in wanted["objects"]]
        return as_json({"transfer": "basic", "objects": found}, kind="application/vnd.git-lfs+json")
    oid = asked.path.rsplit("/", 1)[1]
    if asked.command == "PUT":
        if hashlib.sha256(asked.body).hexdigest() != oid:
            return as_json({"message": "wrong digest"}, 422)
        objects[oid] = asked.body
        return as_json({})
    if oid in objects:
        return 200, {"Content-Type": "application/octet-stream"}, objects[oid]
    return as_json({"message": "not here"}, 404)
