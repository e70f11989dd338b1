"""The bundle's identity, its keys, and the program with its runtime: on the node to stay."""

import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from installer.index.document import File
from installer.node import Node
from installer.node.files import sync_file_system, sync_folder
from installer.node.paths import ETC, OPT, PROGRAM
from installer.pinned import TRUST_JSON, TRUSTED_KEYS, Pinned
from installer.staging import Staging, open_staged
from installer.trust.keys import PublicKey
from installer.unpack import unpack_runtime

CURRENT = f"{OPT}/current"


@dataclass(frozen=True)
class PinTrust:
    """The keys come last: without the record of a bundle they would say that one is lost."""

    pinned: Pinned
    keys: tuple[PublicKey, ...]
    runtime: File
    staging: Staging
    replaces: tuple[str, ...] = ()
    title: str = "pin trust"

    def pending(self, node: Node) -> str | None:
        if not node.at(self._runtime_folder).is_dir():
            return "the program is not on the node"
        current = node.at(CURRENT)
        if not current.is_symlink() or current.readlink() != Path(self.runtime.sha256):
            return "another program is the current one"
        for path, data in self._wanted().items():
            if node.read(path) != data:
                return f"{path} is missing or differs"
        return None

    def apply(self, node: Node) -> None:
        node.make_private_folder(ETC)
        if not node.at(self._runtime_folder).is_dir():
            self._place_runtime(node)
        _point(node, self.runtime.sha256)
        for path, data in self._wanted().items():
            node.place(path, data, 0o755 if path == PROGRAM else 0o600)

    @property
    def _runtime_folder(self) -> str:
        return f"{OPT}/{self.runtime.sha256}"

    def _wanted(self) -> dict[str, bytes]:
        program = files("installer").joinpath("program.sh").read_bytes()
        keys = {f"{TRUSTED_KEYS}/{key.key_id}.pub": key.pem for key in self.keys}
        return {PROGRAM: program, TRUST_JSON: self.pinned.render(), **keys}

    def _place_runtime(self, node: Node) -> None:
        aside = node.at(f"{self._runtime_folder},new")
        shutil.rmtree(aside, ignore_errors=True)
        with open_staged(node, self.staging, self.runtime) as archive:
            unpack_runtime(archive, aside)
        sync_file_system(aside)
        aside.rename(node.at(self._runtime_folder))
        sync_folder(node.at(OPT))
        node.relabel(self._runtime_folder)


def _point(node: Node, target: str) -> None:
    aside = node.at(f"{CURRENT},new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.rename(node.at(CURRENT))
    sync_folder(node.at(OPT))
