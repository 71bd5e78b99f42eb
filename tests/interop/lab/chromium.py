"""Chromium, told what to do from Python; each person has a browser of their own."""

import json
import os
import subprocess
import threading

from .peers import program
from .process import INTEROP
from .report import Missing


class Chromium:
    """`open`, `click` and `count` of `chromium.mjs`."""

    def __init__(self, gate, screens, organization="acme", seconds=600):
        if not (INTEROP / "node_modules" / "playwright-core").exists():
            raise Missing("playwright-core is not installed (run tests/interop/install)")
        self.driver = subprocess.Popen(
            [program("node"), INTEROP / "lab" / "chromium.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "INTEROP": json.dumps({"gate": gate, "organization": organization, "screens": str(screens), "chromium": program("chromium")})})
        self.watchdog = threading.Timer(seconds, self.driver.kill)
        self.watchdog.start()

    def __getattr__(self, command):
        def tell(person, **how):
            self.driver.stdin.write(json.dumps({"do": command, "person": person, **how}) + "\n")
            self.driver.stdin.flush()
            answer = json.loads(self.driver.stdout.readline() or '{"error": "the browser has ended"}')
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["value"]
        return tell

    def stop(self):
        self.watchdog.cancel()
        self.driver.stdin.close()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
