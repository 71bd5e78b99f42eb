"""Opens the Space's WebSocket with the package websockets and prints one line of JSON."""

import json
import sys
import traceback

import websockets.exceptions
import websockets.sync.client

base, path, cookie = sys.argv[1:4]
found = {"ok": False}
try:
    headers = {"Cookie": cookie} if cookie else {}
    with websockets.sync.client.connect(base.replace("http", "ws", 1) + path + "/ws", additional_headers=headers, proxy=None, max_size=None) as socket:
        found["hello"] = json.loads(socket.recv(timeout=10))
        found["echoes"] = 0
        for number in range(200):
            socket.send(str(number))
            found["echoes"] += socket.recv(timeout=10) == f"echo:{number}"
        large = "x" * (4 << 20)
        socket.send(large)
        found["large"] = socket.recv(timeout=20) == "echo:" + large
        found["ok"] = True
except websockets.exceptions.InvalidStatus as error:
    found["status"] = error.response.status_code
    try:
        found["body"] = json.loads(error.response.body)
    except (TypeError, ValueError):
        found["body"] = {"raw": str(error.response.body)}
except Exception:
    found["text"] = traceback.format_exc()
print(json.dumps(found))
