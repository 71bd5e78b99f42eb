"""The command-line tools as people have them: unmodified, with a home of their own that keeps what they store."""

import pathlib
import re
import subprocess
import threading
import time
import urllib.parse

from .peers import fresh, venv
from .process import clean_environment

OFFLINE = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "COLUMNS": "1000", "NO_COLOR": "1",
           "HF_HUB_ETAG_TIMEOUT": "30", "HF_HUB_DISABLE_EXPERIMENTAL_WARNING": "1"}


def stored(path):
    """What the credential helper `store` holds; it writes the colon of a port in its own way."""
    return urllib.parse.unquote(path.read_text())


class HubTool:
    """`hf` or `huggingface-cli` of one version, used by one person."""

    def __init__(self, version, person, endpoint):
        self.program = venv(version, "huggingface-cli" if version == "hf024" else "hf")
        self.name = pathlib.Path(self.program).name
        self.number = subprocess.run([venv(version), "-c", "import huggingface_hub; print(huggingface_hub.__version__)"], capture_output=True, text=True).stdout.strip()
        self.home = fresh(f"home-{version}-{person}")
        self.environment = {**clean_environment(), **OFFLINE, "HF_HOME": str(self.home), "HOME": str(self.home), "HF_ENDPOINT": endpoint}
        self.words = version in ("hf1", "hfnew", "hf036")

    def __call__(self, *argv, xet=True, timeout=120):
        """Runs it to its end; `.text` is what it printed."""
        done = subprocess.run([self.program, *map(str, argv)], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd=self.home,
                              env={**self.environment, **({} if xet else {"HF_HUB_DISABLE_XET": "1"})})
        done.text = done.stdout + done.stderr
        done.command = " ".join([self.name, *map(str, argv)])
        # Without the line breaks that a tool's layout puts into addresses.
        done.flat = re.sub(r"\s*\n\s*", "", done.text) + done.text
        return done

    def login(self):
        return "auth login" if self.words else "login"

    def verb(self, *words):
        """`auth whoami` is `whoami` in the old command."""
        return words[1:] if words[0] == "auth" and not self.words else words

    def stored(self):
        """The files in which it keeps its tokens, as they are."""
        return {name: (self.home / name).read_text() for name in ("token", "stored_tokens") if (self.home / name).exists()}

    def begin(self, *argv):
        """Starts `auth login` and reads on until it shows an address; returns the program that waits."""
        return Waiting(self, argv)


class Waiting:
    """A sign-in that waits for somebody with a browser."""

    def __init__(self, tool, argv):
        self.command = " ".join([tool.name, *argv])
        self.child = subprocess.Popen([tool.program, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      cwd=tool.home, env={**tool.environment, "PYTHONUNBUFFERED": "1"}, start_new_session=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.child.stdout.readline, "")), daemon=True)
        self.reader.start()
        end = time.monotonic() + 30
        self.url = None
        while not self.url and time.monotonic() < end and (self.reader.is_alive() or not self.lines):
            found = re.search(r"http\S+user_code=\S+", "".join(self.lines))
            self.url = found.group(0) if found else time.sleep(0.1)
        if not self.url:
            self.child.kill()
            raise RuntimeError(f"{self.command} shows no address:\n{''.join(self.lines)}")

    def end(self, seconds=30):
        """Waits for its end; returns the exit code and what it printed."""
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = None
        self.reader.join(5)
        return code, "".join(self.lines)
