"""Starts programs on free ports, waits until they answer, and ends exactly those."""

import atexit
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

INTEROP = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("INTEROP_WORK", INTEROP / ".work"))
PEERS = pathlib.Path(os.environ.get("INTEROP_PEERS", INTEROP / ".work" / "peers"))

_taken = set()
_running = []


def slug(name):
    """`name` as a file name."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name).split())


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago and that was not handed out before."""
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        if port not in _taken:
            _taken.add(port)
            return port


def until(true, what, seconds=30, pause=0.05):
    """Polls `true` until it returns something, and fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def answers(url):
    """Whether anything answers `url` with a status below 500."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code if error.code < 500 else None
    except OSError:
        return None


class Process:
    """A program in a process group of its own, whose output goes to a file (or to `sink`)."""

    def __init__(self, name, argv, env=None, cwd=None, stdin=subprocess.DEVNULL, sink=None):
        logs = WORK / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = logs / f"{slug(name)}.log"
        self.log.write_bytes(b"")
        self.out = open(sink or self.log, "wb")
        self.child = subprocess.Popen(
            [str(a) for a in argv], env={**clean_environment(), **(env or {})}, cwd=cwd,
            stdin=stdin, stdout=self.out, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.child.pid
        _running.append(self)

    def ready(self, true, seconds=60):
        def probe():
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
            return true()
        try:
            until(probe, f"{self.name} does not answer", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None
        return self

    def answering(self, url, seconds=60):
        return self.ready(lambda: answers(url), seconds)

    def tail(self, lines=20):
        self.out.flush()
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, grace=10):
        """Ends the whole group: asks first, insists after `grace` seconds."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, sent)
            except ProcessLookupError:
                pass
            try:
                self.child.wait(grace)
                break
            except subprocess.TimeoutExpired:
                continue
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.out.close()
        if self in _running:
            _running.remove(self)
        return self.child.returncode

    def memory_peak(self):
        """The highest resident set so far in bytes (`VmHWM`)."""
        return self._memory("VmHWM:")

    def memory(self):
        """The resident set now in bytes (`VmRSS`)."""
        return self._memory("VmRSS:")

    def _memory(self, field):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {field} in /proc")


def clean_environment():
    """The environment without proxies and without credentials or settings of the tools under test."""
    drop = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "hf_token", "hf_endpoint", "hf_home", "gradio_")
    keep = {k: v for k, v in os.environ.items() if not k.lower().startswith(drop) and not k.startswith(("GIT_", "HUBGATE_"))}
    return {**keep, "NO_PROXY": "*", "no_proxy": "*"}


@atexit.register
def stop_all():
    for process in reversed(list(_running)):
        process.stop(grace=3)


def raise_on_signal():
    """Turns SIGTERM and SIGHUP into an exit, so that everything started is ended."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
