"""Where an image can be asked for: its mirrors first, then its own registry, each with its own address and login."""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bundler.http.credentials import Credentials
from bundler.sources.image.registry.auth import ByOrigin, RegistryCredentials, Web
from bundler.sources.image.registry.docker_config import Login
from bundler.sources.image.registry.reference import Host, Reference, parse_host

_HTTPS_PORT = 443
_PATIENCE = 5  # seconds, on this machine itself

FindLogin = Callable[[Host], Login | None]


@dataclass(frozen=True)
class Endpoint:
    """One registry that may have the image's repository. ``query`` says whose image a mirror shall give."""

    host: Host
    origin: str
    repository: str
    query: str

    def manifest_url(self, wanted: str) -> str:
        return f"{self.origin}/v2/{self.repository}/manifests/{wanted}{self.query}"

    def blob_url(self, sha256: str) -> str:
        return f"{self.origin}/v2/{self.repository}/blobs/sha256:{sha256}{self.query}"


@dataclass(frozen=True)
class Endpoints:
    """All that are asked, in this order."""

    each: tuple[Endpoint, ...]
    credentials: Credentials


def endpoints_for(reference: Reference, mirrors: Sequence[str], web: Web, find_login: FindLogin) -> Endpoints:
    own = reference.host
    hosts = {parse_host(mirror): f"?ns={own.name}" for mirror in mirrors} | {own: ""}
    each = tuple(Endpoint(host, _origin(host), reference.repository, query) for host, query in hosts.items())
    known: Mapping[str, Credentials] = {
        at.origin: RegistryCredentials(at.origin, at.repository, find_login(at.host), web) for at in each
    }
    return Endpoints(each, ByOrigin(known))


def _origin(host: Host) -> str:
    """As docker has it, only a registry on this very machine may do without TLS."""
    if host.is_loopback and not _speaks_tls(host.server):
        return f"http://{host.server}"
    return f"https://{host.server}"


def _speaks_tls(server: str) -> bool:
    """Whether there is TLS at all; whose certificate it is, is looked at by who talks to it."""
    name, _, port = server.rpartition(":") if not server.endswith("]") and ":" in server else (server, "", "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        address = (name.strip("[]"), int(port or _HTTPS_PORT))
        with socket.create_connection(address, _PATIENCE) as connection, context.wrap_socket(connection):
            return True
    except ssl.SSLError as error:
        return error.reason not in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
    except OSError:
        return False
