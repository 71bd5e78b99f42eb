"""What a connection keeps in memory while nothing is said on it: after one small request, and after an upload.

Memory is the proportional set size of the proxy's processes; each figure is what was added by so many connections,
divided by their number. The gate takes quiet connections apart after half a second: it is asked until the figure has
stood still for two seconds.
"""

import pathlib
import resource
import socket
import time
import urllib.parse

import counts
import measure
import peers

IDLE, UPLOADS, UPLOAD = 1_000, 200, 1 << 20
PATH = "/acme/model.git/info/lfs/objects/0123"


def pss(peer):
    """Bytes of the processes, shared pages counted in proportion."""
    total = 0
    for pid in measure.tree([process.pid for process in peer.processes]):
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def settled(peer):
    """The memory once it stands still, or after twenty seconds."""
    last, since = pss(peer), time.monotonic()
    end = since + 20
    while time.monotonic() < end and time.monotonic() - since < 2:
        time.sleep(0.25)
        now = pss(peer)
        if abs(now - last) > 64 * 1024:
            last, since = now, time.monotonic()
    return last


def ask(link, at, cookie, body=b""):
    method = "PUT" if body else "GET"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    link.sendall(f"{method} {PATH} HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookie}\r\n{length}\r\n".encode() + body)
    seen = b""
    while b"\r\n\r\n" not in seen:
        data = link.recv(65536)
        if not data:
            raise ConnectionError("the connection ended before an answer")
        seen += data
    head, _, rest = seen.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(head[:300])
    left = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")) - len(rest)
    while left > 0:
        left -= len(link.recv(65536))


def added(peer, cookie, connections, body):
    """Bytes for each connection that has asked once and stays open."""
    at = urllib.parse.urlsplit(peer.url)
    before, links = settled(peer), []
    try:
        for _ in range(connections):
            link = socket.create_connection((at.hostname, at.port), timeout=30)
            links.append(link)
            ask(link, at, cookie, body)
        return (settled(peer) - before) / connections
    finally:
        for link in links:
            link.close()


def run(store):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = {}
    for name, life in counts.LIVES.items():
        peer, headers = life(store, [])
        cookie = headers["Cookie"]
        added(peer, cookie, 50, b"x" * UPLOAD)  # once for warmth, not counted
        found[name] = {
            "base": settled(peer),
            "idle": added(peer, cookie, IDLE, b""),
            "after upload": added(peer, cookie, UPLOADS, b"x" * UPLOAD),
        }
        peer.processes[0].stop(grace=60)
    return found


def table(found):
    lines = [f"| memory (PSS) | of the process, MiB | an idle connection, KiB | after an upload of 1 MiB, KiB |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {row['base'] / 2**20:.1f} | {row['idle'] / 1024:.1f} | {row['after upload'] / 1024:.1f} |" for name, row in found.items()]
    return "\n".join(lines)
