"""Processor time of process trees, load, and the arithmetic of an interleaved run."""

import os
import pathlib
import re
import socket
import statistics
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from lab.peers import program

LOAD_CORE = "1"


def tree(roots):
    """The processes below `roots`, themselves included."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


class Clock:
    """Processor time of some processes: exact thread by thread from schedstat, and checked against the processes' own sum,
    which also holds the time of threads that have ended, in ticks."""

    def __init__(self, roots):
        self.roots = roots
        self.begun = self.read()

    def read(self):
        threads, ticks = {}, 0
        for pid in tree(self.roots):
            try:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    threads[task.name] = int((task / "schedstat").read_text().split()[0])
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue
        return threads, ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Seconds since the start, and whether threads or processes took time with them that was not seen."""
        (threads, ticks), (before, ticks_before) = self.read(), self.begun
        spent = sum(value - before.get(name, 0) for name, value in threads.items()) / 1e9
        return spent, abs(ticks - ticks_before - spent) > 0.05 + 0.05 * spent


def steal():
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def calibrate():
    """Seconds of processor time for a fixed piece of work, on the core of the proxies."""
    home = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    try:
        begun = time.thread_time()
        total = 0
        for number in range(200_000):
            total += number * number
        return time.thread_time() - begun
    finally:
        os.sched_setaffinity(0, home)


def request_headers(cookie):
    """Ten header fields, about 1 KiB with a cookie of ordinary length; the same for everybody."""
    filler = "x" * max(0, 600 - len(cookie))
    return {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Encoding": "gzip, deflate, br",
        "Accept-Language": "en-US,en;q=0.5", "Cache-Control": "no-cache", "Pragma": "no-cache", "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Cookie": f"{cookie}; theme={filler}",
    }


def accepts(hub):
    text = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(hub.status).read().decode()
    return int(text.splitlines()[2].split()[0])


def requests_slice(peer, hub, path, headers, connections, seconds):
    """One slice of small requests: what it cost, how many were answered, how many were wrong."""
    flags = [flag for name, value in headers.items() for flag in ("-H", f"{name}: {value}")]
    opened = accepts(hub)
    clock = Clock([process.pid for process in peer.processes])
    done = subprocess.run([program("taskset"), "-c", LOAD_CORE, program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", *flags, peer.url + path],
                          capture_output=True, text=True, timeout=seconds + 60)
    spent, lost = clock.stop()
    answered = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", done.stdout)
    if not answered:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    count = int(answered[1])
    wrong = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", done.stdout)))
    wrong += sum(int(number) for line in re.findall(r"Socket errors: (.*)", done.stdout) for number in re.findall(r"\d+", line))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    return {"cpu": spent, "count": count, "wrong": wrong, "rate": rate, "upstream_connections": accepts(hub) - opened, "lost_thread": lost}


def stream_slice(peer, direction, path, headers, body, bodies, connections=2):
    """One slice of large bodies over kept connections: what it cost, how many bytes went through."""
    clock = Clock([process.pid for process in peer.processes])
    begun, failed = time.monotonic(), []

    def one():
        try:
            transfer(peer.url, direction, path, headers, body, bodies // connections)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    spent, lost = clock.stop()
    if failed:
        raise RuntimeError(f"{peer.name}, {direction}: {failed[0]!r}")
    count = body * (bodies // connections) * connections
    return {"cpu": spent, "count": count / 1e9, "wrong": 0, "rate": count / took / 1e6, "upstream_connections": 0, "lost_thread": lost}


def transfer(url, direction, path, headers, body, bodies):
    at = urllib.parse.urlsplit(url)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    space = bytearray(1 << 20)
    with socket.create_connection((at.hostname, at.port), timeout=60) as link:
        link.settimeout(None)  # sendfile wants a socket that waits
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        file = os.open(path["file"], os.O_RDONLY)
        try:
            for _ in range(bodies):
                if direction == "download":
                    link.sendall(f"GET {path['down']} HTTP/1.1\r\nHost: {at.netloc}\r\n{fields}\r\n".encode())
                else:
                    link.sendall(f"PUT {path['up']} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: {body}\r\n{fields}\r\n".encode())
                    sent = 0
                    while sent < body:
                        sent += os.sendfile(link.fileno(), file, sent, body - sent)
                seen = b""
                while b"\r\n\r\n" not in seen:
                    data = link.recv(4096)
                    if not data:
                        raise ConnectionError("the connection ended before an answer")
                    seen += data
                head, _, rest = seen.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(head[:200])
                length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
                if direction == "download" and length != body:
                    raise RuntimeError(head[:300])
                left = length - len(rest)
                while left:
                    count = link.recv_into(space, min(left, len(space)), socket.MSG_TRUNC)
                    if not count:
                        raise ConnectionError("the connection ended within an answer")
                    left -= count
        finally:
            os.close(file)


def quartiles(values):
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def summary(rounds, base):
    """Per peer: the cost of one unit, and the ratio to `base` within each round."""
    found = {}
    for name in rounds[0]:
        costs = [one[name]["cpu"] / one[name]["count"] for one in rounds]
        ratios = [cost / (one[base]["cpu"] / one[base]["count"]) for cost, one in zip(costs, rounds)]
        base_costs = [one[base]["cpu"] / one[base]["count"] for one in rounds]
        found[name] = {
            "cost": quartiles(costs), "ratio": quartiles(ratios), "lower_quartile_ratio": quartiles(costs)[0] / quartiles(base_costs)[0],
            "rate": statistics.median(one[name]["rate"] for one in rounds), "wrong": sum(one[name]["wrong"] for one in rounds),
            "units": sum(one[name]["count"] for one in rounds),
            "upstream_connections": sum(one[name]["upstream_connections"] for one in rounds),
            "lost_threads": sum(one[name]["lost_thread"] for one in rounds),
        }
    return found
