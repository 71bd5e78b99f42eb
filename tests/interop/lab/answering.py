"""Small HTTP servers in threads of this process: what our own ends of a scenario need, and no more."""

import http.server
import json
import threading

from .process import free_port


class Server:
    """Answers with `answer(request) -> (status, headers, body)` and remembers every request."""

    def __init__(self, answer, host):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                self.body = whole_body(self)
                seen.append(self)
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

            def log_message(self, *_):
                pass

        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        self.server = http.server.ThreadingHTTPServer((host, self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def whole_body(request):
    """The body, whichever way its end is told (RFC 9112 §6.3)."""
    if "chunked" not in (request.headers.get("Transfer-Encoding") or ""):
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0] or b"0", 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass
    return body


def as_json(value, status=200, kind="application/json"):
    return status, {"Content-Type": kind}, json.dumps(value).encode()
