"""The programs of the static docker archive, in /usr/local/bin."""

import os
import stat
import tarfile
from dataclasses import dataclass

from installer.engine import CONTAINERD_UNIT
from installer.errors import DamagedError
from installer.index.components import Binary, Docker
from installer.index.document import File
from installer.node import Node
from installer.node.files import sync_folder
from installer.node.paths import BINARIES
from installer.staging import Staging, file_digest, open_staged, pieces
from installer.systemd import stop_docker, stop_unit


@dataclass(frozen=True)
class PlaceDockerBinaries:
    """Each program is there with the bundle's digest."""

    docker: Docker
    file: File
    staging: Staging

    @property
    def title(self) -> str:
        return f"docker {self.docker.version} programs"

    @property
    def replaces(self) -> tuple[str, ...]:
        return tuple(f"{BINARIES}/{binary.name}" for binary in self.docker.binaries)

    def pending(self, node: Node) -> str | None:
        different = [binary.name for binary in self.docker.binaries if not _is_placed(node, binary)]
        return f"missing or different: {', '.join(different)}" if different else None

    def apply(self, node: Node) -> None:
        wanted = {f"docker/{binary.name}": binary for binary in self.docker.binaries if not _is_placed(node, binary)}
        with (
            open_staged(node, self.staging, self.file) as archive,
            tarfile.open(fileobj=archive, mode="r:gz") as members,
        ):
            # Programs of two versions must not work together, and what runs on would be the old one.
            stop_docker(node)
            stop_unit(node, CONTAINERD_UNIT)
            for member in members:
                if binary := wanted.pop(member.name, None):
                    _place(node, binary, members, member)
        if wanted:
            raise DamagedError(f"{self.file.path}: does not hold {', '.join(wanted)}")
        sync_folder(node.at(BINARIES))


def _is_placed(node: Node, binary: Binary) -> bool:
    path = node.at(f"{BINARIES}/{binary.name}")
    if not path.is_file() or path.stat().st_size != binary.size or not path.stat().st_mode & stat.S_IXUSR:
        return False
    return file_digest(path) == binary.sha256


def _place(node: Node, binary: Binary, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    target = node.at(f"{BINARIES}/{binary.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{binary.name},new")
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise DamagedError(f"{member.name}: not a regular file in the docker archive")
    with aside.open("wb") as file:
        for piece in pieces(content):  # type: ignore[arg-type]  # tarfile's reader is a BinaryIO in all but name
            file.write(piece)
        file.flush()
        os.fchmod(file.fileno(), 0o755)
        os.fsync(file.fileno())
    aside.rename(target)
    node.relabel(f"{BINARIES}/{binary.name}")
