"""Tokens and the tools that hold them: `hf auth login` with a browser, git with a stored password, git-lfs, where the providers' word is the identity."""

import configparser
import json
import os
import subprocess
import time
import urllib.parse

from lab.answering import Server, as_json
from lab.chromium import Chromium
from lab.gate import Gate, Place, binary, organization
from lab.hub import Hub
from lab.peers import HUB_HOST, OidcProvider, fresh, git, program
from lab.process import INTEROP, PEERS, clean_environment
from lab.report import Missing
from lab.tools import OFFLINE, HubTool, stored

PEOPLE = {
    "alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]},
    "bob": {"email": "bob@acme.test", "email_verified": True, "name": "Bob", "groups": ["everyone"]},
}
FILES = {"config.json": b'{"hidden": 8}', "README.md": b"# A model\n"}
# From 1.x on; older versions take a token that was made elsewhere.
WITH_DEVICE_FLOW, WITHOUT = ["hfnew", "hf1"], ["hf036", "hf024"]


def run(report):
    place = Place()
    provider = OidcProvider(["acme", "globex", "initech"], place.url, PEOPLE, name="oidc-provider-cli")
    hub = Hub({f"models/{name}": FILES for name in ("acme/open-bert", "acme/secret-bert", "globex/secret-gpt", "initech/brief")}, name="hub-cli")
    machines = Machines(place)
    gate = Gate(place, hub.url, [
        organization("acme", provider.client("acme"), display_name="ACME Corp", public=["open-*"], machines=machines.configuration),
        organization("globex", provider.client("globex"), display_name="Globex"),
        organization("initech", provider.client("initech"), display_name="Initech", session_timeout="25s"),
    ], name="gate-cli")
    screens = fresh("screens-cli")
    browser = Chromium(place.url, screens)
    scene = Scene(report, place, hub, browser)
    try:
        for version in WITH_DEVICE_FLOW:
            with report.scenario(f"{version} runs"):
                scene.device_flow(version)
        with report.scenario("a sign-in that ends by its age"):
            scene.expiry()
        for version in WITHOUT:
            with report.scenario(f"{version} runs"):
                scene.pasted_token(version)
        with report.scenario("git with a stored password"):
            scene.git()
        with report.scenario("machines"):
            scene.machines(machines)
        with report.scenario("@huggingface/hub"):
            scene.javascript()
        for name in ("hf_hub_05", "hf_hub"):
            with report.scenario(f"the crate {name}"):
                scene.rust(name)
        report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
        shown = [word for word in ("hf_hubgate_", "device_code=", "user_code=") if word in gate.process.log.read_text()]
        report.check("the gate's log holds no token and no code", not shown, shown)
        reached = [asked.path for asked in hub.seen if "hf_hubgate_" in str(asked.headers)]
        report.check("no token of the gate's reached the hub", not reached, reached)
    finally:
        browser.stop()
    gate.stop()
    hub.stop()
    provider.stop()
    machines.issuer.stop()


class Machines:
    """A service account with a token of the gate's, and a CI system that signs what its jobs are."""

    def __init__(self, place):
        made = json.loads(subprocess.run([binary(), "token", "new", "--role", "read", "--format", "json", "nightly-build"], capture_output=True, text=True, check=True).stdout)
        self.service, digest = made["token"], made["hash"]
        self.issuer = Server(lambda asked: as_json(self.keys if asked.path == "/jwks" else {"issuer": self.issuer.url, "jwks_uri": f"{self.issuer.url}/jwks"}), HUB_HOST)
        claims = {"iss": self.issuer.url, "aud": place.url, "sub": "repo:acme/train", "repository": "acme/train", "ref": "refs/heads/main"}
        jobs = json.dumps([claims, {**claims, "repository": "acme/other"}])
        made = json.loads(subprocess.run([program("node"), INTEROP / "peers" / "ci_token.mjs", jobs], capture_output=True, text=True, check=True).stdout)
        self.keys, (self.job, self.other) = made["keys"], made["tokens"]
        self.configuration = [
            "[[organization.service_account]]", 'name = "nightly-build"', f"hash = {json.dumps(digest)}", 'role = "read"',
            "[[organization.workload]]", 'name = "train"', f"issuer = {json.dumps(self.issuer.url)}", f"audience = {json.dumps(place.url)}",
            'claims = { repository = "acme/train", ref = "refs/heads/main" }', 'role = "write"']


class Scene:
    """One gate, and what people do with it."""

    def __init__(self, report, place, hub, browser):
        self.report, self.place, self.hub, self.browser = report, place, hub, browser
        self.sign_in_at = f"{place.url}/-/sso/acme/login"

    def sign_in(self, tool, person, *more, browser=None, name=None):
        """`hf auth login`, finished in a browser."""
        waiting = tool.begin("auth", "login", *more)
        asked = self.browser.open(browser or person, url=waiting.url, who=person, name=name)
        if "Sign in this program?" not in asked["text"]:
            raise RuntimeError(f"the browser is not asked about the program: {asked}")
        done = self.browser.click(browser or person, target="button[value=allow]", name=name and f"{name}-allowed")
        code, text = waiting.end()
        return code, text, asked["text"], done["text"], waiting

    def refused(self, title, tool, argv, needle=None, keep=None, **how):
        """A command that must fail, and print where to sign in; nothing that it stored is lost."""
        before = tool.stored()
        done = tool(*argv, **how)
        self.report.transcript(title, done.command, done.text)
        needle = needle or self.sign_in_at
        self.report.check(f"{tool.name} {tool.number}: {title}", done.returncode != 0 and needle in done.flat, f"exit code {done.returncode}\n{done.text}")
        self.report.check(f"{tool.name} {tool.number}: {title}, and keeps the token that it has stored", tool.stored() == before, tool.stored().keys())

    def through(self, title, tool, argv, needle="", **how):
        """A command that must work."""
        done = tool(*argv, **how)
        self.report.transcript(title, done.command, done.text)
        return self.report.check(f"{tool.name} {tool.number}: {title}", done.returncode == 0 and needle in done.flat, f"exit code {done.returncode}\n{done.text}")

    # hf ---------------------------------------------------------------------------------------------------------

    def device_flow(self, version):
        tool, check = HubTool(version, "alice", self.place.url), self.report.check
        name = f"{tool.name} {tool.number}"
        download = ("download", "acme/secret-bert", "config.json", "--local-dir")
        self.refused("without a sign-in, private content is refused with the address", tool, (*download, "a"))
        code, text, question, answered, waiting = self.sign_in(tool, "alice", name=f"device-{version}")
        self.report.transcript("a sign-in by way of a browser", waiting.command, text)
        check(f"{name}: auth login ends with a sign-in that Chromium made at the provider", code == 0 and "Login successful" in text, text)
        shown = urllib.parse.parse_qs(urllib.parse.urlsplit(waiting.url).query)["user_code"][0]
        check(f"{name}: the browser shows the code of the terminal, and the program's name", shown in question and "hf (" in question, question)
        check(f"{name}: the browser says that the program goes on by itself", "Go back to your program" in answered, answered)
        self.through("whoami knows the person and the organization", tool, ("auth", "whoami"), needle="alice")
        self.through("download gets private content", tool, (*download, "b"))
        check(f"{name}: and the bytes are the hub's", (tool.home / "b" / "config.json").read_bytes() == FILES["config.json"])
        self.through("a folder is downloaded", tool, ("download", "acme/secret-bert", "--local-dir", "c"))
        self.upload(version, tool)
        self.repositories(version, tool)
        self.refresh(tool)
        bob = HubTool(version, "bob", self.place.url)
        self.sign_in(bob, "bob")
        self.refused("upload is refused to a role that reads", bob, ("upload", "acme/secret-bert", self.file(bob, "x.txt", b"x"), "x.txt"), needle="role", xet=False)
        self.refused("repos create is refused to a role that reads", bob, (*self.create(bob), "acme/made-by-bob"), needle="role")
        check(f"{name}: what was refused did not reach the hub", ("models", "acme/made-by-bob") not in self.hub.repositories)
        # Revoked on the account page, then signed in again, then signed out.
        self.browser.open("alice", url=f"{self.place.url}/-/sso/", name=f"account-{version}")
        self.browser.click("alice", target='form[action="/-/sso/tokens/revoke"] button')
        self.refused("after it was revoked on the account page, download says where to sign in", tool, (*download, "d"))
        self.refused("after it was revoked on the account page, whoami says where to sign in", tool, ("auth", "whoami"))
        done = tool("auth", "login")
        check(f"{name}: the message names the option that a second sign-in needs", "--force" in tool(*download, "d").flat and done.returncode == 0, done.text)
        code, text, *_ = self.sign_in(tool, "alice", "--force")
        check(f"{name}: auth login --force signs in anew", code == 0 and "Login successful" in text, text)
        self.through("and download works again", tool, (*download, "e"))
        self.browser.open("alice", url=f"{self.place.url}/-/sso/logout")
        self.browser.click("alice", target="main button")
        self.refused("after the person signed out in the browser, download says where to sign in", tool, (*download, "f"))
        self.refused("after the person signed out in the browser, upload says where to sign in", tool, ("upload", "acme/secret-bert", self.file(tool, "x.txt", b"x"), "x.txt"))
        waiting = HubTool(version, "nobody", self.place.url).begin("auth", "login")
        self.browser.open("alice", url=waiting.url, who="alice")
        self.browser.click("alice", target="button[value=refuse]", name=f"device-refused-{version}")
        code, text = waiting.end()
        check(f"{name}: a person's no ends the program's waiting", code not in (0, None) and "denied" in text, text)

    def upload(self, version, tool):
        check, name = self.report.check, f"{tool.name} {tool.number}"
        content, large = os.urandom(64), os.urandom(2 << 20)
        self.through("upload of a small file", tool, ("upload", "acme/secret-bert", self.file(tool, "small.bin", content), f"{version}.bin"))
        check(f"{name}: the hub has the small file", self.hub.find("models/acme/secret-bert").read("main", f"{version}.bin") == content)
        self.through("upload of a large file, by Git LFS", tool, ("upload", "acme/secret-bert", self.file(tool, "large.bin", large), f"{version}-large.bin"), xet=False)
        check(f"{name}: the store has the large file", large in self.hub.objects.values())
        done = tool("download", "acme/secret-bert", f"{version}-large.bin", "--local-dir", "large")
        if tool.number >= "1":
            self.xet(tool, name)
        check(f"{name}: a large file is downloaded from the store", done.returncode == 0 and (tool.home / "large" / f"{version}-large.bin").read_bytes() == large, done.text)

    def xet(self, tool, name):
        """The native client of the Xet store asks for its own tokens by way of the gate; no such store is to be had here, so it then fails."""
        self.hub.take()
        try:
            tool("upload", "acme/secret-bert", self.file(tool, "xet.bin", os.urandom(2 << 20)), "xet.bin", timeout=30)
        except subprocess.TimeoutExpired:
            pass
        asked = self.hub.take()
        self.report.check(f"{name}: hf_xet gets its token for writing by way of the gate", any("xet-write-token" in line for line in asked), "\n".join(asked))

    def repositories(self, version, tool):
        made = f"acme/made-{version}"
        self.through("a repository is created where the role allows it", tool, (*self.create(tool), made))
        self.report.check(f"{tool.name} {tool.number}: the hub has the repository", ("models", made) in self.hub.repositories)
        self.refused("a repository is refused in an organization without a sign-in, with its address", tool, (*self.create(tool), "globex/made"),
                     needle=f"{self.place.url}/-/sso/globex/login")

    @staticmethod
    def create(tool):
        return ("repos", "create") if tool.number >= "1" else ("repo", "create")

    def refresh(self, tool):
        """Lets the stored token look old: the client exchanges it by itself."""
        path, check = tool.home / "stored_tokens", self.report.check
        kept = configparser.ConfigParser()
        kept.read(path)
        section = kept[kept.sections()[0]]
        before = section["hf_token"]
        section["expires_at"] = str(int(time.time()) - 10)
        with path.open("w") as file:
            kept.write(file)
        self.through("an old token is exchanged by the client itself", tool, ("auth", "whoami"), needle="alice")
        kept.read(path)
        section = kept[kept.sections()[0]]
        check(f"{tool.name} {tool.number}: the exchanged tokens are stored", section["hf_token"] not in ("", before) and int(section["expires_at"]) > time.time())
        self.through("the exchanged token opens private content", tool, ("download", "acme/secret-bert", "README.md", "--local-dir", "after-refresh"))

    def expiry(self):
        tool = HubTool("hfnew", "alice-at-initech", self.place.url)
        browser = "alice at initech"
        self.browser.open(browser, url=f"{self.place.url}/-/sso/initech/login?return_to=/-/sso/", who="alice")
        begun = time.monotonic()
        code, text, *_ = self.sign_in(tool, "alice", browser=browser)
        self.report.check("a short sign-in lends a token", code == 0, text)
        self.through("a token of a short sign-in opens content", tool, ("download", "initech/brief", "config.json", "--local-dir", "a"))
        time.sleep(max(0, 26 - (time.monotonic() - begun)))
        self.refused("when the sign-in has ended by its age, download says where to sign in", tool, ("download", "initech/brief", "config.json", "--local-dir", "b"),
                     needle=f"{self.place.url}/-/sso/initech/login")
        self.refused("when the sign-in has ended by its age, whoami says where to sign in", tool, ("auth", "whoami"), needle=f"{self.place.url}/-/sso/initech/login")

    def lent(self):
        """A token for tools that cannot ask for one: a newer client's, as `hf auth token` prints it."""
        tool = HubTool("hfnew", "alice-lends", self.place.url)
        self.sign_in(tool, "alice")
        return tool("auth", "token").stdout.strip()

    def pasted_token(self, version):
        tool, check = HubTool(version, "alice", self.place.url), self.report.check
        download = ("download", "acme/secret-bert", "config.json", "--local-dir")
        self.refused("without a token, private content is refused with the address", tool, (*download, "a"))
        token = self.lent()
        done = tool(*tool.verb("auth", "login"), "--token", token)
        check(f"{tool.name} {tool.number}: login takes the token of a newer client", done.returncode == 0, done.text)
        self.through("whoami knows the person and the organization", tool, tool.verb("auth", "whoami"), needle="acme")
        self.through("download gets private content", tool, (*download, "b"))
        self.upload(version, tool)
        made = f"made-{version}"
        create = (*self.create(tool), made, "--organization", "acme") if version == "hf024" else (*self.create(tool), f"acme/{made}")
        self.through("a repository is created where the role allows it", tool, (*create, "-y") if version == "hf024" else create)
        self.browser.open("alice", url=f"{self.place.url}/-/sso/")
        while self.browser.count("alice", target='form[action="/-/sso/tokens/revoke"] button'):
            self.browser.click("alice", target='form[action="/-/sso/tokens/revoke"] button')
        self.refused("after it was revoked, download says where to sign in", tool, (*download, "c"))
        self.refused("after it was revoked, whoami says where to sign in", tool, tool.verb("auth", "whoami"))

    @staticmethod
    def file(tool, name, content):
        (tool.home / name).write_bytes(content)
        return name

    # git --------------------------------------------------------------------------------------------------------

    def git(self):
        check, place, hub = self.report.check, self.place, self.hub
        token = self.lent()
        home = fresh("git-cli")
        kept = home / "credentials"
        line = f"http://alice:{token}@{urllib.parse.urlsplit(place.url).netloc}\n"
        kept.write_text(line)
        helper = ("-c", f"credential.helper=store --file {kept}")
        url = f"{place.url}/acme/secret-bert"
        version = git("--version").stdout.split()[2]
        said = lambda done: done.stdout + done.stderr  # noqa: E731

        done = git(*helper, "clone", "-q", url, home / "work", check=False)
        check(f"git {version}: clone of private content with a token from a credential helper", done.returncode == 0 and (home / "work" / "README.md").exists(), said(done))
        work = home / "work"
        (work / "by-git.txt").write_text("from git\n")
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add by git", cwd=work)
        done = git(*helper, "push", "-q", "origin", "HEAD:main", cwd=work, check=False)
        check(f"git {version}: push with a token from a credential helper", done.returncode == 0 and hub.find("models/acme/secret-bert").read("main", "by-git.txt") == b"from git\n",
              said(done))
        program("git-lfs")
        lfs = git("lfs", "version").stdout.split("/")[1].split()[0]
        git("lfs", "install", "--local", cwd=work)
        git("config", "credential.helper", f"store --file {kept}", cwd=work)
        git("lfs", "track", "*.lfs", cwd=work)
        content = os.urandom(2 << 20)
        (work / "model.lfs").write_bytes(content)
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add a large file", cwd=work)
        hub.take()
        done = git("push", "-q", "origin", "HEAD:main", cwd=work, check=False, timeout=60)
        asked = hub.take()
        check(f"git-lfs {lfs}: push of a large file with a token", done.returncode == 0 and content in hub.objects.values(), said(done))
        check(f"git-lfs {lfs}: push needs a handful of requests", len(asked) <= 12, "\n".join(asked))
        done = git("-c", f"credential.helper=store --file {kept}", "clone", "-q", url, home / "again", check=False)
        git("config", "credential.helper", f"store --file {kept}", cwd=home / "again")
        git("lfs", "install", "--local", cwd=home / "again")
        done = git("lfs", "pull", cwd=home / "again", check=False, timeout=60)
        check(f"git-lfs {lfs}: pull of a large file with a token", done.returncode == 0 and (home / "again" / "model.lfs").read_bytes() == content, said(done))
        check("the credential helper still holds the token", stored(kept) == line, kept.read_text().replace(token, "…"))

        self.lfs_of_a_reader(home, lfs)
        self.browser.open("alice", url=f"{place.url}/-/sso/")
        while self.browser.count("alice", target='form[action="/-/sso/tokens/revoke"] button'):
            self.browser.click("alice", target='form[action="/-/sso/tokens/revoke"] button')
        (work / "more.lfs").write_bytes(os.urandom(1 << 20))
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add another", cwd=work)
        for what, argv in {
            "fetch": ("fetch", "origin"), "clone": ("clone", url, home / "refused"), "push": ("push", "--no-verify", "origin", "HEAD:main"),
            "lfs push": ("lfs", "push", "--all", "origin"), "lfs pull": ("lfs", "fetch", "--all", "origin"),
        }.items():
            counted = self.counting()
            for old in (work / ".git" / "lfs" / "objects").glob("**/*") if what == "lfs pull" else ():
                old.is_file() and old.unlink()
            done = git(*helper, *argv, cwd=work, check=False, timeout=60)
            requests = self.counting() - counted
            tool = f"git-lfs {lfs}" if what.startswith("lfs") else f"git {version}"
            self.report.transcript(f"{what} with a token that was revoked", " ".join(["git", *map(str, argv)]).replace(str(home), "~"), said(done).replace(str(home), "~"))
            check(f"{tool}: {what} with a revoked token is refused, and prints where to sign in", done.returncode != 0 and self.sign_in_at in said(done), said(done))
            check(f"{tool}: {what} with a revoked token does not loop", 0 < requests <= 6, f"{requests} requests")
            check(f"{tool}: {what} with a revoked token leaves the stored password", stored(kept) == line, kept.read_text().replace(token, "…"))

    def lfs_of_a_reader(self, home, version):
        """A role that reads may ask for downloads at the address of which uploads are asked too."""
        tool = HubTool("hfnew", "bob-lends", self.place.url)
        self.sign_in(tool, "bob")
        token = tool("auth", "token").stdout.strip()
        kept = home / "bobs-credentials"
        line = f"http://bob:{token}@{urllib.parse.urlsplit(self.place.url).netloc}\n"
        kept.write_text(line)
        done = git("-c", f"credential.helper=store --file {kept}", "clone", "-q", f"{self.place.url}/acme/secret-bert", home / "bobs", check=False)
        work = home / "bobs"
        git("config", "credential.helper", f"store --file {kept}", cwd=work)
        git("config", "lfs.locksverify", "false", cwd=work)
        git("lfs", "install", "--local", cwd=work)
        done = git("lfs", "pull", cwd=work, check=False, timeout=60)
        self.report.check(f"git-lfs {version}: a role that reads pulls large files", done.returncode == 0 and (work / "model.lfs").stat().st_size == 2 << 20, done.stdout + done.stderr)
        before = dict(self.hub.objects)
        (work / "bobs.lfs").write_bytes(os.urandom(1 << 20))
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add", cwd=work)
        counted = self.counting()
        done = git("lfs", "push", "--all", "origin", cwd=work, check=False, timeout=60)
        said = done.stdout + done.stderr
        self.report.transcript("lfs push by somebody whose role reads", "git lfs push --all origin", said)
        self.report.check(f"git-lfs {version}: a role that reads pushes none, and git-lfs prints why", done.returncode != 0 and "role" in said and self.hub.objects == before, said)
        self.report.check(f"git-lfs {version}: and does not loop", self.counting() - counted <= 6, f"{self.counting() - counted} requests")
        self.report.check(f"git-lfs {version}: and keeps the stored password", stored(kept) == line)

    def counting(self):
        """How many requests the gate has answered so far, by its own metrics."""
        answer = subprocess.run([program("curl"), "-s", f"http://{self.place.host}:{self.place.admin}/metrics"], capture_output=True, text=True).stdout
        return sum(float(line.rsplit(" ", 1)[1]) for line in answer.splitlines() if line.startswith("hubgate_http_requests_total"))

    # Machines ---------------------------------------------------------------------------------------------------

    def machines(self, machines):
        check, home = self.report.check, fresh("machines-cli")
        tool = HubTool("hfnew", "machine", self.place.url)
        download = ("download", "acme/secret-bert", "config.json", "--local-dir")

        def bearing(token, *argv):
            tool.environment["HF_TOKEN"] = token
            return tool(*argv, xet=False)

        for what, token in {"a service account": machines.service, "a CI system's job": machines.job}.items():
            done = bearing(token, *download, what.split()[1])
            check(f"{tool.name} {tool.number}: {what} downloads private content", done.returncode == 0, done.text)
            done = git("clone", "-q", f"http://ci:{token}@{urllib.parse.urlsplit(self.place.url).netloc}/acme/secret-bert", home / what.split()[1], check=False)
            check(f"git: {what} clones private content with its token as password", done.returncode == 0, done.stderr)
            done = bearing(token, "auth", "whoami")
            self.report.transcript(f"whoami of {what}", "hf auth whoami", done.text)
            check(f"{tool.name} {tool.number}: whoami names {what} and its organization", done.returncode == 0 and "acme" in done.text, done.text)
        content = self.file(tool, "by-machine.txt", b"m")
        done = bearing(machines.service, "upload", "acme/secret-bert", content, "by-service.txt")
        self.report.transcript("upload by a service account that reads", done.command, done.text)
        check(f"{tool.name} {tool.number}: a service account that reads uploads nothing, and is told why", done.returncode != 0 and "role" in done.text, done.text)
        done = bearing(machines.job, "upload", "acme/secret-bert", content, "by-job.txt")
        check(f"{tool.name} {tool.number}: a CI system's job that writes uploads", done.returncode == 0 and self.hub.find("models/acme/secret-bert").read("main", "by-job.txt") == b"m", done.text)
        done = bearing(machines.other, *download, "other")
        self.report.transcript("download by a job of another repository", done.command, done.text)
        check(f"{tool.name} {tool.number}: a job of another repository is refused, and is told why", done.returncode != 0 and "workload" in done.text, done.text)
        shown = [asked.path for asked in self.hub.seen if any(token in str(asked.headers) for token in (machines.service, machines.job, machines.other))]
        check("no machine's token reached the hub", not shown, shown)

    # Libraries --------------------------------------------------------------------------------------------------

    def javascript(self):
        if not (INTEROP / "node_modules" / "@huggingface" / "hub").exists():
            raise Missing("@huggingface/hub is not installed (run tests/interop/install)")
        number = json.loads((INTEROP / "node_modules" / "@huggingface" / "hub" / "package.json").read_text())["version"]
        name, check, token = f"@huggingface/hub {number}", self.report.check, self.lent()

        def call(function, token=token, **how):
            done = subprocess.run([program("node"), INTEROP / "peers" / "hub_client.mjs", function, json.dumps(how)], capture_output=True, text=True, timeout=60,
                                  env={**clean_environment(), "HF_ENDPOINT": self.place.url, "HF_TOKEN": token})
            answer = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"ok": False, "text": done.stderr}
            if not answer["ok"]:
                self.report.transcript(f"{function} of {name}, {'with a token' if token else 'without a token'}", f"{function}({json.dumps(how)})", answer["text"])
            return answer

        who = call("whoAmI")
        check(f"{name}: whoAmI knows the person and the organization", who["ok"] and who["value"]["name"] == "alice" and who["value"]["orgs"][0]["name"] == "acme", who)
        listed = call("listFiles", repo="acme/secret-bert")
        check(f"{name}: listFiles of private content", listed["ok"] and "config.json" in listed["value"], listed)
        got = call("downloadFile", repo="acme/secret-bert", path="config.json")
        check(f"{name}: downloadFile of private content", got["ok"] and got["value"] == FILES["config.json"].decode(), got)
        done = call("uploadFile", repo="acme/secret-bert", path="by-javascript.txt", content="from javascript")
        check(f"{name}: uploadFile", done["ok"] and self.hub.find("models/acme/secret-bert").read("main", "by-javascript.txt") == b"from javascript", done)
        done = call("createRepo", repo="acme/made-by-javascript")
        check(f"{name}: createRepo where the role allows it", done["ok"] and ("models", "acme/made-by-javascript") in self.hub.repositories, done)
        refused = call("createRepo", repo="globex/made-by-javascript")
        check(f"{name}: createRepo in an organization without a sign-in is refused with its address", not refused["ok"] and "/-/sso/globex/login" in refused["text"], refused)
        for what, how in {"listFiles": {"repo": "acme/secret-bert"}, "downloadFile": {"repo": "acme/secret-bert", "path": "config.json"}}.items():
            refused = call(what, token="", **how)
            check(f"{name}: {what} without a token is refused with the address", not refused["ok"] and self.sign_in_at in refused["text"], refused)

    def rust(self, crate):
        built = PEERS / crate / "debug" / f"{crate.replace('_', '-')}-peer"
        if not built.exists():
            raise Missing(f"the Rust client {crate} is not built (run tests/interop/install)")
        token, home = self.lent(), fresh(f"home-{crate}")
        name, repository = ("hf-hub 0.5", ["acme/secret-bert"]) if crate.endswith("05") else ("hf-hub 1.0", ["acme", "secret-bert"])

        def run(*argv, token=token):
            done = subprocess.run([built, *argv], capture_output=True, text=True, timeout=60, env={
                **clean_environment(), **OFFLINE, "HF_ENDPOINT": self.place.url, "HF_HOME": str(fresh(home.name)), **({"HF_TOKEN": token} if token else {})})
            done.text = done.stdout + done.stderr
            return done

        done = run("download", *repository, "config.json")
        self.report.check(f"{name}: downloads private content", done.returncode == 0 and FILES["config.json"].decode() in done.stdout, done.text)
        refused = run("download", *repository, "config.json", token=None)
        self.report.transcript(f"download by {name} without a token", "download acme/secret-bert config.json", refused.text)
        self.report.check(f"{name}: private content without a token is refused, and the error says 403", refused.returncode != 0 and "403" in refused.text, refused.text)
        if crate.endswith("05"):
            done = run("info", *repository)
            self.report.check(f"{name}: info of private content", done.returncode == 0 and len(done.stdout.strip()) == 40, done.text)
            return
        done = run("whoami")
        self.report.check(f"{name}: whoami knows the person", done.returncode == 0 and "alice" in done.stdout, done.text)
        done = run("upload", *repository, "by-rust.txt", "from rust")
        self.report.check(f"{name}: uploads", done.returncode == 0 and self.hub.find("models/acme/secret-bert").read("main", "by-rust.txt") == b"from rust", done.text)
        done = run("create", "acme/made-by-rust")
        self.report.check(f"{name}: creates a repository", done.returncode == 0 and ("models", "acme/made-by-rust") in self.hub.repositories, done.text)
        refused = run("create", "globex/made-by-rust")
        self.report.transcript(f"create by {name} in an organization without a sign-in", "create globex/made-by-rust", refused.text)
        self.report.check(f"{name}: a repository of an organization without a sign-in is refused with its address",
                          refused.returncode != 0 and "/-/sso/globex/login" in refused.text, refused.text)
