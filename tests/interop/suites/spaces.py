"""A Space: Gradio behind the gate, used by its own client and by a raw WebSocket; the browser suite opens its page."""

import json
import os
import subprocess

from lab.gate import Gate, Place, organization
from lab.peers import Gradio, OidcProvider, fresh, venv
from lab.process import INTEROP, clean_environment
from lab.visitor import Visitor

PATH = "/spaces/acme/demo"


def run(report):
    check = report.check
    place = Place()
    op = OidcProvider(["acme"], place.url, {"alice": {"email": "alice@acme.test", "email_verified": True, "groups": ["ml"]}})
    space = Gradio(PATH)
    gate = Gate(place, space.url, [organization("acme", op.client("acme"), display_name="ACME Corp")], name="gate-space")
    try:
        alice = Visitor()
        landed = alice.sign_in(f"{place.url}{PATH}/", "alice", "x", place.url)
        check("the page of the Space comes after signing in", landed.status == 200 and "gradio" in landed.text, landed)
        cookie = alice.cookie_header(place.url + "/")

        client = call(place, cookie)
        check(f"gradio_client {client.get('version')}: opens the Space with a session", client["ok"], client)
        check("the application sees who asks, in x-auth-user and x-auth-role", client.get("who") == "acme:alice as write", client)
        check("a client's own x-auth-user does not reach the application", client.get("forged") == "acme:alice as write", client)
        check("an event stream delivers each step of the answer", client.get("steps") == [f"{n} of 8" for n in range(1, 9)], client)
        check("the steps arrive while the answer is being made, not at its end", client.get("spread", 0) > 0.8, client)
        check("a file of 8 MiB is uploaded", client.get("size") == 8 << 20, client)
        refused = call(place, "")
        check("gradio_client without a session is refused", not refused["ok"], refused)

        for what, accept in (("an event stream", "text/event-stream"), ("a call", "*/*")):
            answer = Visitor().once(f"{place.url}{PATH}/gradio_api/queue/data?session_hash=x", headers={"Accept": accept, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})
            check(f"{what} of a browser's script without a session is answered 401 in JSON with the sign-in URL",
                  answer.status == 401 and json.loads(answer.text).get("url", "").startswith(f"{place.url}/-/sso/acme/login"), answer)

        socket = web_socket(place, cookie)
        check("a WebSocket opens, and the application sees who asks", socket.get("hello") == {"user": "acme:alice", "role": "write"}, socket)
        check("a WebSocket carries messages both ways", socket.get("echoes") == 200 and socket.get("large"), socket)
        refused = web_socket(place, "")
        check("a WebSocket without a session is refused with 401 before it opens", refused.get("status") == 401, refused)
        check("that refusal names the reason and the sign-in URL",
              refused.get("body", {}).get("reason") == "sign-in-required" and "/-/sso/acme/login" in refused.get("body", {}).get("url", ""), refused)
        check("the gate is still the same process", gate.process.child.poll() is None, gate.process.tail())
    finally:
        gate.stop()
        space.stop()
        op.stop()


def peer(script, place, cookie):
    home = fresh("space-client")
    done = subprocess.run([venv("gradio"), INTEROP / "peers" / script, place.url, PATH, cookie], capture_output=True, text=True, timeout=180, cwd=home,
                          env={**clean_environment(), "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(home)})
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"ok": False, "text": done.stdout + done.stderr}


def call(place, cookie):
    return peer("space_client.py", place, cookie)


def web_socket(place, cookie):
    return peer("space_socket.py", place, cookie)
