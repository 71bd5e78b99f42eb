"""How a Pod of hub and gate starts and ends, with processes in the place of containers, under load.

Kubernetes takes a Pod out of its Service and ends its containers at the same time, and balancers learn of it later.
Clients of two kinds keep asking: balancers open connections for as long as they believe in the Pod, and people's tools
keep one connection until they are told to let go of it. A request is lost when it is refused, cut, or answered 5xx.
"""

import asyncio
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import configuration

HUB = pathlib.Path(__file__).with_name("hub.py")
# How late balancers learn that the Pod is gone, and the gate's own limits: small, in the proportions of deploy/.
LATE, DELAY, DRAIN = 0.6, 1.5, 8
CONFIG = """
public_url = "https://hub.example.com"
[server]
listen = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
drain = "{drain}s"
drain_delay = "{delay}ms"
threads = 2
[hub]
upstream = "http://127.0.0.1:{hub}"
[[organization]]
id = "acme"
[organization.role_mapping]
attribute = "groups"
roles = {{ admin = ["admins"] }}
[organization.oidc]
provider = "generic"
issuer = "http://127.0.0.1:{nobody}"
client_id = "hub"
client_auth = "none"
"""


def run(report):
    for what, ending, lossless in [
        ("hub as native sidecar", native, True),
        ("two plain containers, the hub's SIGTERM after a sleep", plain, True),
        ("control: no drain_delay", without_delay, False),
        ("control: two plain containers, no sleep", without_sleep, False),
        ("control: the gate as native sidecar, the hub's SIGTERM after a sleep", reversed_order, False),
    ]:
        with report.trying(what):
            load, facts = asyncio.run(asyncio.wait_for(scenario(ending), 60))
            told = f"{load.answered} answered, {len(load.lost)} lost {load.lost[:5]}"
            report.check(f"{what}: requests before the end are answered", facts["before"] > 100, told)
            if lossless:
                report.check(f"{what}: no request is lost ({told})", not load.lost, told)
                report.check(f"{what}: long answers end as they should", load.long == 4, load.long)
                report.check(f"{what}: the gate ends before the hub, and both exit with 0", facts["order"] == ["gate 0", "hub 0"], facts)
            else:
                report.check(f"{what}: requests are lost, as expected ({told})", len(load.lost) > 0, told)
    with report.trying("start"):
        asyncio.run(asyncio.wait_for(start_without_hub(report), 30))


class Pod:
    def __init__(self, folder, delay=DELAY):
        self.traffic, self.admin, self.hub_port, nobody = ports(4)
        self.in_service = True
        self.config = pathlib.Path(folder) / "hubgate.toml"
        self.config.write_text(
            CONFIG.format(traffic=self.traffic, admin=self.admin, hub=self.hub_port, nobody=nobody, drain=DRAIN, delay=int(delay * 1000))
        )
        self.log = open(pathlib.Path(folder) / "gate.log", "w")
        self.hub = self.gate = None
        self.order = []

    def start_hub(self):
        self.hub = subprocess.Popen([sys.executable, HUB, str(self.hub_port)])

    def start_gate(self):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("HUBGATE")}
        self.gate = subprocess.Popen([configuration.binary(), "run", "--config", self.config], stderr=self.log, env=clean)

    async def ends(self, name, process):
        while process.poll() is None:
            await asyncio.sleep(0.01)
        self.order.append(f"{name} {process.returncode}")

    def kill(self):
        for process in (self.gate, self.hub):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.log.close()


# How each kind of Pod ends ------------------------------------------------------------------------------------------


async def native(pod):
    """Containers first, then sidecars: the kubelet's order for init containers with restartPolicy: Always."""
    pod.gate.send_signal(signal.SIGTERM)
    await pod.ends("gate", pod.gate)
    pod.hub.send_signal(signal.SIGTERM)
    await pod.ends("hub", pod.hub)


async def plain(pod):
    """Everything at once, after each container's preStop."""

    async def hub():
        await asyncio.sleep(DELAY + DRAIN)
        pod.hub.send_signal(signal.SIGTERM)
        await pod.ends("hub", pod.hub)

    pod.gate.send_signal(signal.SIGTERM)
    await asyncio.gather(pod.ends("gate", pod.gate), hub())


async def without_delay(pod):
    await native(pod)


async def without_sleep(pod):
    pod.gate.send_signal(signal.SIGTERM)
    pod.hub.send_signal(signal.SIGTERM)
    await asyncio.gather(pod.ends("gate", pod.gate), pod.ends("hub", pod.hub))


async def reversed_order(pod):
    await asyncio.sleep(DELAY)
    pod.hub.send_signal(signal.SIGTERM)
    await pod.ends("hub", pod.hub)
    # The kubelet does not see it in the same moment.
    await asyncio.sleep(0.3)
    pod.gate.send_signal(signal.SIGTERM)
    await pod.ends("gate", pod.gate)


# Load ---------------------------------------------------------------------------------------------------------------


class Load:
    def __init__(self, pod):
        self.pod = pod
        self.answered = self.long = 0
        self.lost = []
        self.over = False

    async def balancer(self):
        """Opens a connection for each request, for as long as it believes in the Pod."""
        while self.pod.in_service:
            try:
                stream = await asyncio.open_connection("127.0.0.1", self.pod.traffic)
                with contextlib.closing(stream[1]):
                    self.count("balancer", (await ask(stream, "/other/model"))[0])
            except OSError as error:
                self.lost.append(f"balancer: {error}")
            except EOFError:
                self.lost.append("balancer: cut")
            await asyncio.sleep(0.01)

    async def tool(self):
        """Keeps a connection until it is told to let go, and then goes to another replica."""
        while self.pod.in_service:
            try:
                stream = await asyncio.open_connection("127.0.0.1", self.pod.traffic)
            except OSError as error:
                self.lost.append(f"tool: {error}")
                await asyncio.sleep(0.01)
                continue
            with contextlib.closing(stream[1]):
                used = False
                while not self.over:
                    try:
                        status, close = await ask(stream, "/other/model")
                    except (OSError, EOFError) as error:
                        # Closed between two requests: every client asks again elsewhere (RFC 9112 §9.3.1).
                        if not used:
                            self.lost.append(f"tool: cut {error}")
                        break
                    self.count("tool", status)
                    used = True
                    if close:
                        break
                    await asyncio.sleep(0.02)

    async def download(self):
        """Is under way when the end begins, and goes on for a while."""
        stream = await asyncio.open_connection("127.0.0.1", self.pod.traffic)
        with contextlib.closing(stream[1]):
            try:
                status, _ = await ask(stream, "/other/model/resolve/main/long")
                self.count("download", status)
                self.long += status == 200
            except (OSError, EOFError):
                self.lost.append("download: cut")

    def count(self, who, status):
        if status == 200:
            self.answered += 1
        else:
            self.lost.append(f"{who}: {status}")


async def ask(stream, path):
    """Status, and whether the connection ends with this answer. EOFError when it ends before."""
    reader, writer = stream
    writer.write(f"GET {path} HTTP/1.1\r\nhost: hub.example.com\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    return int(head.split(" ")[1]), "connection: close" in head


async def scenario(ending):
    with tempfile.TemporaryDirectory() as folder:
        pod = Pod(folder, 0 if ending is without_delay else DELAY)
        try:
            # A native sidecar's startupProbe comes before the next container; plain containers wait for readiness.
            pod.start_hub()
            await answers(pod.hub_port, "/", pod.hub)
            pod.start_gate()
            await answers(pod.admin, "/readyz", pod.gate)
            load = Load(pod)
            kinds = [load.balancer] * 4 + [load.tool] * 6
            clients = [asyncio.create_task(kind()) for kind in kinds]
            await asyncio.sleep(1)
            clients += [asyncio.create_task(load.download()) for _ in range(4)]
            await asyncio.sleep(0.3)
            before = load.answered
            endpoints = asyncio.create_task(leave(pod))
            await ending(pod)
            load.over = True
            await endpoints
            await asyncio.gather(*clients)
            return load, {"before": before, "order": pod.order}
        finally:
            pod.kill()


async def leave(pod):
    await asyncio.sleep(LATE)
    pod.in_service = False


async def start_without_hub(report):
    """Plain containers start together: a gate whose hub is not there yet says so, and then serves."""
    with tempfile.TemporaryDirectory() as folder:
        pod = Pod(folder)
        try:
            pod.start_gate()
            await answers(pod.admin, "/readyz", pod.gate)
            status = await once(pod.traffic, "/other/model")
            report.check("a gate that starts before its hub answers 502 or 503", status in (502, 503), status)
            pod.start_hub()
            await answers(pod.hub_port, "/", pod.hub)
            status = await once(pod.traffic, "/other/model")
            report.check("and serves when the hub is there", status == 200, status)
        finally:
            pod.kill()


async def once(port, path):
    stream = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(stream[1]):
        return (await ask(stream, path))[0]


async def answers(port, path, process):
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} has ended with {process.returncode}")
        try:
            if await once(port, path) == 200:
                return
        except (OSError, EOFError):
            pass
        await asyncio.sleep(0.02)
    raise TimeoutError(f"nothing at {port}")


def ports(count):
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found
