"""Are these manifests valid, and are their Pods as careful as they claim?"""

import copy
import functools
import json
import pathlib
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ["1.29", "1.33", kubernetes_validate.latest_version()]
# Custom resources: the Go module that publishes the definition, and the file in it.
ISTIO = ("istio.io/api@v1.28.0", "kubernetes/customresourcedefinitions.gen.yaml")
CUSTOM = {
    "AuthorizationPolicy": ISTIO,
    "EnvoyFilter": ISTIO,
    "HTTPRoute": (
        "sigs.k8s.io/gateway-api@v1.4.0",
        "config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml",
    ),
    "PodMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
}


def validate(report, what, documents, versions=VERSIONS):
    """Every manifest by the schemas of each version, strictly; custom resources by their own definition."""
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in CUSTOM:
            validate_custom(report, f"{what}: {kind} {name}", document)
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:
                report.check(f"{what}: {kind} {name} is valid in {version}", False, error)
    kinds = sorted({document["kind"] for document in documents})
    report.check(f"{what}: {len(documents)} manifests ({', '.join(kinds)}) for {', '.join(versions)}", documents != [])


def validate_custom(report, what, document):
    schema = definition(document["kind"], document["apiVersion"])
    if schema is None:
        report.check(f"{what} has apiVersion, metadata.name and spec, and no schema was at hand", set(document) == {"apiVersion", "kind", "metadata", "spec"})
        return
    errors = [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(document)]
    report.check(f"{what} fits its definition", not errors, "\n".join(errors))


@functools.cache
def definition(kind, version):
    """The schema of a custom resource, closed: what it does not name is a mistake."""
    text = of_module(*CUSTOM[kind])
    if text is None:
        return None
    [found] = [one for one in yaml.safe_load_all(text) if one and one["spec"]["names"]["kind"] == kind]
    [schema] = [
        one["schema"]["openAPIV3Schema"] for one in found["spec"]["versions"] if version.endswith("/" + one["name"])
    ]
    schema = close(copy.deepcopy(schema))
    schema["properties"].update(apiVersion={}, kind={}, metadata={"type": "object"})
    return schema


@functools.cache
def of_module(module, file):
    """A file of a Go module, where Go is there and brings it."""
    if not shutil.which("go"):
        return None
    told = subprocess.run(["go", "mod", "download", "-json", module], cwd="/", capture_output=True, text=True, timeout=150)
    return (pathlib.Path(json.loads(told.stdout)["Dir"]) / file).read_text() if told.returncode == 0 else None


def close(schema):
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)
    return schema


def pods(documents):
    """The Pods among manifests: name, specification."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document["metadata"]["name"], document["spec"]
        elif document["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def is_gate(container):
    return "hubgate" in container["image"]


def careful(report, what, documents):
    """Restricted Pod security (the admission levels of Kubernetes), no token, no admin port in a Service."""
    for name, spec in pods(documents):
        inside = spec.get("securityContext", {})
        wrong = []
        if spec.get("automountServiceAccountToken") is not False:
            wrong.append("a token of the service account is mounted")
        if inside.get("runAsNonRoot") is not True or inside.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            wrong.append(f"the Pod's securityContext is {inside}")
        for container in spec.get("initContainers", []) + spec["containers"]:
            held = container.get("securityContext", {})
            if held.get("allowPrivilegeEscalation") is not False or held.get("capabilities", {}).get("drop") != ["ALL"]:
                wrong.append(f"{container['name']}: {held}")
            if is_gate(container) and held.get("readOnlyRootFilesystem") is not True:
                wrong.append(f"{container['name']}: its file system can be written")
            if not container.get("resources", {}).get("limits", {}).get("memory"):
                wrong.append(f"{container['name']}: no limit of memory")
            for mount in container.get("volumeMounts", []):
                if "subPath" in mount:
                    wrong.append(f"{container['name']}: {mount['mountPath']} by subPath never changes")
        report.check(f"{what}: {name} is restricted", not wrong, "\n".join(wrong))
    for document in documents:
        if document["kind"] != "Service":
            continue
        test_only = document["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"
        ports = [port["targetPort"] for port in document["spec"]["ports"]]
        if not test_only:
            report.check(f"{what}: Service {document['metadata']['name']} has no admin port", not {"admin", 9090} & set(ports), ports)
    selected(report, what, documents)


def selected(report, what, documents):
    """Every selector finds the gate's Pods."""
    labels = [
        one["spec"]["template"]["metadata"]["labels"] for one in documents if one["kind"] in ("Deployment", "StatefulSet")
    ]
    for document in documents:
        spec = document.get("spec", {})
        selector = {
            "Service": lambda: spec["selector"],
            "NetworkPolicy": lambda: spec["podSelector"].get("matchLabels", {}),
            "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
            "PodMonitor": lambda: spec["selector"]["matchLabels"],
        }.get(document["kind"])
        # A policy for the hub's own Pods, which are somebody else's.
        if selector and document["metadata"]["name"] != "hub-through-hubgate-only":
            found = [one for one in labels if selector().items() <= one.items()]
            report.check(f"{what}: {document['kind']} {document['metadata']['name']} selects Pods", len(found) >= 1, selector())
