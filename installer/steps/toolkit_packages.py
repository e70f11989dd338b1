"""The NVIDIA container toolkit's packages, in one transaction."""

from dataclasses import dataclass

from installer.index.components import Package, Toolkit
from installer.index.document import File
from installer.node import Node
from installer.package_tools import TOOLS, PackageTool
from installer.staging import Staging
from installer.systemd import stop_docker
from installer.transaction import Transaction, opened


@dataclass(frozen=True)
class InstallToolkit:
    """The package database has each package in the bundle's version or a newer one."""

    toolkit: Toolkit
    package_format: str
    files: tuple[File, ...]
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"NVIDIA container toolkit {self.toolkit.version}"

    def pending(self, node: Node) -> str | None:
        missing = [package.name for package in self.toolkit.packages if not self._is_there(node, package)]
        return f"not installed: {', '.join(missing)}" if missing else None

    def apply(self, node: Node) -> None:
        with opened(node, self.staging, Transaction(self.files)) as (paths, _):
            self._tool.try_out(node, paths)
            # dockerd looks for NVIDIA's hook only when it starts (moby, nvidia_linux.go), so it must start after this.
            stop_docker(node)
            self._tool.install(node, paths)

    def transaction(self, node: Node) -> Transaction:
        """What is to be installed, if anything."""
        return Transaction() if self.pending(node) is None else Transaction(self.files)

    def _is_there(self, node: Node, package: Package) -> bool:
        versions = self._tool.installed(node, package.name)
        return any(self._tool.serves(version, package.version) for version in versions)

    @property
    def _tool(self) -> PackageTool:
        return TOOLS[self.package_format]
