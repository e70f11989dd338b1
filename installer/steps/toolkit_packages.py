"""The NVIDIA container toolkit's packages, in one rpm transaction."""

from contextlib import ExitStack
from dataclasses import dataclass

from installer.errors import RefusedError
from installer.index.components import Package, Toolkit
from installer.index.document import File
from installer.node import Node
from installer.staging import Staging, open_staged
from installer.systemd import stop_docker

_VERSION_OF = "%{VERSION}-%{RELEASE}.%{ARCH}\\n"


@dataclass(frozen=True)
class InstallToolkit:
    """rpm's database has each package in the bundle's version."""

    toolkit: Toolkit
    files: tuple[File, ...]
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"NVIDIA container toolkit {self.toolkit.version}"

    def pending(self, node: Node) -> str | None:
        missing = [package.name for package in self.toolkit.packages if not _is_installed(node, package)]
        return f"not installed: {', '.join(missing)}" if missing else None

    def apply(self, node: Node) -> None:
        paths = [str(node.at(self.staging.place_of(file))) for file in self.files]
        with ExitStack() as copies:
            for file in self.files:
                copies.enter_context(open_staged(node, self.staging, file))
            trial = node.ask("rpm", "-U", "--test", "--replacepkgs", *paths)
            if not trial.succeeded:
                raise RefusedError(
                    f"rpm refuses the toolkit's packages: {trial.stderr.strip()}",
                    hint="remove the package in the way, or add what is missing to the bundle",
                )
            # dockerd looks for NVIDIA's hook only when it starts (moby, nvidia_linux.go), so it must start after this.
            stop_docker(node)
            node.run("rpm", "-U", "--replacepkgs", *paths)


def _is_installed(node: Node, package: Package) -> bool:
    found = node.ask("rpm", "-q", "--queryformat", _VERSION_OF, package.name)
    return found.succeeded and package.version in found.stdout.split()
