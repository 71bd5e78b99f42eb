"""The kustomize bases: built, valid, and with configurations that the gate takes."""

import os
import pathlib
import shutil
import subprocess

import yaml

from . import configuration, kubernetes

BASES = configuration.ROOT / "deploy/kubernetes"
# Before native sidecars.
OLD = ["1.25", "1.28"]
MODULE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"


def run(report):
    build = builder()
    if build is None:
        report.check("kubectl, kustomize or Go is there to build the bases with", False)
        return
    for name in ["sidecar", "sidecar-plain", "standalone", "forward-auth"]:
        with report.trying(name):
            built = subprocess.run([*build, BASES / name], capture_output=True, text=True, timeout=60)
            if not report.check(f"{name} is built without a warning", built.returncode == 0 and not built.stderr, built.stderr):
                continue
            documents = [one for one in yaml.safe_load_all(built.stdout) if one]
            kubernetes.validate(report, name, documents, (OLD if name == "sidecar-plain" else []) + kubernetes.VERSIONS)
            kubernetes.careful(report, name, documents)
            configuration.of_pods(report, name, documents)
            of_its_kind(report, name, documents)


def builder():
    """The command that builds a kustomization."""
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if not shutil.which("go"):
        return None
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", configuration.ROOT / "target")) / "deploy-go"
    made = subprocess.run(["go", "install", MODULE], env={**os.environ, "GOBIN": str(folder)}, cwd="/", timeout=300)
    return [folder / "kustomize", "build"] if made.returncode == 0 else None


def of_its_kind(report, name, documents):
    [(_, pod)] = kubernetes.pods(documents)
    gate = next(one for one in pod["containers"] if kubernetes.is_gate(one))
    environment = {one["name"]: one["value"] for one in gate["env"]}
    seconds = {key: int(environment[f"HUBGATE__SERVER__{key}"].removesuffix("s")) for key in ("DRAIN", "DRAIN_DELAY")}
    needed = seconds["DRAIN"] + seconds["DRAIN_DELAY"] + 5
    if name == "sidecar":
        [hub] = pod["initContainers"]
        report.check("sidecar: the hub is a native sidecar, and the gate waits for it to start", hub["restartPolicy"] == "Always" and "startupProbe" in hub)
        report.check("sidecar: nothing of the kubelet asks for the hub by the network", "httpGet" not in str(hub))
        report.check("sidecar: after the gate's drain there is time for the hub", pod["terminationGracePeriodSeconds"] >= needed + 15)
    if name == "sidecar-plain":
        [hub] = [one for one in pod["containers"] if not kubernetes.is_gate(one)]
        sleep = int(hub["lifecycle"]["preStop"]["exec"]["command"][1])
        report.check("sidecar-plain: the hub's SIGTERM waits for the gate's drain", sleep >= needed and "restartPolicy" not in hub and "initContainers" not in pod)
        report.check("sidecar-plain: after that there is time for the hub", pod["terminationGracePeriodSeconds"] >= sleep + 15)
    if name.startswith("sidecar"):
        config = next(one["data"] for one in documents if one["kind"] == "ConfigMap" and "hubgate.toml" in one["data"])
        report.check(f"{name}: the hub is on loopback", 'upstream = "http://127.0.0.1:' in config["hubgate.toml"] and "127.0.0.1" in hub["args"])
        ports = [port["port"] for one in documents if one["kind"] == "NetworkPolicy" for rule in one["spec"]["ingress"] for port in rule["ports"]]
        report.check(f"{name}: nobody is let in to the hub's port", ports == [8080, 9090], ports)
    else:
        report.check(f"{name}: SIGKILL comes after the drain", pod["terminationGracePeriodSeconds"] >= needed)
    if name == "forward-auth":
        [policy] = [one for one in documents if one["kind"] == "NetworkPolicy"]
        report.check("forward-auth: only the proxy's namespace may ask", policy["spec"]["ingress"][0]["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}])
