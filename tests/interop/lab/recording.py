"""A hub of a few lines that remembers every request byte for byte, and speaks WebSocket's handshake."""

import base64
import hashlib
import json
import socket
import threading

from .process import free_port


class RecordingHub:
    """Answers everything with what it was told, as JSON; behind a WebSocket handshake it echoes."""

    def __init__(self, host):
        self.host, self.port, self.seen = host, free_port(host), []
        self.listener = socket.create_server((host, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self):
        """What has arrived since the last time."""
        seen, self.seen = self.seen, []
        return seen

    def _accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        try:
            self._talk(link)
        except OSError:
            pass  # whoever asked has gone

    def _talk(self, link):
        with link, link.makefile("rb") as file:
            while line := file.readline():
                method, target = line.decode("latin-1").split(" ")[:2]
                headers = []
                while (header := file.readline().decode("latin-1").strip("\r\n")):
                    name, _, value = header.partition(":")
                    headers.append((name.lower(), value.strip()))
                fields = dict(headers)
                body = file.read(int(fields.get("content-length") or 0))
                if "chunked" in fields.get("transfer-encoding", ""):
                    while size := int(file.readline().strip() or b"0", 16):
                        body += file.read(size)
                        file.readline()
                    file.readline()
                self.seen.append({"method": method, "target": target, "headers": headers, "body": body})
                if fields.get("upgrade", "").lower() == "websocket":
                    key = hashlib.sha1((fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
                    link.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n\r\n")
                    while some := link.recv(65536):
                        link.sendall(some)
                    return
                text = json.dumps({"method": method, "target": target, "headers": headers, "length": len(body)}).encode()
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)
                             + (b"" if method == "HEAD" else text))

    def stop(self):
        self.listener.close()
