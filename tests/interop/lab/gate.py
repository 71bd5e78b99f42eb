"""Starts the gate with a configuration written for the occasion."""

import json
import os
import pathlib
import subprocess

from .peers import GATE_HOST
from .process import INTEROP, Process, WORK, answers, clean_environment, free_port, slug

# What the providers of the suites say about people: groups of one, and the role they map to.
ROLES = {"admin": ["hub-admins"], "write": ["ml"], "read": ["everyone"]}


def binary():
    path = pathlib.Path(os.environ.get("HUBGATE_BIN") or INTEROP.parent.parent / "target" / "release" / "hubgate").resolve()
    if not path.exists():
        raise SystemExit(f"there is no gate at {path}: build it with `cargo build --release`, or set HUBGATE_BIN")
    return path


class Place:
    """Where a gate will listen: known before it starts, because its providers must know it."""

    def __init__(self, host=GATE_HOST):
        self.host, self.port, self.admin = host, free_port(host), free_port(host)
        self.url = f"http://{host}:{self.port}"


def organization(name, client, **more):
    """One `[[organization]]`; `client` is what the provider calls us."""
    return {"id": name, "client": client, **more}


def configuration(place, upstream, organizations, folder, head="", hub="", server="", identity="idp"):
    """The text of a configuration file (section 3 of the contract)."""
    lines = [
        f"public_url = {text(place.url)}", head,
        "[server]", f"listen = [{text(f'{place.host}:{place.port}')}]", f"admin = {text(f'{place.host}:{place.admin}')}", 'drain = "1s"', server,
        "[hub]", f"upstream = {text(upstream)}" if upstream else None, 'profile = "huggingface"', f"identity = {text(identity)}", hub,
    ]
    for wanted in organizations:
        client = wanted["client"]
        lines += ["", "[[organization]]", f"id = {text(wanted['id'])}", f"display_name = {text(wanted.get('display_name', wanted['id']))}"]
        for key in ("public", "session_timeout", "email_domains", "enforcement", "default_role", "namespaces", "tokens", "external_collaborators"):
            if key in wanted:
                lines.append(f"{key} = {text(wanted[key])}")
        lines += wanted.get("machines", [])
        lines += ["[organization.role_mapping]", f"attribute = {text(wanted.get('groups', '$.groups'))}",
                  "roles = { " + ", ".join(f"{role} = {text(values)}" for role, values in ROLES.items()) + " }"]
        if "saml" in client:
            lines += ["[organization.saml]", *client["saml"]]
            continue
        secret = folder / f"{wanted['id']}.secret"
        secret.write_text(client["secret"])
        secret.chmod(0o600)
        lines += ["[organization.oidc]", f"provider = {text(client['provider'])}", f"issuer = {text(client['issuer'])}",
                  f"client_id = {text(client['client_id'])}", f"client_secret = {{ file = {text(str(secret))} }}"]
        if client["provider"] == "generic":
            lines.append('scopes = ["openid", "email", "profile", "groups"]')
    return "\n".join(line for line in lines if line is not None) + "\n"


def text(value):
    """A TOML string or array of strings; JSON's are the same for what is written here."""
    return json.dumps(value)


class Gate:
    """`hubgate run`, ready."""

    def __init__(self, place, upstream, organizations, name="gate", env=None, launch=(), sink=None, **more):
        self.place, self.url = place, place.url
        folder = WORK / slug(name)
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "hubgate.toml"
        self.config.write_text(configuration(place, upstream, organizations, folder, **more))
        checked = subprocess.run([binary(), "check", "--config", self.config], capture_output=True, text=True, env=clean_environment())
        if checked.returncode:
            raise RuntimeError(f"hubgate check ended with {checked.returncode}:\n{checked.stdout}{checked.stderr}\n{self.config.read_text()}")
        self.process = Process(name, [*launch, binary(), "run", "--config", self.config], env=env, sink=sink)
        # Its own address, which is not the one that people see where a proxy stands in front.
        self.process.answering(f"http://{place.host}:{place.port}/-/sso/")
        self.process.ready(lambda: answers(f"http://{place.host}:{place.admin}/readyz") == 200)

    def stop(self):
        return self.process.stop()
