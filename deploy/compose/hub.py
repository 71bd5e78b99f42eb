"""A hub of a page: says which repository was asked for, and what the gate told about who asks.

Run by compose.yaml: `hub.py HOST PORT`.
"""

import html
import http.server
import sys

PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem/1.5 system-ui; max-width: 46rem; margin: 3rem auto }} td {{ padding-right: 2rem }}</style>
<h1>{title}</h1><p>{words}</p><table>{rows}</table>
<p><a href="/">Hub</a> · <a href="/acme/bert">acme/bert</a> · <a href="/acme/bert/settings">its settings</a>
· <a href="/acme/demo">acme/demo, public</a> · <a href="/other/model">other/model</a> · <a href="/-/sso/">Account</a></p>
"""


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        told = [(name, value) for name, value in self.headers.items() if name.lower().startswith("x-auth-") and name.lower() != "x-auth-assertion"]
        rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in told)
        words = "What the hub was told about you:" if told else "Nobody is signed in."
        body = PAGE.format(title=html.escape(self.path.strip("/") or "A hub"), words=words, rows=rows).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET


if __name__ == "__main__":
    try:
        http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Hub).serve_forever()
    except KeyboardInterrupt:
        pass
