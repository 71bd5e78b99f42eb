#!/usr/bin/env python3
"""Ten thousand organizations: how long the first reading takes, and the reload of one.

    tests/bench/reload.py organizations --binary target/release/hubgate
    tests/bench/reload.py load --binary target/release/hubgate

`load` sends requests over keep-alive connections as fast as this machine gives while the
configuration is changed and SIGHUP sent a hundred times; every request must be answered by 200.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MAIN = """public_url = "https://hub.example.com"
{first}
[server]
listen = ["127.0.0.1:{port}"]
admin = ""
[headers]
audience = "{audience}"
[hub]
upstream = "http://127.0.0.1:{upstream}"
"""

ORGANIZATION = """id = "{id}"
display_name = "{name}"
email_domains = ["{id}.example"]
[role_mapping]
attribute = "$.groups"
roles = {{ admin = ["hub-admins"], write = ["ml"], read = ["everyone"] }}
[oidc]
provider = "okta"
issuer = "https://{id}.okta.com"
client_id = "0oa{id}"
client_secret = {{ file = "../secrets/{id}" }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gate:
    """The program, and the events that it writes to standard error."""

    def __init__(self, binary, folder):
        self.begun = time.monotonic()
        self.child = subprocess.Popen(
            [binary, "run", "--config", str(folder / "hub.toml")],
            stderr=subprocess.PIPE,
            env={"HUBGATE_LOG": "info"},
        )
        self.events = []
        self.news = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stderr:
            if b'"event":"request"' in line:
                continue
            with self.news:
                self.events.append((time.monotonic(), json.loads(line)))
                self.news.notify_all()

    def until(self, message, count=1, patience=60):
        deadline = time.monotonic() + patience
        with self.news:
            while True:
                found = [e for e in self.events if e[1].get("message") == message]
                if len(found) >= count:
                    return found[count - 1]
                if not self.news.wait(deadline - time.monotonic()):
                    sys.exit(f"no {message!r} in time: {self.events[-3:]}")

    def spent(self):
        """Processor time of all threads, those that have ended too, in milliseconds; it is told by
        the hundredth of a second."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def alone(self):
        """Lets nothing that is not of real time come in between, as on a machine that has nothing else to do."""
        for thread in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(10))

    def hang_up(self):
        self.child.send_signal(signal.SIGHUP)

    def end(self):
        self.child.kill()
        self.child.wait()


def organizations(binary, count, alone):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "orgs.d").mkdir()
        (folder / "secrets").mkdir()
        for index in range(count):
            one = f"org{index}"
            (folder / "secrets" / one).write_text(f"the secret of {one}")
            (folder / "orgs.d" / f"{one}.toml").write_text(ORGANIZATION.format(id=one, name=one))
        first = 'organizations = "orgs.d/*.toml"'
        main = MAIN.format(first=first, port=free_port(), upstream=free_port(), audience="a")
        (folder / "hub.toml").write_text(main)
        # What was written a moment ago is read once more; a configuration in use is older.
        time.sleep(2.5)
        gate = Gate(binary, folder)
        at, _ = gate.until("serving")
        print(f"{count} organizations: serving {1000 * (at - gate.begun):.0f} ms after the start, processor time {gate.spent():.0f} ms")
        if alone:
            gate.alone()
        times, before = [], gate.spent()
        turns = 30
        for turn in range(1, turns + 1):
            one = f"org{count // 2 + turn}"
            text = ORGANIZATION.format(id=one, name=f"{one} changed")
            (folder / "orgs.d" / f"{one}.toml").write_text(text)
            gate.hang_up()
            _, event = gate.until("the configuration was reloaded", turn)
            assert event["changed"] == one, event
            times.append(event["duration_ms"])
        spent = (gate.spent() - before) / turns
        print(f"one of them reloaded: {min(times)} to {max(times)} ms, median {statistics.median(times):.0f} ms; processor time {spent:.0f} ms each")
        gate.end()


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def hub(port):
    """Answers every request on every connection with the same bytes."""
    import asyncio

    class Answers(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(ANSWER * data.count(b"\r\n\r\n"))

    async def serve():
        server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(serve())


def ask(port, deadline, tally):
    """Requests in batches of sixteen on one connection; counts answers of each status."""
    batch = 16
    request = b"GET /someone/model HTTP/1.1\r\nHost: hub.example.com\r\n\r\n" * batch
    sent = answered = good = 0
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.settimeout(20)
        while time.monotonic() < deadline.value:
            wire.sendall(request)
            sent += batch
            data = b""
            while data.count(b"\r\n\r\nok") < batch:
                more = wire.recv(262144)
                if not more:
                    break
                data += more
            answered += data.count(b"HTTP/1.1 ")
            good += data.count(b"HTTP/1.1 200 ")
    tally.put((sent, answered, good))


def load(binary, reloads, connections):
    import multiprocessing

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port, upstream = free_port(), free_port()

        def write(audience):
            # Whole at once, as a careful operator does.
            text = MAIN.format(first="", port=port, upstream=upstream, audience=audience)
            (folder / "new").write_text(text)
            os.replace(folder / "new", folder / "hub.toml")

        write("begin")
        server = multiprocessing.Process(target=hub, args=(upstream,), daemon=True)
        server.start()
        gate = Gate(binary, folder)
        gate.until("serving")
        time.sleep(0.5)
        deadline = multiprocessing.Value("d", time.monotonic() + 3600)
        tally = multiprocessing.Queue()
        askers = [
            multiprocessing.Process(target=ask, args=(port, deadline, tally))
            for _ in range(connections)
        ]
        begun = time.monotonic()
        for asker in askers:
            asker.start()
        for turn in range(1, reloads + 1):
            write(f"turn {turn}")
            gate.hang_up()
            gate.until("the configuration was reloaded", turn)
            time.sleep(0.1)
        took = time.monotonic() - begun
        deadline.value = 0
        counts = [tally.get(timeout=30) for _ in askers]
        sent, answered, good = (sum(column) for column in zip(*counts))
        print(f"{reloads} reloads in {took:.1f} s, {sent / took:.0f} requests per second")
        print(f"sent {sent}, answered {answered}, with 200 {good}: lost {sent - good}")
        gate.end()
        server.kill()
        sys.exit(0 if sent == good else 1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", choices=["organizations", "load"])
    arguments.add_argument("--binary", default="target/release/hubgate")
    arguments.add_argument("--count", type=int, default=10000)
    arguments.add_argument("--alone", action="store_true", help="with real-time priority, where others work on the machine; needs root")
    arguments.add_argument("--reloads", type=int, default=100)
    arguments.add_argument("--connections", type=int, default=4)
    given = arguments.parse_args()
    if given.what == "organizations":
        organizations(given.binary, given.count, given.alone)
    else:
        load(given.binary, given.reloads, given.connections)


if __name__ == "__main__":
    main()
