"""A SAML identity provider: PyPI pysaml2 with xmlsec1, one for each organization. Every password is right."""

import html
import http.server
import json
import os
import pathlib
import sys
import urllib.parse

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server

TOLD = json.loads(os.environ["IDP"])
BASE = f"http://{TOLD['host']}:{TOLD['port']}"
FOLDER = pathlib.Path(TOLD["folder"])


def server_of(name, organization):
    place = f"{BASE}/{name}"
    metadata = FOLDER / f"sp-{name}.xml"
    metadata.write_text(organization["metadata"])
    return Server(config=IdPConfig().load({
        "entityid": place, "xmlsec_binary": TOLD["xmlsec"], "key_file": TOLD["key"], "cert_file": TOLD["cert"], "metadata": {"local": [str(metadata)]},
        "service": {"idp": {
            "name": name, "want_authn_requests_signed": True, "sign_assertion": organization["assertion"], "sign_response": organization["response"],
            "endpoints": {
                "single_sign_on_service": [(f"{place}/sso", BINDING_HTTP_REDIRECT), (f"{place}/sso", BINDING_HTTP_POST)],
                "single_logout_service": [(f"{place}/slo", BINDING_HTTP_REDIRECT), (f"{place}/slo", BINDING_HTTP_POST)],
            },
            "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None, "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
        }},
    }))


SIGNED_IN = {}
SERVERS = {name: server_of(name, organization) for name, organization in TOLD["organizations"].items()}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.answer(dict(urllib.parse.parse_qsl(text, keep_blank_values=True)))

    def answer(self, form):
        try:
            status, headers, body = self.decide(form)
        except Exception as error:  # told to whoever reads the log
            print(f"refused: {error!r}", flush=True)
            status, headers, body = 400, [], f"refused: {html.escape(repr(error))}"
        self.send_response(status)
        for name, value in [("Content-Type", "text/html; charset=utf-8"), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def decide(self, form):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/":
            return 200, [], "ready"
        _, name, what = url.path.split("/", 2)
        server = SERVERS[name]
        binding = BINDING_HTTP_POST if "SAMLRequest" in form or "SAMLResponse" in form else BINDING_HTTP_REDIRECT
        asked = form or query
        if what == "metadata":
            return 200, [], str(entity_descriptor(server.config))
        if what == "sso":
            more = {} if binding == BINDING_HTTP_POST else {"relay_state": query.get("RelayState"), "sigalg": query.get("SigAlg"), "signature": query.get("Signature")}
            request = server.parse_authn_request(asked["SAMLRequest"], binding, **more)
            print(f"request {name} {request.message.id} signed", flush=True)
            fields = {"id": request.message.id, "RelayState": asked.get("RelayState", "")}
            hidden = "".join(f'<input type=hidden name="{field}" value="{html.escape(value)}">' for field, value in fields.items())
            return 200, [], (f'<!doctype html><title>Sign in</title><form method=post action="/{name}/login">{hidden}'
                             '<input name=username><input type=password name=password><button type=submit>Sign in</button></form>')
        if what == "initiate":
            return 200, [], (f'<!doctype html><title>Sign in</title><form method=post action="/{name}/login">'
                             f'<input type=hidden name="RelayState" value="{html.escape(query["RelayState"])}">'
                             '<input name=username><input type=password name=password><button type=submit>Sign in</button></form>')
        if what == "login":
            return self.signed_in(name, server, form)
        if what == "end":
            return self.end(name, server, BINDING_HTTP_POST if url.query == "post" else BINDING_HTTP_REDIRECT)
        if what == "slo":
            return self.sign_out(name, server, asked, binding, query)
        return 404, [], "nothing here"

    def signed_in(self, name, server, form):
        organization = TOLD["organizations"][name]
        said = TOLD["people"][form["username"]]
        subject = SIGNED_IN[name] = NameID(format=NAMEID_FORMAT_PERSISTENT, text=form["username"])
        response = server.create_authn_response(
            {"mail": said["email"], "displayName": said["name"], "eduPersonAffiliation": said["groups"]}, form.get("id"), organization["acs"],
            sp_entity_id=organization["entity_id"], name_id=subject, authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "authn_auth": BASE},
            sign_assertion=organization["assertion"], sign_response=organization["response"],
            sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
            encrypt_assertion=organization.get("encrypt", False), session_not_on_or_after=None)
        sent = server.apply_binding(BINDING_HTTP_POST, str(response), organization["acs"], form.get("RelayState", ""), response=True)
        return 200, [], "".join(sent["data"])

    def end(self, name, server, binding):
        """Asks for the end of every session of whoever signed in last."""
        organization = TOLD["organizations"][name]
        by_post = binding == BINDING_HTTP_POST
        algorithms = {"sign_alg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "digest_alg": "http://www.w3.org/2001/04/xmlenc#sha256"} if by_post else {}
        _, request = server.create_logout_request(organization["slo"], organization["entity_id"], name_id=SIGNED_IN[name], sign=by_post, **algorithms)
        more = {} if by_post else {"sign": True, "sigalg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}
        sent = server.apply_binding(binding, str(request), organization["slo"], "", response=False, **more)
        return (200, [], "".join(sent["data"])) if by_post else (sent.get("status", 303), list(sent["headers"]), "")

    def sign_out(self, name, server, asked, binding, query):
        if "SAMLResponse" in asked:
            answer = server.parse_logout_request_response(asked["SAMLResponse"], binding)
            print(f"ended {name} {answer.status_ok()}", flush=True)
            return 200, [], "<!doctype html><h1>signed out</h1>"
        more = {} if binding == BINDING_HTTP_POST else {"relay_state": query.get("RelayState"), "sigalg": query.get("SigAlg"), "signature": query.get("Signature")}
        request = server.parse_logout_request(asked["SAMLRequest"], binding, **more)
        print(f"logout {name} {request.message.name_id.text}", flush=True)
        response = server.create_logout_response(request.message, [BINDING_HTTP_REDIRECT])
        sent = server.apply_binding(BINDING_HTTP_REDIRECT, str(response), TOLD["organizations"][name]["slo"], asked.get("RelayState", ""), response=True,
                                    sign=True, sigalg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
        return sent.get("status", 303), list(sent["headers"]), ""

    def log_message(self, *_args):
        pass


print(f"listening on {BASE}", flush=True)
http.server.ThreadingHTTPServer((TOLD["host"], TOLD["port"]), Answer).serve_forever()
sys.exit(0)
