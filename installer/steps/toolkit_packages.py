"""The NVIDIA container toolkit's packages, in one transaction."""

from contextlib import ExitStack
from dataclasses import dataclass

from installer.index.components import Package, Toolkit
from installer.index.document import File
from installer.node import Node
from installer.package_tools import TOOLS, PackageTool
from installer.staging import Staging, open_staged
from installer.systemd import stop_docker


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
        paths = [str(node.at(self.staging.place_of(file))) for file in self.files]
        with ExitStack() as copies:
            for file in self.files:
                copies.enter_context(open_staged(node, self.staging, file))
            self._tool.try_out(node, paths)
            # dockerd looks for NVIDIA's hook only when it starts (moby, nvidia_linux.go), so it must start after this.
            stop_docker(node)
            self._tool.install(node, paths)

    def _is_there(self, node: Node, package: Package) -> bool:
        versions = self._tool.installed(node, package.name)
        return any(self._tool.serves(version, package.version) for version in versions)

    @property
    def _tool(self) -> PackageTool:
        return TOOLS[self.package_format]
