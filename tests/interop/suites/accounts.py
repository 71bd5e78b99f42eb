"""A hub with accounts of its own behind the gate: members, outsiders and collaborators, with the tools and the tokens that they have."""

import os
import urllib.parse

from lab.chromium import Chromium
from lab.gate import Gate, Place, organization
from lab.hub import Hub
from lab.peers import OidcProvider, fresh, git, program
from lab.tools import HubTool, stored

# What the hub knows: an account's tokens, and where it is a member.
ACCOUNTS = {
    "alice": {"id": "u1", "email": "alice@acme.test", "orgs": {"acme": "write", "globex": "write", "hooli": "write", "initech": "write"}},
    "bob": {"id": "u2", "email": "bob@acme.test", "orgs": {"acme": "write"}},
    "kim": {"id": "u3", "email": "kim@partner.test", "orgs": {"acme": "read"}},
    "zoe": {"id": "u4", "email": "zoe@elsewhere.test", "orgs": {}},
}
for person, account in ACCOUNTS.items():
    account |= {"token": f"hf_{person}_at_the_hub", "cookie": f"cookie-of-{person}"}
# What the provider says: bob's role is smaller than the hub's own.
PEOPLE = {
    "alice": {"email": "alice@acme.test", "email_verified": True, "name": "Alice", "groups": ["ml"]},
    "bob": {"email": "bob@acme.test", "email_verified": True, "name": "Bob", "groups": ["everyone"]},
}
FILES = {"config.json": b'{"hidden": 8}', "README.md": b"# A model\n"}
REPOSITORIES = [f"models/{org}/{name}" for org in ("acme", "globex", "hooli", "initech") for name in ("open-bert", "secret-bert")] + ["models/zoe/own"]


def run(report):
    place = Place()
    organizations = ["acme", "globex", "hooli", "initech"]
    provider = OidcProvider(organizations, place.url, PEOPLE, name="oidc-provider-accounts")
    hub = Hub({name: FILES for name in REPOSITORIES}, public=[name for name in REPOSITORIES if "open" in name], accounts=ACCOUNTS, name="hub-accounts")
    rules = {"acme": {"display_name": "ACME Corp", "external_collaborators": ["kim@partner.test"], "email_domains": ["acme.test"]},
             "globex": {"display_name": "Globex", "tokens": "authorized-once"}, "hooli": {"display_name": "Hooli", "tokens": "exempt"},
             "initech": {"display_name": "Initech", "enforcement": "optional"}}
    gate = Gate(place, hub.url, [organization(name, provider.client(name), **rules[name]) for name in organizations], name="gate-accounts", identity="hub")
    browser = Chromium(place.url, fresh("screens-accounts"))
    scene = Scene(report, place, hub, browser)
    try:
        for what, act in {"before anybody has signed in": scene.before, "a member who signs in": scene.signed_in, "tokens = authorized-once and exempt": scene.other_rules,
                          "git at a hub with accounts": scene.git, "after a sign-out": scene.after, "a hub that does not say whose a token is": scene.down}.items():
            with report.scenario(what):
                act()
        report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
        shown = [account["token"] for account in ACCOUNTS.values() if account["token"] in gate.process.log.read_text()]
        report.check("the gate's log holds no token of the hub's", not shown, shown)
    finally:
        browser.stop()
    gate.stop()
    hub.stop()
    provider.stop()


class Scene:
    """One gate in front of one hub, and what its people do."""

    def __init__(self, report, place, hub, browser):
        self.report, self.place, self.hub, self.browser = report, place, hub, browser
        self.sign_in_at = f"{place.url}/-/sso/acme/login"
        self.tools = {}

    def tool(self, person, version="hfnew"):
        """`hf` with the token that the hub gave to this person; nobody has none."""
        if (person, version) not in self.tools:
            made = self.tools[person, version] = HubTool(version, f"{person}-at-the-hub", self.place.url)
            if person != "nobody":
                (made.home / "token").write_text(ACCOUNTS[person]["token"])
        return self.tools[person, version]

    def download(self, person, repository, passes, needle="", title=None, version="hfnew"):
        tool = self.tool(person, version)
        done = tool("download", repository, "config.json", "--local-dir", f"got-{repository.replace('/', '-')}-{len(self.hub.seen)}")
        title = title or f"{person} {'downloads' if passes else 'is refused'} {repository}"
        self.report.transcript(title, done.command, done.text)
        return self.report.check(f"{tool.name} {tool.number}: {title}", (done.returncode == 0) == passes and needle in done.flat, f"exit code {done.returncode}\n{done.text}")

    def before(self):
        check = self.report.check
        for version in ("hfnew", "hf1", "hf036", "hf024"):
            self.download("alice", "acme/open-bert", False, self.sign_in_at, "a member without a session is challenged on public content too", version)
        self.download("alice", "acme/secret-bert", False, self.sign_in_at, "a member without a session is challenged on private content")
        done = self.tool("alice")("auth", "whoami")
        check("hf: a member without a session still is somebody at the hub", done.returncode == 0 and "alice" in done.text, done.text)
        done = self.tool("alice")("upload", "acme/secret-bert", self.file("alice", b"x"), "x.txt")
        check("hf: a member without a session uploads nothing, and is told where to sign in", done.returncode != 0 and self.sign_in_at in done.flat, done.text)
        done = self.tool("alice")("repos", "create", "acme/made")
        check("hf: a member without a session creates nothing, and is told where to sign in", done.returncode != 0 and self.sign_in_at in done.flat, done.text)
        done = self.tool("alice")("models", "ls", "--author", "acme")
        check("hf: a list across organizations is answered", done.returncode == 0 and "open-bert" in done.text, done.text)
        self.download("nobody", "acme/open-bert", True, title="somebody anonymous downloads public content")
        self.download("zoe", "acme/open-bert", True, title="an outsider downloads public content")
        self.download("zoe", "zoe/own", True, title="an outsider downloads their own content")
        self.download("kim", "acme/secret-bert", True, title="an external collaborator downloads private content without a session")
        refused = [self.tool(person)("download", f"acme/{name}", "config.json") for person in ("nobody", "zoe") for name in ("secret-bert", "no-such-thing")]
        said = [done.text.replace("no-such-thing", "secret-bert") for done in refused]
        check("hf: outsiders are answered by the hub alone, the same for what is private and what is not there",
              all(done.returncode for done in refused) and without_ids(said[0]) == without_ids(said[1]) and without_ids(said[2]) == without_ids(said[3]) and self.sign_in_at not in "".join(said),
              "\n".join(said))
        self.download("alice", "initech/open-bert", True, "Initech", "a member of an organization whose sign-in is optional passes, and is told once")
        # What the browser of a member shows.
        self.browser.open("alice", url=f"{self.place.url}/login/alice")
        page = self.browser.open("alice", url=f"{self.place.url}/acme/open-bert", name="member-without-session")
        check("the browser of a member without a session is led to the provider, on public content too", urllib.parse.urlsplit(page["url"]).hostname == "127.0.0.2", page)
        page = self.browser.open("zoe", url=f"{self.place.url}/acme/secret-bert", name="stranger-is-offered-the-sign-in")
        missing = self.browser.open("zoe", url=f"{self.place.url}/acme/no-such-thing")
        check("a browser without an account is offered the sign-in where the hub refuses, the same for what is not there",
              "ACME Corp" in page["text"] and without_ids(page["text"]) == without_ids(missing["text"]) and page["status"] == missing["status"], f"{page}\n{missing}")
        page = self.browser.open("zoe", url=f"{self.place.url}/acme/open-bert")
        check("a browser without an account reads public pages", page["status"] == 200 and "acme/open-bert" in page["text"], page)

    def signed_in(self):
        check = self.report.check
        for person in ("alice", "bob"):
            self.browser.open(person, url=f"{self.place.url}/login/{person}")
            page = self.browser.open(person, url=f"{self.place.url}/acme/secret-bert", who=person, name=f"member-with-session-{person}")
            check(f"the browser of {person} signs in and lands on what was asked for", page["url"].endswith("/acme/secret-bert") and "acme/secret-bert" in page["text"], page)
        for version in ("hfnew", "hf024"):
            self.download("alice", "acme/secret-bert", True, title="a member's own token of the hub passes while its owner is signed in", version=version)
        content = os.urandom(32)
        done = self.tool("alice")("upload", "acme/secret-bert", self.file("alice", content), "signed-in.bin")
        check("hf: and uploads", done.returncode == 0 and self.hub.find("models/acme/secret-bert").read("main", "signed-in.bin") == content, done.text)
        done = self.tool("alice")("repos", "create", "acme/made")
        check("hf: and creates a repository", done.returncode == 0 and ("models", "acme/made") in self.hub.repositories, done.text)
        done = self.tool("alice")("upload", "globex/secret-bert", self.file("alice", content), "x.bin")
        check("hf: a sign-in of one organization opens nothing of another", done.returncode != 0 and "/-/sso/globex/login" in done.flat, done.text)
        self.download("bob", "acme/secret-bert", True, title="a member whose role reads downloads")
        done = self.tool("bob")("upload", "acme/secret-bert", self.file("bob", b"x"), "x.txt")
        self.report.transcript("upload by a member whose role reads", done.command, done.text)
        check("hf: a member whose role at the provider reads uploads nothing, whatever the hub allows", done.returncode != 0 and "role" in done.text, done.text)

    def other_rules(self):
        self.download("alice", "hooli/secret-bert", True, title="a token passes by itself where tokens are exempt")
        self.download("alice", "globex/secret-bert", False, f"{self.place.url}/-/sso/globex/login", "a token whose owner never signed in is refused where one sign-in is needed")
        self.browser.open("alice", url=f"{self.place.url}/globex/secret-bert", who="alice")
        self.download("alice", "globex/secret-bert", True, title="and passes after one sign-in")
        self.sign_out("alice", "globex")
        self.download("alice", "globex/secret-bert", True, title="and after the sign-out still")

    def git(self):
        check, place = self.report.check, self.place
        home = fresh("git-accounts")
        version = git("--version").stdout.split()[2]
        url, kept = f"{place.url}/acme/secret-bert", {}
        for person in ("alice", "bob", "zoe", "kim"):
            path = home / f"credentials-{person}"
            path.write_text(f"http://{person}:{ACCOUNTS[person]['token']}@{urllib.parse.urlsplit(place.url).netloc}\n")
            kept[person] = (path, path.read_text(), ("-c", f"credential.helper=store --file {path}"))
        for person, passes in {"alice": True, "bob": True, "kim": True, "zoe": False}.items():
            done = git(*kept[person][2], "clone", "-q", url, home / person, check=False)
            check(f"git {version}: {person} {'clones' if passes else 'is not given'} private content with the hub's token", (done.returncode == 0) == passes, done.stderr)
        for person, passes in {"alice": True, "bob": False, "kim": False}.items():
            work = home / person
            git("config", "credential.helper", f"store --file {kept[person][0]}", cwd=work)
            (work / f"{person}.txt").write_text("x")
            git("add", "-A", cwd=work)
            git("commit", "-q", "-m", "Add", cwd=work)
            done = git("push", "-q", "origin", f"HEAD:refs/heads/{person}", cwd=work, check=False)
            self.report.transcript(f"push by {person}", "git push origin", done.stdout + done.stderr)
            check(f"git {version}: {person} {'pushes' if passes else 'pushes nothing'}", (done.returncode == 0) == passes, done.stderr)
        check(f"git {version}: no stored password of a member was erased", all(stored(kept[person][0]) == kept[person][1] for person in ("alice", "bob")))
        program("git-lfs")
        work, content = home / "alice", os.urandom(1 << 20)
        git("lfs", "install", "--local", cwd=work)
        git("lfs", "track", "*.lfs", cwd=work)
        (work / "model.lfs").write_bytes(content)
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add a large file", cwd=work)
        self.hub.take()
        done = git("push", "-q", "origin", "HEAD:main", cwd=work, check=False, timeout=60)
        asked = self.hub.take()
        check("git-lfs: a member pushes a large file with the hub's token", done.returncode == 0 and content in self.hub.objects.values(), done.stderr)
        check("git-lfs: and needs a handful of requests", len(asked) <= 14, "\n".join(asked))
        self.kept = kept, home, url

    def after(self):
        check = self.report.check
        self.sign_out("alice", "acme")
        self.download("alice", "acme/secret-bert", False, self.sign_in_at, "a token of the hub's is refused at once when its owner signs out")
        kept, home, url = self.kept
        work = home / "alice"
        (work / "more.lfs").write_bytes(os.urandom(1 << 20))
        git("add", "-A", cwd=work)
        git("commit", "-q", "-m", "Add another", cwd=work)
        for argv in (("fetch", "origin"), ("push", "--no-verify", "origin", "HEAD:main"), ("lfs", "push", "--all", "origin")):
            done = git(*kept["alice"][2], *argv, cwd=work, check=False, timeout=60)
            said = done.stdout + done.stderr
            self.report.transcript(f"{' '.join(argv[:2])} by a member whose sign-in has ended", " ".join(["git", *argv]), said)
            check(f"git: {' '.join(argv[:2])} is refused after the sign-out, and prints where to sign in", done.returncode != 0 and self.sign_in_at in said, said)
        check("git: the member's stored password is still there", stored(kept["alice"][0]) == kept["alice"][1])

    def down(self):
        """Nothing passes as anonymous because the hub could not say."""
        self.hub.down = True
        # A credential that the gate has not asked about yet.
        ACCOUNTS["kim"]["token"] = "hf_kim_has_a_new_token"
        tool = HubTool("hfnew", "kim-again", self.place.url)
        (tool.home / "token").write_text(ACCOUNTS["kim"]["token"])
        self.hub.take()
        done = tool("download", "acme/open-bert", "config.json")
        self.report.transcript("download while the hub does not say whose a token is", done.command, done.text)
        passed = [line for line in self.hub.take() if "whoami" not in line and "agent-harnesses" not in line]
        self.report.check("hf: while the hub does not say whose a token is, nothing passes", done.returncode != 0 and not passed, f"{done.text}\n{passed}")
        self.hub.down = False
        done = tool("download", "acme/open-bert", "config.json", "--local-dir", "again")
        self.report.check("hf: and passes as soon as it does", done.returncode == 0, done.text)

    def sign_out(self, person, organization):
        self.browser.open(person, url=f"{self.place.url}/-/sso/")
        self.browser.click(person, target=f'form[action="/-/sso/logout"]:has(input[value={organization}]) button')

    def file(self, person, content):
        (self.tool(person).home / "content").write_bytes(content)
        return "content"


def without_ids(text):
    """Without what names the one request."""
    return "\n".join(line for line in text.splitlines() if "equest" not in line)
