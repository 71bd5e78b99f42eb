"""Counts what was seen and prints one line for each check."""

import contextlib
import os
import sys
import time
import traceback


class Missing(Exception):
    """A peer is not on this machine; the scenario that needs it cannot be run."""


def without_frames(text):
    """The same without what a Python traceback tells of files and lines: the errors themselves stay."""
    kept, inside = [], False
    for line in text.splitlines():
        if line.startswith("Traceback "):
            inside = True
            kept.append(line)
        elif inside and line.startswith("  "):
            if kept[-1] != "  …":
                kept.append("  …")
        else:
            inside = False
            kept.append(line)
    return "\n".join(kept)


class Report:
    """The outcome of every check of every suite, in the order in which they ran."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.missing = []
        self.untested = []
        self.suite = ""
        self.times = []
        self.transcripts = []

    def say(self, text):
        print(f"     {self.suite}: {text}", flush=True)

    def check(self, sentence, true, detail=""):
        """Records whether `sentence` holds; `detail` is printed when it does not."""
        if true:
            self.passed += 1
            print(f"ok   {self.suite}: {sentence}", flush=True)
        else:
            self.failures.append(f"{self.suite}: {sentence}")
            print(f"FAIL {self.suite}: {sentence}", flush=True)
            detail = detail["text"] or detail if isinstance(detail, dict) and "text" in detail else detail
            for line in str(detail).strip().splitlines()[-25:]:
                print(f"       | {line[:400]}", flush=True)
        return bool(true)

    def transcript(self, title, command, output):
        """Keeps what a person saw in a terminal, for the written report."""
        self.transcripts.append((self.suite, title, command, without_frames(output.strip("\n"))))

    def lacks(self, peer, why):
        self.missing.append(f"{self.suite}: {peer} is missing: {why}")
        print(f"miss {self.suite}: {peer} is missing: {why}", flush=True)

    def not_tested(self, peer, why):
        """Names what this suite would have to see and cannot, on any machine."""
        self.untested.append(f"{self.suite}: {peer} is not tested: {why}")
        print(f"not  {self.suite}: {peer} is not tested: {why}", flush=True)

    @contextlib.contextmanager
    def scenario(self, sentence):
        """Runs a block whose exceptions are failures of `sentence`, and goes on afterwards."""
        try:
            yield
        except Missing as error:
            self.lacks(sentence, error)
        except Exception as error:  # a broken scenario must not hide the others
            trace = traceback.format_exc() if os.environ.get("INTEROP_TRACE") else f"{type(error).__name__}: {error}"
            self.check(sentence, False, trace)

    @contextlib.contextmanager
    def running(self, suite):
        self.suite = suite
        begun = time.monotonic()
        with self.scenario("the suite runs to its end"):
            yield
        self.times.append((suite, time.monotonic() - begun))

    def write(self, path):
        """The report in Markdown: transcripts as they were printed, and the pictures that were taken."""
        lines = ["# Seen by real clients", ""]
        for suite, title, command, output in self.transcripts:
            lines += [f"## {suite}: {title}", "", "```console", f"$ {command}", *output.splitlines(), "```", ""]
        pictures = sorted(path.parent.glob("screens*/*.png"))
        lines += ["## Pictures", "", *(f"![{picture.stem}]({picture.relative_to(path.parent)})" for picture in pictures), ""] if pictures else []
        path.write_text("\n".join(lines))

    def close(self):
        """Prints the sum and returns the exit code: missing peers are no success."""
        print()
        for suite, seconds in self.times:
            print(f"{suite}: {seconds:.0f} s")
        for line in self.failures:
            print(f"FAILED  {line}")
        for line in self.missing:
            print(f"MISSING {line}")
        for line in self.untested:
            print(f"NOT TESTED {line}")
        print(f"{self.passed} passed, {len(self.failures)} failed" + (f", {len(self.missing)} not run" if self.missing else ""))
        sys.stdout.flush()
        return 1 if self.failures or self.missing else 0
