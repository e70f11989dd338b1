"""What the node lacks of its distribution, such as a compiler and its kernel's headers, before the driver needs it."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from installer.index.components import ExtraPackage, Packages
from installer.index.document import File
from installer.index.package_versions import COMPARE
from installer.node import Node
from installer.package_tools import TOOLS, PackageTool
from installer.staging import Staging, open_staged


@dataclass(frozen=True)
class InstallPackages:
    """The node has each package that is for its kernel, in the bundle's version or a newer one."""

    packages: Packages
    package_format: str
    files: tuple[File, ...]
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return "packages"

    def pending(self, node: Node) -> str | None:
        missing = [package.name for package in self._missing(node)]
        return f"not installed: {', '.join(missing)}" if missing else None

    def apply(self, node: Node) -> None:
        missing = self._missing(node)
        # Headers of a kernel go beside those of another: that one may be the kernel after the next boot.
        beside = [package for package in missing if package.kernels and self._tool.installed(node, package.name)]
        rest = [package for package in missing if package not in beside]
        with ExitStack() as copies:
            paths = {file.path: str(node.at(self.staging.place_of(file))) for file in self.files}
            for file in self.files:
                if file.path in {package.path for package in missing}:
                    copies.enter_context(open_staged(node, self.staging, file))
            # Both before either: what is refused shall find the node unchanged.
            if rest:
                self._tool.try_out(node, _paths_of(rest, paths))
            if beside:
                self._tool.try_out_beside(node, _paths_of(beside, paths), _paths_of(rest, paths))
            if rest:
                self._tool.install(node, _paths_of(rest, paths))
            if beside:
                self._tool.install_beside(node, _paths_of(beside, paths))

    @property
    def _tool(self) -> PackageTool:
        return TOOLS[self.package_format]

    def _missing(self, node: Node) -> list[ExtraPackage]:
        kernel = node.kernel
        wanted = (package for package in self.packages.packages if not package.kernels or kernel in package.kernels)
        return [package for package in wanted if not self._is_there(node, package)]

    def _is_there(self, node: Node, package: ExtraPackage) -> bool:
        found = self._tool.installed(node, package.name)
        # A newer kernel's headers are no newer version of this one's.
        return package.version in found if package.kernels else any(self._will_do(has, package) for has in found)

    def _will_do(self, has: str, package: ExtraPackage) -> bool:
        """A version of rpm ends in .ARCH, and another machine's package is another package."""
        wanted, arch = _split(package.version, self.package_format)
        version, its_arch = _split(has, self.package_format)
        return arch == its_arch and COMPARE[self.package_format](version, wanted) >= 0


def _split(version: str, package_format: str) -> tuple[str, str]:
    if package_format == "deb":
        return version, ""
    version, _, arch = version.rpartition(".")
    return version, arch


def _paths_of(packages: Iterable[ExtraPackage], paths: dict[str, str]) -> list[str]:
    return [paths[package.path] for package in packages]
