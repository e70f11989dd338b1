"""The model folder: complete, in place, and proven by a receipt instead of being read again."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from installer.errors import DamagedError
from installer.index.document import File
from installer.model_folder import remove_strays, strays
from installer.node import Node
from installer.node.files import sync_folder
from installer.receipt import RECEIPT, model_receipt
from installer.staging import Staging, good_copies, inside_model
from installer.systemd import stop_cluster


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
        if reason := model_pending(node, self.files, self.staging):
            return reason
        return "its copy is left beside it" if node.at(self.staging.partial_model).exists() else None

    def apply(self, node: Node) -> None:
        final, partial = node.at(self.staging.model_dir), node.at(self.staging.partial_model)
        # Files linked from one folder into the other are proven in both: the one in use stays.
        is_proven = unproven(node, self.staging.model_dir, self.files) is None
        if is_proven:
            _remove(partial)
        elif partial.exists():
            stop_cluster(node)  # its container would keep the folder that goes; a later step starts it
            is_proven = unproven(node, self.staging.partial_model, self.files) is None
            _remove(final)
            partial.rename(final)
            sync_folder(final.parent)
        remove_strays(final, self.files)
        if is_proven:
            self._renew_receipt(node)
        elif self.pending(node) is not None:
            self._prove(node)

    def _renew_receipt(self, node: Node) -> None:
        """Of files proven a moment ago: one whose other name went has a new ctime, and its content of before."""
        receipt = model_receipt(node.at(self.staging.model_dir), self.files)
        if node.read(RECEIPT) != receipt:
            node.place(RECEIPT, receipt, 0o600)

    def _prove(self, node: Node) -> None:
        """Without a receipt that fits, as after a restored backup, only the contents can tell."""
        folder = node.at(self.staging.model_dir)
        good = good_copies(folder, self.files)
        if bad := [file for file in self.files if file not in good]:
            raise differing(folder / inside_model(bad[0]))
        node.place(RECEIPT, model_receipt(folder, self.files), 0o600)


def differing(path: Path) -> DamagedError:
    """What to raise for a model file on the node whose content is not the bundle's."""
    return DamagedError(
        f"{path}: content differs from the bundle", hint="vllm-airgap install BUNDLE takes it from the medium again"
    )


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def model_pending(node: Node, files: tuple[File, ...], staging: Staging) -> str | None:
    """The folder is a closed world: a chat template that is not the bundle's would change every answer."""
    if reason := unproven(node, staging.model_dir, files):
        return reason
    folder = node.at(staging.model_dir)
    names = [str(path.relative_to(folder)) for path in strays(folder, files)]
    return f"files that are not the bundle's: {', '.join(names)}" if names else None


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
