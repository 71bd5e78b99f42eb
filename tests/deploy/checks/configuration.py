"""Is a Pod's configuration one that the gate takes? `hubgate check` reads it as the container would find it."""

import os
import pathlib
import re
import subprocess
import tempfile

from . import kubernetes

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLACES = re.compile(r"(?:/etc/hubgate|/run/secrets)(?:/[^\"'\s]*)?")
# An organization for ConfigMaps that are somebody else's.
ELSEWHERE = 'id = "elsewhere"\n[oidc]\nissuer = "https://sso.example.com"\nclient_id = "hub"\nclient_auth = "none"\n' \
    '[role_mapping]\nattribute = "groups"\nroles = { admin = ["a"] }\n'


def binary():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return pathlib.Path(os.environ.get("HUBGATE_BIN", target / "release/hubgate"))


def check(report, what, config, environment=None):
    """`hubgate check` on a file."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HUBGATE")}
    told = subprocess.run(
        [binary(), "check", "--config", config],
        env={**clean, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return report.check(f"{what}: hubgate check takes the configuration", told.returncode == 0, told.stdout + told.stderr)


def secret(folder, name):
    """A file such as a Secret would hold under this name."""
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    if name.endswith(("tls.crt", "tls.key")):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hub.example.com",
             "-addext", "subjectAltName=DNS:hub.example.com", "-keyout", path.parent / "tls.key", "-out", path.parent / "tls.crt"],
            check=True, capture_output=True, timeout=30,
        )
    elif name.endswith(".pem"):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path],
            check=True, capture_output=True, timeout=30,
        )
    else:
        path.write_text("0123456789abcdef" * 4)


def of_pods(report, what, documents):
    """Lays the mounted ConfigMaps and Secrets of each gate out as files, and lets the gate judge them."""
    maps = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    for name, spec in kubernetes.pods(documents):
        for container in spec.get("initContainers", []) + spec["containers"]:
            if kubernetes.is_gate(container) and container["args"][0] in ("run", "check"):
                with tempfile.TemporaryDirectory() as folder:
                    of_container(report, f"{what}: {name}/{container['name']}", pathlib.Path(folder), container, spec, maps)


def of_container(report, what, folder, container, spec, maps):
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    mounted, texts = [], []
    for mount in container["volumeMounts"]:
        volume, place = volumes[mount["name"]], folder / mount["mountPath"].lstrip("/")
        place.mkdir(parents=True)
        if "secret" in volume:
            mounted.append(mount["mountPath"])
        elif "configMap" in volume and PLACES.match(mount["mountPath"]):
            for file, text in maps.get(volume["configMap"]["name"], {"elsewhere.toml": ELSEWHERE}).items():
                text = PLACES.sub(lambda found: str(folder) + found[0], text)
                texts.append(text)
                (place / file).write_text(text)
    for text in texts:
        for wanted in re.findall(re.escape(str(folder)) + r"(/run/secrets/[^\"]+)", text):
            inside = [place for place in mounted if wanted.startswith(place + "/")]
            if report.check(f"{what}: {wanted} is mounted", len(inside) == 1, mounted) and inside:
                secret(folder, wanted.lstrip("/"))
    environment = {one["name"]: one.get("value", "0123456789abcdef" * 4) for one in container.get("env", [])}
    config = environment.pop("HUBGATE_CONFIG")
    check(report, what, folder / config.lstrip("/"), environment)
    held = "\n".join(texts)
    report.check(f"{what}: no secret stands in a ConfigMap", not re.search(r'(client_secret|private_key|keys) *= *\[?"(?!/)', held))
