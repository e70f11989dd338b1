"""Where an image can be asked for: its mirrors first, then its own registry, each with its own address and login."""

import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bundler.http.client import Client
from bundler.http.credentials import Credentials
from bundler.sources.image.registry.auth import ByOrigin, RegistryCredentials
from bundler.sources.image.registry.docker_config import Login, home_login
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

    each: tuple[Endpoint, ...]  # the image's own registry is the last
    credentials: Credentials

    @property
    def own(self) -> Endpoint:
        return self.each[-1]

    def blob_urls(self, sha256: str) -> tuple[str, ...]:
        return tuple(at.blob_url(sha256) for at in self.each)


@dataclass(frozen=True)
class OnThisMachine:
    """What docker keeps here of registries: who logs in, and below HOST[:PORT] who vouches for them."""

    find_login: FindLogin = home_login
    certificates: Path = Path("/etc/docker/certs.d")

    def authority(self, host: Host) -> Path | None:
        """None where there is none, or only docker's own daemon may read it."""
        path = self.certificates / host.name / "ca.crt"
        return path if os.access(path, os.R_OK) else None


HERE: Final = OnThisMachine()


def endpoints_for(reference: Reference, mirrors: Sequence[str], client: Client, machine: OnThisMachine) -> Endpoints:
    own = reference.host
    hosts = {host: f"?ns={own.name}" for host in map(parse_host, mirrors) if host != own} | {own: ""}
    each = tuple(Endpoint(host, _origin(host), reference.repository, query) for host, query in hosts.items())
    for at in each:
        if authority := machine.authority(at.host):
            client.trust(at.origin, authority)
    known: Mapping[str, Credentials] = {
        at.origin: RegistryCredentials(at.origin, at.repository, machine.find_login(at.host), client) for at in each
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
