"""SAML identity providers, and the keys that they and the gate sign with."""

import json
import pathlib
import subprocess
import urllib.parse

from .peers import Keycloak, fresh, program, venv
from .process import INTEROP, Process, free_port
from .report import Missing

SAMLP_HOST, PYSAML2_HOST, PHP_HOST = "127.0.0.2", "127.0.0.6", "127.0.0.7"
PHP_HOME = pathlib.Path("/usr/share/simplesamlphp")


class Keys:
    """A key pair with its certificate, as files and as text."""

    def __init__(self, folder, name):
        self.key, self.certificate, self.both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
        subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                        "-days", "30", "-subj", f"/CN={name}", "-batch"], check=True, capture_output=True)
        self.both.write_text(self.key.read_text() + self.certificate.read_text())
        self.both.chmod(0o600)

    def public(self):
        return subprocess.run([program("openssl"), "x509", "-in", self.certificate, "-pubkey", "-noout"], check=True, capture_output=True, text=True).stdout

    def base64(self):
        return "".join(line for line in self.certificate.read_text().splitlines() if "-----" not in line)


class Service:
    """The gate as one organization's service provider, as it will be once it runs."""

    def __init__(self, gate, organization, keys):
        self.entity_id, self.acs, self.slo = (f"{gate}/-/sso/{organization}/saml/{what}" for what in ("metadata", "acs", "slo"))
        self.organization, self.keys = organization, keys

    def configured(self, metadata, provider="generic", **more):
        """The lines of `[organization.saml]`."""
        place = json.dumps(str(self.keys.both))
        lines = [f'provider = "{provider}"', f"metadata = {{ {'url' if '://' in metadata else 'file'} = {json.dumps(metadata)} }}", "sign_requests = true",
                 f"signing_keys = [{{ file = {place} }}]", f"decryption_keys = [{{ file = {place} }}]"]
        return {"saml": lines + [f"{key} = {json.dumps(value)}" for key, value in more.items()]}

    def metadata(self):
        """What the gate publishes, before there is a gate that could be asked."""
        data = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{self.keys.base64()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP"
        return (f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{self.entity_id}">'
                '<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="true">'
                f'<md:KeyDescriptor use="signing">{data}</md:KeyDescriptor><md:KeyDescriptor use="encryption">{data}'
                '<md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/></md:KeyDescriptor>'
                f'<md:SingleLogoutService Binding="{binding}-Redirect" Location="{self.slo}"/>'
                f'<md:AssertionConsumerService Binding="{binding}-POST" Location="{self.acs}" index="0"/></md:SPSSODescriptor></md:EntityDescriptor>')


class Samlp:
    """npm samlp: checks the signatures of requests, knows single logout. Any password is right."""

    kind = "npm samlp"

    def __init__(self, services, people, idp, host=SAMLP_HOST):
        node = program("node")
        if not (INTEROP / "node_modules" / "samlp").exists():
            raise Missing("samlp is not installed (run tests/interop/install)")
        port = free_port(host)
        self.base = f"http://{host}:{port}"
        organizations = {service.organization: {
            "entityId": service.entity_id, "acs": service.acs, "slo": service.slo, "spCert": service.keys.certificate.read_text(),
            "spKey": service.keys.public(), **how} for service, how in services}
        self.process = Process("samlp", [node, INTEROP / "peers" / "samlp_idp.mjs"], env={"IDP": json.dumps({
            "host": host, "port": port, "people": people, "organizations": organizations,
            "key": idp.key.read_text(), "cert": idp.certificate.read_text()})})

    def started(self):
        self.process.answering(self.base, seconds=180)
        return self

    def metadata(self, organization):
        return f"{self.base}/{organization}/metadata"

    def begins(self, service, path):
        """Where the provider begins a sign-in by itself, and where it ends one."""
        return {"initiate": f"{self.base}/{service.organization}/initiate?{urllib.parse.urlencode({'RelayState': path})}",
                "end": f"{self.base}/{service.organization}/slo"}

    def stop(self):
        self.process.stop()


class Pysaml2:
    """PyPI pysaml2 with Debian's xmlsec1. Any password is right."""

    kind = "PyPI pysaml2"

    def __init__(self, services, people, idp, host=PYSAML2_HOST):
        python, xmlsec, port = venv("pysaml2"), program("xmlsec1"), free_port(host)
        self.base = f"http://{host}:{port}"
        organizations = {service.organization: {
            "entity_id": service.entity_id, "acs": service.acs, "slo": service.slo, "metadata": service.metadata(), **how} for service, how in services}
        self.process = Process("pysaml2", [python, INTEROP / "peers" / "pysaml2_idp.py"], env={"IDP": json.dumps({
            "host": host, "port": port, "people": people, "organizations": organizations, "folder": str(fresh("pysaml2")), "xmlsec": xmlsec,
            "key": str(idp.key), "cert": str(idp.certificate)})})

    def started(self):
        self.process.answering(f"{self.base}/", seconds=240)
        return self

    def metadata(self, organization):
        return f"{self.base}/{organization}/metadata"

    def begins(self, service, path):
        place = f"{self.base}/{service.organization}"
        return {"initiate": f"{place}/initiate?{urllib.parse.urlencode({'RelayState': path})}", "end": f"{place}/end?redirect", "end_by_post": f"{place}/end?post"}

    def stop(self):
        self.process.stop()


class SimpleSamlPhp:
    """Debian's SimpleSAMLphp by PHP's own server; one organization, since it is one identity provider."""

    kind = "SimpleSAMLphp"

    def __init__(self, services, people, idp, host=PHP_HOST):
        php = program("php")
        if not (PHP_HOME / "www").is_dir():
            raise Missing("simplesamlphp is not installed (run tests/interop/install)")
        port = free_port(host)
        self.base = f"http://{host}:{port}"
        folder = fresh("simplesamlphp")
        for name in ("metadata", "data", "temp", "sessions", "attributemap"):
            (folder / name).mkdir()
        self.entity_id = f"{self.base}/idp"
        persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
        write = lambda name, variable, value: (folder / name).write_text(f"<?php\n${variable} = {_php(value)};\n")
        write("config.php", "config", {
            "baseurlpath": f"{self.base}/", "certdir": f"{folder}/", "loggingdir": f"{folder}/", "datadir": f"{folder}/data/", "tempdir": f"{folder}/temp",
            "metadatadir": f"{folder}/metadata/", "attributenamemapdir": f"{folder}/attributemap/", "timezone": "UTC", "secretsalt": "nothing secret",
            "auth.adminpassword": "nothing secret", "technicalcontact_email": "nobody@example.org", "admin.checkforupdates": False,
            "logging.handler": "errorlog", "logging.level": 6, "enable.saml20-idp": True, "enable.shib13-idp": False, "enable.adfs-idp": False,
            "module.enable": {"exampleauth": True, "core": True, "saml": True}, "session.cookie.secure": False, "session.cookie.samesite": None,
            "store.type": "phpsession", "session.phpsession.savepath": f"{folder}/sessions", "session.phpsession.cookiename": "SimpleSAML",
            "trusted.url.domains": None, "metadata.sources": [{"type": "flatfile"}], "theme.use": "default", "showerrors": True, "errorreporting": False})
        write("authsources.php", "config", {"people": {"0": "exampleauth:UserPass", **{
            f"{name}:right": {"uid": [name], "email": [said["email"]], "displayName": [said["name"]], "groups": said["groups"]} for name, said in people.items()}}})
        write("metadata/saml20-idp-hosted.php", f"metadata[{_php(self.entity_id)}]", {
            "host": "__DEFAULT__", "privatekey": str(idp.key), "certificate": str(idp.certificate), "auth": "people",
            "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "redirect.sign": True, "redirect.validate": True,
            "SingleSignOnServiceBinding": ["urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"],
            "NameIDFormat": persistent, "authproc": {"3": {"class": "saml:AttributeNameID", "attribute": "uid", "Format": persistent}}})
        (service, how), = services
        write("metadata/saml20-sp-remote.php", f"metadata[{_php(service.entity_id)}]", {
            "AssertionConsumerService": [{"Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", "Location": service.acs, "index": 0}],
            "SingleLogoutService": [{"Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", "Location": service.slo}],
            "keys": [{"type": "X509Certificate", "signing": True, "encryption": True, "X509Certificate": service.keys.base64()}],
            "NameIDFormat": persistent, "validate.authnrequest": True, "validate.logout": True, "sign.logout": True,
            "saml20.sign.response": True, "saml20.sign.assertion": True, "simplesaml.attributes": True, **how})
        self.process = Process("simplesamlphp", [php, "-d", "error_reporting=E_ERROR", "-d", "display_errors=0", "-S", f"{host}:{port}", "-t", PHP_HOME / "www"],
                               env={"SIMPLESAMLPHP_CONFIG_DIR": str(folder), "PHP_CLI_SERVER_WORKERS": "4"})

    def started(self):
        self.process.answering(self.metadata(None), seconds=120)
        return self

    def metadata(self, _organization):
        return f"{self.base}/saml2/idp/metadata.php"

    def begins(self, service, path):
        initiate = urllib.parse.urlencode({"spentityid": service.entity_id, "RelayState": path})
        end = urllib.parse.urlencode({"ReturnTo": self.metadata(None)})
        return {"initiate": f"{self.base}/saml2/idp/SSOService.php?{initiate}", "end": f"{self.base}/saml2/idp/SingleLogoutService.php?{end}"}

    def stop(self):
        self.process.stop()


def _php(value):
    """A PHP literal."""
    if isinstance(value, dict):
        return "[" + ", ".join(f"{name if name.isdigit() else _php(name)} => {_php(one)}" for name, one in value.items()) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_php, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, int) or isinstance(value, bool) else str(value)


class SamlKeycloak(Keycloak):
    """Keycloak's SAML clients: signed responses and assertions, checked requests, single logout.

    Where one runs already, `at`, it gets these realms too.
    """

    def __init__(self, services, people, at=None):
        self.services = {service.organization: (service, how) for service, how in services}
        if at is None:
            super().__init__(list(self.services), "", people)
        else:
            self.base, self.process, self.secret, self.people, self.shared = at.base, at.process, at.secret, people, True

    shared = False

    def started(self):
        if not self.shared:
            return super().started()
        for organization in self.services:
            self._call("POST", "/admin/realms", self.realm(organization, "", self.people))
        return self

    def stop(self):
        if not self.shared:
            super().stop()

    def realm(self, organization, gate, people):
        service, how = self.services[organization]
        realm = super().realm(organization, gate, people)
        realm["clients"] = [{
            "clientId": service.entity_id, "protocol": "saml", "enabled": True, "frontchannelLogout": False, "redirectUris": [service.acs],
            "attributes": {
                "saml.assertion.signature": "true", "saml.server.signature": "true", "saml.client.signature": "true", "saml.signature.algorithm": "RSA_SHA256",
                "saml.signing.certificate": service.keys.base64(), "saml.encryption.certificate": service.keys.base64(), "saml.authnstatement": "true",
                "saml.force.post.binding": "true", "saml_name_id_format": "persistent", "saml_force_name_id_format": "true",
                "saml_assertion_consumer_url_post": service.acs, "saml_single_logout_service_url_redirect": service.slo,
                "saml_single_logout_service_url_post": service.slo, "saml_idp_initiated_sso_url_name": "hub", **how},
            "protocolMappers": [
                {"name": "groups", "protocol": "saml", "protocolMapper": "saml-group-membership-mapper",
                 "config": {"attribute.name": "groups", "attribute.nameformat": "Basic", "single": "true", "full.path": "false"}},
                {"name": "email", "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
                 "config": {"user.attribute": "email", "attribute.name": "email", "attribute.nameformat": "Basic"}},
            ],
        }]
        return realm

    def metadata(self, organization):
        return f"{self.base}/realms/{organization}/protocol/saml/descriptor"

    def begins(self, service, path):
        realm = f"{self.base}/realms/{service.organization}"
        return {"initiate": f"{realm}/protocol/saml/clients/hub?{urllib.parse.urlencode({'RelayState': path})}",
                "administrator": {"base": self.base, "realm": service.organization}}
