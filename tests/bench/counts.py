"""What can be counted exactly, whatever else the machine does: instructions and system calls for each request.

Each figure is the difference of two lives of a proxy that answered different numbers of requests, so that start,
sign-in and stop cancel out. Instructions are callgrind's (user space, one thread); valgrind offers the program an
older processor than this one, so cryptography costs more there than it does in truth.
"""

import functools
import re
import subprocess

import measure
import peers
import tokens
from lab import gate as gates
from lab.peers import program
from lab.process import WORK
from lab.visitor import Visitor

FEW, MANY = 2_000, 12_000
TARGET = "/acme/model/resolve/main/config.json"


ANSWER = "nginx, `return 200`"
TELLING = "nginx, `return 200` with the same header fields"
QUESTIONS = {"hubgate asked by nginx's auth_request": "nginx", "hubgate asked as by Traefik, Caddy, HAProxy": "forward"}


def hubgate_life(hub, launch, asker=peers.ASKER):
    place = gates.Place()
    provider = peers.provider(place, place.url)
    peer = peers.hubgate("counted gate", place, hub.url, provider.client("acme"), launch=launch, asker=asker)
    visitor = Visitor()
    visitor.sign_in(f"{place.url}/-/sso/acme/login?return_to=/-/sso/", "alice", "x", place.url)
    provider.stop()
    return peer, measure.request_headers(visitor.cookie_header(place.url + "/"))


def nginx_life(hub, launch):
    return peers.nginx("counted nginx", hub.url, launch=launch), measure.request_headers("hubgate=x")


def asked_life(contract):
    def life(hub, launch):
        peer, headers = hubgate_life(hub, launch, asker="127.0.0.1")
        peer.path, fields = peers.question(contract, peer.url, TARGET)
        return peer, {**headers, **fields}

    return life


def answering_life(hub, launch):
    peer = peers.nginx("counted nginx", hub.url, location="return 200;", launch=launch)
    peer.path, fields = peers.question("nginx", peer.url, TARGET)
    return peer, {**measure.request_headers("hubgate=x"), **fields}


def telling(hub, answer, launch=()):
    """nginx that says with its 200 what the gate has said: every field but those that nginx writes by itself."""
    own = ("date", "content-length", "connection", "server")
    fields = [(name, value) for name, value in answer.headers.items() if name.lower() not in own]
    told = "".join(f"add_header {name} '{value}' always; " for name, value in fields if value)
    return peers.nginx(TELLING, hub.url, location=told + "return 200;", launch=launch)


LIVES = {"hubgate, session verified": hubgate_life, "nginx, no authentication": nginx_life}
CREDENTIALS = {kind: functools.partial(tokens.life, kind) for kind in tokens.KINDS}
FORWARD_AUTH = {**{name: asked_life(contract) for name, contract in QUESTIONS.items()}, ANSWER: answering_life}


def load(peer, headers, count, connections):
    flags = [flag for name, value in headers.items() for flag in ("-H", f"{name}: {value}")]
    done = subprocess.run([program("h2load"), "--h1", "-n", str(count), "-c", str(connections), "-t1", *flags, peer.url + (peer.path or TARGET)],
                          capture_output=True, text=True, timeout=600)
    if f"{count} succeeded" not in done.stdout:
        raise RuntimeError(f"h2load: {done.stdout}{done.stderr}")


def difference(life, hub, connections, launch, total):
    """(total after MANY - total after FEW) / (MANY - FEW)."""
    found = []
    for count in (FEW, MANY):
        peer, headers = life(hub, launch)
        load(peer, headers, 200, connections)
        load(peer, headers, count, connections)
        peer.processes[0].stop(grace=60)
        found.append(total())
    return (found[1] - found[0]) / (MANY - FEW)


def instructions(life, hub):
    folder = WORK / "bench" / "callgrind"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    launch = [program("valgrind"), "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/out.%p"]

    def total():
        seen = 0
        for path in folder.iterdir():
            seen += sum(int(number) for number in re.findall(r"^(?:summary|totals): (\d+)", path.read_text(), re.M)[:1])
            path.unlink()
        return seen

    return difference(life, hub, 8, launch, total)


def system_calls(life, hub):
    path = WORK / "bench" / "strace"

    def total():
        lines = path.read_text().splitlines()
        found = {}
        for line in lines:
            fields = line.split()
            if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
                found[fields[-1]] = int(fields[3])
        return sum(found.values())

    # Idle waits depend on the clock; the calls that move bytes and wait for them are counted with everything else.
    return difference(life, hub, 32, [program("strace"), "-f", "-c", "-U", "time-percent,total-time,avg-time,calls,errors,name", "-o", path], total)


def run(hub, lives=None):
    found = {}
    for name, life in (lives or LIVES).items():
        found[name] = {"system calls": system_calls(life, hub), "instructions": instructions(life, hub)}
    return found


def table(found):
    lines = ["| 1 KiB GET, or a question about one | user instructions per request | system calls per request, 32 connections |", "|---|---:|---:|"]
    lines += [f"| {name} | {row['instructions']:,.0f} | {row['system calls']:.2f} |" for name, row in found.items()]
    return "\n".join(lines)
