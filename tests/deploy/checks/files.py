"""Everything beside the cluster: the image's recipe, the units, Compose, scripts, and how YAML is written."""

import json
import os
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
    laid_out(report)
    units(report)
    scripts(report)
    written(report)
    compose(report)
    ingress(report)


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


IMAGE = re.compile(r"^(usr/bin/hubgate|etc/(passwd|group|nsswitch\.conf)|etc/ssl/certs/ca-certificates\.crt|lib(64)?/\S*(ld-linux-\S+|libc|libgcc_s|libm)\.so\.\d+)$")


def laid_out(report):
    """What the last stage holds: a few files, the same each time, and a gate that runs with nothing else."""
    names = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")]
    report.check("Dockerfile: the last stage begins with nothing", names[-1] == "FROM scratch", names)
    with tempfile.TemporaryDirectory() as folder:
        root, again = pathlib.Path(folder) / "root", pathlib.Path(folder) / "again"
        for one in (root, again):
            done = told("sh", DEPLOY / "image.sh", configuration.binary(), one)
            if not report.check("image.sh: lays the image out", *done):
                return
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        report.check(f"the image: {len(files)} files, {sum((root / one).stat().st_size for one in files) / 1e6:.1f} MB, no shell and no tool",
                     all(IMAGE.match(one) for one in files), files)
        both = [subprocess.run(["sh", "-c", f"tar -C {one} --sort=name --numeric-owner -c . | sha256sum"], capture_output=True).stdout for one in (root, again)]
        report.check("the image: laid out twice, the same bytes", both[0] == both[1], both)
        if os.geteuid() != 0:
            report.skip("the image's files as a root", "that needs root")
            return
        root.chmod(0o755)
        (root / "etc/hubgate/hubgate.toml").write_text(ALONE)
        run_inside(report, root)


# A gate that nobody needs to reach: its health is asked from within.
ALONE = """public_url = "https://hub.example.com"
[server]
listen = "127.0.0.1:18080"
admin = "127.0.0.1:19090"
[hub]
upstream = "http://127.0.0.1:9"
"""


def run_inside(report, root):
    """As the container runs it: its own root and network, read-only, user 65532, no capability, nothing gained by exec."""
    shell = f"""
ip link set lo up; mount --bind {root} {root}; mount -o remount,bind,ro {root}
python3 - <<'END'
import os, signal, subprocess, sys, time
def start(*more):
    def inside():
        os.chroot("{root}"); os.chdir("/"); os.setgroups([]); os.setgid(65532); os.setuid(65532)
    return subprocess.Popen(["/usr/bin/hubgate", *more], preexec_fn=inside, env={{"HUBGATE_CONFIG": "/etc/hubgate/hubgate.toml"}}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
gate = start("run")
for _ in range(100):
    asked = start("healthcheck")
    said, _ = asked.communicate()
    if asked.returncode == 0: break
    time.sleep(0.1)
gate.send_signal(signal.SIGTERM)
out, _ = gate.communicate(timeout=60)
print("health", asked.returncode, "end", gate.returncode)
print(said, out)
END
"""
    done = subprocess.run(["unshare", "-m", "-n", "sh", "-c", shell], capture_output=True, text=True, timeout=120)
    report.check("the image: serves as user 65532 from a read-only root, is healthy, and ends with 0 at SIGTERM",
                 "health 0 end 0" in done.stdout, done.stdout + done.stderr)


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
    report.check("compose: the hub listens on loopback, and its network's open ports are not its own",
                 "127.0.0.1" in services["hub"]["command"] and not any(port.endswith(":3000") for port in services["hub"]["ports"]), services["hub"])
    with tempfile.TemporaryDirectory() as place:
        config = pathlib.Path(place) / "hubgate.toml"
        text = (folder / "hubgate/hubgate.toml").read_text().replace("/run/secrets/", f"{place}/run/secrets/")
        for wanted in re.findall(re.escape(place) + r"/(run/secrets/[^\"]+)", text):
            configuration.secret(place, wanted)
        config.write_text(text)
        configuration.check(report, "compose", config)


def ingress(report):
    """What is written for a cluster's proxies; the rest of the folder is started by tests/interop/run ingress."""
    for name in ("gateway-api", "ingress-nginx", "istio"):
        documents = yaml.safe_load_all((DEPLOY / "ingress" / f"{name}.yaml").read_text())
        # What configures Istio itself is read by istioctl, and is no resource of a cluster.
        kubernetes.validate(report, f"ingress/{name}.yaml", [one for one in documents if one["kind"] != "IstioOperator"])
