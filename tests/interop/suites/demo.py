"""`hubgate demo`: what it prints to click and to type is done, word for word, with real tools."""

import os
import pathlib
import re
import shlex
import signal
import subprocess

from lab.gate import binary
from lab.peers import fresh, git, program, venv
from lab.process import Process, clean_environment, until
from lab.visitor import Visitor


def run(report):
    check = report.check
    home = fresh("demo")
    demo = Process("demo", [binary(), "demo"], cwd=home)
    try:
        text = until(lambda: demo.child.poll() is None and "Ctrl-C" in demo.log.read_text() and demo.log.read_text(), "the demo's instructions", 30)
        demo.ready(lambda: True)
        gate = re.search(r"HF_ENDPOINT=(\S+)", text)[1]
        tools = {"hf": venv("hfnew", "python"), "git": program("git"), "curl": program("curl")}
        typed = [line.strip() for line in text.splitlines() if re.match(r"\s+(curl|hf|git) ", line)]
        check("it prints commands for curl, hf and git", {line.split()[0] for line in typed} == set(tools), text)
        for line in typed:
            after = text.split(line, 1)[1].strip().splitlines()
            explained = " ".join(after[:1]) if after and not re.match(r"(curl|hf|git|export) ", after[0].strip()) else ""
            with report.scenario(line):
                command(check, line, explained, gate, home, tools)
        with report.scenario("clicking"):
            click(check, text, gate)
    finally:
        begun = demo.child.poll()
        os.killpg(demo.pid, signal.SIGINT)
        try:
            demo.child.wait(10)
        except subprocess.TimeoutExpired:
            pass
        check("Ctrl-C ends it cleanly within ten seconds", begun is None and demo.child.returncode == 0, f"{begun} {demo.child.returncode}\n{demo.tail()}")
        demo.stop()


def command(check, line, explained, gate, home, tools):
    """Runs one printed command; its own explanation says whether it is let through."""
    argv = shlex.split(line)
    refused = "refused" in explained or "asks for credentials" in explained
    environment = {**clean_environment(), "HOME": str(home), "HF_HOME": str(home / f"hf-{len(list(home.iterdir()))}"), "HF_ENDPOINT": gate, "HF_HUB_DISABLE_TELEMETRY": "1",
                   "HF_HUB_DISABLE_PROGRESS_BARS": "1", "COLUMNS": "1000", "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}
    start = [tools[argv[0]]]
    if argv[0] == "hf":
        start += [str(pathlib.Path(__file__).parent.parent / "peers" / "hf_command.py")]
    done = subprocess.run([*start, *argv[1:]], capture_output=True, text=True, timeout=120, env=environment, cwd=home)
    said = done.stdout + done.stderr
    if argv[0] == "curl":
        status = int(re.match(r"HTTP/\S+ (\d+)", done.stdout)[1])
        good = 400 <= status < 500 and "/-/sso/" in said if refused else status == 200
    else:
        good = done.returncode != 0 if refused else done.returncode == 0
        if refused and argv[0] == "hf":
            good = good and "/-/sso/" in said
    check(f"`{' '.join([argv[0], *(part.replace(gate, '…') for part in argv[1:])])}` is {'refused, as it says' if refused else 'let through'}", good, f"{explained}\n{said}")


def click(check, text, gate):
    """Step 1 of the instructions, as a browser without JavaScript does it."""
    visitor = Visitor()
    answer = visitor.load(f"{gate}/acme/bert")
    check("step 1 leads away from the hub, to a sign-in", not answer.url.startswith(f"{gate}/acme"), answer)
    landed = visitor.sign_in(f"{gate}/acme/bert", "bob", "bob", gate)
    check("a person signs in and is back where they wanted to be", landed.url == f"{gate}/acme/bert" and landed.status == 200, landed)
    check("and the page says who they are", "acme:" in landed.text, landed)
    refused = visitor.load(f"{gate}/acme/bert/settings")
    check("step 2 is refused to that person", refused.status == 403, refused)
