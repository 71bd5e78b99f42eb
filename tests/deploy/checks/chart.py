"""The Helm chart: linted, rendered, valid, and refusing what is wrong."""

import copy
import pathlib
import tempfile

import helm_python as helm
import yaml

from . import configuration, kubernetes

CHART = configuration.ROOT / "deploy/helm/hubgate"
VALUES = configuration.ROOT / "tests/deploy/values"

# A change to values/standalone.yaml, and a word of the refusal.
WRONG = {
    "a key that is none": ({"replicas": 2}, "replicas"),
    "a number as text": ({"replicaCount": "two"}, "replicaCount"),
    "no address of the site": ({"config": {"public_url": None}}, "public_url"),
    "an address with a path": ({"config": {"public_url": "https://hub.example.com/x"}}, "public_url"),
    "a site without TLS": ({"config": {"public_url": "http://hub.example.com"}}, "public_url"),
    "no hub": ({"config": {"hub": None}}, "hub"),
    "a hub that is no address": ({"config": {"hub": {"upstream": "hub:3000"}}}, "upstream"),
    "a port that the chart decides": ({"config": {"server": {"listen": ["0.0.0.0:1"]}}}, "listen"),
    "an admin port that the chart decides": ({"config": {"server": {"admin": "0.0.0.0:1"}}}, "admin"),
    "a literal secret": ({"organizations": {"acme": {"oidc": {"client_secret": "hunter2"}}}}, "client_secret"),
    "literal session keys": ({"config": {"session": {"keys": ["hunter2"]}}}, "keys"),
    "an organization with no provider": ({"organizations": {"acme": {"oidc": None}}}, "acme"),
    "an organization with two providers": ({"organizations": {"acme": {"saml": {"provider": "okta"}}}}, "acme"),
    "an organization whose id is no name": ({"organizations": {"A b": {"oidc": {"issuer": "https://x.example", "client_id": "a"}}}}, "A b"),
    "no organization": ({"organizations": None}, "organization"),
    "an enforcement that is none": ({"organizations": {"acme": {"enforcement": "maybe"}}}, "enforcement"),
    "forward-auth for everybody": ({"mode": "forward-auth"}, "trusted_proxies"),
    "gRPC without forward-auth": ({"grpc": {"enabled": True}}, "mode"),
    "a mode that is none": ({"mode": "sidecar"}, "mode"),
    "a Pod as root": ({"podSecurityContext": {"runAsNonRoot": False}}, "runAsNonRoot"),
    "a Pod as user 0": ({"podSecurityContext": {"runAsUser": 0}}, "runAsUser"),
    "more privileges": ({"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation"),
    "a file system that can be written": ({"securityContext": {"readOnlyRootFilesystem": False}}, "readOnlyRootFilesystem"),
    "a privileged port": ({"ports": {"traffic": 80}}, "traffic"),
    "a digest that is none": ({"image": {"digest": "latest"}}, "digest"),
    "a drain that is no duration": ({"config": {"server": {"drain": "soon"}}}, "drain"),
    "a mount by subPath": ({"extraVolumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "b"}]}, "subPath"),
    "a route to no gateway": ({"httpRoute": {"enabled": True}}, "parentRefs"),
    "two replicas with sessions in memory": ({"replicaCount": 2}, "several replicas and sessions in memory"),
    "an autoscaler with sessions in memory": ({"autoscaling": {"enabled": True}}, "several replicas and sessions in memory"),
    "two replicas without shared keys": ({"replicaCount": 2, "stickySessions": True}, "sessionKeys.secretName"),
    "an id that contradicts itself": ({"organizations": {"acme": {"id": "other"}}}, "organizations.acme.id"),
}


def run(report):
    chart = helm.Chart.load(CHART)
    for file in sorted(VALUES.glob("*.yaml")):
        what, values = file.stem, yaml.safe_load(file.read_text())
        with report.trying(what):
            for version in kubernetes.VERSIONS:
                found = helm.lint(CHART, values, strict=True, kube_version=f"v{version.removeprefix('v')}" + (".0" if version.count(".") == 1 else ""))
                worst = [one for one in found["messages"] if one["severity"] > 1]
                report.check(f"{what}: lint for {version}", not worst and not found["errors"], found)
            documents = render(chart, values)
            kubernetes.validate(report, what, documents)
            kubernetes.careful(report, what, documents)
            configuration.of_pods(report, what, documents)
            ends_in_time(report, what, documents)
    policies(report, chart)
    restarts(report, chart)
    text_survives(report, chart)
    refusals(report, chart)
    packs(report, chart)


def render(chart, values):
    chart.validate_schema(values)
    parts = chart.render(values, name="hub", namespace="hub")
    return [
        document
        for path, text in sorted(parts.items())
        if not path.endswith(".txt")
        for document in yaml.safe_load_all(text)
        if document
    ]


def values_of(name):
    return yaml.safe_load((VALUES / f"{name}.yaml").read_text())


def find(documents, kind, name=None):
    return [one for one in documents if one["kind"] == kind and name in (None, one["metadata"]["name"])]


def ends_in_time(report, what, documents):
    """SIGKILL comes after drain_delay, drain and the five seconds until threads are given up."""
    [deployment] = find(documents, "Deployment")
    [config] = [one["data"]["hubgate.toml"] for one in find(documents, "ConfigMap") if "hubgate.toml" in one["data"]]
    unit = {"s": 1, "m": 60, "h": 3600}
    seconds = {}
    for line in config.splitlines():
        if line.startswith("drain"):
            key, text = line.split(" = ")
            seconds[key] = int(text.strip('"')[:-1]) * unit[text.strip('"')[-1]]
    least = seconds["drain"] + seconds["drain_delay"] + 5
    granted = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    report.check(f"{what}: {granted} s are enough for {least} s of drain", least < granted <= least + 10)


def policies(report, chart):
    documents = render(chart, values_of("forward-auth"))
    [policy] = find(documents, "NetworkPolicy")
    admin = [rule for rule in policy["spec"]["ingress"] if rule["ports"][0]["port"] == 9090]
    report.check("nobody monitors: the admin port is for the test only, and not for everybody",
                 len(admin) == 1 and len(admin[0]["from"]) == 1 and "namespaceSelector" not in admin[0]["from"][0], admin)
    [route] = find(documents, "HTTPRoute")
    paths = {rule["matches"][0]["path"]["value"]: bool(rule.get("backendRefs")) for rule in route["spec"]["rules"]}
    report.check("forward-auth: only our own pages are routed, and not the addresses that proxies ask",
                 paths == {"/-/sso/": True, "/-/sso/authz": False}, paths)
    [policy] = find(render(chart, values_of("everything")), "NetworkPolicy")
    ports = [rule["ports"][0]["port"] for rule in policy["spec"]["egress"]]
    report.check("egress: names, providers, the hub at https, and what was added", ports == [53, 443, 443, 4317], ports)
    report.check("no budget for one replica", not find(render(chart, values_of("standalone")), "PodDisruptionBudget"))


def restarts(report, chart):
    """New Pods only for what a running gate does not read again."""

    def pod(**change):
        [deployment] = find(render(chart, merged(values_of("standalone"), change)), "Deployment")
        return deployment["spec"]["template"]

    organization = {"organizations": {"acme": {"display_name": "Another"}}}
    report.check("another organization's name: the same Pods", pod() == pod(**organization))
    report.check("another drain: new Pods", pod() != pod(config={"server": {"drain": "1m"}}))
    report.check("more threads: new Pods", pod() != pod(config={"server": {"threads": 4}}))
    report.check("more room for sessions: new Pods", pod() != pod(config={"session": {"capacity": 5}}))
    report.check("restartOnChange: another name, new Pods", pod(restartOnChange=True) != pod(restartOnChange=True, **organization))


def text_survives(report, chart):
    """What is written in values is what the gate reads, whatever characters it has."""
    import tomllib

    values = values_of("everything")
    documents = render(chart, values)
    [files] = find(documents, "ConfigMap", "gate-organizations")
    acme = tomllib.loads(files["data"]["acme.toml"])
    report.check("an organization's text survives", acme == {"id": "acme", **values["organizations"]["acme"]}, acme)
    [file] = find(documents, "ConfigMap", "gate")
    config = tomllib.loads(file["data"]["hubgate.toml"])
    report.check("numbers stay whole", config["server"]["max_connections"] == 2000000 and isinstance(config["server"]["threads"], int), config)
    report.check("rules stay in their order", config["hub"]["rule"] == values["config"]["hub"]["rule"], config["hub"])


def refusals(report, chart):
    base = values_of("standalone")
    for what, (change, word) in WRONG.items():
        try:
            render(chart, merged(base, change))
        except helm.HelmError as error:
            report.check(f"refused: {what}", word in str(error), error)
        else:
            report.check(f"refused: {what}", False, "it was rendered")


def merged(base, change):
    result = copy.deepcopy(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def packs(report, chart):
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(chart.save(folder))
        report.check(f"packs as {archive.name}", helm.Chart.load(archive).name == "hubgate")
