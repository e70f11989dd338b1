"""The model folder: complete, in place, and proven by a receipt instead of being read again."""

import shutil
from dataclasses import dataclass

from installer.errors import DamagedError
from installer.index.document import File
from installer.node import Node, sync_folder
from installer.receipt import RECEIPT, model_receipt
from installer.staging import Staging, copy_is_good, inside_model


@dataclass(frozen=True)
class PlaceModel:
    """The data directory has the folder, and each file is the one whose content was checked."""

    name: str
    files: tuple[File, ...]
    staging: Staging
    replaces: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"model {self.name}"

    def pending(self, node: Node) -> str | None:
        return model_pending(node, self.files, self.staging)

    def apply(self, node: Node) -> None:
        final, partial = node.at(self.staging.model_dir), node.at(self.staging.partial_model)
        if partial.exists():
            if final.exists():
                shutil.rmtree(final)
            partial.rename(final)
            sync_folder(final.parent)
            node.relabel(self.staging.model_dir)
        if self.pending(node) is not None:
            self._prove(node)

    def _prove(self, node: Node) -> None:
        """Without a receipt that fits, as after a restored backup, only the contents can tell."""
        folder = node.at(self.staging.model_dir)
        for file in self.files:
            if not copy_is_good(folder / inside_model(file), file):
                raise DamagedError(
                    f"{folder / inside_model(file)}: content differs from the bundle",
                    hint="vllm-airgap install BUNDLE takes it from the medium again",
                )
        node.place(RECEIPT, model_receipt(folder, self.files), 0o600)


def model_pending(node: Node, files: tuple[File, ...], staging: Staging) -> str | None:
    return unproven(node, staging.model_dir, files)


def unproven(node: Node, path: str, files: tuple[File, ...]) -> str | None:
    """Why the folder at ``path`` is not proven to hold ``files``. No model file is opened for that.

    The receipt holds what only the checked files can have.
    """
    folder = node.at(path)
    if not folder.is_dir():
        return "not in the data directory"
    receipt = node.read(RECEIPT)
    if receipt is None:
        return "its contents were not checked yet"
    try:
        return None if receipt == model_receipt(folder, files) else "files changed since they were checked"
    except (FileNotFoundError, NotADirectoryError) as error:
        return f"{error.filename}: missing"
