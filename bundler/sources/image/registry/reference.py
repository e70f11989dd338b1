"""The name of an image, as docker reads it: host, repository, and a tag or a digest."""

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address

from installer.errors import UsageError, printable

DOCKER_HUB = "docker.io"
_HUB_NAMES = frozenset(("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"))
_HUB_SERVER = "registry-1.docker.io"
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?P<host>{_NAME}(\.{_NAME})*|\[(?P<v6>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{{1,5}}))?")
_LONGEST_HOST = 253  # characters
_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(/{_COMPONENT})*")
_LONGEST_REPOSITORY = 255  # characters, its host's name counted by docker, too
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HIGHEST_PORT = 65535
_SHOWN = 120  # characters
_HINT = "write [HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST], such as vllm/vllm-openai:v0.6.4.post1"


@dataclass(frozen=True)
class Host:
    """One registry, by the name that people and docker's config.json know it by."""

    name: str  # with its port where one was given; an IPv6 address in brackets

    @property
    def server(self) -> str:
        """Who answers for it."""
        return _HUB_SERVER if self.name == DOCKER_HUB else self.name

    @property
    def is_loopback(self) -> bool:
        found = _HOST.fullmatch(self.name)
        return found is not None and _LOOPBACK.fullmatch(found["host"]) is not None


@dataclass(frozen=True)
class Reference:
    """An image in a registry. ``digest`` "" is whatever ``tag`` means there; with a digest the tag is for people."""

    host: Host
    repository: str
    tag: str
    digest: str

    @property
    def wanted(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    def at(self, digest: str) -> "Reference":
        """What it means today, for good."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        digest = f"@{self.digest}" if self.digest else ""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host.name}/{self.repository}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """UsageError for whatever docker would not take, and for what only it could take for an option."""
    if len(text) > _LONGEST_HOST + 2 * _LONGEST_REPOSITORY:
        raise _refused(text, "too long")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _refused(text, "what follows @ is not sha256: and 64 lower-case hex digits")
    host, path = _split_host(rest)
    repository, tag = _split_tag(path, text)
    if len(repository) > _LONGEST_REPOSITORY or not _REPOSITORY.fullmatch(repository):
        raise _refused(text, f"{printable(repository)[:_SHOWN]!r} is not the name of a repository")
    registry = parse_host(host) if host else Host(DOCKER_HUB)
    if registry.name == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)


def parse_host(text: str) -> Host:
    """``HOST``, ``HOST:PORT`` or ``[IPv6]:PORT``; every name of Docker Hub is one."""
    found = _HOST.fullmatch(text)
    if found is None or len(text) > _LONGEST_HOST:
        raise _refused(text, "not HOST or HOST:PORT")
    if found["port"] and not 0 < int(found["port"]) <= _HIGHEST_PORT:
        raise _refused(text, f"{found['port']} is no port")
    if found["v6"] and not _is_ipv6(found["v6"]):
        raise _refused(text, "not an IPv6 address in its brackets")
    return Host(DOCKER_HUB if text.lower() in _HUB_NAMES else text)


def _split_host(rest: str) -> tuple[str, str]:
    """Docker's rule: what comes before the first slash is a host if it looks like one."""
    first, slash, others = rest.partition("/")
    if slash and (set(first) & set(".:[") or first == "localhost" or first != first.lower()):
        return first, others
    return "", rest


def _split_tag(path: str, text: str) -> tuple[str, str]:
    repository, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _refused(text, f"{printable(tag)[:_SHOWN]!r} is not a tag")
    return repository, tag


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"image {printable(text)[:_SHOWN]!r}: {why}", hint=_HINT)
