"""The first phase of an install: each file is read once from the medium, hashed on the way, and written to the node."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from installer.errors import DamagedError, EnvironmentProblemError
from installer.index.document import INDEX_NAME, RUNTIME_NAME, File
from installer.index.sums import SUMS_NAME
from installer.node import STATE, Node, sync_folder
from installer.receipt import RECEIPT, model_receipt
from installer.staging import STAGING, Staging, copy_is_good, inside_model
from installer.steps.image import loaded_id
from installer.steps.model import model_pending, unproven
from installer.trust.contents import Advance, Piece, hash_chunk, in_parallel
from installer.trust.medium import open_file
from installer.trust.opened import Bundle
from installer.trust.signatures import SIGNATURES_FOLDER

_INCOMING = ",incoming"  # no file of a bundle can have a comma in its name


@dataclass(frozen=True)
class TakeIn:
    """What one node takes in. ``runtime_copy`` is the launcher's copy, so that the medium is not read twice."""

    bundle: Bundle
    files: tuple[File, ...]
    staging: Staging
    runtime_copy: Path | None

    @property
    def model_files(self) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.kind == "model")


def lacking(node: Node, plan: TakeIn) -> tuple[File, ...]:
    """The files that the node does not have yet, by name and size. Opens none of them."""
    has_image = loaded_id(node, plan.bundle.index.image) is not None
    has_model = model_pending(node, plan.model_files, plan.staging) is None
    done = {kind for kind, has in (("image", has_image), ("model", has_model)) if has}
    return tuple(file for file in plan.files if file.kind not in done and not _has_copy(node, plan.staging, file))


def take_in(node: Node, plan: TakeIn, wanted: tuple[File, ...], advance: Advance) -> None:
    """Copy ``wanted`` and prove what an earlier run had copied of the model.

    Raises DamagedError when the medium differs; what this run has copied is then gone again.
    """
    node.make_private_folder(STATE)
    node.make_private_folder(STAGING)
    node.make_private_folder(plan.staging.folder)
    with _undone_on_damage(node, plan) as copies:
        suspects = _adopt_model(node, plan, copies)
        bad = [file for file in suspects if not copy_is_good(node.at(plan.staging.place_of(file)), file)]
        _copy(node, plan, [*wanted, *(file for file in bad if file not in wanted)], copies, advance)
    _keep_metadata(node, plan)
    if not _model_is_proven(node, plan):
        _prove_model(node, plan)


@dataclass
class _Copies:
    """What this run has put on the node, to take it back. ``adopted``: the model's folder was moved aside for it."""

    paths: list[Path] = field(default_factory=list)
    adopted: bool = False


@contextmanager
def _undone_on_damage(node: Node, plan: TakeIn) -> Iterator[_Copies]:
    copies = _Copies()
    try:
        yield copies
    except DamagedError:
        for path in copies.paths:
            path.unlink(missing_ok=True)
        _remove_empty_folders(node.at(plan.staging.folder))
        partial = node.at(plan.staging.partial_model)
        if copies.adopted:
            partial.rename(node.at(plan.staging.model_dir))
        else:
            _remove_empty_folders(partial)
        raise


def _has_copy(node: Node, staging: Staging, file: File) -> bool:
    place = node.at(staging.place_of(file))
    if file.kind == "model" and not node.at(staging.partial_model).exists():
        place = node.at(staging.model_dir) / inside_model(file)
    return _is_file(place) and place.stat().st_size == file.size


def _is_file(place: Path) -> bool:
    """A link is none: what it leads to is not there in the container, and not ours to write."""
    return place.is_file() and not place.is_symlink()


def _model_is_proven(node: Node, plan: TakeIn) -> bool:
    """By its receipt, in its place or, after an install that stopped later, still beside it."""
    places = (plan.staging.model_dir, plan.staging.partial_model)
    return any(unproven(node, place, plan.model_files) is None for place in places)


def _adopt_model(node: Node, plan: TakeIn, copies: _Copies) -> tuple[File, ...]:
    """Files of the model that are on the node already but that no receipt proves."""
    final, partial = node.at(plan.staging.model_dir), node.at(plan.staging.partial_model)
    if _model_is_proven(node, plan):
        return ()
    if final.is_dir() and not partial.exists():
        final.rename(partial)
        copies.adopted = True
    return tuple(file for file in plan.model_files if _is_file(partial / inside_model(file)))


def _copy(node: Node, plan: TakeIn, files: list[File], copies: _Copies, advance: Advance) -> None:
    lock = Lock()
    remaining = {file.path: max(1, len(file.chunks)) for file in files}
    for file in files:
        _make_incoming(node, plan.staging, file, copies)

    def copy(item: tuple[File, int]) -> None:
        file, number = item
        place = node.at(plan.staging.place_of(file))
        incoming = _incoming(place)
        with _source(plan, file) as source, incoming.open("r+b") as target:
            if file.chunks:
                hash_chunk(source, file, number, advance, also=_writer(target.fileno(), place))
        with lock:
            remaining[file.path] -= 1
            complete = not remaining[file.path]
        if complete:
            with _writing(place):
                _finish(incoming, place)

    in_parallel(copy, ((file, number) for file in files for number in range(max(1, len(file.chunks)))))


def _make_incoming(node: Node, staging: Staging, file: File, copies: _Copies) -> None:
    place = node.at(staging.place_of(file))
    incoming = _incoming(place)
    copies.paths += [incoming, place]
    with _writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with incoming.open("wb") as target:
            target.truncate(file.size)
            os.fchmod(target.fileno(), 0o644)


def _incoming(place: Path) -> Path:
    return place.with_name(place.name + _INCOMING)


@contextmanager
def _source(plan: TakeIn, file: File) -> Iterator[int]:
    if file.path == RUNTIME_NAME and plan.runtime_copy is not None:
        with plan.runtime_copy.open("rb") as copy:
            yield copy.fileno()
        return
    with open_file(plan.bundle.folder, file.path) as descriptor:
        yield descriptor


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Names the node's file where it cannot be written."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblemError(
            f"{place}: cannot be written: {error.strerror}", hint="make room, then run the same command again"
        ) from error


def _writer(descriptor: int, place: Path) -> Piece:
    """Writes each piece at its offset."""

    def write(piece: memoryview, offset: int) -> None:
        with _writing(place):
            while piece:
                written = os.pwrite(descriptor, piece, offset)
                piece, offset = piece[written:], offset + written

    return write


def _finish(incoming: Path, place: Path) -> None:
    with incoming.open("rb") as copy:
        os.fsync(copy.fileno())
    incoming.rename(place)
    sync_folder(place.parent)


def _keep_metadata(node: Node, plan: TakeIn) -> None:
    """With the signed lists beside the copies, a later run needs no medium."""
    metadata, folder = plan.bundle.metadata, plan.staging.folder
    for name, data in metadata.signature_files.items():
        _keep(node, f"{folder}/{SIGNATURES_FOLDER}/{name}", data)
    _keep(node, f"{folder}/{INDEX_NAME}", metadata.index)
    _keep(node, f"{folder}/{SUMS_NAME}", metadata.sums)


def _keep(node: Node, path: str, data: bytes) -> None:
    if node.read(path) != data:
        node.place(path, data)


def _prove_model(node: Node, plan: TakeIn) -> None:
    """Write the receipt: all of the model is beside its place now, and each file was hashed."""
    partial = node.at(plan.staging.partial_model)
    if not plan.model_files:
        return
    for left in partial.rglob(f"*{_INCOMING}"):  # of a bundle that was never taken in to its end
        left.unlink()
    _sync_folders(partial)
    node.place(RECEIPT, model_receipt(partial, plan.model_files), 0o600)


def _sync_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top):
        sync_folder(Path(folder))
    sync_folder(top.parent)


def _remove_empty_folders(top: Path) -> None:
    if not any(path.is_file() for path in top.rglob("*")):
        shutil.rmtree(top, ignore_errors=True)
