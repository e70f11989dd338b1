"""rpm and dpkg: which versions of a package a node has, and several packages in one transaction."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from installer.errors import RefusedError
from installer.node import Node

_RPM_VERSION = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}.%{ARCH}\\n"
_DEB_VERSION = "${db:Status-Status} ${Version}\\n"
_SLOWEST = 1800  # seconds; a compiler's packages on an old disk
# With no source but the files, what is missing is missing, and is not planned to be fetched.
_OFFLINE = (
    "-o", "Dir::Etc::sourcelist=/dev/null",
    "-o", "Dir::Etc::sourceparts=/dev/null",
    "-o", "Dir::Cache::pkgcache=",
    "-o", "Dir::Cache::srcpkgcache=",
)  # fmt: skip
_REMOVED = re.compile(r"^Remv (\S+)", re.MULTILINE)


class PackageTool(Protocol):
    """What steps need of a package manager. Versions are as the index writes them."""

    def installed(self, node: Node, name: str) -> tuple[str, ...]: ...

    def try_out(self, node: Node, paths: list[str]) -> None:
        """Raise RefusedError for what ``install`` would refuse. Changes nothing."""

    def try_out_beside(self, node: Node, paths: list[str], before: list[str]) -> None:
        """Raise RefusedError for what ``install_beside`` would refuse once ``before`` is there. Changes nothing."""

    def install(self, node: Node, paths: list[str]) -> None:
        """All of ``paths`` or none; what is older goes."""

    def install_beside(self, node: Node, paths: list[str]) -> None:
        """As ``install``, but other versions stay."""


@dataclass(frozen=True)
class Rpm:
    """Red Hat's and SUSE's."""

    def installed(self, node: Node, name: str) -> tuple[str, ...]:
        output = node.ask("rpm", "-q", "--queryformat", _RPM_VERSION, name)
        return tuple(output.stdout.split()) if output.succeeded else ()

    def try_out(self, node: Node, paths: list[str]) -> None:
        self._try(node, "-U", *paths)

    def install(self, node: Node, paths: list[str]) -> None:
        node.run("rpm", "-U", "--replacepkgs", *paths)

    def try_out_beside(self, node: Node, paths: list[str], before: list[str]) -> None:
        """What they need may be among ``before``. Of that -i would refuse whatever is there in an older version."""
        if node.ask("rpm", "-i", "--test", "--replacepkgs", *paths, timeout=_SLOWEST).succeeded:
            return
        self._try(node, "-U", "--oldpackage", *before, *paths)

    def install_beside(self, node: Node, paths: list[str]) -> None:
        node.run("rpm", "-i", "--replacepkgs", *paths)

    def _try(self, node: Node, action: str, *words: str) -> None:
        output = node.ask("rpm", action, "--test", "--replacepkgs", *words, timeout=_SLOWEST)
        if not output.succeeded:
            raise _refused("rpm", output.stderr)


@dataclass(frozen=True)
class Dpkg:
    """Debian's and Ubuntu's. dpkg itself would notice what is missing only half-way, so apt plans it first."""

    def installed(self, node: Node, name: str) -> tuple[str, ...]:
        output = node.ask("dpkg-query", "--show", "--showformat", _DEB_VERSION, name)
        words = (line.split() for line in output.stdout.splitlines())
        return tuple(words[1] for words in words if len(words) == 2 and words[0] == "installed")  # noqa: PLR2004

    def try_out(self, node: Node, paths: list[str]) -> None:
        output = node.ask("apt-get", *_OFFLINE, "--simulate", "--yes", "install", *paths, timeout=_SLOWEST)
        if not output.succeeded:
            raise _refused("apt", f"{output.stdout}{output.stderr}")
        if removed := _REMOVED.findall(output.stdout):
            raise _refused("apt", f"{', '.join(removed)} would be removed for them")

    def try_out_beside(self, node: Node, paths: list[str], before: list[str]) -> None:
        self.try_out(node, [*before, *paths])

    def install(self, node: Node, paths: list[str]) -> None:
        quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
        node.run(*quiet, "dpkg", "--install", "--force-confdef", "--force-confold", *paths)

    def install_beside(self, node: Node, paths: list[str]) -> None:
        """Packages that shall stay beside each other have different names here."""
        self.install(node, paths)


TOOLS: Final[dict[str, PackageTool]] = {"rpm": Rpm(), "deb": Dpkg()}


def _refused(who: str, said: str) -> RefusedError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return RefusedError(
        f"{who} refuses the packages: {' | '.join(lines[-8:])}",
        hint="remove the package in the way, or add what is missing to the bundle",
    )
