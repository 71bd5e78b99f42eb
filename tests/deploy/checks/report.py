"""What was seen: one line for each check, and a count."""

import contextlib
import traceback


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, good, detail=""):
        """Notes whether something holds; returns that."""
        if good:
            self.passed += 1
            print(f"  ok   {what}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL {what}", flush=True)
            for line in str(detail).strip().splitlines()[:30]:
                print(f"       {line}", flush=True)
        return good

    @contextlib.contextmanager
    def trying(self, what):
        """A check whose body cannot go on when it fails: an exception is a failure of it, and of nothing else."""
        try:
            yield
        except Exception as error:
            self.check(what, False, f"{error}\n{traceback.format_exc(limit=-3)}")

    def skip(self, what, why):
        print(f"  --   not run: {what}: {why}", flush=True)

    def close(self):
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
