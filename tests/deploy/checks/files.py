"""Everything beside the cluster: the image's recipe, the units, Compose, scripts, and how YAML is written."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import jsonschema
import yaml

from . import configuration, kubernetes

ROOT = configuration.ROOT
DEPLOY = ROOT / "deploy"
YAML_RULES = """
extends: default
rules:
  braces: { max-spaces-inside: 1 }
  comments: { min-spaces-from-content: 1 }
  comments-indentation: disable
  document-start: disable
  indentation: { indent-sequences: whatever }
  line-length: { max: 440 }
  truthy: { check-keys: false }
"""
MOST_EXPOSED = 3.0
COMPOSE = ("github.com/compose-spec/compose-go/v2@v2.9.0", "schema/compose-spec.json")


def run(report):
    image(report)
    units(report)
    scripts(report)
    written(report)
    compose(report)


def told(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, cwd=ROOT)
    return done.returncode == 0, done.stdout + done.stderr


def image(report):
    recipe = DEPLOY / "Dockerfile"
    report.check("Dockerfile: hadolint", *told("hadolint", recipe))
    text = recipe.read_text()
    last = text[text.rindex("\nFROM "):]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.M)
    report.check("Dockerfile: runs as a numbered user that is not root", user and user[1] != "0")
    report.check("Dockerfile: asks for its health without a shell", 'HEALTHCHECK' in last and '["/usr/bin/hubgate", "healthcheck"]' in last)
    report.check("Dockerfile: the last stage runs nothing", "\nRUN " not in last)
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.M))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    report.check(".dockerignore: sends what is copied and nothing else", {one for line in copied for one in line.split()} == allowed, (copied, allowed))


def units(report):
    if not shutil.which("systemd-analyze"):
        report.skip("systemd units", "there is no systemd-analyze here")
        return
    unit = (DEPLOY / "systemd/hubgate.service").read_text()
    with tempfile.TemporaryDirectory() as folder:
        for name, dropin in [("hubgate.service", None), ("hubgate.service with https.conf", DEPLOY / "systemd/https.conf")]:
            # The program is elsewhere in a work tree, and systemd wants to see it.
            place = pathlib.Path(folder) / "hubgate.service"
            place.write_text(unit.replace("/usr/bin/hubgate", str(configuration.binary())))
            if dropin:
                (pathlib.Path(folder) / "hubgate.service.d").mkdir()
                shutil.copy(dropin, pathlib.Path(folder) / "hubgate.service.d")
            good, text = told("systemd-analyze", "verify", "--man=no", place)
            report.check(f"{name}: systemd-analyze verify", good and not text.strip(), text)
            good, text = told("systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={int(MOST_EXPOSED * 10)}", place)
            level = re.search(r"exposure level for \S+: ([\d.]+)", text)
            report.check(f"{name}: exposed to {level and level[1]}, less than {MOST_EXPOSED}", good and level and float(level[1]) < MOST_EXPOSED, text)


def scripts(report):
    good, tracked = told("git", "ls-files", "-z")
    found = []
    for name in tracked.split("\0") if good else []:
        path = ROOT / name
        if path.is_file() and path.open("rb").read(40).startswith((b"#!/usr/bin/env bash", b"#!/bin/sh", b"#!/bin/bash")):
            found.append(name)
    report.check(f"shellcheck: {', '.join(found)}", *told("shellcheck", *found) if found else (False, "no script was found"))


def written(report):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as rules:
        rules.write(YAML_RULES)
        rules.flush()
        files = [path for place in (DEPLOY, ROOT / "tests/deploy") for path in sorted(place.rglob("*.y*ml")) if "templates" not in path.parts]
        report.check(f"yamllint: {len(files)} files", *told("yamllint", "--strict", "-c", rules.name, *files))


def compose(report):
    """The Compose file: every file that it mounts is there, nothing runs with more rights than it needs, and the
    gate takes its configuration."""
    folder = DEPLOY / "compose"
    file = folder / "compose.yaml"
    if not file.exists():
        report.check("compose: there is a file", False)
        return
    whole = yaml.safe_load(file.read_text())
    schema = kubernetes.of_module(*COMPOSE)
    if schema:
        validator = jsonschema.validators.validator_for(json.loads(schema))(json.loads(schema))
        wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(whole)]
        report.check("compose: fits the Compose specification", not wrong, "\n".join(wrong))
    else:
        report.skip("the schema of the Compose specification", "Go could not bring it")
    services = whole["services"]
    missing = [
        f"{name}: {mount.split(':')[0]}"
        for name, service in services.items()
        for mount in service.get("volumes", [])
        if mount.startswith("./") and not (folder / mount.split(":")[0]).exists()
    ]
    report.check("compose: what is mounted is there", not missing, missing)
    gate = services["hubgate"]
    report.check("compose: the gate cannot write and has no capability",
                 gate["read_only"] is True and gate["cap_drop"] == ["ALL"] and gate["security_opt"] == ["no-new-privileges:true"], gate)
    open_ports = [port for service in services.values() for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    report.check("compose: everything is on loopback", not open_ports, open_ports)
    report.check("compose: the hub is reachable through the gate only", "ports" not in services["hub"])
    with tempfile.TemporaryDirectory() as place:
        config = pathlib.Path(place) / "hubgate.toml"
        text = (folder / "hubgate.toml").read_text().replace("/run/secrets/", f"{place}/run/secrets/")
        for wanted in re.findall(re.escape(place) + r"/(run/secrets/[^\"]+)", text):
            configuration.secret(place, wanted)
        config.write_text(text)
        configuration.check(report, "compose", config)
