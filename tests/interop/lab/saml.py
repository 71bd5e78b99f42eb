"""SAML identity providers, and the keys that they and the gate sign with."""

import json
import subprocess

from .peers import Keycloak, fresh, program, venv
from .process import INTEROP, Process, free_port
from .report import Missing

SAMLP_HOST, PYSAML2_HOST = "127.0.0.2", "127.0.0.6"


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

    def stop(self):
        self.process.stop()


class SamlKeycloak(Keycloak):
    """Keycloak's SAML clients: signed responses and assertions, checked requests, single logout."""

    def __init__(self, services, people):
        self.services = {service.organization: (service, how) for service, how in services}
        super().__init__(list(self.services), "", people)

    def realm(self, organization, gate, people):
        service, how = self.services[organization]
        realm = super().realm(organization, gate, people)
        realm["clients"] = [{
            "clientId": service.entity_id, "protocol": "saml", "enabled": True, "frontchannelLogout": True, "redirectUris": [service.acs],
            "attributes": {
                "saml.assertion.signature": "true", "saml.server.signature": "true", "saml.client.signature": "true", "saml.signature.algorithm": "RSA_SHA256",
                "saml.signing.certificate": service.keys.base64(), "saml.encryption.certificate": service.keys.base64(), "saml.authnstatement": "true",
                "saml.force.post.binding": "true", "saml_name_id_format": "persistent", "saml_force_name_id_format": "true",
                "saml_assertion_consumer_url_post": service.acs, "saml_single_logout_service_url_redirect": service.slo,
                "saml_single_logout_service_url_post": service.slo, **how},
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
