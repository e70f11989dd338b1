"""What the node lacks of its distribution, such as a compiler and its kernel's headers, before the driver needs it."""

from collections.abc import Iterable
from dataclasses import dataclass

from installer.index.components import ExtraPackage, Packages
from installer.index.document import File
from installer.node import Node
from installer.package_tools import TOOLS, PackageTool
from installer.staging import Staging
from installer.transaction import Transaction, opened


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
        with opened(node, self.staging, self.transaction(node)) as (paths, beside):
            self._tool.try_out(node, paths, beside)
            self._tool.install(node, paths, beside)

    def transaction(self, node: Node) -> Transaction:
        """What ``apply`` would install now."""
        missing = self._missing(node)
        # Headers of a kernel go beside those of another: that one may be the kernel after the next boot.
        beside = [package for package in missing if package.kernels and self._tool.installed(node, package.name)]
        rest = [package for package in missing if package not in beside]
        return Transaction(self._files_of(rest), self._files_of(beside))

    @property
    def _tool(self) -> PackageTool:
        return TOOLS[self.package_format]

    def _missing(self, node: Node) -> list[ExtraPackage]:
        kernel = node.kernel
        wanted = (package for package in self.packages.packages if not package.kernels or kernel in package.kernels)
        return [package for package in wanted if not self._is_there(node, package)]

    def _is_there(self, node: Node, package: ExtraPackage) -> bool:
        serves = self._tool.serves_kernel if package.kernels else self._tool.serves
        return any(serves(version, package.version) for version in self._tool.installed(node, package.name))

    def _files_of(self, packages: Iterable[ExtraPackage]) -> tuple[File, ...]:
        by_path = {file.path: file for file in self.files}
        return tuple(by_path[package.path] for package in packages)
