"""A login server on loopback that gives what docker-registry's token authentication takes."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.fakes.web import Reply, Request, Web, serving
from tests.integration.sources.image.certificates import Certificates

SERVICE, ISSUER = "tests' registry", "tests' login server"
USER, PASSWORD, IDENTITY = "carrier", "carry: over", "identity-of-carrier"


@dataclass
class TokenServer:
    """Whom it knows gets ``actions`` on what is asked for; it remembers what it was asked."""

    web: Web
    certificates: Certificates
    actions: tuple[str, ...] = ("pull",)
    given: list[str] = field(default_factory=list)

    @property
    def realm(self) -> str:
        return f"{self.web.url}/token"

    def reply(self, request: Request, _reply: Reply) -> Reply:
        form = parse_qs(request.body.decode() or urlsplit(request.path).query)
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != basic and form.get("refresh_token") != [IDENTITY]:
            return Reply(401, body=b"{}")
        (scope,) = form["scope"]
        token = self._token(scope.split(":")[1])
        self.given.append(token)
        return Reply(200, body=json.dumps({"access_token": token, "expires_in": 300}).encode())

    def _token(self, repository: str) -> str:
        """A JWT signed by ES256, with the certificate that the registry trusts."""
        certificate = x509.load_pem_x509_certificate(self.certificates.certificate.read_bytes())
        der = certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": USER,
            "aud": SERVICE,
            "nbf": now - 60,
            "exp": now + 300,
            "iat": now,
            "jti": str(len(self.given)),
            "access": [{"type": "repository", "name": repository, "actions": list(self.actions)}],
        }
        signed = f"{_packed(json.dumps(header).encode())}.{_packed(json.dumps(claims).encode())}"
        return f"{signed}.{_packed(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        key = serialization.load_pem_private_key(self.certificates.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@contextmanager
def token_server(certificates: Certificates) -> Iterator[TokenServer]:
    with serving({}) as web:
        server = TokenServer(web, certificates)
        web.alter = server.reply
        yield server


def auth_config(server: TokenServer, roots: Path) -> str:
    return f"""\
auth:
  token: {{realm: "{server.realm}", service: "{SERVICE}", issuer: "{ISSUER}", rootcertbundle: {roots}}}
"""


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
