"""rpm and dpkg: which versions of a package a node has, and several packages in one transaction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from installer.errors import RefusedError
from installer.index.package_versions import compare_deb, compare_rpm
from installer.node import Node
from installer.sight import Output

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

    def serves(self, version: str, wanted: str) -> bool:
        """Who has ``version`` does not need ``wanted``: it is that or newer, and for the same machine."""

    def serves_kernel(self, version: str, wanted: str) -> bool:
        """The same of a package that is for certain kernels."""

    def try_out(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        """Raise RefusedError for what ``install`` would refuse. Changes nothing."""

    def install(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        """All of ``paths`` or none, and what is older goes; then ``beside``, of which other versions stay."""


@dataclass(frozen=True)
class Rpm:
    """Red Hat's and SUSE's."""

    def installed(self, node: Node, name: str) -> tuple[str, ...]:
        output = node.ask("rpm", "-q", "--queryformat", _RPM_VERSION, name)
        return tuple(output.stdout.split()) if output.succeeded else ()

    def serves(self, version: str, wanted: str) -> bool:
        """A version ends in .ARCH, and another machine's package is another package."""
        has, _, its_arch = version.rpartition(".")
        needs, _, arch = wanted.rpartition(".")
        return arch == its_arch and compare_rpm(has, needs) >= 0

    def serves_kernel(self, version: str, wanted: str) -> bool:
        """A newer kernel's headers are no newer version of this one's."""
        return version == wanted

    def try_out(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        if paths:
            self._try(node, "-U", *paths)
        # What `beside` needs may be among `paths`. Of those -i would refuse whatever is there in an older version.
        if beside and not self._test(node, "-i", *beside).succeeded:
            self._try(node, "-U", "--oldpackage", *paths, *beside)

    def install(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        if paths:
            node.run("rpm", "-U", "--replacepkgs", *paths)
        if beside:
            node.run("rpm", "-i", "--replacepkgs", *beside)

    def _test(self, node: Node, action: str, *words: str) -> Output:
        return node.ask("rpm", action, "--test", "--replacepkgs", *words, timeout=_SLOWEST)

    def _try(self, node: Node, action: str, *words: str) -> None:
        output = self._test(node, action, *words)
        if not output.succeeded:
            raise _refused("rpm", output.stderr)


@dataclass(frozen=True)
class Dpkg:
    """Debian's and Ubuntu's. dpkg itself would notice what is missing only half-way, so apt plans it first.

    Packages that stand beside each other have different names here, a kernel's headers its release: so all go in
    together, as some need others in the very same version.
    """

    def installed(self, node: Node, name: str) -> tuple[str, ...]:
        output = node.ask("dpkg-query", "--show", "--showformat", _DEB_VERSION, name)
        words = (line.split() for line in output.stdout.splitlines())
        return tuple(words[1] for words in words if len(words) == 2 and words[0] == "installed")  # noqa: PLR2004

    def serves(self, version: str, wanted: str) -> bool:
        return compare_deb(version, wanted) >= 0

    def serves_kernel(self, version: str, wanted: str) -> bool:
        return self.serves(version, wanted)

    def try_out(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        install = ("--simulate", "--yes", "install", *paths, *beside)
        output = node.ask("apt-get", *_OFFLINE, *install, timeout=_SLOWEST)
        if not output.succeeded:
            raise _refused("apt", f"{output.stdout}{output.stderr}")
        if removed := _REMOVED.findall(output.stdout):
            raise _refused("apt", f"{', '.join(removed)} would be removed for them")

    def install(self, node: Node, paths: Sequence[str], beside: Sequence[str] = ()) -> None:
        quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
        node.run(*quiet, "dpkg", "--install", "--force-confdef", "--force-confold", *paths, *beside)


TOOLS: Final[dict[str, PackageTool]] = {"rpm": Rpm(), "deb": Dpkg()}


def _refused(who: str, said: str) -> RefusedError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return RefusedError(
        f"{who} refuses the packages: {' | '.join(lines[-8:])}",
        hint="remove the package in the way, or add what is missing to the bundle",
    )
