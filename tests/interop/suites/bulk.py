"""Five gibibytes down and five up through the gate, byte for byte, while its memory stays below 64 MiB."""

import os
import socket
import subprocess
import threading
import time
import urllib.parse

from lab.gate import Gate, Place, organization
from lab.peers import HUB_HOST, OidcProvider, program
from lab.process import free_port
from lab.visitor import Visitor

SIZE = int(os.environ.get("INTEROP_BULK_BYTES", 5 << 30))
LIMIT = 64 << 20
# What is sent, again and again. Its length has no common factor with any buffer's, so that a byte lost, doubled or moved is seen.
PATTERN = os.urandom((1 << 20) - 3)
TWICE = memoryview(PATTERN + PATTERN)


def run(report):
    place = Place()
    op = OidcProvider(["acme"], place.url, {"alice": {"email": "alice@acme.test", "email_verified": True, "groups": ["ml"]}})
    store = Store(HUB_HOST)
    gate = Gate(place, store.url, [organization("acme", op.client("acme"))], name="gate-bulk")
    alice = Visitor()
    alice.sign_in(f"{place.url}/-/sso/acme/login?return_to=/-/sso/", "alice", "x", place.url)
    cookie = alice.cookie_header(place.url + "/")
    gib = SIZE / (1 << 30)

    def moved(what, act):
        with report.scenario(what):
            begun, spent = time.monotonic(), processor(gate.process.pid)
            act()
            took, spent = time.monotonic() - begun, processor(gate.process.pid) - spent
            report.check(f"{what}, every byte as it was sent", True)
            report.say(f"{what}: {took:.1f} s, the gate's processor time {spent:.1f} s, its memory at most {gate.process.memory_peak() / (1 << 20):.1f} MiB so far")

    try:
        moved(f"a download of {gib:g} GiB", lambda: download(place, cookie, SIZE))
        moved(f"an upload of {gib:g} GiB", lambda: upload(place, cookie, SIZE, store))
        moved(f"an upload of {gib / 5:g} GiB in chunks of unknown sum", lambda: upload(place, cookie, SIZE // 5, store, chunked=True))
        moved(f"a download of {gib / 5:g} GiB over HTTP/2 without TLS (curl)", lambda: download_h2(place, cookie, SIZE // 5))
        moved("eight downloads at once", lambda: together(8, lambda: download(place, cookie, SIZE // 40)))
        moved("eight uploads at once", lambda: together(8, lambda: upload(place, cookie, SIZE // 40, store)))
        moved("a reader that stops for a while does not fill the gate's memory", lambda: stalled(place, cookie, SIZE // 5))
        peak = gate.process.memory_peak()
        report.check(f"the gate's memory stayed below 64 MiB (VmHWM {peak / (1 << 20):.1f} MiB)", peak < LIMIT)
        report.check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    finally:
        gate.stop()
        op.stop()


def processor(pid):
    """Seconds of processor time that a process has used."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def together(count, act):
    failed = []

    def one():
        try:
            act()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def send(link, size):
    """Sends `size` bytes of the endless pattern."""
    sent = 0
    whole = memoryview(PATTERN)
    while sent < size:
        link.sendall(whole[:size - sent])
        sent += min(len(PATTERN), size - sent)


class Checker:
    """Compares a stream with the endless pattern."""

    def __init__(self):
        self.count = 0

    def take(self, data):
        at, view = self.count % len(PATTERN), memoryview(data)
        while len(view):
            part = view[:len(PATTERN)]
            if bytes(part) != bytes(TWICE[at:at + len(part)]):
                raise RuntimeError(f"other bytes than were sent, after {self.count}")
            self.count += len(part)
            at, view = self.count % len(PATTERN), view[len(part):]


def head_of(link):
    """Reads up to the empty line; returns the head and what came after it."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        data = link.recv(65536)
        if not data:
            raise RuntimeError(f"the connection ended within a head: {seen[:300]!r}")
        seen += data
    head, _, rest = seen.partition(b"\r\n\r\n")
    return head, rest


def field(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


def connect(place):
    link = socket.create_connection((place.host, place.port), timeout=120)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def ask(place, link, method, path, cookie, *more):
    link.sendall("\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {place.host}:{place.port}", f"Cookie: {cookie}", *more, "", ""]).encode())


def answered(link):
    head, rest = head_of(link)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"answered {head[:300]!r} {rest[:300]!r}")
    return head, rest


def download(place, cookie, size, pause=None):
    with connect(place) as link:
        ask(place, link, "GET", f"/acme/model/resolve/main/weights-{size}", cookie)
        head, rest = answered(link)
        if int(field(head, b"content-length") or -1) != size:
            raise RuntimeError(f"the length is not {size}: {head!r}")
        checker = Checker()
        checker.take(rest)
        if pause:
            pause()
        space = bytearray(1 << 20)
        while checker.count < size:
            count = link.recv_into(space)
            if not count:
                raise RuntimeError(f"the connection ended after {checker.count} of {size} bytes")
            checker.take(memoryview(space)[:count])


def download_h2(place, cookie, size):
    client = subprocess.Popen([program("curl"), "-sS", "--fail-with-body", "--http2-prior-knowledge", "--noproxy", "*", "-H", f"Cookie: {cookie}",
                               f"{place.url}/acme/model/resolve/main/weights-{size}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    checker, wrong = Checker(), None
    try:
        while data := client.stdout.read1(1 << 20):
            checker.take(data)
    except RuntimeError as error:
        wrong = error
        client.kill()
    said = client.stderr.read().decode()
    if client.wait() or wrong or checker.count != size:
        raise RuntimeError(f"{wrong or said}: {checker.count} of {size} bytes")


def stalled(place, cookie, size):
    """Four readers that stop for two seconds after the head: what the hub has to send must wait at the hub."""
    def pause():
        time.sleep(2)  # the stall is the test; nothing is awaited
    together(4, lambda: download(place, cookie, size // 8, pause))


def upload(place, cookie, size, store, chunked=False):
    with connect(place) as link:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        ask(place, link, "PUT", "/acme/model.git/info/lfs/objects/0123", cookie, "Content-Type: application/octet-stream", length)
        if chunked:
            left, whole = size, memoryview(PATTERN)
            while left:
                part = whole[:left]
                link.sendall(b"%x\r\n" % len(part))
                link.sendall(part)
                link.sendall(b"\r\n")
                left -= len(part)
            link.sendall(b"0\r\n\r\n")
        else:
            send(link, size)
        head, rest = answered(link)
        while len(rest) < int(field(head, b"content-length") or 0):
            rest += link.recv(65536)
        if rest != str(size).encode():
            raise RuntimeError(f"{size} bytes were sent; the hub says {rest!r}")


class Store:
    """The hub's end: generates what is asked for, checks and drops what is brought. Plain sockets, because they cost little."""

    def __init__(self, host):
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        self.listener = socket.create_server((host, self.port), backlog=64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.hold, args=(link,), daemon=True).start()

    def hold(self, link):
        with link:
            try:
                while True:
                    self.answer(link)
            except (RuntimeError, OSError):
                return

    def answer(self, link):
        head, rest = head_of(link)
        target = urllib.parse.urlsplit(head.split(b" ")[1].decode()).path
        if b"/resolve/" in head.split(b"\r\n")[0]:
            size = int(target.rsplit("-", 1)[1])
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
            send(link, size)
            return
        checker = Checker()
        try:
            if field(head, b"content-length"):
                size = int(field(head, b"content-length"))
                checker.take(rest)
                space = bytearray(1 << 20)
                while checker.count < size:
                    count = link.recv_into(space)
                    if not count:
                        return
                    checker.take(memoryview(space)[:count])
            else:
                self.unchunk(link, rest, checker)
            said = str(checker.count).encode()
        except ValueError as error:
            said = str(error).encode()
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

    @staticmethod
    def unchunk(link, rest, checker):
        """RFC 9112 §7.1, without extensions and trailers."""
        with link.makefile("rb", buffering=1 << 20) as stream:
            # What was read with the head comes first.
            source = Joined(rest, stream)
            while True:
                size = int(source.line().split(b";")[0], 16)
                if size == 0:
                    source.line()
                    return
                left = size
                while left:
                    data = source.read(min(left, 1 << 20))
                    checker.take(data)
                    left -= len(data)
                source.line()


class Joined:
    """Bytes in hand, and a stream behind them."""

    def __init__(self, first, stream):
        self.first, self.stream = first, stream

    def line(self):
        end = self.first.find(b"\n")
        if end >= 0:
            line, self.first = self.first[:end + 1], self.first[end + 1:]
            return line
        line, self.first = self.first + self.stream.readline(), b""
        return line

    def read(self, count):
        if self.first:
            data, self.first = self.first[:count], self.first[count:]
            return data
        data = self.stream.read1(count)
        if not data:
            raise RuntimeError("the connection ended within a chunk")
        return data
