"""Uses the Space with Gradio's own client and prints one line of JSON."""

import importlib.metadata
import json
import pathlib
import sys
import time
import traceback

from gradio_client import Client, handle_file

base, path, cookie = sys.argv[1:4]
found = {"ok": False, "version": importlib.metadata.version("gradio_client")}
try:
    headers = {"Cookie": cookie} if cookie else {}
    client = Client(base + path + "/", headers=headers, verbose=False)
    found["who"] = client.predict(api_name="/who")
    forger = Client(base + path + "/", headers={**headers, "X-Auth-User": "mallory", "X_Auth_User": "mallory", "x-auth-role": "admin"}, verbose=False)
    found["forged"] = forger.predict(api_name="/who")
    steps, times = [], []
    for step in client.submit(8, api_name="/count"):
        steps.append(step)
        times.append(time.monotonic())
    found["steps"], found["spread"] = steps, times[-1] - times[0]
    pathlib.Path("large.bin").write_bytes(b"x" * (8 << 20))
    found["size"] = client.predict(handle_file("large.bin"), api_name="/size")
    found["ok"] = True
except Exception:
    found["text"] = traceback.format_exc()
print(json.dumps(found))
