"""A collector that reads spans with the OpenTelemetry project's own messages, and writes each as a line of JSON."""

import http.server
import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


def value(held):
    return getattr(held, held.WhichOneof("value"))


def named(attributes):
    return {one.key: value(one.value) for one in attributes}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        # What the messages know and what was sent are the same: nothing was skipped as unknown.
        whole = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf" and request.SerializeToString() == body
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    print(json.dumps({
                        "whole": whole, "resource": named(resource.resource.attributes), "scope": scope.scope.name,
                        "trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex(), "state": span.trace_state,
                        "name": span.name, "kind": span.kind, "began": span.start_time_unix_nano, "ended": span.end_time_unix_nano,
                        "attributes": named(span.attributes), "status": span.status.code, "flags": span.flags,
                    }), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector).serve_forever()
