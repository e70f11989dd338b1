"""The files that the container sees below /files are this bundle's, byte for byte."""

from dataclasses import dataclass

from installer.index.document import File
from installer.node import Node
from installer.staging import Staging, file_digest, open_staged


@dataclass(frozen=True)
class CheckExtraFiles:
    """They are used where take-in put them. One that changed since is removed, so that the medium is asked again."""

    files: tuple[File, ...]
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return "extra files"

    def pending(self, node: Node) -> str | None:
        differing = self._differing(node)
        return f"not as in the bundle: {', '.join(file.path for file in differing)}" if differing else None

    def apply(self, node: Node) -> None:
        for file in self._differing(node):
            with open_staged(node, self.staging, file):
                pass

    def _differing(self, node: Node) -> list[File]:
        return [file for file in self.files if file_digest(node.at(self.staging.place_of(file))) != file.sha256]
